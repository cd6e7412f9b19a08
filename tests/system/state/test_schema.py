"""Creation of the state: once, whole, and by its owner."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from support.database import Database
from support.roles import Logins, drop_roles, execute, logins

from dbt_state_plugin.errors import StateError
from dbt_state_plugin.postgres.connection import connect
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.schema_lock import SCHEMA_LOCK
from dbt_state_plugin.state.version import EXPECTED_VERSION, require_schema

HOSTILE = "we\"ird 'Sch;ema %s {x} \\ :x"
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = %s"
OWNERS = """
    SELECT DISTINCT c.relowner::regrole::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s
"""


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with closing(connect(DatabaseSettings.from_url(database.url))) as made:
        yield made


@pytest.fixture
def login(database: Database) -> Iterator[Logins]:
    with logins(database) as made:
        yield made


def ensured_by(role: Database, schema: str) -> None:
    with closing(connect(DatabaseSettings.from_url(role.url))) as made:
        ensure_schema(made, schema)


def keys(database: Database, schema: str) -> list[bytes]:
    rows = database.query(sql.SQL("SELECT hash_key FROM {}.installation").format(sql.Identifier(schema)))
    return [bytes(row[0]) for row in rows]


@pytest.mark.parametrize("schema", ["state", "State", HOSTILE])
def test_the_state_is_created_with_its_version_and_a_key_of_its_own(
    database: Database, connection: Connection, schema: str
) -> None:
    ensure_schema(connection, schema)
    ensure_schema(connection, "another")

    version = sql.SQL("SELECT version_num FROM {}.alembic_version").format(sql.Identifier(schema))
    assert database.query(version) == [(EXPECTED_VERSION,)]
    (ours,), (theirs,) = keys(database, schema), keys(database, "another")
    assert (len(ours), len(theirs)) == (32, 32)
    assert ours != theirs
    assert database.query(TABLES, (schema,)) == database.query(TABLES, ("another",)) != [(0,)]


def test_a_state_that_is_current_is_left_as_it_is_and_nothing_is_locked(
    database: Database, connection: Connection
) -> None:
    ensure_schema(connection, "state")
    before = keys(database, "state")

    with closing(database.connect()) as other, other.cursor() as holder, connection.cursor() as cursor:
        holder.execute("SELECT pg_advisory_lock(%s)", (SCHEMA_LOCK,))
        cursor.execute("SET default_transaction_read_only = on")
        ensure_schema(connection, "state")

    assert keys(database, "state") == before


def test_the_session_finds_afterwards_what_it_found_before(database: Database, connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        before = cursor.fetchall()

        ensure_schema(connection, "state")

        cursor.execute("SHOW search_path")
        assert cursor.fetchall() == before
    assert database.query(TABLES, ("public",)) == [(0,)]


def test_the_state_is_created_beside_what_stands_in_its_schema(database: Database, connection: Connection) -> None:
    database.query("CREATE SCHEMA state; CREATE TABLE state.orders AS SELECT 1 AS id")

    ensure_schema(connection, "state")

    assert require_schema(connection, "state")
    assert database.query("SELECT id FROM state.orders") == [(1,)]


def test_a_state_that_cannot_be_created_whole_is_not_created(database: Database, connection: Connection) -> None:
    database.query("CREATE SCHEMA state; CREATE TABLE state.node_result (a int)")  # the last table of all

    with pytest.raises(StateError, match='Cannot create the state in schema "state": relation "node_result"'):
        ensure_schema(connection, "state")

    assert database.query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'state'") == [("node_result",)]


def test_where_nothing_may_be_written_no_schema_is_left_either(database: Database, connection: Connection) -> None:
    with closing(database.connect()) as other:
        other.cursor().execute("BEGIN; LOCK TABLE pg_catalog.pg_class IN SHARE MODE")  # a schema may be made, no table

        with pytest.raises(StateError, match=r"for 0 s: one that holds a lock on PostgreSQL's own catalog\."):
            ensure_schema(connection, "state", timeout=0)

    assert database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'state'") == []


def test_a_state_in_the_schema_of_a_stranger_is_not_created(database: Database, login: Logins) -> None:
    me, stranger = login("me"), login("stranger")
    execute(database, "CREATE SCHEMA state AUTHORIZATION {}", sql.Identifier(stranger.user))
    execute(stranger, "GRANT ALL ON SCHEMA state TO PUBLIC")

    with pytest.raises(StateError, match=f'belongs to the role "{stranger.user}"'):
        ensured_by(me, "state")

    assert database.query(TABLES, ("state",)) == [(0,)]


def test_what_another_process_has_created_meanwhile_is_not_created_again(
    database: Database, connection: Connection
) -> None:
    with closing(connect(DatabaseSettings.from_url(database.url))) as other, other.cursor() as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (SCHEMA_LOCK,))
        following = threading.Thread(target=ensure_schema, args=(connection, "state"))
        following.start()
        following.join(0.3)  # it has seen that there is no state, and waits
        assert following.is_alive()
        ensure_schema(other, "state")
        before = keys(database, "state")
    following.join()

    assert keys(database, "state") == before


def test_whoever_creates_the_state_owns_it(database: Database, login: Logins) -> None:
    me = login("me")
    execute(database, "GRANT CREATE ON DATABASE {} TO {}", sql.Identifier(database.dbname), sql.Identifier(me.user))

    ensured_by(me, "state")

    assert database.query(OWNERS, ("state",)) == [(me.user,)]
    assert database.query("SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'state'") == [(me.user,)]


def test_where_the_owner_is_separate_what_is_created_is_the_owners(database: Database, login: Logins) -> None:
    schema = f"{database.dbname}_state"
    owner = f"{schema}_owner"
    execute(database, "CREATE ROLE {}", sql.Identifier(owner))
    try:
        execute(database, "CREATE SCHEMA {} AUTHORIZATION {}", sql.Identifier(schema), sql.Identifier(owner))
        with pytest.raises(StateError, match="permission denied") as caught:
            ensured_by(login("other"), schema)
        assert f'the role "{owner}"' in caught.value.do

        ensured_by(login("member", member_of=owner), schema)

        assert database.query(OWNERS, (schema,)) == [(owner,)]
    finally:
        drop_roles(database, [owner])
