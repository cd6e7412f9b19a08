"""Settings of a session that say what a statement means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt_state_plugin.postgres.connection import database_errors

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# What a session begins with and RESET gives back: from the server, ALTER DATABASE, ALTER ROLE, and PGOPTIONS or PGTZ of
# the environment, which libpq reads for our session as for dbt's.
_SETTINGS = """
    SELECT name, reset_val FROM pg_catalog.pg_settings WHERE name IN (
        'search_path', 'role', 'row_security', 'default_tablespace', 'default_table_access_method',
        'TimeZone', 'DateStyle', 'IntervalStyle', 'lc_monetary', 'lc_numeric', 'lc_time')
"""


def read_session_settings(connection: Connection) -> dict[str, str]:
    """Return the settings by name; raises StateError."""
    with database_errors("Cannot read the settings of the warehouse"), connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
        return {str(name): str(value) for name, value in cursor.fetchall() if value}
