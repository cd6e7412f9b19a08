"""The project of random histories, its edits, loads and hands.

One of each: sources (a table, a partitioned table, a view, one with `select *` on it), a seed, views on a view and on
tables and a source, an ephemeral model, tables with indexes, grants, comments and hooks, incremental models, snapshots,
a materialized view, macros in macros, a var, an env var, the target's name. Names of seeds begin with `seed_`, those of
snapshots with `snap_`. No column holds a clock's time: two warehouses would never have the same.
"""

from __future__ import annotations

from collections.abc import Mapping

_T = "{{ config(materialized='table') }}\n"
_ORDERS_VIEW = (
    "select id, customer_id, {{ money('cents') }} as amount, status, changed_at from {{ source('raw', 'orders') }}"
)
_RECENT = (
    "{{ config(materialized='ephemeral') }}\nselect * from {{ ref('stg_orders') }} where amount >= {{ var('least') }}"
)
_TOTALS = """{{ config(materialized='table', indexes=[{'columns': ['customer_id'], 'unique': true}],
    grants={'select': ['accuracy_reader']}) }}
select customer_id, count(*) as n, sum(amount) as total from {{ ref('recent_orders') }} group by customer_id"""
_DAILY = """{{ config(materialized='incremental', unique_key='id', indexes=[{'columns': ['changed_at']}]) }}
select id, amount, status, changed_at from {{ ref('stg_orders') }}
{% if is_incremental() %}where changed_at >= (select max(changed_at) from {{ this }}){% endif %}"""
_APPENDED = """{{ config(materialized='incremental', on_schema_change='append_new_columns') }}
select * from {{ source('raw', 'customers') }}
{% if is_incremental() %}where id > (select max(id) from {{ this }}){% endif %}"""
_SHARES = _T + "select id, 1000 / (cents - 13) as share from {{ source('raw', 'orders') }}"
_HEAVY = "{{ config(materialized='materialized_view') }}\nselect sum(weight) as weight from {{ ref('parts') }}"
_HOOKED = """{{ config(materialized='table', pre_hook="select 1",
    post_hook="create index on {{ this }} (label)") }}
select '{{ target.name }} {{ env_var("TWIN_LABEL", "none") }}' as label"""
_SNAP_ORDERS = """{% snapshot snap_orders %}{{ config(unique_key='id', strategy='timestamp', updated_at='changed_at',
    target_schema='analytics') }}
select * from {{ ref('stg_orders') }}{% endsnapshot %}"""
_SNAP_CUSTOMERS = """{% snapshot snap_customers %}{{ config(unique_key='id', strategy='check', check_cols=['name'],
    target_schema='analytics', invalidate_hard_deletes=true) }}
select id, name from {{ source('raw', 'customers') }}{% endsnapshot %}"""
_PROPERTIES = """models:
  - name: customer_totals
    description: What each customer paid.
    config: {persist_docs: {relation: true, columns: true}}
    columns:
      - {name: total, description: "The sum of {{ var('least') }} and more.", data_tests: [not_null]}
"""
_PROJECT = """name: shop
version: "1.0"
profile: shop
macro-paths: [macros]
vars: {least: 20}
models:
  shop:
    +materialized: view
"""

