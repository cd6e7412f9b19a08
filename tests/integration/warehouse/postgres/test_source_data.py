"""Changes of a source's rows that PostgreSQL tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from support.database import Database

from dbt_state_plugin.core.config.source_config import DataRule, kept_columns
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.warehouse.postgres.source_data import (
    SourceMetadata,
    answer_of_query,
    columns_hash,
    content_of,
    newest_row,
    read_source_metadata,
)

TABLE = """
    CREATE SCHEMA raw;
    CREATE TABLE raw.orders (id int, customer text, amount numeric, _sdc_batched_at timestamptz);
    INSERT INTO raw.orders VALUES (1, 'ann', 10, now()), (2, 'ben', 20, now())
"""


@pytest.fixture
def connection(database: Database) -> Iterator[Any]:
    """Give a connection to a database with one source table, set up as the tool's own are."""
    database.load(TABLE)
    with closing(database.connect()) as opened:
        opened.cursor().execute("SET search_path TO ''")
        yield opened


def name(identifier: str) -> RelationName:
    return RelationName(database="any", schema="raw", identifier=identifier)


def metadata(connection: Any, identifier: str = "orders") -> SourceMetadata:
    return read_source_metadata(connection, [name(identifier)])[name(identifier)]


def content(connection: Any, identifier: str = "orders") -> str:
    columns = metadata(connection, identifier).columns
    return content_of(connection, name(identifier), kept_columns(DataRule(), columns))


def changes(database: Database, connection: Any, statement: str, identifier: str = "orders") -> tuple[bool, bool, bool]:
    """Run a statement in another session; tell whether the counters, the columns and the content are others then."""

    def seen() -> tuple[str, str, str]:
        found = metadata(connection, identifier)
        return found.touched, columns_hash(found, found.columns), content(connection, identifier)

    before = seen()
    database.load(statement)
    after = seen()
    touched, columns, rows = (one != other for one, other in zip(before, after, strict=True))
    return touched, columns, rows


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("INSERT INTO raw.orders VALUES (3, 'cal', 5, now())", (True, False, True)),
        ("UPDATE raw.orders SET amount = 11 WHERE id = 1", (True, False, True)),
        ("DELETE FROM raw.orders WHERE id = 1", (True, False, True)),
        ("TRUNCATE raw.orders", (True, False, True)),
        ("UPDATE raw.orders SET customer = CASE id WHEN 1 THEN 'ben' ELSE 'ann' END", (True, False, True)),
        ("UPDATE raw.orders SET amount = 10.0 WHERE id = 1", (True, False, True)),
        ("UPDATE raw.orders SET customer = NULL WHERE id = 1", (True, False, True)),
        ("INSERT INTO raw.orders SELECT * FROM raw.orders", (True, False, True)),
        ("UPDATE raw.orders SET _sdc_batched_at = '2030-01-01'", (True, False, False)),
        ("UPDATE raw.orders SET id = id", (True, False, False)),
        (
            "WITH gone AS (DELETE FROM raw.orders RETURNING *) INSERT INTO raw.orders TABLE gone ORDER BY id DESC",
            (True, False, False),
        ),
        ("ALTER TABLE raw.orders ADD COLUMN country text", (True, True, True)),
        ("ALTER TABLE raw.orders ADD COLUMN _sdc_sequence bigint", (True, True, False)),
        ("ALTER TABLE raw.orders ALTER COLUMN id TYPE bigint", (True, True, False)),
        ("ALTER TABLE raw.orders RENAME COLUMN customer TO buyer", (True, True, False)),
        (
            "ALTER TABLE raw.orders DROP _sdc_batched_at; ALTER TABLE raw.orders ADD _sdc_batched_at timestamptz",
            (True, False, False),
        ),
        ("VACUUM FULL raw.orders", (True, False, False)),
        ("ANALYZE raw.orders", (False, False, False)),
        ("CREATE INDEX ON raw.orders (id)", (False, False, False)),
        ("COMMENT ON TABLE raw.orders IS 'x'", (False, False, False)),
    ],
)
def test_each_way_of_changing_a_table_is_seen_where_it_matters(
    database: Database, connection: Any, statement: str, expected: tuple[bool, bool, bool]
) -> None:
    assert changes(database, connection, statement) == expected


def test_a_vacuum_is_no_new_data(database: Database, connection: Any) -> None:
    database.load("DELETE FROM raw.orders WHERE id = 1")

    assert changes(database, connection, "VACUUM raw.orders") == (False, False, False)


