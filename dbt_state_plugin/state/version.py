"""Version of the state, and whether this tool may use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.errors import StateError
from dbt_state_plugin.postgres.connection import database_errors
from dbt_state_plugin.state.dialect import ByDialect, is_sqlite
from dbt_state_plugin.state.ownership import refuse_stranger, separate_owner
from dbt_state_plugin.state.state import compose

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

EXPECTED_VERSION = "0013"
# Oldest first; a test holds this to the migrations folder.
KNOWN_VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0011", "0012", "0013")

_IS_THERE = ByDialect(
    postgres="SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = %(schema)s AND tablename = 'alembic_version'",
    sqlite="SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'",
)


def place_of(connection: Connection, schema: str) -> str:
    """Return what messages call the place of a state."""
    return "this file" if is_sqlite(connection) else f'schema "{schema}"'


def recorded_version(cursor: Any, schema: str) -> str | None:
    """Return the version recorded in the schema, or None when nothing is there yet.

    Raises StateError when another role owns what is there.
    """
    if not is_sqlite(cursor.connection):
        refuse_stranger(cursor, schema)
    cursor.execute(compose(cursor.connection, _IS_THERE, schema), {"schema": schema})
    if cursor.fetchone() is None:
        return None
    cursor.execute(compose(cursor.connection, "SELECT version_num FROM {state}.alembic_version", schema))
    row = cursor.fetchone()
    return str(row[0]) if row else None


def refuse_newer(version: str | None, place: str) -> None:
    """Raise StateError when the recorded version is one that this tool does not know."""
    if version is not None and version not in KNOWN_VERSIONS:
        raise StateError(
            f"The state in {place} has version {version}, which is newer than this tool knows.",
            "Install the newer dbt-state-plugin that wrote it; an older one must not touch it.",
        )


def require_schema(connection: Connection, schema: str) -> bool:
    """Return whether the state exists, without creating it; raises StateError when its version is not this tool's."""
    with schema_errors(connection, schema, "Cannot read the state"), connection.cursor() as cursor:
        version = recorded_version(cursor, schema)
    refuse_newer(version, place_of(connection, schema))
    if version not in (None, EXPECTED_VERSION):
        raise StateError(
            f"The state in {place_of(connection, schema)} has version {version}, and this tool reads version "
            f"{EXPECTED_VERSION}.",
            "Run `dbt-state-plugin state upgrade`; `run` and every other command that writes does it by itself.",
        )
    return version is not None


@contextmanager
def schema_errors(connection: Connection, schema: str, what: str, *, is_for_owner: bool = False) -> Iterator[None]:
    """Turn the driver's errors into a StateError; one about a missing right says which GRANT gives it.

    `is_for_owner` says that only the owner of the state, where there is a separate one, is to do this at all.
    """
    import psycopg2

    try:
        with database_errors(f"{what} in {place_of(connection, schema)}"):
            yield
    except StateError as error:
        message = error.what
        if is_sqlite(connection):
            raise
        if isinstance(error.__cause__, psycopg2.errors.InvalidSchemaName):
            # PostgreSQL leaves a schema without the right USAGE out of search_path, and then finds no schema at all.
            message = f'{what} in schema "{schema}": permission denied for schema {schema}'
        elif not isinstance(error.__cause__, psycopg2.errors.InsufficientPrivilege):
            raise
        raise StateError(message, _missing_grant(connection, schema, is_for_owner=is_for_owner)) from error.__cause__


_ROLE_AND_SCHEMA = """
    SELECT pg_catalog.current_database()::text, current_user::text,
           EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %(schema)s),
           EXISTS (SELECT 1 FROM pg_catalog.pg_tables
                   WHERE schemaname = %(schema)s AND tablename = 'alembic_version')
"""


def _missing_grant(connection: Connection, schema: str, *, is_for_owner: bool) -> str:
    from psycopg2 import sql

    with database_errors("Cannot read the rights of this role"), connection.cursor() as cursor:
        owner = separate_owner(cursor, schema)
        cursor.execute(_ROLE_AND_SCHEMA, {"schema": schema})
        database, role, schema_exists, state_exists = cursor.fetchone() or ("", "", False, False)
        if owner:
            if is_for_owner:
                return f'Let its owner, the role "{owner[0]}", run `dbt-state-plugin state upgrade` (or `downgrade`).'
            return (
                "Let an administrator run what `dbt-state-plugin state roles` prints, and grant you one of the roles."
            )
        if state_exists:
            grant = (
                "GRANT USAGE ON SCHEMA {schema} TO {role}; "
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};"
            )
        elif schema_exists:
            grant = "GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};"
        else:
            grant = "GRANT CREATE ON DATABASE {database} TO {role};"
        names = {"database": sql.Identifier(database), "schema": sql.Identifier(schema), "role": sql.Identifier(role)}
        text = sql.SQL(grant).format(**names).as_string(cursor)
    return f"Ask a database administrator to run: {text}"
