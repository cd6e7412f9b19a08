"""Ways to the state's schema, all with one result."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from support.database import Database

from dbt_state_plugin.errors import StateError, UsageError
from dbt_state_plugin.postgres.connection import connect, transaction
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state import migration
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.schema_lock import SCHEMA_LOCK, lock_schema
from dbt_state_plugin.state.version import EXPECTED_VERSION, KNOWN_VERSIONS, require_schema

HOSTILE = 'we"ird Sch;ema %s :x'

# Not by their places in the table: no statement goes by these, and a migration cannot put a column back.
COLUMNS = """
    SELECT c.relname::text, c.relkind::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
           a.attnotnull, a.attidentity::text, a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) ORDER BY 1, 3
"""
CONSTRAINTS = """
    SELECT c.relname::text, k.conname::text, k.contype::text, k.condeferrable, k.convalidated,
           pg_get_constraintdef(k.oid)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) ORDER BY 1, 2
"""
INDEXES = """
    SELECT c.relname::text, pg_get_indexdef(i.indexrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) ORDER BY 1
"""
VIEWS = "SELECT viewname::text, definition FROM pg_views WHERE schemaname = %s ORDER BY 1"
OTHER_OBJECTS = """
    SELECT 'function', proname::text FROM pg_proc
    WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(s)s)
    UNION ALL
    SELECT 'trigger', tgname::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT tgisinternal AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(s)s)
    ORDER BY 1, 2
"""
ROWS = "SELECT (SELECT array_agg(version_num) FROM {s}.alembic_version), (SELECT count(*) FROM {s}.installation)"


def structure(opened: Connection, schema: str) -> dict[str, list[tuple[Any, ...]]]:
    """Read everything that makes up a schema from the catalog; equal search paths make equal texts."""
    with opened.cursor() as cursor:
        cursor.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
        found = {}
        for name, query in (("columns", COLUMNS), ("constraints", CONSTRAINTS), ("indexes", INDEXES), ("views", VIEWS)):
            cursor.execute(query, (schema,))
            found[name] = cursor.fetchall()
        cursor.execute(OTHER_OBJECTS, {"s": schema})
        found["others"] = cursor.fetchall()
        cursor.execute("SET search_path TO ''")
        return found


@contextmanager
def opened(database: Database, **parameters: Any) -> Iterator[Connection]:
    settings = DatabaseSettings.from_url(database.url)
    with closing(connect(settings)) as made:
        if role := parameters.get("role"):
            with made.cursor() as cursor:
                cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        yield made


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """Connect as the tool does, with an empty search_path."""
    with opened(database) as made:
        yield made


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    """Create a role without rights, and drop it with what it owns."""
    name = f"{database.dbname} Role"
    database.query(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
    yield name
    database.query(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
    database.query(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def fresh(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Create the state in one go, as on first use, under the name `fresh`."""
    ensure_schema(connection, "fresh")
    return structure(connection, "fresh")


def without_the_name(found: dict[str, list[tuple[Any, ...]]], schema: str) -> str:
    return repr(found).replace(f"{schema}.", "")


def rows(connection: Connection, schema: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(ROWS).format(s=sql.Identifier(schema)))
        row = cursor.fetchone()
        assert row is not None
        return row


def test_a_migrated_schema_equals_a_fresh_one(connection: Connection, fresh: dict[str, list[tuple[Any, ...]]]) -> None:
    migration.upgrade(connection, "migrated")

    migrated = structure(connection, "migrated")
    assert len(fresh["columns"]) > 50
    assert without_the_name(migrated, "migrated") == without_the_name(fresh, "fresh")
    assert rows(connection, "migrated") == rows(connection, "fresh") == ([EXPECTED_VERSION], 1)


def test_the_printed_sql_makes_the_same_schema(
    database: Database, connection: Connection, fresh: dict[str, list[tuple[Any, ...]]]
) -> None:
    database.query(migration.upgrade_script("printed"))

    printed = structure(connection, "printed")
    assert without_the_name(printed, "printed") == without_the_name(fresh, "fresh")
    assert rows(connection, "printed") == ([EXPECTED_VERSION], 1)


