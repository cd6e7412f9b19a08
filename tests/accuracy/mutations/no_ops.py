"""Edits that change nothing of what is built."""

from __future__ import annotations

from typing import Any

from accuracy.mutation import Edit, Mutation, append, change, delete, move, prepend, replace, write

STAGING, BETWEEN = "models/staging", "models/intermediate"
FINANCE, CUSTOMERS, MECHANICS = "models/marts/finance", "models/marts/customers", "models/marts/mechanics"
PROJECT, TOOLBOX = "dbt_project.yml", "dbt_packages/toolbox"


def _no_op(name: str, *edits: Edit, **fields: Any) -> Mutation:
    return Mutation(name=name, group="no-op", edits=edits, **fields)


def _crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


_CODE = (
    _no_op("a line comment is added to a table", append(f"{FINANCE}/mart_revenue.sql", "-- by month\n")),
    _no_op(
        "a nested block comment is added to a view",
        prepend(f"{STAGING}/stg_orders.sql", "/* all /* 'nested */ orders */\n"),
    ),
    _no_op(
        "a comment changes inside an incremental's branch",
        replace(
            f"{FINANCE}/fct_orders.sql",
            "{% if is_incremental() %}\n",
            "{% if is_incremental() %}\n  -- only what is new\n",
        ),
    ),
    _no_op("a comment is added to an ephemeral model", append(f"{BETWEEN}/int_item_totals.sql", "-- totals\n")),
    _no_op(
        "a comment is added to a snapshot",
        replace("snapshots/snap_customers.sql", "select customer_id", "-- history\nselect customer_id"),
    ),
    _no_op("a comment is added to a materialized view", append(f"{FINANCE}/mart_sales.sql", "/* sales */\n")),
    _no_op("a comment is added to a contracted model", prepend(f"{CUSTOMERS}/dim_products.sql", "-- products\n")),
    _no_op(
        "a comment is added to a model with introspection", append(f"{BETWEEN}/int_status_labels.sql", "-- labels\n")
    ),
    _no_op(
        "a Jinja comment is added",
        prepend(f"{CUSTOMERS}/mart_customers.sql", "{# customers and what they ordered #}\n"),
    ),
    _no_op(
        "white space changes",
        change(f"{FINANCE}/mart_revenue.sql", lambda text: text.replace("    ", "\t").replace("\n", "\n\n")),
    ),
    _no_op(
        "Jinja white space control is added", replace(f"{STAGING}/stg_products.sql", "{% endif %}", "{%- endif -%}")
    ),
    _no_op("line ends become CRLF", change(f"{STAGING}/stg_customers.sql", _crlf)),
    _no_op(
        "keywords change their case",
        change(
            f"{BETWEEN}/int_customer_orders.sql",
            lambda text: (
                text.replace("select", "SELECT")
                .replace("from", "FROM")
                .replace("group by", "Group By")
                .replace(" as ", " AS ")
            ),
        ),
    ),
    _no_op(
        "a Jinja branch that the target never takes changes",
        replace(f"{STAGING}/stg_products.sql", "id <= 3", "id <= 4"),
    ),
    _no_op(
        "a value is named by a Jinja variable",
        replace(f"{STAGING}/stg_payments.sql", "select\n", "{% set cents = 'amount_cents' %}\nselect\n"),
        replace(f"{STAGING}/stg_payments.sql", "cents_to_money('amount_cents')", "cents_to_money(cents)"),
    ),
    _no_op(
        "a ref names its package",
        replace(f"{FINANCE}/mart_revenue_total.sql", "ref('mart_revenue')", "ref('shop', 'mart_revenue')"),
    ),
    _no_op(
        "a ref is pinned to the version that is the latest",
        replace(f"{CUSTOMERS}/mart_customers.sql", "ref('dim_customers')", "ref('dim_customers', v=2)"),
    ),
    _no_op(
        "every model gets a licence header",
        *(
            prepend(f"{CUSTOMERS}/{name}.sql", "-- (c) the shop\n")
            for name in (
                "mart_customers",
                "mart_cities",
                "dim_customers_v1",
                "dim_customers_v2",
                "mart_customers_legacy",
            )
        ),
    ),
)

