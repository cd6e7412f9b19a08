"""Rights of a role on the tables of a state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt_state_plugin.postgres.connection import database_errors
from dbt_state_plugin.state.dialect import is_sqlite
from dbt_state_plugin.state.ownership import separate_owner

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# What a writer does not change is left out: see `state roles`.
_UNWRITABLE = """
    SELECT t.relname::text FROM pg_catalog.pg_stat_all_tables t
    WHERE t.schemaname = %s AND t.relname NOT IN ('alembic_version', 'installation')
      AND NOT (has_table_privilege(t.relid, 'SELECT') AND has_table_privilege(t.relid, 'INSERT')
               AND has_table_privilege(t.relid, 'UPDATE') AND has_table_privilege(t.relid, 'DELETE')) ORDER BY 1
"""
_NAMES = "SELECT pg_catalog.quote_ident(%s), pg_catalog.quote_ident(current_user), pg_catalog.quote_ident(%s)"


def missing_rights(connection: Connection, schema: str) -> str:
    """Return what to do so that this role may record runs in a state that is there, nothing if it may."""
    if is_sqlite(connection):
        return ""  # who may open the file for writing may do all
    with database_errors("Cannot read the rights of this role"), connection.cursor() as cursor:
        cursor.execute(_UNWRITABLE, (schema,))
        if not cursor.fetchall():
            return ""
        cursor.execute(_NAMES, (schema, f"{schema}_writer"))
        quoted, role, writer = cursor.fetchone() or ("", "", "")
        if separate_owner(cursor, schema):
            grant = f"GRANT {writer} TO {role};"
        else:
            grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {quoted} TO {role};"
    return f"Ask a database administrator to run: {grant}"