STATE_OF_0001 = """
    INSERT INTO state.environment (project_name, target_name) VALUES ('shop', 'dev');
    INSERT INTO state.relation (database_name, schema_name, identifier, environment_id, unique_id, resource_type,
        materialized, fingerprint, trace)
        SELECT 'db', 'main', 'orders', environment_id, 'model.shop.orders', 'model', 'table', '{"body": "1"}', '{}'
        FROM state.environment;
    INSERT INTO state.project_snapshot (environment_id, inputs_digest, places, project)
        SELECT environment_id, repeat('0', 64), '{}', '' FROM state.environment
"""


def test_an_upgrade_from_the_first_version_keeps_what_is_recorded(database: Database, connection: Connection) -> None:
    migration.upgrade(connection, "state")
    migration.downgrade(connection, "state", "0001")
    database.query(STATE_OF_0001)

    ensure_schema(connection, "state")

    assert migration.current(connection, "state") == EXPECTED_VERSION
    assert database.query("SELECT identifier, data_id = build_id, items, compiled FROM state.relation") == [
        ("orders", True, {}, {})
    ]
    assert database.query("SELECT count(*) FROM state.project_snapshot") == [(0,)]  # its hashes say nothing any more


def test_a_downgrade_by_one_version_keeps_what_is_recorded(database: Database, connection: Connection) -> None:
    migration.upgrade(connection, "state")
    migration.downgrade(connection, "state", "0001")
    first = structure(connection, "state")
    database.query(STATE_OF_0001)
    migration.upgrade(connection, "state")

    migration.downgrade(connection, "state", "0001")

    assert without_the_name(structure(connection, "state"), "state") == without_the_name(first, "state")
    assert database.query("SELECT identifier FROM state.relation") == [("orders",)]


STEPS_OF_ONE_NAME = """
    INSERT INTO state.environment (pipeline) VALUES ('dpo');
    INSERT INTO state.execution (execution_id, environment_id, command, is_exclusive, caller, tool_version)
        SELECT gen_random_uuid(), environment_id, 'init-execution', false, 'script', '' FROM state.environment;
    INSERT INTO state.execution_step (step_id, execution_id, name, started_at, rows_processed)
        SELECT gen_random_uuid(), execution_id, name, timestamptz '2019-10-11' + n * interval '1 hour', n
        FROM state.execution, (VALUES ('LOAD', 1), ('LOAD', 3), ('LOAD', 2), ('TRANSFORM', 1)) AS given (name, n)
"""


def test_a_downgrade_keeps_the_last_of_several_steps_of_one_name(database: Database, connection: Connection) -> None:
    migration.upgrade(connection, "state")
    database.query(STEPS_OF_ONE_NAME)

    migration.downgrade(connection, "state", "0006")

    assert database.query("SELECT name, rows_processed FROM state.execution_step ORDER BY 1") == [
        ("LOAD", 3),
        ("TRANSFORM", 1),
    ]


def test_an_older_state_is_refused_where_nothing_may_be_written(connection: Connection) -> None:
    migration.upgrade(connection, "state")
    migration.downgrade(connection, "state", "0001")

    with pytest.raises(StateError, match="has version 0001, and this tool reads version") as caught:
        require_schema(connection, "state")

    assert "state upgrade" in caught.value.do


def test_a_downgrade_to_base_removes_everything(connection: Connection) -> None:
    migration.upgrade(connection, "state")

    migration.downgrade(connection, "state", "base")

    assert set(map(len, structure(connection, "state").values())) == {0}
    assert migration.current(connection, "state") is None


def test_the_printed_downgrade_removes_everything(database: Database, connection: Connection) -> None:
    ensure_schema(connection, "state")

    database.query(migration.downgrade_script("state", "base"))

    assert set(map(len, structure(connection, "state").values())) == {0}


def test_a_state_can_be_made_again_after_a_downgrade(connection: Connection) -> None:
    migration.upgrade(connection, "state")
    migration.downgrade(connection, "state", "base")

    ensure_schema(connection, "state")

    assert migration.current(connection, "state") == EXPECTED_VERSION


