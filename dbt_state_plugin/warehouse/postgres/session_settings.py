"""Settings of a session that say what a statement means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbt_state_plugin.postgres.connection import database_errors

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# What a session begins with and RESET gives back: from the server, ALTER DATABASE, ALTER ROLE, and PGOPTIONS or PGTZ of
# the environment, which libpq reads for our session as for dbt's.
_SETTINGS = """
    SELECT name, reset_val FROM pg_catalog.pg_settings WHERE name IN (
        'search_path', 'role', 'row_security', 'default_tablespace', 'default_table_access_method',
        'TimeZone', 'DateStyle', 'IntervalStyle', 'lc_monetary', 'lc_numeric', 'lc_time')
    UNION ALL SELECT 'user', session_user::text
"""


def read_session_settings(connection: Connection) -> dict[str, str]:
    """Return the settings by name, and as `user` who owns what is built; raises StateError."""
    with database_errors("Cannot read the settings of the warehouse"), connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
        return {str(name): str(value) for name, value in cursor.fetchall() if value}


def enter_session_of_dbt(cursor: Any, *, patience: str, search_path: str | None, role: str | None = None) -> None:
    """Let the statements of the open transaction mean what they would in a session of dbt's.

    `search_path` and `role` are those of the profile, None where it sets none; a statement may take as long as
    `patience`, an interval of PostgreSQL's.
    """
    cursor.execute("SELECT set_config('statement_timeout', %s, true)", (patience,))
    if role:
        cursor.execute("SELECT set_config('role', %s, true)", (role,))
    cursor.execute("SET LOCAL timezone TO DEFAULT")
    if search_path is None:
        cursor.execute("SET LOCAL search_path TO DEFAULT")
    else:
        cursor.execute("SELECT set_config('search_path', %s, true)", (search_path,))
