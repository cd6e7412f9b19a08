"""Names and calls in SQL, by DuckDB itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from dbt_state_plugin.warehouse.answers import QueryRefused
from dbt_state_plugin.warehouse.duckdb.catalog import definition_of, read_macros, read_relations
from dbt_state_plugin.warehouse.duckdb.functions import calls_in, read_functions, volatile_names
from dbt_state_plugin.warehouse.duckdb.named_relations import named_relations, shows_catalogue, texts_of_view
from dbt_state_plugin.warehouse.duckdb.search_path import SearchPath, relation_name
from dbt_state_plugin.warehouse.duckdb.statement import functions_of_duckdb, read_statement

SETUP = """
    CREATE SCHEMA raw; CREATE TABLE raw.orders AS SELECT 1 AS id; CREATE TABLE plain AS SELECT 1 AS id;
    CREATE VIEW below AS SELECT random() AS r FROM raw.orders; CREATE VIEW above AS SELECT * FROM below;
    CREATE TYPE kind AS ENUM ('a', 'b'); CREATE TYPE raw.pair AS STRUCT(first kind, second INT);
    CREATE MACRO as_kind(n) AS n::kind;
    CREATE MACRO stamped() AS current_timestamp;
    CREATE MACRO doubled(n) AS n * 2; CREATE MACRO moment() AS now(); CREATE MACRO outer_moment() AS moment();
    CREATE MACRO rows_of(n) AS TABLE SELECT n, uuid() AS id;
    CREATE MACRO newest() AS (SELECT max(id) FROM raw.orders);
    CREATE MACRO sampled() AS TABLE SELECT * FROM plain USING SAMPLE 1;
    CREATE MACRO of_newest() AS TABLE SELECT newest() AS id, * FROM glob('*.csv');
    CREATE MACRO scaled(n, k := 3) AS n * k; CREATE MACRO tripled(n) AS scaled(n);
    CREATE MACRO numbered(n, k := 3) AS TABLE SELECT n * k AS n; CREATE MACRO either(a) AS (a), (a, b) AS (a + b);
    ATTACH ':memory:' AS other; CREATE SCHEMA other.raw; CREATE TABLE other.raw.orders AS SELECT 1 AS id