@pytest.mark.parametrize("make", [ensure_schema, migration.upgrade])
def test_a_schema_with_a_hostile_name_works(connection: Connection, make: Any) -> None:
    make(connection, HOSTILE)
    make(connection, HOSTILE)

    assert require_schema(connection, HOSTILE)
    assert rows(connection, HOSTILE) == ([EXPECTED_VERSION], 1)
    migration.downgrade(connection, HOSTILE, "base")
    assert migration.current(connection, HOSTILE) is None


def test_the_printed_sql_works_for_a_hostile_name(database: Database, connection: Connection) -> None:
    database.query(migration.upgrade_script(HOSTILE))

    assert rows(connection, HOSTILE) == ([EXPECTED_VERSION], 1)


def test_the_known_versions_are_those_of_the_folder() -> None:
    folder = Path(migration.__file__).parent / "migrations" / "versions"

    assert tuple(sorted(file.stem[:4] for file in folder.glob("[0-9]*.py"))) == KNOWN_VERSIONS
    assert tuple(version.number for version in migration.history()) == KNOWN_VERSIONS
    assert KNOWN_VERSIONS[-1] == EXPECTED_VERSION


@pytest.mark.parametrize(
    "use",
    [
        ensure_schema,
        require_schema,
        migration.upgrade,
        lambda connection, schema: migration.downgrade(connection, schema, "base"),
    ],
)
def test_a_newer_state_is_refused_and_left_alone(database: Database, connection: Connection, use: Any) -> None:
    ensure_schema(connection, "state")
    database.query("UPDATE state.alembic_version SET version_num = '9999'")

    with pytest.raises(StateError, match="version 9999, which is newer than this tool knows"):
        use(connection, "state")
    assert rows(connection, "state") == (["9999"], 1)


def test_an_unknown_or_newer_version_is_no_downgrade(connection: Connection) -> None:
    with pytest.raises(UsageError, match='no version "0042"'):
        migration.downgrade(connection, "state", "0042")
    with pytest.raises(UsageError, match=r"0001 is newer than base"):
        migration.downgrade(connection, "state", "0001")
    with pytest.raises(UsageError, match='no version "0042"'):
        migration.upgrade_script("state", "0042")


USES = [ensure_schema, migration.upgrade, lambda connection, schema: migration.downgrade(connection, schema, "base")]


@pytest.mark.parametrize("use", USES, ids=["ensure", "upgrade", "downgrade"])
def test_the_wait_for_another_process_outlasts_the_timeout_of_the_session(
    database: Database, connection: Connection, use: Any
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '10ms'")

    with closing(database.connect()) as other, other.cursor() as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (SCHEMA_LOCK,))
        waiting = threading.Thread(target=use, args=(connection, "state"))
        waiting.start()
        waiting.join(0.5)  # longer than the timeout of the session
        assert waiting.is_alive()
    waiting.join()

    assert migration.current(connection, "state") == (None if use is USES[2] else EXPECTED_VERSION)


def test_who_waits_in_vain_is_told_who_is_changing_the_state_and_to_try_again(
    database: Database, connection: Connection
) -> None:
    with closing(database.connect()) as other, other.cursor() as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (SCHEMA_LOCK,))

        with pytest.raises(StateError) as caught, transaction(connection) as cursor:
            lock_schema(cursor, "state", timeout=0)

        assert caught.value.what.startswith(
            'Another process is creating or upgrading the state in schema "state", and has not ended in 0 s: '
            f"database session {other.info.backend_pid} of user {database.user} (no application name"
        )
    assert caught.value.do == "Run the command again when it has ended; nothing was changed."


def test_who_uses_the_tables_for_too_long_is_named_and_the_upgrade_has_not_happened(
    database: Database, connection: Connection
) -> None:
    migration.upgrade(connection, "state")
    migration.downgrade(connection, "state", "0001")

    with closing(database.connect(application_name="psql")) as other, other.cursor() as reader:
        reader.execute("BEGIN; SELECT * FROM state.relation")
        pid = other.info.backend_pid
        with pytest.raises(StateError) as caught:
            ensure_schema(connection, "state", timeout=0)

    assert caught.value.what.startswith(
        'The tables of the state in schema "state" have to be changed, and another session has used them for 0 s: '
        f"database session {pid} of user {database.user} (psql"
    )
    assert migration.current(connection, "state") == "0001"
    ensure_schema(connection, "state")
    assert migration.current(connection, "state") == EXPECTED_VERSION


