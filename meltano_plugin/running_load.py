"""Whether Meltano is loading under a state id now.

Meltano notes it in its own database, which its commands do not show. The answer is a hint, not a lock: if the database
cannot be asked (it is neither SQLite nor PostgreSQL, or it does not exist), no load is known to run.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from meltano_plugin.project import MeltanoProject

# Meltano takes a run without a heartbeat for five minutes as dead. Times are UTC without a zone.
_SQLITE = """
    SELECT started_at FROM runs WHERE job_name = ? AND state = 'RUNNING'
      AND last_heartbeat_at > datetime('now', '-5 minutes') LIMIT 1
"""
_POSTGRES = """
    SELECT started_at FROM runs WHERE job_name = %s AND state = 'RUNNING'
      AND last_heartbeat_at > (clock_timestamp() AT TIME ZONE 'UTC') - interval '5 minutes' LIMIT 1
"""


def running_load(project: MeltanoProject, state_id: str) -> str:
    """Return since when (UTC) Meltano is loading under this id, or nothing."""
    uri = project.environ.get("MELTANO_DATABASE_URI", "")
    row: Any = None
    if uri.startswith("sqlite:///"):
        row = _from_sqlite(uri.removeprefix("sqlite:///").partition("?")[0], state_id)
    elif uri.startswith(("postgresql://", "postgresql+", "postgres://")):
        row = _from_postgres("postgresql://" + uri.partition("://")[2], state_id)
    return str(row[0])[:19] if row else ""


def _from_sqlite(path: str, state_id: str) -> Any:
    if not Path(path).is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            return connection.execute(_SQLITE, (state_id,)).fetchone()
    except sqlite3.Error:
        return None


def _from_postgres(uri: str, state_id: str) -> Any:
    import psycopg2

    try:
        with closing(psycopg2.connect(uri, connect_timeout=5)) as connection, connection.cursor() as cursor:
            cursor.execute(_POSTGRES, (state_id,))
            return cursor.fetchone()
    except psycopg2.Error:
        return None
