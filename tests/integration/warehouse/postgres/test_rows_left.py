"""Differences of relations that PostgreSQL tells, all and only those."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from support.database import Database

from dbt_state_plugin.core.values.records import RowsLeft
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse

ORDERS = RelationName(database="any", schema="main", identifier="orders")
TABLE = """
    CREATE SCHEMA main;
    CREATE TABLE main.orders (id int, a text, b text);
    INSERT INTO main.orders VALUES (1, 'x', NULL), (2, 'y', ''), (2, 'y', '')
"""


@pytest.fixture
def warehouse(database: Database) -> Iterator[PostgresWarehouse]:
    """Give a warehouse with one table."""
    database.load(TABLE)
    with closing(database.connect()) as opened:
        yield PostgresWarehouse(opened)


def left(warehouse: PostgresWarehouse) -> RowsLeft:
    found = warehouse.rows_left(ORDERS)
    assert found is not None
    return found


def changes(warehouse: PostgresWarehouse, database: Database, statement: str) -> tuple[bool, bool, bool]:
    """Tell whether columns, rows and their order are others after a statement."""
    before = left(warehouse)
    database.load(statement)
    after = left(warehouse)
    return before.columns != after.columns, before.rows != after.rows, before.order != after.order


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE main.orders SET b = '' WHERE id = 1",
        "UPDATE main.orders SET a = b, b = a WHERE id = 2",
        "DELETE FROM main.orders WHERE ctid = (SELECT max(ctid) FROM main.orders)",
        "INSERT INTO main.orders VALUES (2, 'y', '')",
        "UPDATE main.orders SET a = a || ',' WHERE id = 1",
    ],
)
def test_rows_that_differ_are_told_apart(warehouse: PostgresWarehouse, database: Database, statement: str) -> None:
    assert changes(warehouse, database, statement)[:2] == (False, True)


@pytest.mark.parametrize(
    ("statement", "has_other_rows"),
    [
        ("ALTER TABLE main.orders RENAME a TO z", False),
        ("ALTER TABLE main.orders ALTER a TYPE varchar(9)", False),
        ('ALTER TABLE main.orders ALTER a TYPE text COLLATE "C"', False),
        ("ALTER TABLE main.orders ADD c int", True),
        ("ALTER TABLE main.orders DROP b", True),
    ],
)
def test_columns_that_differ_are_told_apart(
    warehouse: PostgresWarehouse, database: Database, statement: str, has_other_rows: bool
) -> None:
    assert changes(warehouse, database, statement)[:2] == (True, has_other_rows)


def test_a_table_that_is_built_again_holds_the_same(warehouse: PostgresWarehouse, database: Database) -> None:
    again = (
        "CREATE TABLE main.n AS SELECT * FROM main.orders; DROP TABLE main.orders; ALTER TABLE main.n RENAME TO orders"
    )

    assert changes(warehouse, database, again) == (False, False, False)


def test_another_order_is_told_apart_from_other_rows(warehouse: PostgresWarehouse, database: Database) -> None:
    again = (
        "CREATE TABLE main.n AS SELECT * FROM main.orders ORDER BY id DESC; DROP TABLE main.orders; "
        "ALTER TABLE main.n RENAME TO orders"
    )

    assert changes(warehouse, database, again) == (False, False, True)


def test_an_index_and_the_settings_of_a_session_change_nothing(
    warehouse: PostgresWarehouse, database: Database
) -> None:
    settings = "CREATE INDEX ON main.orders (id) INCLUDE (a, b); ALTER ROLE CURRENT_USER SET datestyle = 'German'"

    assert changes(warehouse, database, settings) == (False, False, False)
    database.load("ALTER ROLE CURRENT_USER RESET datestyle")


def test_what_is_not_there_or_may_not_be_read_says_nothing(warehouse: PostgresWarehouse, database: Database) -> None:
    database.load("DROP TABLE main.orders")

    assert warehouse.rows_left(ORDERS) is None
    assert warehouse.estimated_rows(ORDERS) == 0


@pytest.mark.parametrize(
    ("statement", "reads_order"),
    [
        ("select id, count(*) from t group by id", False),
        ("select id from t limit 1", True),
        ("select array_agg(id) from t", True),
        ("select distinct on (id) id from t", True),
        ("select row_number() over () from t", True),
        ("select ctid from t", True),
        ("select main.f(id) from t", True),
    ],
)
def test_whether_the_order_of_rows_may_decide(warehouse: PostgresWarehouse, statement: str, reads_order: bool) -> None:
    assert warehouse.reads_order(statement) is reads_order


def test_rows_cut_down_to_some_columns(warehouse: PostgresWarehouse, database: Database) -> None:
    sets = [("a", "id"), ("b",), ("id", "missing")]
    before = warehouse.rows_left(ORDERS, sets)
    database.load("UPDATE main.orders SET b = 'z' WHERE id = 1; ALTER TABLE main.orders ADD c int")

    after = warehouse.rows_left(ORDERS, sets)

    assert before is not None
    assert after is not None
    assert set(before.some) == {("a", "id"), ("b",)}
    assert before.some["a", "id"] != after.some["a", "id"]  # an update moves a row
    database.load("CREATE TABLE main.n AS SELECT id, a, b FROM main.orders; DROP TABLE main.orders")
    database.load("ALTER TABLE main.n RENAME TO orders")
    again = warehouse.rows_left(ORDERS, sets)
    assert again is not None
    assert again.some["a", "id"] == after.some["a", "id"]
    assert again.some["b",] == after.some["b",]
    database.load("ALTER TABLE main.orders ALTER a TYPE varchar(9)")
    retyped = warehouse.rows_left(ORDERS, sets)
    assert retyped is not None
    assert retyped.some["a", "id"] != again.some["a", "id"]


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("select id, a from main.orders where b > ''", ("id", "a", "b")),
        ("with c as (select * from main.orders) select c.id from c", ("id", "a", "b")),
        ("select o.id from main.orders o join main.orders p using (a)", ("id", "a")),
        ("select count(*) from main.orders", ()),
        ("select o.id, to_json(o) from main.orders o", None),
        ("select id, ctid from main.orders", None),
        ("select to_json(q) from (select id from main.orders) q", None),
        ("select nothing from main.orders", None),
        ("delete from main.orders", None),
    ],
)
def test_which_columns_a_query_reads(warehouse: PostgresWarehouse, query: str, columns: tuple[str, ...] | None) -> None:
    found = warehouse.columns_read(query, search_path=None, role=None)

    assert found == (None if columns is None else {("main", "orders"): columns})
