"""Settings of a session that say what a statement means."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.versions.session import LATER_SETTINGS
from dbt_state_plugin.postgres.connection import database_errors

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# What a session begins with and RESET gives back: from the server, ALTER DATABASE, ALTER ROLE, and PGOPTIONS or PGTZ of
# the environment, which libpq reads for our session as for dbt's.
_SETTINGS = """
    SELECT name, reset_val FROM pg_catalog.pg_settings WHERE name IN (
        'search_path', 'role', 'row_security', 'default_tablespace', 'default_table_access_method',
        'TimeZone', 'DateStyle', 'IntervalStyle', 'lc_monetary', 'lc_numeric', 'lc_time')
    UNION ALL SELECT name, reset_val FROM pg_catalog.pg_settings WHERE name = ANY (%s)
    UNION ALL SELECT 'user', session_user::text
"""
# Settings of applications and extensions, which pg_settings does not show before they are used: the later wins.
_SETTINGS_WITH_A_DOT = """
    SELECT pg_catalog.split_part(s.setting, '=', 1), pg_catalog.substr(s.setting, strpos(s.setting, '=') + 1)
    FROM pg_catalog.pg_db_role_setting r CROSS JOIN pg_catalog.unnest(r.setconfig) AS s (setting)
    WHERE r.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
      AND r.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user))
      AND pg_catalog.split_part(s.setting, '=', 1) LIKE '%.%'
    ORDER BY r.setrole <> 0, r.setdatabase <> 0
"""
_OF_ENVIRONMENT = re.compile(r"(?:-c\s*|--)(\w+\.[\w.]+)=((?:\\.|\S)*)")
# What `connect` has set for our own statements.
_AS_DBT = """
    SET LOCAL timezone TO DEFAULT; SET LOCAL extra_float_digits TO DEFAULT; SET LOCAL bytea_output TO DEFAULT;
    SET LOCAL transform_null_equals TO DEFAULT; SET LOCAL quote_all_identifiers TO DEFAULT
"""


def read_session_settings(connection: Connection) -> dict[str, str]:
    """Return the settings by name, and as `user` who owns what is built; raises StateError."""
    with database_errors("Cannot read the settings of the warehouse"), connection.cursor() as cursor:
        cursor.execute(_SETTINGS, (sorted(LATER_SETTINGS),))
        found = {str(name): str(value) for name, value in cursor.fetchall() if value}
        cursor.execute(_SETTINGS_WITH_A_DOT)
        with_a_dot = {str(name): str(value) for name, value in cursor.fetchall()}
    return with_a_dot | dict(_OF_ENVIRONMENT.findall(os.environ.get("PGOPTIONS", ""))) | found


def enter_session_of_dbt(cursor: Any, *, patience: str, search_path: str | None, role: str | None = None) -> None:
    """Let the statements of the open transaction mean what they would in a session of dbt's.

    `search_path` and `role` are those of the profile, None where it sets none; a statement may take as long as
    `patience`, an interval of PostgreSQL's.
    """
    cursor.execute("SELECT set_config('statement_timeout', %s, true)", (patience,))
    if role:
        cursor.execute("SELECT set_config('role', %s, true)", (role,))
    cursor.execute(_AS_DBT)
    if search_path is None:
        cursor.execute("SET LOCAL search_path TO DEFAULT")
    else:
        cursor.execute("SELECT set_config('search_path', %s, true)", (search_path,))