@pytest.mark.parametrize(
    ("definition", "statement"),
    [
        (
            "CREATE TABLE raw.t (id int) PARTITION BY RANGE (id); CREATE TABLE raw.p PARTITION OF raw.t DEFAULT",
            "INSERT INTO raw.p VALUES (1)",
        ),
        ("CREATE TABLE raw.t (id int); CREATE TABLE raw.c () INHERITS (raw.t)", "INSERT INTO raw.c VALUES (1)"),
        ("CREATE VIEW raw.w AS SELECT id FROM raw.orders; CREATE VIEW raw.t AS TABLE raw.w", "TRUNCATE raw.orders"),
        ("CREATE MATERIALIZED VIEW raw.t AS SELECT now()", "REFRESH MATERIALIZED VIEW raw.t"),
        (
            "CREATE MATERIALIZED VIEW raw.t AS SELECT id, amount FROM raw.orders; CREATE UNIQUE INDEX ON raw.t (id);"
            " UPDATE raw.orders SET amount = 99 WHERE id = 1",
            "REFRESH MATERIALIZED VIEW CONCURRENTLY raw.t",
        ),
    ],
    ids=["partitioned", "inherited", "view", "materialized view", "materialized view, concurrently"],
)
def test_what_lies_below_a_source_is_seen(database: Database, connection: Any, definition: str, statement: str) -> None:
    database.load(definition)

    assert changes(database, connection, statement, "t") == (True, False, True)
    assert changes(database, connection, "ANALYZE raw.orders", "t")[0] is False


def test_a_view_that_was_replaced_is_new_data(database: Database, connection: Any) -> None:
    database.query("CREATE VIEW raw.t AS SELECT id FROM raw.orders")

    replaced = changes(database, connection, "CREATE OR REPLACE VIEW raw.t AS SELECT id + 1 AS id FROM raw.orders", "t")

    assert replaced == (True, False, True)


@pytest.mark.parametrize(
    ("definition", "touched"),
    [
        ("CREATE FUNCTION raw.t() RETURNS SETOF int LANGUAGE sql AS 'SELECT 1'", "?function"),
        ("CREATE VIEW raw.t AS SELECT now() AS at", "?function"),
        ("CREATE VIEW raw.t AS SELECT current_date AS at", "?function"),
        ("CREATE VIEW raw.t AS SELECT * FROM raw.orders WHERE random() < 0.5", "?function"),
        ("CREATE VIEW raw.t AS SELECT * FROM raw.orders TABLESAMPLE system (50)", "?function"),
        ("CREATE VIEW raw.t AS SELECT relname FROM pg_class", "?function"),
        ("CREATE VIEW raw.t AS SELECT obj_description('raw.orders'::regclass, 'pg_class') AS text", "?function"),
        ("CREATE VIEW raw.t AS SELECT table_to_xml('raw.orders', true, true, '') AS text", "?function"),
        ("CREATE VIEW raw.t AS SELECT to_regclass('raw.later') IS NULL AS is_missing", "?function"),
        (
            "CREATE FUNCTION raw.f() RETURNS SETOF int STABLE LANGUAGE sql AS 'SELECT id FROM raw.orders';"
            " CREATE VIEW raw.t AS SELECT * FROM raw.f()",
            "?function",
        ),
        (
            "CREATE FUNCTION raw.f() RETURNS int LANGUAGE sql AS 'SELECT 1';"
            " CREATE VIEW raw.w AS SELECT raw.f() AS id; CREATE VIEW raw.t AS TABLE raw.w",
            "?function",
        ),
        ("CREATE SEQUENCE raw.t", "?kind"),
        ("SELECT 1", "?absent"),
        ("CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;"
         " CREATE FOREIGN TABLE raw.t (id int) SERVER s", "?foreign"),
        ("CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;"
         " CREATE TABLE raw.t (id int) PARTITION BY LIST (id);"
         " CREATE FOREIGN TABLE raw.p PARTITION OF raw.t FOR VALUES IN (1) SERVER s", "?foreign"),
    ],
)  # fmt: skip
def test_what_postgresql_does_not_count_is_said(
    database: Database, connection: Any, definition: str, touched: str
) -> None:
    database.query(definition)

    assert metadata(connection, "t").touched == touched


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, upper(customer) AS customer, round(amount) AS amount, amount::text AS words FROM raw.orders",
        "SELECT customer, count(*), sum(amount), max(_sdc_batched_at) FROM raw.orders GROUP BY 1 ORDER BY 2",
        "SELECT id, date_trunc('day', _sdc_batched_at) AS day, row_number() OVER (ORDER BY id) FROM raw.orders",
    ],
)
def test_an_ordinary_view_can_be_seen_into(database: Database, connection: Any, query: str) -> None:
    database.query(f"CREATE VIEW raw.t AS {query}")

    assert not metadata(connection, "t").touched.startswith("?")


