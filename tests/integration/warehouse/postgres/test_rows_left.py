"""Differences of relations that PostgreSQL tells, all and only those."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from psycopg2.extensions import cursor
from support.database import Database

from dbt_state_plugin.core.values.records import RowsLeft
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.warehouse.postgres.session_settings import SessionOfDbt
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
        ("ALTER TABLE main.orders ADD PRIMARY KEY (id)", False),
        ("ALTER TYPE main.place RENAME ATTRIBUTE street TO road", False),
        ("ALTER TABLE main.orders ADD c int", True),
        ("ALTER TABLE main.orders DROP b", True),
    ],
)
def test_columns_that_differ_are_told_apart(
    warehouse: PostgresWarehouse, database: Database, statement: str, has_other_rows: bool
) -> None:
    database.load(
        "DELETE FROM main.orders WHERE ctid = (SELECT max(ctid) FROM main.orders); "
        "CREATE TYPE main.place AS (street text); ALTER TABLE main.orders ADD place main.place"
    )

    assert changes(warehouse, database, statement)[:2] == (True, has_other_rows)


@pytest.mark.parametrize("of_type", ["regclass", "xml", "aclitem[]"])
def test_a_column_whose_text_does_not_tell_all_says_nothing(
    warehouse: PostgresWarehouse, database: Database, of_type: str
) -> None:
    database.load(f"ALTER TABLE main.orders ADD c {of_type}")

    assert warehouse.rows_left(ORDERS) is None


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


def test_the_catalog_is_read_by_its_indexes_and_the_table_is_not(
    warehouse: PostgresWarehouse, database: Database
) -> None:
    settings: list[str] = []

    class Looking(cursor):
        def execute(self, query: Any, values: Any = None) -> None:
            if "count(*)" in str(query) or "pg_attribute a" in str(query):
                super().execute("SHOW enable_indexscan")
                settings.append(self.fetchone()[0])
            super().execute(query, values)

    with closing(database.connect(cursor_factory=Looking)) as opened:
        assert PostgresWarehouse(opened).rows_left(ORDERS) == left(warehouse)

    assert settings == ["on", "off"]


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
        ("select sum(id), avg(id::numeric) from main.orders", False),
        ("select sum(id * 0.5) from main.orders", False),
        ("select sum(id::real) from main.orders", True),
        ("select avg(x) from (select id / 2e0::float8 as x from main.orders) q", True),
        ("select sum(id), a from main.orders group by a limit 1", True),
        ("select sum(id) from main.missing", True),
        ("select array_agg /* of */ (id) from t", True),
        ("select array_agg -- /* of\n(id) from t", True),
        ("select array_agg /* a /* b */ c */ (id) from t", True),
        ("select '--', array_agg(id) from t", True),
        ("select '/*', array_agg(id), '*/' from t", True),
        ("select id /* (first) */ from t -- last (one)", False),
        ("select id /* first */ from /* one */ (select 1 as id) q -- last one", False),
    ],
)
def test_whether_the_order_of_rows_may_decide(warehouse: PostgresWarehouse, statement: str, reads_order: bool) -> None:
    assert warehouse.reads_order(statement, of_dbt=SessionOfDbt()) is reads_order


@pytest.mark.parametrize(
    ("statement", "reads_storage"),
    [
        ("select id, ctid from t", True),
        ("select id from t tablesample system (10)", True),
        ("select XMIN from t", True),
        ('select U&"\\0063tid" from t', True),
        ("select pg_column_size(a) from t", True),
        ("select 't'::regclass::oid from t", True),
        ("select column_name from information_schema.columns", True),
        ("select pg_catalog.lower(a) as item_description, row_number() over () from t", False),
    ],
)
def test_whether_the_place_of_rows_may_decide(
    warehouse: PostgresWarehouse, statement: str, reads_storage: bool
) -> None:
    assert warehouse.reads_storage(statement) is reads_storage


@pytest.mark.parametrize(
    ("made", "type_", "is_told"),
    [
        ("CREATE TYPE main.mood AS ENUM ('low', 'high')", "main.mood[]", True),
        ("CREATE DOMAIN main.price AS numeric", "main.price", True),
        ("CREATE TYPE main.pair AS (one int, other text)", "main.pair", True),
        ("CREATE TYPE main.pair AS (one int, other regclass)", "main.pair", False),
        ("SELECT 1", "regrole[]", False),
        (
            "CREATE TYPE main.opaque; CREATE FUNCTION main.i(cstring) RETURNS main.opaque IMMUTABLE STRICT LANGUAGE "
            "internal AS 'int4in'; CREATE FUNCTION main.o(main.opaque) RETURNS cstring IMMUTABLE STRICT LANGUAGE "
            "internal AS 'int4out'; CREATE TYPE main.opaque (INPUT = main.i, OUTPUT = main.o, LIKE = int4)",
            "main.opaque",
            False,
        ),
    ],
    ids=lambda value: str(value)[-24:],
)
def test_types_whose_text_does_not_tell_all_are_not_compared(
    warehouse: PostgresWarehouse, database: Database, made: str, type_: str, is_told: bool
) -> None:
    database.load(f"{made}; ALTER TABLE main.orders ADD c {type_}")

    assert (warehouse.rows_left(ORDERS) is not None) is is_told


def test_a_type_that_was_made_again_is_another_one(warehouse: PostgresWarehouse, database: Database) -> None:
    database.load("CREATE TYPE main.mood AS ENUM ('low', 'high'); ALTER TABLE main.orders ADD c main.mood")

    again = (
        "ALTER TYPE main.mood RENAME TO old; CREATE TYPE main.mood AS ENUM ('high', 'low'); "
        "ALTER TABLE main.orders ALTER c TYPE main.mood USING c::text::main.mood"
    )
    assert changes(warehouse, database, again) == (True, False, False)


VIEW = RelationName(database="any", schema="main", identifier="shown")


def shown(warehouse: PostgresWarehouse, *, most_rows: int = 10_000, patience_ms: int = 0) -> RowsLeft | None:
    """Return what the view shows, and two of its columns."""
    return warehouse.rows_shown(
        VIEW, [("a", "id")], most_rows=most_rows, patience_ms=patience_ms, of_dbt=SessionOfDbt()
    )


def test_rows_that_a_view_shows_have_no_order(warehouse: PostgresWarehouse, database: Database) -> None:
    database.load("CREATE VIEW main.shown AS SELECT id, a, b FROM main.orders")
    before = shown(warehouse)
    database.load("CREATE OR REPLACE VIEW main.shown AS SELECT id, a, b FROM main.orders ORDER BY id DESC")
    again = shown(warehouse)
    database.load("CREATE OR REPLACE VIEW main.shown AS SELECT id, a, coalesce(b, '') AS b FROM main.orders")
    after = shown(warehouse)

    assert before is not None
    assert before == again
    assert before.number == left(warehouse).number == database.query("SELECT count(*)::int FROM main.orders")[0][0]
    assert after is not None
    assert after.rows != before.rows
    assert after.some == before.some
    assert after.columns == before.columns


def test_a_view_is_left_alone_that_is_refused_or_takes_too_long(
    warehouse: PostgresWarehouse, database: Database
) -> None:
    assert shown(warehouse) is None
    database.load("CREATE VIEW main.shown AS SELECT o.id, o.a FROM main.orders o, generate_series(1, 1000)")
    assert shown(warehouse, most_rows=1000) is None
    assert shown(warehouse, most_rows=10_000_000) is not None
    database.load("CREATE OR REPLACE VIEW main.shown AS SELECT 1 / (id - 1) AS id, a FROM main.orders")
    assert shown(warehouse, most_rows=10_000_000) is None
    database.load("CREATE OR REPLACE VIEW main.shown AS SELECT id, a FROM main.orders WHERE pg_sleep(9) IS NOT NULL")
    assert shown(warehouse, most_rows=10_000_000, patience_ms=50) is None


def test_a_view_is_executed_in_a_session_of_dbts_and_its_values_are_told_exactly(
    warehouse: PostgresWarehouse, database: Database
) -> None:
    role = "ALTER ROLE CURRENT_USER SET "
    try:
        database.load(role + "intervalstyle = 'sql_standard'")
        database.load(role + "extra_float_digits = 0")
        with closing(database.connect()) as opened:
            fresh = PostgresWarehouse(opened)
            database.load("CREATE VIEW main.shown AS SELECT 0.1::float8 AS id, (interval '1 day')::text AS a")
            before = shown(fresh)
            database.load("CREATE OR REPLACE VIEW main.shown AS SELECT 0.1::float8 AS id, '1 day' AS a")
            assert before != shown(fresh)
            database.load("CREATE OR REPLACE VIEW main.shown AS SELECT 0.1::float8 AS id, '1 0:00:00' AS a")
            assert before == shown(fresh)
            database.load("CREATE OR REPLACE VIEW main.shown AS SELECT 0.1::float8 + 2e-17 AS id, '1 0:00:00' AS a")
            assert before != shown(fresh)
    finally:
        database.load("ALTER ROLE CURRENT_USER RESET ALL")


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
        ("with c as (select * from main.orders) select c.id from c", ("id",)),
        ("select o.id from main.orders o join main.orders p using (a)", ("id", "a")),
        ("select count(*) from main.orders", ()),
        ("select o.id, to_json(o) from main.orders o", None),
        ("select id, ctid from main.orders", None),
        ("select to_json(q) from (select id from main.orders) q", None),
        ("select id, json_populate_record(null::main.orders, '{}')::text from main.orders", None),
        ("select id, to_json(array[null::main.orders]) from main.orders", None),
        ("select id, to_json(null::information_schema.cardinal_number) from main.orders", ("id",)),
        ("select nothing from main.orders", None),
        ("delete from main.orders", None),
    ],
)
def test_which_columns_a_query_reads(warehouse: PostgresWarehouse, query: str, columns: tuple[str, ...] | None) -> None:
    found = warehouse.columns_read(query, of_dbt=SessionOfDbt())

    assert (found and found["main", "orders"]) == columns