_PLACES = (
    _no_op(
        "a file moves within its folder's configuration",
        move(f"{FINANCE}/mart_rates.sql", f"{FINANCE}/rates/mart_rates.sql"),
    ),
    _no_op("a folder is renamed", move("models/intermediate", "models/middle")),
    _no_op("a yml file is renamed", move(f"{FINANCE}/finance.yml", f"{FINANCE}/_models.yml")),
    _no_op("a seed moves", move("seeds/countries.csv", "seeds/reference/countries.csv")),
    _no_op("a seed of more than 1 MiB moves", move("seeds/cities.csv", "seeds/reference/cities.csv")),
    _no_op("a snapshot moves", move("snapshots/snap_customers.sql", "snapshots/people/snap_customers.sql")),
    _no_op(
        "a macro moves to another file",
        replace(
            "macros/text.sql", "{% macro trimmed(expression) -%}\n    trim({{ expression }})\n{%- endmacro %}\n", ""
        ),
        write("macros/trim.sql", "{% macro trimmed(expression) -%}\n    trim({{ expression }})\n{%- endmacro %}\n"),
    ),
    _no_op(
        "a config moves from the file to yml",
        replace(f"{MECHANICS}/mart_unlogged.sql", "{{ config(unlogged=true) }}\n", ""),
        replace(
            f"{MECHANICS}/mechanics.yml",
            "  - name: mart_unlogged\n",
            "  - name: mart_unlogged\n    config: {unlogged: true}\n",
        ),
    ),
    _no_op(
        "a config moves from the file to dbt_project.yml",
        replace(f"{FINANCE}/mart_revenue_total.sql", "{{ config(materialized='view') }}\n", ""),
        replace(
            PROJECT, "      finance:\n", "      finance:\n        mart_revenue_total:\n          +materialized: view\n"
        ),
    ),
    _no_op(
        "a config moves from dbt_project.yml to the file",
        replace(PROJECT, "    +schema: toolbox\n    +materialized: view\n", "    +schema: toolbox\n"),
        prepend(f"{TOOLBOX}/models/toolbox_years.sql", "{{ config(materialized='view') }}\n"),
    ),
)

_CONFIG = (
    _no_op(
        "a default is written out",
        prepend(
            f"{CUSTOMERS}/mart_customers.sql", "{{ config(materialized='table', unlogged=false, enabled=true) }}\n"
        ),
    ),
    _no_op(
        "defaults are written out in dbt_project.yml",
        replace(
            PROJECT,
            "    +materialized: table\n    staging:",
            "    +materialized: table\n    +persist_docs: {}\n    +full_refresh: null\n    staging:",
        ),
    ),
    _no_op(
        "keys of a config change their order",
        replace(
            f"{FINANCE}/fct_payments.sql",
            "materialized='incremental', unique_key='payment_id', incremental_strategy='delete+insert'",
            "incremental_strategy='delete+insert', unique_key='payment_id', materialized='incremental'",
        ),
    ),
    _no_op(
        "keys of a yml file change their order",
        replace(
            f"{FINANCE}/finance.yml",
            "  - name: mart_revenue\n    access: protected\n    description: Revenue per month.\n",
            "  - description: Revenue per month.\n    name: mart_revenue\n    access: protected\n",
        ),
    ),
    _no_op(
        "a description changes that is not persisted",
        replace(f"{FINANCE}/finance.yml", "Revenue per month.", "Net revenue per month."),
    ),
    _no_op(
        "a docs block changes that is not persisted",
        replace("docs/orders.md", "One row per order.", "Exactly one row per order."),
    ),
    _no_op(
        "a column is described that is not persisted",
        replace(
            f"{STAGING}/staging.yml",
            "      - name: customer_id\n",
            "      - name: customer_id\n        description: The key.\n",
        ),
    ),
    _no_op(
        "a tag is added",
        replace(
            f"{CUSTOMERS}/customers.yml",
            "  - name: mart_cities\n",
            "  - name: mart_cities\n    config: {tags: [weekly]}\n",
        ),
    ),
    _no_op("tags of a folder change", replace(PROJECT, "+tags: [staging]", "+tags: [staging, views]")),
    _no_op("meta changes", replace(PROJECT, "owner: platform", "owner: engineering")),
    _no_op(
        "meta is added in yml",
        replace(f"{STAGING}/staging.yml", "contains_pii: false", "contains_pii: false\n        reviewed: true"),
    ),
    _no_op(
        "docs change",
        replace(
            f"{CUSTOMERS}/customers.yml",
            "  - name: mart_cities\n",
            "  - name: mart_cities\n    docs: {show: false, node_color: green}\n",
        ),
    ),
    _no_op(
        "a group is set",
        replace(
            f"{FINANCE}/finance.yml", "  - name: mart_rates\n", "  - name: mart_rates\n    config: {group: finance}\n"
        ),
    ),
    _no_op("access changes", replace(f"{FINANCE}/finance.yml", "access: protected", "access: public")),
    _no_op(
        "the owner of a group changes",
        replace(
            f"{FINANCE}/finance.yml",
            "groups:\n  - name: finance\n    owner:\n      name: Finance\n",
            "groups:\n  - name: finance\n    owner:\n      name: Money\n",
        ),
    ),
    _no_op("an exposure changes", replace(f"{FINANCE}/finance.yml", "maturity: high", "maturity: low")),
    _no_op("the query comment changes", append(PROJECT, "\nquery-comment: run by the shop\n")),
)