def test_a_view_on_a_function_of_ones_own_changes_with_the_function(database: Database, connection: Any) -> None:
    define = "CREATE OR REPLACE FUNCTION raw.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + {}'"
    database.query(define.format(1))
    database.query("CREATE VIEW raw.t AS SELECT raw.f(id) AS id FROM raw.orders")

    assert changes(database, connection, define.format(2), "t") == (True, False, True)


@pytest.mark.parametrize(
    ("definition", "statement"),
    [
        (
            "CREATE TABLE raw.t (id int, x int); INSERT INTO raw.t VALUES (1, 1)",
            "ALTER TABLE raw.t DROP COLUMN x; ALTER TABLE raw.t ADD COLUMN x int DEFAULT 7",
        ),
        (
            "CREATE TABLE raw.t (id int); INSERT INTO raw.t VALUES (1); ALTER TABLE raw.t ADD COLUMN x int DEFAULT 1",
            "ALTER TABLE raw.t DROP COLUMN x; ALTER TABLE raw.t ADD COLUMN x int DEFAULT 2",
        ),
        (
            "CREATE TYPE raw.m AS ENUM ('sad'); CREATE TABLE raw.t (x raw.m[]); INSERT INTO raw.t VALUES ('{sad}')",
            "ALTER TYPE raw.m RENAME VALUE 'sad' TO 'blue'",
        ),
    ],
    ids=["other numbers of columns", "another value of rows that are older", "a label"],
)
def test_values_that_change_without_a_row_being_written_are_new_data(
    database: Database, connection: Any, definition: str, statement: str
) -> None:
    database.query(definition)

    assert changes(database, connection, statement, "t") == (True, False, True)


@pytest.mark.parametrize(
    ("policy", "touched"),
    [
        ("customer = 'ann'", None),
        ("customer = current_user", None),
        ("id IN (SELECT id FROM raw.seen)", "?policy"),
        ("_sdc_batched_at < now()", "?policy"),
        ("_sdc_batched_at < current_date", "?policy"),
        ("age(_sdc_batched_at) > '1 day'", "?policy"),
        ("customer = current_setting('shop.tenant', true)", "?policy"),
    ],
)
def test_which_rows_a_policy_shows_is_a_part_of_the_data(
    database: Database, connection: Any, policy: str, touched: str | None
) -> None:
    role = f"reader_{uuid4().hex}"
    database.query(
        f"CREATE TABLE raw.seen (id int); ALTER TABLE raw.orders ENABLE ROW LEVEL SECURITY; "
        f"CREATE POLICY shown ON raw.orders USING ({policy}); CREATE ROLE {role}; "
        f"GRANT USAGE ON SCHEMA raw TO {role}; GRANT SELECT ON raw.orders TO {role}"
    )
    try:
        assert not metadata(connection).touched.startswith("?")  # the superuser sees all rows
        connection.cursor().execute(f"SET ROLE {role}")
        found = metadata(connection).touched
        if touched:
            assert found == touched
        else:
            database.query("ALTER POLICY shown ON raw.orders USING (customer = 'ben')")
            assert metadata(connection).touched != found
    finally:
        connection.cursor().execute("RESET ROLE")
        database.query(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_reset_counters_are_new_data(database: Database, connection: Any) -> None:
    assert changes(database, connection, "SELECT pg_stat_reset()") == (True, False, False)


def test_without_counters_everything_is_new_at_every_look(database: Database) -> None:
    database.query(TABLE)
    with closing(database.connect(options="-c track_counts=off")) as opened:
        assert metadata(opened).touched != metadata(opened).touched


def test_many_sources_are_looked_at_together_and_none_is_mixed_up(database: Database, connection: Any) -> None:
    database.query('CREATE TABLE raw."Od""d, \'name" (id int); CREATE TABLE raw.other (other_id bigint)')
    wanted = [name("orders"), name("Od\"d, 'name"), name("other"), name("missing")]

    found = read_source_metadata(connection, wanted)

    assert {each.identifier: list(of.columns.items())[:1] for each, of in found.items()} == {
        "orders": [("id", "integer")],
        "Od\"d, 'name": [("id", "integer")],
        "other": [("other_id", "bigint")],
        "missing": [],
    }
    assert read_source_metadata(connection, []) == {}


def test_the_number_of_rows_is_estimated_through_partitions(database: Database, connection: Any) -> None:
    database.load(
        "CREATE TABLE raw.t (id int) PARTITION BY RANGE (id); CREATE TABLE raw.p PARTITION OF raw.t DEFAULT;"
        " INSERT INTO raw.t SELECT generate_series(1, 500)"
    )

    assert (metadata(connection, "t").rows, metadata(connection, "t").is_table) == (500, True)


TYPES = [
    *("json", "jsonb", "xml", "point", "int[]", "tsvector", "bytea", "interval", "money", "uuid", "box", "citext"),
    *("float8", "bit varying", "int4range", "inet", "char(4)", "raw.pair", "raw.mood", "timestamptz", "hstore"),
]


def test_rows_of_every_type_are_compared(database: Database, connection: Any) -> None:
    database.query(
        "CREATE EXTENSION citext SCHEMA pg_catalog; CREATE EXTENSION hstore SCHEMA pg_catalog;"
        " CREATE TYPE raw.pair AS (a int, b text); CREATE TYPE raw.mood AS ENUM ('sad', 'glad')"
    )
    columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(TYPES))
    database.query(f"CREATE TABLE raw.t ({columns}); INSERT INTO raw.t DEFAULT VALUES")

    assert not content(connection, "t").startswith("?")


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("citext", "'A'", "'a'"),
        ("numeric", "1.0", "1.00"),
        ("interval", "'1 month'", "'30 days'"),
        ("float8", "0", "'-0'"),
        ("float8", "0.1", "0.10000000000000002"),
        ("text", "''", "NULL"),
        ("json", """'{"a": 1}'""", """'{"a":1}'"""),
    ],
)
def test_values_that_postgresql_calls_equal_but_shows_differently_are_other_rows(
    database: Database, connection: Any, kind: str, before: str, after: str
) -> None:
    database.query("CREATE EXTENSION citext SCHEMA pg_catalog; ALTER ROLE CURRENT_USER SET extra_float_digits = -10")
    database.load(f"CREATE TABLE raw.t (v {kind}); INSERT INTO raw.t VALUES ({before})")

    assert changes(database, connection, f"UPDATE raw.t SET v = {after}", "t") == (True, False, True)
    database.query("ALTER ROLE CURRENT_USER RESET ALL")


