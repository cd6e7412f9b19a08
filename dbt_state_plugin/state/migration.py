"""Migrations: from one version of the state to another.

Alembic writes the SQL; it is run here on the caller's connection, or printed for a database administrator. It is slow
to import, so that is done only when a migration is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.errors import UsageError
from dbt_state_plugin.postgres.connection import rolled_back, transaction
from dbt_state_plugin.state import sqlite_schema
from dbt_state_plugin.state.alembic_script import BASE as BASE
from dbt_state_plugin.state.alembic_script import alembic_config, migration_script
from dbt_state_plugin.state.dialect import ByDialect, is_sqlite
from dbt_state_plugin.state.ownership import become_owner
from dbt_state_plugin.state.schema_lock import LONGEST_WAIT_SECONDS, SCHEMA_LOCK, change_schema, lock_schema
from dbt_state_plugin.state.state import compose
from dbt_state_plugin.state.version import (
    EXPECTED_VERSION,
    KNOWN_VERSIONS,
    place_of,
    recorded_version,
    refuse_newer,
    schema_errors,
)

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of the schema, and what it changed."""

    number: str
    description: str


def current(connection: Connection, schema: str) -> str | None:
    """Return the recorded version, also one that is newer than this tool, or None when there is no state."""
    with schema_errors(connection, schema, "Cannot read the state"), connection.cursor() as cursor:
        return recorded_version(cursor, schema)


def history() -> tuple[Version, ...]:
    """Return all versions that this tool knows, oldest first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(alembic_config(StringIO())).walk_revisions()
    newest_first = [Version(number=script.revision, description=script.doc.rstrip(".")) for script in scripts]
    return tuple(reversed(newest_first))


def upgrade(connection: Connection, schema: str, *, timeout: float = LONGEST_WAIT_SECONDS) -> None:
    """Bring the state to this tool's version, from nothing or from an older one, in one transaction under a lock.

    Waits up to `timeout` seconds for another process that does so, and as long for those who use the tables. Raises
    StateError when they do not end, when the state is newer than this tool or the role lacks a right.
    """
    with (
        schema_errors(connection, schema, "Cannot upgrade the state", is_for_owner=True),
        transaction(connection) as cursor,
    ):
        _upgrade(cursor, schema, timeout)


def _upgrade(cursor: Any, schema: str, timeout: float) -> str | None:
    """Upgrade inside of a transaction; return the version before."""
    lock_schema(cursor, schema, timeout=timeout)
    version = recorded_version(cursor, schema)
    refuse_newer(version, place_of(cursor.connection, schema))
    if version == EXPECTED_VERSION:
        return version
    if is_sqlite(cursor.connection):
        cursor.execute(sqlite_schema.upgrading(version))
        return version
    statements = _statements(schema, version or BASE, EXPECTED_VERSION)

    def change() -> None:
        cursor.execute("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,))
        if cursor.fetchone() is None:
            cursor.execute(_create_schema(schema))
        become_owner(cursor, schema)
        cursor.execute(statements)

    change_schema(cursor, schema, change, timeout=timeout)
    return version


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What an upgrade would do: the versions before (None: no state) and after, and the rows of each table.

    `rows` has the number before and after by table, None if the table is not there.
    """

    before: str | None
    after: str
    rows: Mapping[str, tuple[int | None, int | None]]

    @property
    def lost(self) -> tuple[str, ...]:
        """Return the tables that would have fewer rows, other than caches."""
        return tuple(
            table
            for table, (before, after) in self.rows.items()
            if before and (after or 0) < before and table not in _MADE_AGAIN
        )


_MADE_AGAIN = frozenset({"project_snapshot", "manifest"})  # dbt parses once more


def rehearse(connection: Connection, schema: str, *, timeout: float = LONGEST_WAIT_SECONDS) -> Rehearsal:
    """Upgrade in a transaction that is rolled back, and count the rows of each table before and after.

    It waits and locks as `upgrade` does. Raises StateError.
    """
    with (
        schema_errors(connection, schema, "Cannot upgrade the state", is_for_owner=True),
        rolled_back(connection) as cursor,
    ):
        lock_schema(cursor, schema, timeout=timeout)
        before = _row_counts(cursor, schema)
        version = _upgrade(cursor, schema, timeout)
        after = _row_counts(cursor, schema)
    tables = sorted(before.keys() | after.keys())
    rows = {table: (before.get(table), after.get(table)) for table in tables}
    return Rehearsal(before=version, after=EXPECTED_VERSION, rows=rows)


