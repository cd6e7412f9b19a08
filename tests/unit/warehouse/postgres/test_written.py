"""Relations that a statement writes into."""

from __future__ import annotations

import pytest

from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES
from dbt_state_plugin.warehouse.postgres.same_statement import tokens
from dbt_state_plugin.warehouse.postgres.written import names_in, touched_by, written_by, written_relations


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("insert into a select 1", [("", "a")]),
        ('INSERT INTO "w"."An"."A" (x) VALUES (1)', [("An", "A")]),
        ("with x as (select 1) insert into an.a select * from x", [("an", "a")]),
        ("update only an.a set x = 1", [("an", "a")]),
        ("delete from an.a where x in (select x from b)", [("an", "a")]),
        ("merge into an.a using b on true when matched then delete", [("an", "a")]),
        ("truncate an.a, only b, c", [("an", "a"), ("", "b"), ("", "c")]),
        ("truncate table an.a", [("an", "a")]),
        ("copy an.a from stdin", [("an", "a")]),
        ("insert into a select 1; insert into a select 2; update b set x = 1", [("", "a"), ("", "b")]),
        ('insert into "a""b" select 1', [("", 'a"b')]),
        ("select * from a for update of a", []),
        ("insert into a values (1) on conflict (x) do update set x = 2", [("", "a")]),
        ("select 'insert into a' -- delete from b", []),
        ("create table a as select 1", []),
        ("update", []),
        ("insert into (", []),
        ("truncate a,", [("", "a")]),
        ("insert into a.", [("", "a")]),
        ("select 'open", []),
    ],
)
def test_a_statement_names_what_it_writes(statement: str, expected: list[tuple[str, str]]) -> None:
    assert list(written_relations(statement)) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        ("-- nothing", []),
        ("select 1; analyze an.a;", []),
        ("select count(*) filter (where x) from (select 1) as t", []),
        ("grant usage, create on schema an to reader", []),
        ("create schema an", []),
        ("create schema if not exists an", []),
        ("insert into an.log (at, id) values (now(), pg_catalog.lower('x'))", [("an", "log")]),
        ("insert into log values (1); truncate an.a, b", [("", "log"), ("an", "a"), ("", "b")]),
        ("update only an.a set x = coalesce(x, 1)", [("an", "a")]),
        ("select f()", None),
        ("select an.now()", None),
        ('select "now"()', None),
        ("select set_config('role', 'x', false)", None),
        ("select 1 into t", None),
        ("set role x", None),
        ("grant one to another", None),
        ("grant select on", None),
        ("grant select on all tables in schema an to reader", None),
        ("grant select on an.orders to reader", None),
        ("create schema", None),
        ("create schema if not exists", None),
        ("create schema an create table x ()", None),
        ("truncate a cascade", None),
        ("insert into a select f(x) from b", None),
        ("insert into a select x (1)", None),
        ("with x as (insert into a values (1) returning 1) select * from x", None),
        ("create table x ()", None),
        ("do $$ begin end $$", None),
        ("select 1; drop table x", None),
        ("insert into (", None),
        ("select 'open", None),
    ],
)
def test_what_statements_write_is_known_only_where_they_surely_do_nothing_else(
    sql: str, expected: list[tuple[str, str]] | None
) -> None:
    assert written_by(sql) == (None if expected is None else frozenset(expected))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("insert into a values ('grant')", [("", "a")]),
        ("create or replace function f() returns int language sql as $$ delete from b $$; select 1", []),
        ("create schema if not exists audit; create table if not exists audit.log (n int)", []),
        ("create table if not exists audit.log as select f()", None),
        ("create table if not exists audit.log (n int references a)", None),
        ("create table audit.log (n int)", None),
        ("create index on a (n)", None),
        ("create", None),
        ("GRANT select on a to b", None),
        ("select 'open", None),
    ],
)
def test_what_statements_touch_is_known_where_they_write_rows_or_create_something_else(
    sql: str, expected: list[tuple[str, str]] | None
) -> None:
    assert touched_by(sql) == (None if expected is None else frozenset(expected))
    assert POSTGRES.touched_by(sql) == touched_by(sql)


def test_every_name_is_found_as_it_is_written() -> None:
    sql = 'select o.id, "Odd".x from raw.orders o join db.raw."H" on 1 = 2.0 where a = \'raw.no\''
    found = tokens(sql)

    assert found is not None
    assert names_in(found) >= {"raw.orders", 'raw."H"', "o", "o.id"}
    assert not {"raw.no", "db.raw"} & names_in(found)