_MACROS = (
    _no_op(
        "a macro is refactored to the same SQL",
        replace(
            "macros/money.sql",
            "    sum({{ net(column) }})",
            "    {%- set inner = net(column) -%}\n    sum({{ inner }})",
        ),
    ),
    _no_op("a macro's argument is renamed", change("macros/text.sql", lambda text: text.replace("expression", "term"))),
    _no_op("a comment is added inside a macro", replace("macros/text.sql", "    trim(", "    /* no blanks */ trim(")),
    _no_op("a Jinja comment is added beside a macro", prepend("macros/money.sql", "{# money #}\n")),
    _no_op(
        "a macro passed as an argument gets a comment",
        replace("macros/passed.sql", "    coalesce(", "    -- never null\n    coalesce("),
    ),
    _no_op(
        "an unused macro is added",
        append("macros/text.sql", "\n{% macro shouted(column) %}upper({{ column }}){% endmacro %}\n"),
    ),
    _no_op("an unused macro changes", replace("macros/passed.sql", "+ 41", "+ 42")),
    _no_op(
        "an unused macro goes away",
        replace("macros/passed.sql", "{% macro orphan(column) -%}\n    {{ column }} + 41\n{%- endmacro %}\n", ""),
    ),
    _no_op("another adapter's macro changes", replace(f"{TOOLBOX}/macros/money.sql", "    trunc({{", "    floor({{")),
    _no_op(
        "a comment is added to a hook",
        replace("macros/hooks.sql", "    comment on table", "    /* note */ comment on table"),
    ),
    _no_op(
        "a comment is added to a hook in a config",
        replace(f"{MECHANICS}/mart_hooked.sql", "/* before */", "/* before the build */"),
    ),
    _no_op(
        "a comment is added to an on-run-start hook",
        replace("macros/hooks.sql", "    create schema if not exists", "    -- first\n    create schema if not exists"),
    ),
    _no_op(
        "a comment is added to an on-run-end hook",
        replace(
            PROJECT,
            "\"insert into audit.runs values ('end')\"",
            "\"insert into audit.runs values ('end') /* the end */\"",
        ),
    ),
    _no_op(
        "a Jinja comment is added to a custom materialization",
        prepend("macros/materializations/stamped_table.sql", "{# stamps every row #}\n"),
    ),
    _no_op(
        "a Jinja comment is added inside a custom materialization",
        replace(
            "macros/materializations/stamped_table.sql",
            "    {{ run_hooks(pre_hooks) }}",
            "    {# first #}\n    {{ run_hooks(pre_hooks) }}",
        ),
    ),
    _no_op(
        "a Jinja comment is added inside a DDL override",
        replace(
            "macros/overrides/create_view_as.sql",
            "    {%- set sql_header",
            "    {# the header first #}\n    {%- set sql_header",
        ),
    ),
    _no_op(
        "a SQL comment is added inside a DDL override",
        replace("macros/overrides/create_view_as.sql", "    create view", "    -- as dbt does\n    create view"),
    ),
    _no_op(
        "white space changes in generate_schema_name",
        replace("macros/names.sql", "        {{ target.schema }}_{{", "\n        {{- target.schema -}}_{{"),
    ),
    _no_op(
        "a macro gets properties in yml",
        write("macros/macros.yml", "macros:\n  - name: clean_text\n    description: Cleans a text.\n"),
    ),
)