def test_the_content_of_a_table_does_not_depend_on_the_settings_of_the_session(
    database: Database, connection: Any
) -> None:
    other = "-c timezone=Asia/Tokyo -c datestyle=German -c intervalstyle=iso_8601 -c bytea_output=escape"
    with closing(database.connect(options=other)) as opened:
        database.query("CREATE TABLE raw.t AS SELECT now() AS a, interval '1 day' AS b, '\\x0102'::bytea AS c")
        assert content(opened, "t") == content(connection, "t")


def test_an_empty_table_and_one_without_columns_have_a_content(database: Database, connection: Any) -> None:
    database.query("CREATE TABLE raw.t (); CREATE TABLE raw.u (id int)")

    assert content(connection, "t") == content(connection, "u") == "0:0"
    assert changes(database, connection, "INSERT INTO raw.t DEFAULT VALUES", "t") == (True, False, True)


def test_rows_that_a_role_may_not_read_are_said_to_be_unreadable(database: Database, connection: Any) -> None:
    database.query("CREATE ROLE content_reader; GRANT USAGE ON SCHEMA raw TO content_reader")
    connection.cursor().execute("SET ROLE content_reader")

    assert content(connection) == "?rights"
    assert not metadata(connection).touched.startswith("?")  # the counters are for all to see

    connection.cursor().execute("RESET ROLE")
    database.query("DROP OWNED BY content_reader; DROP ROLE content_reader")


def test_rows_that_cannot_be_computed_are_said_to_be_unreadable(database: Database, connection: Any) -> None:
    database.query("CREATE VIEW raw.t AS SELECT 1 / (id - 1) AS id FROM raw.orders")

    assert content(connection, "t") == "?error"
    assert content(connection).startswith("2:")  # the connection goes on


