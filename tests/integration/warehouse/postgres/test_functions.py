"""Functions in a real catalogue, and what is found by them."""

from __future__ import annotations

from contextlib import closing

import pytest
from support.database import Database
from support.values import node, project, relation

from dbt_state_plugin.core.lineage import Lineage
from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.operations.planning.volatile_calls import VolatileCalls
from dbt_state_plugin.warehouse.postgres.functions import read_view_definitions
from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse

MODEL = node("model.shop.t")
FUNCTION = node("function.shop.half")


def found(database: Database, statement: str, item: Node = MODEL, *others: Node) -> tuple[str, ...]:
    """Return the volatile calls that are found in the SQL of a node that reads all the others."""
    with closing(database.connect()) as connection:
        calls = VolatileCalls(PostgresWarehouse(connection), project(item, *others))
        lineage = Lineage(parents=tuple(other.unique_id for other in others))
        return calls.of(item, lineage, [statement])


@pytest.mark.parametrize(
    ("statement", "calls"),
    [
        ("select now(), clock_timestamp(), statement_timestamp(), timeofday()", 4),
        ("select random(), gen_random_uuid(), nextval('s')", 3),
        ("select pg_sleep(0), pg_notify('a', 'b')", 0),
        ("select * from t tablesample bernoulli (10)", 1),
        ("select age(a), current_time, 'today'::date", 3),
        ("select to_char(a, 'YYYY'), date_trunc('day', a), extract(year from a), age(a, b), a::timestamptz(3)", 0),
        ("select coalesce(a, 1), sum(a) over (partition by b), count(*), json_agg(a), concat(a, b), a in (1)", 0),
        ("select to_timestamp('2026', 'YYYY'), to_timestamp(1), make_timestamptz(1, 1, 1, 1, 1, 1), to_json(a)", 0),
        ("select current_user, current_schema(), current_database(), version(), current_setting('a')", 0),
        ("with t (a) as (select 1) select cast(a as numeric(10, 2)) from t", 0),
    ],
)
def test_the_catalogue_says_what_reads_the_clock_or_chance(database: Database, statement: str, calls: int) -> None:
    assert len(found(database, statement)) == calls


def test_a_function_of_the_user_counts_unless_it_is_immutable(database: Database) -> None:
    database.query("create function doubtful(a int) returns int language sql as 'select a'")
    database.query("create function pure(a int) returns int language sql immutable as 'select a'")

    assert found(database, "select doubtful(1), pure(1)") == ("doubtful()",)


def test_a_function_of_the_project_counts_by_what_it_does_and_not_where_it_is_called(database: Database) -> None:
    database.query("create function half(a int) returns int language sql as 'select a / 2'")
    calls_it = found(database, "select half(1)", MODEL, FUNCTION)
    itself = found(database, "", FUNCTION)
    database.query(
        "create or replace function half(a int) returns int language sql "
        "begin atomic select extract(year from now())::int; end"
    )

    assert (calls_it, itself, found(database, "", FUNCTION)) == ((), (), ("now()",))


def test_a_function_of_the_project_that_cannot_be_read_is_in_doubt_unless_it_is_immutable(database: Database) -> None:
    database.query("create function half(int) returns int language internal as 'int4abs'")
    doubtful = found(database, "", FUNCTION)
    database.query("alter function half(int) immutable")

    assert (doubtful, found(database, "", FUNCTION)) == (("half()",), ())


def test_the_views_of_the_sources_are_seen_through_and_no_further_than_to_rows(database: Database) -> None:
    database.query("create schema main")
    database.query("create view main.deep as select now() as at")
    database.query("create view main.raw as select at from main.deep")
    database.query("create materialized view main.held as select random() as a")
    database.query("create view main.calm as select a, current_user as who from main.held")
    raw, calm = node("source.shop.raw"), node("source.shop.calm")

    assert found(database, "select at from main.raw", MODEL, raw, calm) == ("now()",)
    assert found(database, "select a from main.calm", MODEL, calm) == ()
    with closing(database.connect()) as connection:
        assert len(read_view_definitions(connection, [relation("raw")])[relation("raw")]) == 2


def test_what_dbt_does_not_compile_calls_nothing(database: Database) -> None:
    assert found(database, "select now()", node("seed.shop.s")) == ()
