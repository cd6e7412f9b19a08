"""A shop on Spark: parquet tables, views, files of loaders, by session."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from support.spark_project import Notebook, SparkProject, write_spark_project

from dbt_state_plugin.warehouse.spark.functions import PURE, VOLATILE

pytestmark = pytest.mark.spark

FILES = {
    "models/sources.yml": "sources: [{name: raw, schema: raw, tables:"
    " [{name: customers}, {name: orders}, {name: payments}, {name: open_orders}]}]",
    "models/staging/stg_customers.sql": "{{ config(materialized='view') }}"
    " select id as customer_id, name from {{ source('raw', 'customers') }}",
    "models/staging/stg_orders.sql": "{{ config(materialized='view') }}"
    " select id as order_id, customer as customer_id, day from {{ source('raw', 'orders') }}",
    "models/staging/stg_payments.sql": "{{ config(materialized='view') }}"
    " select order as order_id, cents * {{ var('rate') }} as amount from {{ source('raw', 'payments') }}",
    "models/orders.sql": """
        select o.order_id, o.customer_id, o.day, coalesce(sum(p.amount), 0) as amount
        from {{ ref('stg_orders') }} o left join {{ ref('stg_payments') }} p on p.order_id = o.order_id
        group by o.order_id, o.customer_id, o.day
    """,
    "models/customers.sql": """
        select c.customer_id, c.name, count(o.order_id) as orders, sum(o.amount) as amount
        from {{ ref('stg_customers') }} c left join {{ ref('orders') }} o on o.customer_id = c.customer_id
        group by c.customer_id, c.name
    """,
    "models/open_orders.sql": "select count(*) as n from {{ source('raw', 'open_orders') }}",
    "models/named.sql": "with hidden as (select n from raw.hidden) select sum(n) as n from hidden",
}
ALL = {"stg_customers", "stg_orders", "stg_payments", "orders", "customers", "open_orders", "named"}
SETUP = (
    "CREATE SCHEMA raw",
    "CREATE TABLE raw.customers USING parquet AS SELECT id, concat('c', id) AS name FROM range(3)",
    "CREATE TABLE raw.orders USING parquet PARTITIONED BY (day)"
    " AS SELECT id, id % 3 AS customer, date'2026-01-01' AS day FROM range(9)",
    "CREATE TABLE raw.payments USING parquet LOCATION 'viewfs://shop/lake/payments'"
    " AS SELECT id AS order, id * 100 AS cents FROM range(9)",
    "CREATE VIEW raw.open_orders AS SELECT id FROM raw.orders WHERE id NOT IN (SELECT order FROM raw.payments)",
    "CREATE TABLE raw.hidden USING csv AS SELECT 1 AS n",
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SparkProject:
    return write_spark_project(tmp_path_factory.mktemp("spark"), FILES)


@pytest.fixture(scope="module")
def notebook(shop: SparkProject) -> Iterator[Notebook]:
    """Give a session in which everything was built."""
    with shop.notebook() as notebook:
        notebook.query(*SETUP)
        assert notebook.reasons().keys() == ALL
        notebook.plugin("run")
        yield notebook


def test_a_shop_from_its_first_run_to_a_dropped_table(shop: SparkProject, notebook: Notebook) -> None:
    assert customers(notebook) == [1800, 2400, 3000]
    quiet = notebook.planned()
    assert [each["name"] for each in quiet["nodes"] if each["decision"] == "build"] == []
    assert quiet["untold"] == []

    shop.project.write("models/orders.sql", FILES["models/orders.sql"].replace("0) as", "-1) as") + " -- edited")
    edited = notebook.reasons()
    notebook.plugin("run")
    assert edited == {"orders": ["its code changed"], "customers": ["is built"]}

    notebook.query("INSERT INTO raw.payments VALUES (1, 1)", "DROP TABLE main.named")
    loaded = notebook.reasons()
    notebook.plugin("run")
    assert loaded == {
        "named": ['"main"."named" does not exist'],
        "open_orders": ["rows changed"],  # of a view, by the tables below it
        "orders": ["rows changed"],
        "customers": ["is built"],
    }
    assert customers(notebook) == [1800, 2402, 3000]
    assert notebook.reasons() == {}

    add_files_as_a_loader_does(shop)
    notebook.query("REFRESH TABLE raw.hidden", "CREATE OR REPLACE VIEW raw.open_orders AS SELECT 1 AS id")
    assert notebook.reasons() == {"named": ["rows changed"], "open_orders": ["columns changed"]}
    assert "rows changed" in notebook.plugin("explain", "named")


def customers(notebook: Notebook) -> list[int]:
    return [amount for (amount,) in notebook.query("SELECT amount FROM main.customers ORDER BY customer_id")]


def add_files_as_a_loader_does(shop: SparkProject) -> None:
    folder = shop.project.directory / "spark-warehouse" / "raw.db" / "hidden"
    (file,) = folder.glob("part-*.csv")
    shutil.copy(file, folder / "by_hand.csv")


def test_both_lists_of_functions_are_those_of_spark(notebook: Notebook) -> None:
    known = {name for (name,) in notebook.query("SHOW SYSTEM FUNCTIONS") if name.isidentifier()}
    operators = {"and", "between", "case", "ilike", "in", "like", "not", "or", "regexp", "rlike", "when"}

    assert known - PURE - VOLATILE - operators == set()
    assert known >= VOLATILE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1, cast(null as int)", "cast(null as int), 1"),
        ("'ab', 'c'", "'a', 'bc'"),
        ("0.0D", "-0.0D"),
        ("array(1, null)", "array(null, 1)"),
        (
            "map('k', timestamp'2026-01-01 00:00:00.000001')",
            "map('k', timestamp'2026-01-01 00:00:00.000002')",
        ),
        ("''", "cast(null as string)"),
    ],
)
def test_content_tells_what_is_not_the_same(notebook: Notebook, one: str, other: str) -> None:
    queries = [f"SELECT * FROM VALUES ({each})" for each in (one, other, one)]
    before, after, again = (notebook.evaluated(f'content("{query}")') for query in queries)

    assert before == again != after