# file -> its versions; the first is what every history begins with
VERSIONS: Mapping[str, tuple[str, ...]] = {
    "dbt_project.yml": (
        _PROJECT,
        _PROJECT.replace("least: 20", "least: 30"),
        _PROJECT + "    +grants: {select: [accuracy_writer]}\n",
        _PROJECT + "    +persist_docs: {relation: true}\n",
    ),
    "models/stg_orders.sql": (
        _ORDERS_VIEW,
        f"-- a comment only\n{_ORDERS_VIEW}",
        f"{_ORDERS_VIEW} where status <> 'lost'",
        _ORDERS_VIEW.replace("status,", "upper(status) as status,"),
    ),
    "macros/money.sql": (
        "{% macro money(column) %}{{ rounded(column ~ ' / 100.0') }}{% endmacro %}",
        "{% macro money(column) %}{# a comment #}{{ rounded(column ~ ' / 100.0') }}{% endmacro %}",
    ),
    "macros/rounded.sql": (
        "{% macro rounded(value) %}round({{ value }}, 2){% endmacro %}",
        "{% macro rounded(value) %}round({{ value }}, 1){% endmacro %}",
    ),
    "models/stg_customers.sql": (
        "select * from {{ source('raw', 'customers') }}",
        "select *, upper(name) as shown from {{ source('raw', 'customers') }}",
    ),
    "models/recent_orders.sql": (_RECENT, _RECENT.replace(">=", ">")),
    "models/customer_totals.sql": (
        _TOTALS,
        _TOTALS.replace("count(*)", "count(distinct status)"),
        _TOTALS.replace("'unique': true", "'unique': false"),
        _TOTALS.replace("'accuracy_reader'", "'accuracy_reader', 'accuracy_writer'"),
        _TOTALS.replace("select customer_id", "selct customer_id"),
        _TOTALS.replace("'table'", "'view'"),
    ),
    "models/daily_orders.sql": (_DAILY, _DAILY.replace("amount,", "amount + 1 as amount,")),
    "models/appended_customers.sql": (_APPENDED, _APPENDED.replace("select *", "select *, length(name) as width")),
    "models/order_shares.sql": (_SHARES, _SHARES.replace("1000", "2000"), _SHARES.replace("cents", "pence")),
    "models/parts.sql": (
        _T + "select id, weight from {{ source('raw', 'parts') }}",
        _T + "select id, weight + 1 as weight from {{ source('raw', 'parts') }}",
    ),
    "models/heavy_parts.sql": (_HEAVY, _HEAVY.replace("sum(", "max(")),
    "models/hooked.sql": (_HOOKED, _HOOKED.replace("select 1", "select 2"), _HOOKED.replace("(label)", "(label desc)")),
    "snapshots/snap_orders.sql": (_SNAP_ORDERS,),
    "snapshots/snap_customers.sql": (_SNAP_CUSTOMERS,),
    "seeds/seed_cities.csv": ("id,city\n1,Rome\n2,Oslo\n", "id,city\n1,Rome\n2,Bergen\n3,Wien\n"),
    "models/properties.yml": (_PROPERTIES, _PROPERTIES.replace("What each", "All that a")),
    "models/customers.sql": (
        _T + "select c.*, s.city from {{ ref('stg_customers') }} c left join {{ ref('seed_cities') }} s using (id)",
    ),
    "models/summary.sql": (
        "select t.customer_id, t.total, c.name,\n"
        "    (select max(price) from {{ source('raw', 'prices_now') }}) as highest\n"
        "from {{ ref('customer_totals') }} t join {{ ref('customers') }} c on c.id = t.customer_id",
    ),
    "models/summary_shown.sql": ("select name, total, highest from {{ ref('summary') }}",),
    "models/report.sql": (
        _T
        + "select s.*, (select sum(share) from {{ ref('order_shares') }}) as shares from {{ ref('summary_shown') }} s",
    ),
    "models/latest_orders.sql": (
        _T + "select id, amount, status from {{ ref('snap_orders') }} where dbt_valid_to is null",
    ),
    "models/priced.sql": (_T + "select id, price from {{ source('raw', 'prices_now') }}",),
    "models/sources.yml": (
        "sources:\n  - name: raw\n    schema: raw\n    tables: [{name: orders}, {name: customers}, {name: parts}, "
        "{name: prices_now}]\n",
    ),
}
LOADED = """
create schema raw;
create table raw.orders (id int, customer_id int, cents int, status text, changed_at timestamp);
insert into raw.orders select n, n % 3, n * 1000, 'open', timestamp '2026-01-01' + n * interval '1 hour'
from generate_series(1, 9) as n;
create table raw.customers (id int, name text);
insert into raw.customers values (0, 'Ada'), (1, 'Bo'), (2, 'Cy');
create table raw.parts (id int, weight int) partition by range (id);
create table raw.parts_low partition of raw.parts for values from (0) to (100);
create table raw.parts_high partition of raw.parts for values from (100) to (1000);
insert into raw.parts select n, n from generate_series(90, 110) as n;
create table raw.prices (id int, price int);
insert into raw.prices values (1, 10), (2, 20);
create view raw.prices_now as select id, price from raw.prices where price > 0;
"""
_LATER = "timestamp '2026-02-01' + {step} * interval '1 hour'"
# What loaders do: {n} is a small number, {step} grows with each change, as a clock would.
CHANGES: tuple[str, ...] = (
    "insert into raw.orders values (100 + {step}, {n} % 3, 500 * {n}, 'open', " + _LATER + ")",
    "update raw.orders set cents = cents + 100, changed_at = " + _LATER + " where id % 5 = {n} % 5",
    "update raw.orders set status = 'lost', changed_at = " + _LATER + " where id = {n}",
    "delete from raw.orders where id = {n}",
    "insert into raw.orders values (1000 + {step}, 1, 13, 'bad', " + _LATER + ")",
    "delete from raw.orders where cents = 13",
    "truncate raw.orders",
    "update raw.orders set status = status where id = {n}",
    "insert into raw.customers (id, name) values (10 + {step}, 'Customer {step}')",
    "update raw.customers set name = name || '{n}' where id = {n} % 3",
    "delete from raw.customers where id > 10",
    "alter table raw.customers add column if not exists note_{n} text default 'none'",
    "insert into raw.parts values (50 + {n}, {n}), (500 + {n}, {n})",
    "delete from raw.parts where id > 400",
    "update raw.prices set price = price + {n}",
    "create or replace view raw.prices_now as select id, price + {n} as price from raw.prices",
    "create table raw.next (like raw.parts); insert into raw.next select * from raw.parts where id % 2 = 0; "
    "drop table raw.parts cascade; alter table raw.next rename to parts",
    "vacuum full raw.prices",
    "select pg_stat_reset()",
)
RELATIONS: tuple[str, ...] = (
    *("view analytics.stg_orders", "view analytics.summary", "table analytics.customers", "table analytics.parts"),
    *("table analytics.daily_orders", "table analytics.appended_customers", "table analytics.snap_customers"),
    *("table analytics.seed_cities", "materialized view analytics.heavy_parts", "table analytics.latest_orders"),
)
# What somebody's hand does to what dbt built.
HANDS: tuple[str, ...] = (
    *(f"drop {relation} cascade" for relation in RELATIONS),
    "truncate analytics.customers",
    "update analytics.customer_totals set total = 0",
    "delete from analytics.order_shares where ctid = (select min(ctid) from analytics.order_shares)",
    "update analytics.daily_orders set amount = 0",
    "create or replace view analytics.summary_shown as select 'nobody'::text as name, 0::numeric as total",
)
NODES: tuple[str, ...] = tuple(
    path.rsplit("/", 1)[1].split(".")[0]
    for path in VERSIONS
    if path.endswith((".sql", ".csv")) and "macros" not in path
)
EDITED: tuple[tuple[str, int], ...] = tuple(
    (path, number) for path, versions in VERSIONS.items() for number in range(len(versions)) if len(versions) > 1
)