_VALUES = (
    _no_op("an env var gets its default", environment={"SHOP_REGION": "eu"}),
    _no_op("an env var that nothing reads is set", environment={"SHOP_UNUSED": "1"}),
    _no_op("a var gets its default on the command line", variables="{label: standard}"),
    _no_op("a var gets the project's value on the command line", variables="{start_date: '2024-01-01'}"),
    _no_op("a var that nothing reads changes", replace(PROJECT, "unused_setting: 1", "unused_setting: 2")),
    _no_op("a var that nothing reads is set on the command line", variables="{nothing: 1}"),
    _no_op(
        "a var moves from a package's scope to all",
        replace(PROJECT, "    minimum_amount: 100\n", ""),
        replace(PROJECT, "  unused_setting: 1\n", "  unused_setting: 1\n  minimum_amount: 100\n"),
    ),
    _no_op("the number of threads changes", profile={"threads": 3}),
    _no_op("the profile's keepalives change", profile={"keepalives_idle": 30}),
)

_OTHERS = (
    _no_op(
        "a seed is quoted anew",
        change("seeds/countries.csv", lambda text: text.replace("Germany", '"Germany"').replace("France", '"France"')),
    ),
    _no_op("a seed's line ends become CRLF", change("seeds/currencies.csv", _crlf)),
    _no_op("a seed loses its last newline", change("seeds/payment_methods.csv", lambda text: text.rstrip("\n"))),
    _no_op("the line ends of a seed of more than 1 MiB become CRLF", change("seeds/cities.csv", _crlf)),
    _no_op("a seed's description changes", replace("seeds/seeds.yml", "How orders are paid.", "How customers pay.")),
    _no_op(
        "a source gets a freshness",
        replace(
            f"{STAGING}/sources.yml",
            "    loader: meltano\n",
            (
                "    loader: meltano\n    config:\n      freshness:\n"
                "        warn_after: {count: 2, period: day}\n      loaded_at_field: updated_at\n"
            ),
        ),
    ),
    _no_op(
        "a source's description, loader and meta change",
        replace(
            f"{STAGING}/sources.yml",
            "    loader: meltano\n",
            "    loader: airbyte\n    config:\n      meta: {tier: 1}\n",
        ),
        replace(f"{STAGING}/sources.yml", "What the loader brings.", "What is loaded."),
    ),
    _no_op(
        "an unused source table is added",
        replace(
            f"{STAGING}/sources.yml", "      - name: returns\n", "      - name: returns\n      - name: returns_clean\n"
        ),
    ),
    _no_op(
        "a source is renamed and keeps its schema",
        replace(f"{STAGING}/sources.yml", "  - name: lookup\n", "  - name: reference\n"),
        replace(f"{FINANCE}/mart_rates.sql", "source('lookup'", "source('reference'"),
        replace(f"{BETWEEN}/int_status_labels.sql", "source('lookup'", "source('reference'"),
    ),
    _no_op(
        "a unit test changes",
        replace(
            f"{BETWEEN}/intermediate.yml", "{customer_id: 2, is_active: false}", "{customer_id: 3, is_active: false}"
        ),
    ),
    _no_op(
        "a data test is added",
        replace(
            f"{STAGING}/staging.yml", "          - is_positive\n", "          - is_positive\n          - not_null\n"
        ),
    ),
    _no_op("a generic test changes", replace("tests/generic/is_positive.sql", "<= 0", "< 1")),
    _no_op("a singular test changes", replace("tests/no_negative_revenue.sql", "< 0", "< -1")),
    _no_op("a singular test goes away", delete("tests/no_negative_revenue.sql")),
    _no_op("an analysis changes", replace("analyses/biggest_orders.sql", "limit 10", "limit 20")),
    _no_op("selectors.yml changes", replace("selectors.yml", "value: nightly", "value: daily")),
    _no_op("the README changes", append("README.md", "\nMore about it.\n")),
    _no_op("packages.yml gets a comment", prepend("packages.yml", "# our own\n")),
    _no_op(
        "a package lock is written",
        write(
            "package-lock.yml",
            (
                "packages:\n  - local: packages/toolbox\n    name: toolbox\n"
                "sha1_hash: 0123456789012345678901234567890123456789\n"
            ),
        ),
    ),
    _no_op("a package's version changes", replace(f"{TOOLBOX}/dbt_project.yml", 'version: "1.0"', 'version: "1.1"')),
    _no_op("a package's unused macro changes", replace(f"{TOOLBOX}/macros/keys.sql", "'unused'", "'still unused'")),
    _no_op("require-dbt-version changes", replace(PROJECT, ">=1.8.0", ">=1.9.0")),
    _no_op("dbt_project.yml gets comments and CRLF", change(PROJECT, lambda text: _crlf("# the shop\n" + text))),
)

MUTATIONS = (*_CODE, *_PLACES, *_CONFIG, *_MACROS, *_VALUES, *_OTHERS)