def test_the_users_query_runs_on_the_source_and_its_answer_counts(database: Database, connection: Any) -> None:
    query = "select max(id) as newest, '100 %' || '{}' as note from {source}"
    before = answer_of_query(connection, "source.shop.raw.orders", name("orders"), query)
    database.query("UPDATE raw.orders SET amount = 0")
    same = answer_of_query(connection, "source.shop.raw.orders", name("orders"), query)
    database.query("UPDATE raw.orders SET id = id + 1")
    other = answer_of_query(connection, "source.shop.raw.orders", name("orders"), query)

    assert before == same != other


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select nothing from {source}", 'column "nothing" does not exist'),
        ("delete from {source}", "cannot execute DELETE in a read-only transaction"),
        ("select generate_series(1, 5000)", "its query gives more than 1000 rows"),
    ],
)
def test_a_query_that_cannot_be_used_is_an_error_in_one_line_that_names_the_source(
    connection: Any, query: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        answer_of_query(connection, "source.shop.raw.orders", name("orders"), query)

    assert raised.value.what.startswith("The data version of source.shop.raw.orders cannot be read: ")
    assert message in raised.value.what
    assert "\n" not in raised.value.what
    assert content(connection).startswith("2:")


def test_the_newest_row_tells_of_inserts_and_deletes_and_not_of_undated_updates(
    database: Database, connection: Any
) -> None:
    def newest() -> str:
        return newest_row(connection, "source.shop.raw.orders", name("orders"), "_sdc_batched_at::date")

    first = newest()
    database.query("UPDATE raw.orders SET amount = 0")
    updated = newest()
    database.query("DELETE FROM raw.orders WHERE id = 1")
    deleted = newest()
    database.query("UPDATE raw.orders SET _sdc_batched_at = '2030-01-01'")

    assert first == updated
    assert len({updated, deleted, newest()}) == 3


def test_a_function_is_told_by_its_definition_alone(database: Database, connection: Any) -> None:
    def create(body: str, arguments: str = "n integer") -> None:
        database.query(f"CREATE FUNCTION raw.rated({arguments}) RETURNS integer LANGUAGE sql AS '{body}'")

    called = "rated(n integer)"
    assert metadata(connection, called).touched == "?absent"
    create("SELECT n * 2")
    first = metadata(connection, called).touched
    create("SELECT 1", arguments="n text")
    overloaded = metadata(connection, called).touched
    database.query("DROP FUNCTION raw.rated(integer)")
    create("SELECT n * 2")
    again = metadata(connection, called).touched
    database.query("DROP FUNCTION raw.rated(integer)")
    create("SELECT n * 3")

    assert first == overloaded == again
    assert first.startswith("definition-")
    assert metadata(connection, called).touched != first


def test_a_function_may_have_any_name(database: Database, connection: Any) -> None:
    for called in ("f(x", "(", "()", "a(b)(c integer"):
        database.query(f"CREATE FUNCTION raw.\"{called}\"(n integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'")

        assert metadata(connection, f"{called}(n integer)").touched.startswith("definition-")
        assert metadata(connection, f"{called}(integer)").touched == "?absent"


def test_no_look_at_a_source_reads_all_functions_of_the_server(database: Database, connection: Any) -> None:
    database.query("CREATE FUNCTION raw.rated(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n'")
    database.query("CREATE VIEW raw.seen AS SELECT raw.rated(id) FROM raw.orders; CREATE TABLE raw.other (id int)")
    connection.autocommit = False

    told = read_source_metadata(connection, [name(each) for each in ("orders", "seen", "other", "rated(n integer)")])
    rows = "SELECT seq_tup_read FROM pg_catalog.pg_stat_xact_all_tables WHERE relid = 'pg_catalog.pg_proc'::regclass"
    with connection.cursor() as cursor:
        cursor.execute(rows)
        read = cursor.fetchone()[0]

    assert len(told) == 4
    assert read == 0


def test_an_aggregate_is_told_by_its_definition(database: Database, connection: Any) -> None:
    database.query("CREATE AGGREGATE raw.total(integer) (sfunc = int4pl, stype = integer)")
    first = metadata(connection, "total(integer)").touched
    database.query("CREATE OR REPLACE AGGREGATE raw.total(integer) (sfunc = int4mul, stype = integer)")

    assert first.startswith("definition-")
    assert metadata(connection, "total(integer)").touched != first


def test_an_aggregate_is_told_by_the_functions_that_it_is_made_of(database: Database, connection: Any) -> None:
    define = "CREATE OR REPLACE FUNCTION raw.add(int, int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2 * {}'"
    database.query(define.format(1))
    database.query("CREATE AGGREGATE raw.total(integer) (sfunc = raw.add, stype = integer, initcond = 0)")
    first = metadata(connection, "total(integer)").touched
    database.query(define.format(1))
    assert metadata(connection, "total(integer)").touched == first

    database.query(define.format(2))
    assert metadata(connection, "total(integer)").touched != first