_TABLES = ByDialect(
    postgres="""
        SELECT tablename::text FROM pg_catalog.pg_tables
        WHERE schemaname = %(schema)s AND tablename <> 'alembic_version'
    """,
    sqlite="""
        SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'alembic_version' AND name NOT LIKE 'sqlite%%'
    """,
)


def _row_counts(cursor: Any, schema: str) -> dict[str, int]:
    cursor.execute(compose(cursor.connection, _TABLES, schema), {"schema": schema})
    return {table: _row_count(cursor, schema, table) for (table,) in cursor.fetchall()}


def _row_count(cursor: Any, schema: str, table: str) -> int:
    from psycopg2 import sql

    if is_sqlite(cursor.connection):
        quoted_name = table.replace('"', '""')
        cursor.execute(f'SELECT count(*) FROM "{quoted_name}"')  # noqa: S608
    else:
        cursor.execute(sql.SQL("SELECT pg_catalog.count(*) FROM {}").format(sql.Identifier(schema, table)))
    return int(cursor.fetchone()[0])


def downgrade(connection: Connection, schema: str, revision: str, *, timeout: float = LONGEST_WAIT_SECONDS) -> None:
    """Bring the state back to an older version, in one transaction under a lock; `base` removes it with all history.

    The schema itself stays, since others may have made it. Waits as `upgrade` does. Raises UsageError and StateError.
    """
    with (
        schema_errors(connection, schema, "Cannot downgrade the state", is_for_owner=True),
        transaction(connection) as cursor,
    ):
        lock_schema(cursor, schema, timeout=timeout)
        version = recorded_version(cursor, schema)
        refuse_newer(version, place_of(cursor.connection, schema))
        if revision == (version or BASE):
            return
        if is_sqlite(cursor.connection):
            _refuse_no_downgrade(version or BASE, revision)
            cursor.execute(sqlite_schema.downgrading(version or BASE, revision))
            return
        statements = _downgrade_statements(schema, version or BASE, revision)

        def change() -> None:
            become_owner(cursor, schema)
            cursor.execute(statements)

        change_schema(cursor, schema, change, timeout=timeout)


def upgrade_script(schema: str, start: str = BASE) -> str:
    """Return the SQL of an upgrade from `start`, as one transaction, for a database administrator to run."""
    if start not in (BASE, *KNOWN_VERSIONS):
        raise _unknown_version(start)
    create = f"{_create_schema(schema, only_if_missing=True)}\n\n" if start == BASE else ""
    return _script(create + _statements(schema, start, EXPECTED_VERSION))


def downgrade_script(schema: str, revision: str) -> str:
    """Return the SQL of a downgrade from this tool's version, as one transaction."""
    return _script(_downgrade_statements(schema, EXPECTED_VERSION, revision))


def _script(statements: str) -> str:
    lock = f"SELECT pg_catalog.pg_advisory_xact_lock({SCHEMA_LOCK});"
    return f"BEGIN;\n\n{lock}\n\n{statements}\nCOMMIT;\n"


def _statements(schema: str, start: str, end: str) -> str:
    return f"SET LOCAL search_path TO {quoted(schema)};\n\n{migration_script(start, end, 'postgresql')}"


def _downgrade_statements(schema: str, start: str, revision: str) -> str:
    _refuse_no_downgrade(start, revision)
    statements = _statements(schema, start, revision)
    # Alembic's releases differ in whether they drop their own table at the end.
    return f"{statements}DROP TABLE IF EXISTS alembic_version;\n" if revision == BASE else statements


def _refuse_no_downgrade(start: str, revision: str) -> None:
    order = (BASE, *KNOWN_VERSIONS)
    if revision not in order:
        raise _unknown_version(revision)
    if order.index(revision) > order.index(start):
        raise UsageError(
            f"Version {revision} is newer than {start}, so that is no downgrade.",
            "Run `dbt-state-plugin state upgrade`.",
        )


def _unknown_version(revision: str) -> UsageError:
    return UsageError(
        f'There is no version "{revision}" of the state.', f"Choose one of: {', '.join((BASE, *KNOWN_VERSIONS))}."
    )


def _create_schema(schema: str, *, only_if_missing: bool = False) -> str:
    return f"CREATE SCHEMA {'IF NOT EXISTS ' if only_if_missing else ''}{quoted(schema)};"


def quoted(schema: str) -> str:
    """Return a name of the database as SQL spells it."""
    from sqlalchemy.dialects import postgresql

    dialect: Any = postgresql.dialect  # SQLAlchemy does not annotate it
    return str(dialect(paramstyle="named").identifier_preparer.quote_identifier(schema))
