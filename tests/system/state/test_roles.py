"""Roles of a state, made by what `state roles` prints."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2 import sql
from support.database import Database
from support.roles import drop_roles, execute

from dbt_state_plugin.errors import UsageError
from dbt_state_plugin.postgres.connection import connect
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state.roles import roles_script
from dbt_state_plugin.state.schema import ensure_schema

ROLES = ("owner", "writer", "reader")
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
OWNERS_ALONE = {"alembic_version", "installation"}  # as far as writing goes
HOSTILE = "we\"ird 'Sch;ema %s {owner} \\ :x -- $$ é"


@pytest.fixture(params=["state", HOSTILE], ids=["plain", "hostile"])
def schema(request: pytest.FixtureRequest, database: Database) -> Iterator[str]:
    """Name a state, and drop its roles afterwards: they belong to the server, so no two tests share a name."""
    name = f"{request.param} {secrets.token_hex(4)}"
    yield name
    there = [f"{name}_{role}" for role in ROLES]
    drop_roles(database, [role for role in there if role in roles_of(database)])


def roles_of(database: Database) -> set[str]:
    return {row[0] for row in database.query("SELECT rolname::text FROM pg_roles")}


def created(database: Database, schema: str) -> None:
    connection = connect(DatabaseSettings.from_url(database.url))
    try:
        ensure_schema(connection, schema)
    finally:
        connection.close()


def separated(database: Database, schema: str) -> None:
    """Create the state, and let an administrator run what is printed."""
    created(database, schema)
    database.query(roles_script(schema))


def tables(database: Database, schema: str) -> set[str]:
    rows = database.query("SELECT tablename::text FROM pg_tables WHERE schemaname = %s", (schema,))
    return {row[0] for row in rows}


def rights(database: Database, schema: str, role: str) -> dict[str, set[str]]:
    """Return what a role may do with each table, by whatever way it came to the right."""
    rows = database.query(
        "SELECT tablename::text, p.name FROM pg_tables t, unnest(%s::text[]) AS p (name) WHERE schemaname = %s"
        " AND has_table_privilege(%s, format('%%I.%%I', schemaname, tablename), p.name)",
        (list(RIGHTS), schema, role),
    )
    found: dict[str, set[str]] = {name: set() for name in tables(database, schema)}
    for table, right in rows:
        found[table].add(right)
    return found


def may(database: Database, schema: str, role: str, right: str) -> bool:
    rows = database.query("SELECT has_schema_privilege(%s, %s, %s)", (role, schema, right))
    return bool(rows[0][0])


def owners(database: Database, schema: str) -> set[str]:
    rows = database.query(
        "SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = %(s)s UNION"
        " SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE relnamespace ="
        " (SELECT oid FROM pg_namespace WHERE nspname = %(s)s)",
        {"s": schema},
    )
    return {row[0] for row in rows}


def test_three_roles_are_made_of_which_none_can_log_in_or_do_anything_else(database: Database, schema: str) -> None:
    before = roles_of(database)

    separated(database, schema)

    made = {f"{schema}_{role}" for role in ROLES}
    assert roles_of(database) - before == made
    assert database.query(
        "SELECT DISTINCT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles"
        " WHERE rolname = ANY (%s)",
        (list(made),),
    ) == [(False, False, False, False, False)]
    assert database.query("SELECT 1 FROM pg_auth_members WHERE roleid::regrole::text = ANY (%s)", (list(made),)) == []


def test_the_owner_owns_the_schema_and_everything_in_it(database: Database, schema: str) -> None:
    separated(database, schema)

    assert owners(database, schema) == {f"{schema}_owner"}
    assert may(database, schema, f"{schema}_owner", "CREATE")


def test_the_writer_writes_all_but_the_version_and_the_key_and_changes_no_shape(
    database: Database, schema: str
) -> None:
    separated(database, schema)

    found = rights(database, schema, f"{schema}_writer")

    read_only = {name: {"SELECT"} for name in OWNERS_ALONE}
    assert len(found) > 8
    assert found == {name: {"SELECT", "INSERT", "UPDATE", "DELETE"} for name in found} | read_only
    assert may(database, schema, f"{schema}_writer", "USAGE")
    assert not may(database, schema, f"{schema}_writer", "CREATE")


def test_the_reader_reads_everything_and_writes_nothing(database: Database, schema: str) -> None:
    separated(database, schema)

    found = rights(database, schema, f"{schema}_reader")

    assert found == {name: {"SELECT"} for name in found}
    assert may(database, schema, f"{schema}_reader", "USAGE")
    assert not may(database, schema, f"{schema}_reader", "CREATE")


def test_what_was_granted_by_hand_before_is_taken_back(database: Database, schema: str) -> None:
    separated(database, schema)
    name, reader, writer = (sql.Identifier(each) for each in (schema, f"{schema}_reader", f"{schema}_writer"))
    for to in (sql.SQL("PUBLIC"), reader, writer):
        execute(database, "GRANT ALL ON SCHEMA {} TO {}", name, to)
        execute(database, "GRANT ALL ON ALL TABLES IN SCHEMA {} TO {}", name, to)

    database.query(roles_script(schema))

    found = rights(database, schema, f"{schema}_reader")
    assert found == {name: {"SELECT"} for name in found}
    written = rights(database, schema, f"{schema}_writer")
    assert {right for each in written.values() for right in each} == {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert {name for name, each in written.items() if each == {"SELECT"}} == OWNERS_ALONE
    for role in ("reader", "writer"):
        assert not may(database, schema, f"{schema}_{role}", "CREATE")
    assert rights(database, schema, "public") == {each: set() for each in found}
    assert not may(database, schema, "public", "USAGE")


def test_the_script_may_run_before_the_state_is_there_and_after_it_was_upgraded(
    database: Database, schema: str
) -> None:
    database.query(roles_script(schema))
    assert (owners(database, schema), tables(database, schema)) == ({f"{schema}_owner"}, set())

    created(database, schema)  # a superuser acts as the owner
    assert owners(database, schema) == {f"{schema}_owner"}
    assert {right for each in rights(database, schema, f"{schema}_reader").values() for right in each} == set()
    database.query(roles_script(schema))
    execute(database, "CREATE TABLE {}.added (a int)", sql.Identifier(schema))
    database.query(roles_script(schema))

    assert owners(database, schema) == {f"{schema}_owner"}
    assert rights(database, schema, f"{schema}_reader")["added"] == {"SELECT"}
    assert rights(database, schema, f"{schema}_writer")["added"] == {"SELECT", "INSERT", "UPDATE", "DELETE"}


def test_another_schema_is_left_alone(database: Database, schema: str) -> None:
    other = f"{schema}2"
    created(database, other)

    separated(database, schema)

    assert owners(database, other) == {database.user}
    for role in ROLES:
        assert not any(rights(database, other, f"{schema}_{role}").values())
        assert not may(database, other, f"{schema}_{role}", "USAGE")


@pytest.mark.parametrize(
    "planted",
    [
        "CREATE VIEW {s}.extra AS SELECT 1 AS a",
        "CREATE MATERIALIZED VIEW {s}.extra AS SELECT 1 AS a",
        "CREATE TABLE {s}.extra (a int) PARTITION BY LIST (a)",
        "CREATE TABLE {s}.extra (a int); ALTER TABLE {s}.extra ENABLE ROW LEVEL SECURITY",
        "CREATE TABLE {s}.extra (a int); CREATE RULE r AS ON INSERT TO {s}.extra DO NOTHING",
        "CREATE TABLE {s}.extra (a int); CREATE TABLE public.child () INHERITS ({s}.extra)",
        "CREATE TABLE {s}.extra (a int); CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT ON {s}.extra FOR EACH ROW EXECUTE FUNCTION"
        " public.f()",
        "CREATE FUNCTION {s}.extra() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OPERATOR {s}.=== (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int)",
        "CREATE DOMAIN {s}.extra AS int CHECK (value > 0)",
        "CREATE TYPE {s}.extra AS ENUM ('a')",
        "CREATE TYPE {s}.extra AS (a int)",
    ],
    ids=[
        "view",
        "materialized view",
        "partitions",
        "row security",
        "rule",
        "child",
        "trigger",
        "function",
        "operator",
        "domain",
        "enum",
        "row type",
    ],
)
def test_what_would_run_as_the_users_of_the_state_is_refused_and_nothing_is_changed(
    database: Database, schema: str, planted: str
) -> None:
    created(database, schema)
    database.query(sql.SQL(planted).format(s=sql.Identifier(schema)))
    before = roles_of(database)

    with pytest.raises(
        psycopg2.errors.RaiseException, match=r"(extra|===) is no plain table, so it is none of the state"
    ):
        database.query(roles_script(schema))

    assert owners(database, schema) == {database.user}
    assert roles_of(database) == before


VIEWS = ("executions", "node_history", "current_nodes", "savings")


def test_views_are_the_owners_and_every_role_may_read_them(database: Database, schema: str) -> None:
    separated(database, schema)

    for role in ROLES:
        for view in VIEWS:
            statement = sql.SQL("SET ROLE {}; SELECT count(*) FROM {}").format(
                sql.Identifier(f"{schema}_{role}"), sql.Identifier(schema, view)
            )
            assert database.query(statement) == [(0,)]


def test_what_somebody_else_has_put_into_a_view_of_the_state_is_replaced(database: Database, schema: str) -> None:
    created(database, schema)
    view = sql.Identifier(schema, "savings")
    (before,) = database.query(
        "SELECT definition FROM pg_views WHERE schemaname = %s AND viewname = 'savings'", (schema,)
    )
    statement = "CREATE OR REPLACE VIEW {} AS SELECT * FROM (SELECT * FROM {} LIMIT 0) x"
    database.query(sql.SQL("CREATE TABLE public.copied AS SELECT * FROM {}").format(view))
    database.query(sql.SQL(statement).format(view, sql.Identifier("public", "copied")))

    database.query(roles_script(schema))

    assert database.query(
        "SELECT definition FROM pg_views WHERE schemaname = %s AND viewname = 'savings'", (schema,)
    ) == [before]


@pytest.mark.parametrize(
    "planted",
    [
        "CREATE RULE r AS ON INSERT TO {s}.savings DO INSTEAD NOTHING",
        "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        " CREATE TRIGGER t INSTEAD OF INSERT ON {s}.savings FOR EACH ROW EXECUTE FUNCTION public.f()",
    ],
    ids=["rule", "trigger"],
)
def test_rules_and_triggers_on_a_view_of_the_state_are_refused(database: Database, schema: str, planted: str) -> None:
    created(database, schema)
    database.query(sql.SQL(planted).format(s=sql.Identifier(schema)))

    with pytest.raises(psycopg2.errors.RaiseException, match="savings is no plain table"):
        database.query(roles_script(schema))


LONGEST = 63 - len("_writer")


@pytest.mark.parametrize(
    "schema", ["s" * (LONGEST + 1), "é" * (LONGEST // 2) + "x", "a\nb", "a\x00b", "a\u2028b", "a\x1bb"]
)
def test_a_schema_after_which_no_role_can_be_named_is_refused(schema: str) -> None:
    with pytest.raises(UsageError, match="No role can be named after the schema") as caught:
        roles_script(schema)
    assert "--state-schema" in caught.value.do


@pytest.mark.parametrize("name", ["s" * (LONGEST - 8), "é" * ((LONGEST - 8) // 2)])
def test_the_longest_names_that_fit_are_taken_whole(database: Database, name: str) -> None:
    schema = f"{name}{secrets.token_hex(4)}"
    assert len(schema.encode()) == LONGEST
    try:
        separated(database, schema)

        assert {f"{schema}_{role}" for role in ROLES} <= roles_of(database)
        assert owners(database, schema) == {f"{schema}_owner"}
    finally:
        drop_roles(database, [f"{schema}_{role}" for role in ROLES])
