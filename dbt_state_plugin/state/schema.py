"""Creation of the state, and upgrade on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbt_state_plugin.postgres.connection import transaction
from dbt_state_plugin.state.dialect import is_sqlite
from dbt_state_plugin.state.ownership import become_owner
from dbt_state_plugin.state.schema_lock import LONGEST_WAIT_SECONDS, change_schema, lock_schema
from dbt_state_plugin.state.version import EXPECTED_VERSION, place_of, recorded_version, refuse_newer, schema_errors

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def ensure_schema(connection: Connection, schema: str, *, timeout: float = LONGEST_WAIT_SECONDS) -> None:
    """Create the state or upgrade it, under a lock and in one transaction; do nothing when it is current.

    Waits up to `timeout` seconds for another process that does so, and as long for those who use the tables. Raises
    StateError when they do not end, when the state is newer than this tool or the role lacks a right.
    """
    with schema_errors(connection, schema, "Cannot read the state"), connection.cursor() as cursor:
        version = recorded_version(cursor, schema)
    if version == EXPECTED_VERSION:
        return
    refuse_newer(version, place_of(connection, schema))
    with (
        schema_errors(connection, schema, "Cannot create the state", is_for_owner=True),
        transaction(connection) as cursor,
    ):
        lock_schema(cursor, schema, timeout=timeout)
        version = recorded_version(cursor, schema)  # look again: another process may have been faster
        if version is None:
            change_schema(cursor, schema, lambda: _create(cursor, schema), timeout=timeout)
    if version is not None and version != EXPECTED_VERSION:
        from dbt_state_plugin.state import migration

        migration.upgrade(connection, schema, timeout=timeout)


def _create(cursor: Any, schema: str) -> None:
    if is_sqlite(cursor.connection):
        from dbt_state_plugin.state.sqlite_schema import creating

        cursor.execute(creating())
        return
    from importlib.resources import files

    from psycopg2 import sql

    become_owner(cursor, schema)
    # CREATE SCHEMA IF NOT EXISTS needs CREATE on the database even where the schema exists: look first.
    cursor.execute("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,))
    if cursor.fetchone() is None:
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    cursor.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schema)))
    for name in ("schema.sql", "views.sql"):
        cursor.execute(files("dbt_state_plugin.state").joinpath(name).read_text(encoding="utf-8"))