def test_a_rehearsal_counts_the_rows_and_changes_nothing(database: Database, connection: Connection) -> None:
    migration.upgrade(connection, "state")
    migration.downgrade(connection, "state", "0001")
    before = structure(connection, "state")

    found = migration.rehearse(connection, "state")

    assert (found.before, found.after, found.lost) == ("0001", EXPECTED_VERSION, ())
    assert found.rows["installation"] == (1, 1)
    assert found.rows["manifest"] == (None, 0)
    assert structure(connection, "state") == before
    assert migration.current(connection, "state") == "0001"
    assert database.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


def test_a_rehearsal_of_the_first_start_creates_nothing(database: Database, connection: Connection) -> None:
    found = migration.rehearse(connection, "state")

    assert (found.before, found.rows["execution"]) == (None, (None, 0))
    assert database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'state'") == []


def test_rows_that_an_upgrade_would_lose_are_named() -> None:
    rows = {"execution": (2, 1), "gone": (1, None), "manifest": (1, 0), "new": (None, 0), "same": (3, 3)}

    assert migration.Rehearsal(before="0001", after="0002", rows=rows).lost == ("execution", "gone")


def test_a_role_may_work_in_a_schema_that_was_made_for_it(database: Database, role: str) -> None:
    database.query(sql.SQL("CREATE SCHEMA state AUTHORIZATION {}").format(sql.Identifier(role)))
    revoke_create(database)

    with opened(database, role=role) as made:
        ensure_schema(made, "state")
        migration.downgrade(made, "state", "base")
        migration.upgrade(made, "state")

        assert migration.current(made, "state") == EXPECTED_VERSION


def test_a_role_may_work_with_granted_tables_of_another_role(database: Database, role: str) -> None:
    database.query(migration.upgrade_script("state"))
    with opened(database, role=role) as made, pytest.raises(StateError) as caught:
        ensure_schema(made, "state")
    assert caught.value.do.startswith("Ask a database administrator to run: ")

    database.query(caught.value.do.removeprefix("Ask a database administrator to run: "))

    with opened(database, role=role) as made:
        ensure_schema(made, "state")
        assert require_schema(made, "state")


def test_a_role_without_rights_is_told_the_grant_that_it_needs(database: Database, role: str) -> None:
    revoke_create(database)

    with opened(database, role=role) as made:
        with pytest.raises(StateError) as caught:
            ensure_schema(made, "state")
        assert "\n" not in caught.value.what + caught.value.do
        assert caught.value.what.startswith('Cannot create the state in schema "state": permission denied for database')
        assert caught.value.do == (
            f'Ask a database administrator to run: GRANT CREATE ON DATABASE "{database.dbname}" TO "{role}";'
        )

        database.query(caught.value.do.removeprefix("Ask a database administrator to run: "))
        ensure_schema(made, "state")


def test_a_role_without_rights_on_an_empty_schema_is_told_the_grant_that_it_needs(
    database: Database, role: str
) -> None:
    database.query("CREATE SCHEMA state")

    with opened(database, role=role) as made:
        with pytest.raises(StateError) as caught:
            ensure_schema(made, "state")
        assert caught.value.do == (
            f'Ask a database administrator to run: GRANT USAGE, CREATE ON SCHEMA "state" TO "{role}";'
        )

        database.query(caught.value.do.removeprefix("Ask a database administrator to run: "))
        ensure_schema(made, "state")


def test_a_failed_migration_leaves_nothing_behind(database: Database, connection: Connection) -> None:
    database.query("CREATE SCHEMA state; CREATE TABLE state.relation (only_column int)")

    with pytest.raises(StateError, match='relation "relation" already exists'):
        migration.upgrade(connection, "state")

    assert migration.current(connection, "state") is None
    assert {row[0] for row in structure(connection, "state")["columns"]} == {"relation"}


def revoke_create(database: Database) -> None:
    statement = sql.SQL("REVOKE CREATE ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database.dbname))
    database.query(statement)