"""


@pytest.fixture(scope="module")
def connection() -> Iterator[Any]:
    with duckdb.connect(":memory:") as opened:
        opened.execute(SETUP)
        yield opened


def named(connection: Any, query: str) -> tuple[tuple[str, str], ...] | None:
    return named_relations(connection, query, read_relations(connection), SearchPath(database="memory"))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("select * from raw.orders join plain using (id)", {("raw", "orders"), ("main", "plain")}),
        ('select * from memory."RAW"."Orders"', {("raw", "orders")}),
        ("with plain as (select 1 as id) select * from plain", set()),
        ("with plain as (select * from plain) select * from plain", {("main", "plain")}),
        ("with x as (select * from y), y as (select 1) select * from raw.orders, x", None),
        ("with recursive n as (select 1 as i union all select i + 1 from n where i < 3) select * from n", set()),
        ("with plain as (select *, 'RECURSIVE' as kind from plain) from plain", {("main", "plain")}),
        (
            "with plain as (with recursive n as (select 1 as i union select i + 1 from n where i < 3) from plain, n)"
            " from plain",
            {("main", "plain")},
        ),
        (
            "with recursive plain(i) as (select id from plain union select i + 1 from plain where i < 3) from plain",
            {("main", "plain")},
        ),
        ("select (select max(id) from plain) where exists (from raw.orders)", {("main", "plain"), ("raw", "orders")}),
        ("select * from 'a.parquet'", {("external file", "a.parquet")}),
        ("select * from 'A.CSV'", {("external file", "A.CSV")}),
        ("select * from a.csv", {("external file", "a.csv")}),
        ("from read_csv(['a.csv', 'b.csv'])", {("external file", "a.csv"), ("external file", "b.csv")}),
        ("select 'a'::KIND, null::raw.pair[], 1::decimal(3, 1)", {("main", "kind()"), ("raw", "pair()")}),
        ("select as_kind('a')", {("main", "as_kind()"), ("main", "kind()")}),
        ("from plain pivot (count(*) for id in kind)", {("main", "plain"), ("main", "kind()")}),
        ("from (pivot plain on id::kind using sum(id))", {("main", "plain"), ("main", "kind()")}),
        ("select doubled(id) from plain", {("main", "plain"), ("main", "doubled()")}),
        ("select newest()", {("main", "newest()"), ("raw", "orders")}),
        (
            "from of_newest()",
            {("main", "of_newest()"), ("main", "newest()"), ("raw", "orders"), ("external file", "*.csv")},
        ),
        ("from other.raw.orders", {("other.raw", "orders")}),
        ("from (pivot plain on id using sum(doubled(id)))", {("main", "plain"), ("main", "doubled()")}),
        ("from (pivot 'x/a''b.csv' on id using sum(id))", {("external file", "x/a'b.csv")}),
        ("select * from of_the_session", None),
        (
            "select * from Information_Schema.TABLES, plain",
            {("system.information_schema", "tables"), ("main", "plain")},
        ),
        ("select * from system.information_schema.columns", {("system.information_schema", "columns")}),
        ("select * from duckdb_tables", {("system.main", "duckdb_tables")}),
        ("select * from system.sqlite_master", {("system.main", "sqlite_master")}),
        (
            "select * from pg_class join pg_catalog.pg_tables on true",
            {("system.pg_catalog", "pg_class"), ("system.pg_catalog", "pg_tables")},
        ),
        ("from (pivot information_schema.tables on table_type)", {("system.information_schema", "tables")}),
        ("from (pivot (from duckdb_tables) on temporary)", {("system.main", "duckdb_tables")}),
        ("from (pivot (select id as tables from plain) on tables)", {("main", "plain")}),
        ("select * from raw.duckdb_tables", None),
        ("select * from memory.main.duckdb_tables", None),
        ("select * from information_schema.tables, of_the_session", None),
    ],
)
def test_tables_files_and_macros_are_named(connection: Any, query: str, names: set[tuple[str, str]] | None) -> None:
    if names is None:
        with pytest.raises(QueryRefused):
            named(connection, query)
    else:
        assert set(named(connection, query) or ()) == names


def test_a_table_of_users_and_the_view_of_the_catalogue_with_its_name_are_two() -> None:
    with duckdb.connect(":memory:") as opened:
        opened.execute("CREATE TABLE duckdb_tables (id INT); CREATE SCHEMA raw; CREATE TABLE raw.pg_class (id INT)")

        assert named(opened, "from duckdb_tables") == (("main", "duckdb_tables"),)
        assert named(opened, "from main.duckdb_tables, system.main.duckdb_tables") == (
            ("main", "duckdb_tables"),
            ("system.main", "duckdb_tables"),
        )
        assert named(opened, "from raw.pg_class, pg_class") == (("raw", "pg_class"), ("system.pg_catalog", "pg_class"))


@pytest.mark.parametrize(
    ("view", "is_shown"),
    [
        ("SELECT * FROM information_schema.tables", True),
        ("SELECT * FROM first", True),
        ("SELECT count(*) AS n FROM duckdb_tables()", False),
        ("FROM (PIVOT duckdb_tables ON temporary IN (true))", True),
        ("SELECT * FROM tables", False),
        ("SELECT count(*) AS n FROM range(3)", False),
    ],
)
def test_a_view_shows_the_catalogue_where_one_below_it_does(view: str, is_shown: bool) -> None:
    with duckdb.connect(":memory:") as opened:
        opened.execute("CREATE TABLE tables (id INT); CREATE VIEW first AS SELECT table_name FROM duckdb_tables")
        opened.execute(f"CREATE VIEW shown AS {view}")
        held = read_relations(opened)

        assert shows_catalogue(held[relation_name("memory", "main", "shown")], held) == is_shown


def test_what_duckdb_cannot_take_apart_names_what_its_words_may_mean(connection: Any) -> None:
    assert named(connection, "insert into plain select 2") == (("main", "plain"),)
    assert read_statement("select 'unfinished") is None


@pytest.mark.parametrize(
    ("query", "volatile"),
    [
        ("select id + 1, date_trunc('day', date '2020-01-01'), strftime(date '2020-01-01', '%Y') from plain", ()),
        ("select now(), random(), uuid()", ("now()", "random()", "uuid()")),
        ("select current_date, current_user", ("current_date()",)),
        ("select current_timestamp, LOCALTIME", ("current_timestamp()", "localtime()")),
        (
            "select current_time as t, date_diff('day', day, localtimestamp) from plain",
            ("current_time()", "localtimestamp()"),
        ),
        ("select stamped()", ("stamped()",)),
        ("select age(date '2020-01-01')", ("age()",)),
        ("select age(date '2020-01-01', date '2021-01-01')", ()),
        ("select plain.day.age() from (select timestamp '2020-01-01' as day) plain", ("age()",)),
        ("select day.age() from (select timestamp '2020-01-01' as day)", ("age()",)),
        ("select doubled(id) from plain", ()),
        ("select scaled(id, 2), main.scaled(id, k := 2) from plain", ()),
        ("select scaled(id) from plain", ("scaled()",)),
        ("select tripled(id) from plain", ("tripled()",)),
        ("from numbered(1)", ("numbered()",)),
        ("select either(1), either(1, 2)", ()),
        ("select outer_moment()", ("outer_moment()",)),
        ("from rows_of(3)", ("rows_of()",)),
        ("from range(3), unnest([1, 2])", ()),
        ("from read_csv('a.csv')", ()),
        ("from read_csv('a' || '.csv')", ("read_csv()",)),
        ("from duckdb_tables()", ("duckdb_tables()",)),
        ("from query('from plain')", ("query()",)),
        ("select getvariable('x')", ("getvariable()",)),
        ("select case when false then error('no') end", ()),
        ("insert into plain select now()::int", ("now()",)),
        ("from (show all tables)", ("SHOW",)),
        ("from (show tables from raw)", ("SHOW",)),
        ("from (describe plain), (summarize plain)", ()),
        ("from (pivot (show all tables) on schema using count(*))", ("SHOW",)),
        ("from plain using sample 1", ("a sample at random",)),
        ("from plain tablesample bernoulli(10%) repeatable (3)", ()),
        ("from sampled()", ("sampled()",)),
        ("insert into plain from plain using  sample 1", ("a sample at random",)),
    ],
)
def test_what_depends_on_the_moment_is_volatile(connection: Any, query: str, volatile: tuple[str, ...]) -> None:
    calls = calls_in(query)
    functions = read_functions(connection, {call.name for call in calls.functions})

    assert volatile_names(calls, functions) == volatile


@pytest.mark.parametrize(
    ("query", "without_plugins", "with_plugins"),
    [
        ("select own(1), upper('a'), 1 + 1", (), ("own()",)),
        ("select wrapped(1)", (), ("wrapped()",)),
        ("from sqlite_scan('a.sqlite', 't')", ("sqlite_scan()",), ("sqlite_scan()",)),
        ("from read_xlsx('a.xlsx')", ("read_xlsx()",), ("read_xlsx()",)),
        ("select st_area(x) from plain", (), ("st_area()",)),
    ],
)
def test_what_only_the_session_of_dbt_knows_is_volatile_where_it_may_read_or_is_of_a_plugin(
    query: str, without_plugins: tuple[str, ...], with_plugins: tuple[str, ...]
) -> None:
    with duckdb.connect(":memory:") as connection:
        connection.execute("CREATE MACRO own(n) AS n; CREATE MACRO wrapped(n) AS own(n); DROP MACRO own")
        calls = calls_in(query)
        names = {call.name for call in calls.functions}
        alone, beside = (read_functions(connection, names, has_plugins=each) for each in (False, True))

    assert volatile_names(calls, alone) == without_plugins
    assert volatile_names(calls, beside) == with_plugins


def test_a_function_of_a_plugin_is_volatile_where_the_session_of_dbt_is_asked(
    connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_duckdb = functions_of_duckdb() - {"upper"}  # as if a plugin had defined it; a real one takes numpy
    monkeypatch.setattr("dbt_state_plugin.warehouse.duckdb.functions.functions_of_duckdb", lambda: of_duckdb)
    calls = calls_in("select upper('a'), lower('A'), doubled(1)")
    names = {call.name for call in calls.functions}
    alone, beside = (read_functions(connection, names, has_plugins=each) for each in (False, True))

    assert (volatile_names(calls, alone), volatile_names(calls, beside)) == ((), ("upper()",))


def test_a_macro_is_its_text_with_its_parameters_and_their_types() -> None:
    versions = set()
    with duckdb.connect(":memory:") as connection:
        for definition in ("(n) AS n", "(n INTEGER) AS n", "(n VARCHAR) AS n", "(n) AS n + 1"):
            connection.execute(f"CREATE OR REPLACE MACRO of_users{definition}")
            versions.add(read_macros(connection)["main", "of_users"].version)

    assert len(versions) == 4


def test_a_type_is_what_it_stands_for() -> None:
    with duckdb.connect(":memory:") as connection:
        connection.execute("CREATE TYPE kind AS ENUM ('a'); CREATE TYPE pair AS STRUCT(first kind, second INT)")
        before = [definition_of(connection, "main", name) for name in ("kind", "pair", "none")]
        connection.execute("DROP TYPE pair; DROP TYPE kind; CREATE TYPE kind AS ENUM ('a', 'b')")
        connection.execute("CREATE TYPE pair AS STRUCT(first kind, second INT)")
        after = [definition_of(connection, "main", name) for name in ("kind", "pair", "none")]
        connection.execute("CREATE MACRO kind(n) AS n")
        with_macro = definition_of(connection, "main", "kind")

    assert before[2] is after[2] is None
    assert len({*before[:2], *after[:2], with_macro}) == 5


def test_a_view_is_its_text_with_that_of_the_views_below(connection: Any) -> None:
    held = read_relations(connection)
    above = next(each for name, each in held.items() if name.identifier == "above")
    texts = texts_of_view(above, held)

    assert len(texts) == 2
    assert any("random()" in text for text in texts)
