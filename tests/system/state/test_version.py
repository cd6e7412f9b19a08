"""Versions of the state: read, refused and explained."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import quote

import pytest
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from support.database import Database
from support.roles import Logins, as_role, drop_roles, execute, logins

from dbt_state_plugin.errors import StateError, UsageError
from dbt_state_plugin.postgres.connection import connect, transaction
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.schema_lock import SCHEMA_LOCK, lock_schema
from dbt_state_plugin.state.version import (
    EXPECTED_VERSION,
    KNOWN_VERSIONS,
    recorded_version,
    refuse_newer,
    require_schema,
    schema_errors,
)

HOSTILE = "we\"ird 'Sch;ema %s {x} \\ :x"


@pytest.fixture
def login(database: Database) -> Iterator[Logins]:
    with logins(database) as made:
        yield made


@contextmanager
def opened(role: Database) -> Iterator[Connection]:
    with closing(connect(DatabaseSettings.from_url(role.url))) as made:
        yield made


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with opened(database) as made:
        yield made


def version_of(connection: Connection, schema: str) -> str | None:
    with connection.cursor() as cursor:
        return recorded_version(cursor, schema)


def is_locked(database: Database) -> bool:
    return database.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted") != [(0,)]


def test_where_there_is_no_schema_or_no_state_in_it_there_is_no_version(
    database: Database, connection: Connection
) -> None:
    assert version_of(connection, "state") is None

    database.query("CREATE SCHEMA state; CREATE TABLE state.relation (a int); CREATE SCHEMA other")
    ensure_schema(connection, "other")

    assert version_of(connection, "state") is None


def test_a_state_whose_version_is_lost_has_none(database: Database, connection: Connection) -> None:
    ensure_schema(connection, "state")
    database.query("DELETE FROM state.alembic_version")

    assert version_of(connection, "state") is None
    with pytest.raises(StateError, match="already exists"):
        ensure_schema(connection, "state")  # and what is recorded in it is not written over


@pytest.mark.parametrize("schema", ["state", "State", HOSTILE])
def test_the_version_is_that_of_the_schema_that_is_asked_for(
    database: Database, connection: Connection, schema: str
) -> None:
    for each in (schema, "another"):
        ensure_schema(connection, each)
    database.query("UPDATE another.alembic_version SET version_num = '0001'")

    assert version_of(connection, schema) == EXPECTED_VERSION
    assert require_schema(connection, schema)


def test_the_version_of_a_strangers_state_is_not_read(database: Database, login: Logins) -> None:
    stranger = login("stranger")
    execute(database, "CREATE SCHEMA state AUTHORIZATION {}", sql.Identifier(stranger.user))
    execute(stranger, "CREATE TABLE state.alembic_version (version_num text)")

    with opened(login("me")) as connection, pytest.raises(StateError, match=f'belongs to the role "{stranger.user}"'):
        version_of(connection, "state")


@pytest.mark.parametrize("version", [None, *KNOWN_VERSIONS])
def test_versions_that_this_tool_knows_are_not_refused(version: str | None) -> None:
    refuse_newer(version, 'schema "state"')


@pytest.mark.parametrize("version", ["0010", "9999", "", "5", "0005 "])
def test_a_version_that_this_tool_does_not_know_is_refused(version: str) -> None:
    with pytest.raises(
        StateError, match=f'The state in schema "state" has version {version}, which is newer'
    ) as caught:
        refuse_newer(version, 'schema "state"')
    assert "Install the newer dbt-state-plugin" in caught.value.do


def test_to_ask_for_a_state_creates_none(database: Database, connection: Connection) -> None:
    assert require_schema(connection, "state") is False

    assert database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'state'") == []
    database.query("CREATE SCHEMA state")
    assert require_schema(connection, "state") is False
    assert database.query("SELECT 1 FROM pg_tables WHERE schemaname = 'state'") == []


@pytest.mark.parametrize("version", KNOWN_VERSIONS[:-1])
def test_an_older_state_is_refused_with_the_command_that_upgrades_it(
    database: Database, connection: Connection, version: str
) -> None:
    ensure_schema(connection, "state")
    database.query("UPDATE state.alembic_version SET version_num = %s", (version,))

    with pytest.raises(StateError, match=f"has version {version}, and this tool reads version") as caught:
        require_schema(connection, "state")
    assert "state upgrade" in caught.value.do


def test_a_newer_state_is_refused_as_one(database: Database, connection: Connection) -> None:
    ensure_schema(connection, "state")
    database.query("UPDATE state.alembic_version SET version_num = '9999'")

    with pytest.raises(StateError, match="which is newer than this tool knows"):
        require_schema(connection, "state")


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_the_schema_is_locked_to_the_end_of_the_transaction(
    database: Database, connection: Connection, end: str
) -> None:
    with opened(database) as other, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        lock_schema(cursor, "state", timeout=0)
        with (
            pytest.raises(StateError, match=f"database session {connection.info.backend_pid}"),
            transaction(other) as theirs,
        ):
            lock_schema(theirs, "another schema", timeout=0)

        cursor.execute(end)

        assert not is_locked(database)
        with transaction(other) as theirs:
            lock_schema(theirs, "state", timeout=0)


def test_who_waits_for_the_schema_has_it_when_the_other_has_ended(database: Database, connection: Connection) -> None:
    waiting = threading.Event()

    def lock() -> None:
        with transaction(connection) as cursor:
            waiting.set()
            lock_schema(cursor, "state")

    with closing(database.connect()) as other, other.cursor() as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (SCHEMA_LOCK,))
        follower = threading.Thread(target=lock)
        follower.start()
        waiting.wait()
        follower.join(0.3)
        assert follower.is_alive()
    follower.join(30)
    assert not follower.is_alive()


def test_errors_of_others_pass_as_they_are(connection: Connection) -> None:
    theirs = UsageError("what", "do")

    with pytest.raises(UsageError) as caught, schema_errors(connection, "state", "Cannot read the state"):
        raise theirs

    assert caught.value is theirs


def test_an_error_that_is_about_no_right_says_what_was_being_done(connection: Connection) -> None:
    with pytest.raises(StateError) as caught, schema_errors(connection, "state", "Cannot read the state"):
        connection.cursor().execute("SELECT 1 / 0")

    assert caught.value.what == 'Cannot read the state in schema "state": division by zero'
    assert "GRANT" not in caught.value.do


def missing_right(
    role: Database, schema: str, statement: str, what: str = "Cannot read the state", *, is_for_owner: bool = False
) -> StateError:
    with opened(role) as connection:
        errors = schema_errors(connection, schema, what, is_for_owner=is_for_owner)
        with pytest.raises(StateError) as caught, errors:
            connection.cursor().execute(sql.SQL(statement).format(s=sql.Identifier(schema)))
        return caught.value


def granted(error: StateError) -> str:
    start = "Ask a database administrator to run: "
    assert error.do.startswith(start)
    return error.do.removeprefix(start)


@pytest.mark.parametrize("schema", ["state", HOSTILE])
def test_who_may_not_read_the_state_is_told_the_grant_and_may_with_it(
    database: Database, connection: Connection, login: Logins, schema: str
) -> None:
    ensure_schema(connection, schema)
    me = login("me")

    error = missing_right(me, schema, "SELECT * FROM {s}.alembic_version")

    assert error.what.startswith(f'Cannot read the state in schema "{schema}": permission denied for schema')
    database.query(granted(error))
    with opened(me) as ours:
        assert require_schema(ours, schema)
        ours.cursor().execute(sql.SQL("DELETE FROM {}.execution").format(sql.Identifier(schema)))


@pytest.mark.parametrize("schema", ["state", HOSTILE])
def test_who_may_not_create_tables_is_told_the_grant_and_may_with_it(
    database: Database, login: Logins, schema: str
) -> None:
    execute(database, "CREATE SCHEMA {}", sql.Identifier(schema))
    me = login("me")

    database.query(granted(missing_right(me, schema, "CREATE TABLE {s}.x (a int)")))

    with opened(me) as ours:
        ensure_schema(ours, schema)
        assert require_schema(ours, schema)


@pytest.mark.parametrize("schema", ["state", HOSTILE])
def test_who_may_not_create_the_schema_is_told_the_grant_and_may_with_it(
    database: Database, login: Logins, schema: str
) -> None:
    me = login("me")

    database.query(granted(missing_right(me, schema, "CREATE SCHEMA {s}")))

    with opened(me) as ours:
        ensure_schema(ours, schema)
        assert require_schema(ours, schema)


def test_a_schema_that_search_path_leaves_out_is_one_without_the_right_to_use_it(
    database: Database, connection: Connection, login: Logins
) -> None:
    ensure_schema(connection, "state")

    error = missing_right(
        login("me"), "state", "SET search_path TO {s}; CREATE TABLE x (a int)", "Cannot upgrade the state"
    )

    assert error.what == 'Cannot upgrade the state in schema "state": permission denied for schema state'
    assert "GRANT USAGE ON SCHEMA" in granted(error)


def test_a_role_of_any_name_is_told_a_grant_that_can_be_run(
    database: Database, connection: Connection, login: Logins
) -> None:
    ensure_schema(connection, "state")
    plain = login("me")
    name = f"{plain.user} \"'; %s"
    execute(database, "ALTER ROLE {} RENAME TO {}", sql.Identifier(plain.user), sql.Identifier(name))
    login.made[:] = [name]
    me = as_role(database, quote(name), plain.password)

    database.query(granted(missing_right(me, "state", "SELECT * FROM {s}.alembic_version")))

    with opened(me) as ours:
        assert require_schema(ours, "state")


@pytest.mark.parametrize(
    ("is_for_owner", "expected"),
    [
        (False, "Let an administrator run what `dbt-state-plugin state roles` prints, and grant you"),
        (True, 'Let its owner, the role "{owner}", run `dbt-state-plugin state upgrade`'),
    ],
)
def test_where_the_roles_are_separated_nobody_is_told_to_grant_by_hand(
    database: Database, login: Logins, is_for_owner: bool, expected: str
) -> None:
    schema = f"{database.dbname}_state"
    owner = f"{schema}_owner"
    with ExitStack() as stack:
        execute(database, "CREATE ROLE {}", sql.Identifier(owner))
        stack.callback(drop_roles, database, [owner])
        execute(database, "CREATE SCHEMA {} AUTHORIZATION {}", sql.Identifier(schema), sql.Identifier(owner))

        error = missing_right(login("me"), schema, "CREATE TABLE {s}.x (a int)", is_for_owner=is_for_owner)

    assert error.do.startswith(expected.format(owner=owner))
