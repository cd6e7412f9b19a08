"""Settings of a session that say what a statement means."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.versions.session import LATER_SETTINGS
from dbt_state_plugin.postgres.connection import database_errors
from dbt_state_plugin.postgres.own_settings import AS_OTHERS

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
    UNION ALL <with a dot>
"""
# Settings of applications and extensions, which pg_settings does not show before they are used.
_WITH_A_DOT = """
    (SELECT DISTINCT ON (s.name) s.name, s.value
    FROM pg_catalog.pg_db_role_setting r CROSS JOIN LATERAL (
        SELECT pg_catalog.split_part(c.text, '=', 1) AS name,
            pg_catalog.substr(c.text, pg_catalog.strpos(c.text, '=') + 1) AS value
        FROM pg_catalog.unnest(r.setconfig) AS c (text)) AS s
    WHERE r.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
      AND r.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user)) AND s.name LIKE '%%.%%'
    ORDER BY s.name, r.setrole <> 0 DESC, r.setdatabase <> 0 DESC)
"""
_SETTINGS = _SETTINGS.replace("<with a dot>", _WITH_A_DOT)
_OF_ENVIRONMENT = re.compile(r"(?:-c\s*|--)(\w+\.[\w.]+)=((?:\\.|\S)*)")


def read_session_settings(connection: Connection) -> dict[str, str]:
    """Return the settings by name, and as `user` who owns what is built; raises StateError."""
    with database_errors("Cannot read the settings of the warehouse"), connection.cursor() as cursor:
        cursor.execute(_SETTINGS, (sorted(LATER_SETTINGS),))
        found = {str(name): str(value) for name, value in cursor.fetchall() if value}
    return found | dict(_OF_ENVIRONMENT.findall(os.environ.get("PGOPTIONS", "")))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOfDbt:
    """What the profile gives to dbt's sessions, None for what it leaves to the server."""

    search_path: str | None = None
    role: str | None = None
    user: str = ""
    application: str = "dbt"  # dbt-postgres's, where the profile has none

    @property
    def settings(self) -> dict[str, str]:
        """Return what it sets, by the names of the settings."""
        given = {"search_path": self.search_path, "role": self.role}
        return {name: value for name, value in given.items() if value}


def session_of_dbt(credentials: Mapping[str, Any]) -> SessionOfDbt:
    """Return what these keys of the profile say of dbt's sessions."""
    given = {name: str(value) for name, value in credentials.items() if value}
    return SessionOfDbt(
        search_path=given.get("search_path"),
        role=given.get("role"),
        user=given.get("user", ""),
        application=given.get("application_name", SessionOfDbt().application),
    )


def enter_session_of_dbt(cursor: Any, *, patience: str, of_dbt: SessionOfDbt, as_role: bool = True) -> None:
    """Let the statements of the open transaction mean what they would in a session of dbt's.

    A statement may take as long as `patience`, an interval of PostgreSQL's. Without `as_role` it is that of who asks.
    """
    cursor.execute("SELECT set_config('statement_timeout', %s, true)", (patience,))
    if as_role and of_dbt.role:
        cursor.execute("SELECT set_config('role', %s, true)", (of_dbt.role,))
    cursor.execute(f"SET LOCAL timezone TO DEFAULT; {AS_OTHERS}")
    if of_dbt.search_path is None:
        cursor.execute("SET LOCAL search_path TO DEFAULT")
    else:
        cursor.execute("SELECT set_config('search_path', %s, true)", (of_dbt.search_path,))
