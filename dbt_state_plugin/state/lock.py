"""Environment lock, and who holds it.

A session advisory lock on the connection that also carries the records of builds, or a lock of the operating system on
a file beside that of the state: when the connection is gone, so is the lock, and nothing can be recorded any more. A
lock never expires.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.errors import BusyError
from dbt_state_plugin.postgres.connection import database_errors
from dbt_state_plugin.state.dialect import is_sqlite
from dbt_state_plugin.state.state import State

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_POLL_SECONDS = 0.5
_HOLDER = """
    SELECT l.pid, a.usename::text, e.execution_id::text, e.command, e.host, e.process_id, e.started_at::text
    FROM pg_catalog.pg_locks l
    LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN {state}.execution e
        ON e.environment_id = %s AND e.status = 'running' AND e.is_exclusive AND e.backend_pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT datid FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database())
      AND (l.classid::bigint << 32) | l.objid::bigint = %s
"""
_HOLDS_LOCK = """
    SELECT 1 FROM pg_catalog.pg_locks l
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT datid FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database())
      AND (l.classid::bigint << 32) | l.objid::bigint = %s
"""
_RUNNING = """
    SELECT execution_id, command, started_at FROM {state}.execution
    WHERE environment_id = %s AND status = 'running' AND is_exclusive AND backend_pid = %s
"""


def lock_key(environment: Environment, schema: str) -> int:
    """Return the environment's number for `pg_advisory_lock`, a signed 64-bit integer."""
    e = environment
    name = json.dumps([schema, e.warehouse, e.pipeline, e.project, e.target, e.database, e.schema])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def acquire_lock(state: State, *, timeout: float, on_wait: Callable[[str], None] | None = None) -> None:
    """Take the environment's lock for as long as the connection lives.

    Waits at most `timeout` seconds; `on_wait` is told once who holds the lock. Raises BusyError with the holder's name.
    """
    key = lock_key(state.environment, state.schema)
    deadline = time.monotonic() + timeout
    waited = False
    while not _try_lock(state, key):
        holder = describe_holder(state, key)
        if time.monotonic() >= deadline:
            raise BusyError(
                f"Another run of {state.environment} is in progress: {holder}.",
                "Wait for it to end and run the command again, or give it more time with --lock-timeout SECONDS.",
            )
        if not waited and on_wait is not None:
            on_wait(holder)
        waited = True
        time.sleep(min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))


def _try_lock(state: State, key: int) -> bool:
    if is_sqlite(state.connection):
        with database_errors("Cannot take the environment's lock"):
            return bool(state.connection.try_lock(_file_name(key)))  # type: ignore[attr-defined]
    return bool(state.rows("SELECT pg_catalog.pg_try_advisory_lock(%s)", (key,))[0][0])


def file_of_lock(environment: Environment, schema: str) -> str:
    """Return the name of the file that is locked beside a state in SQLite."""
    return _file_name(lock_key(environment, schema))


def _file_name(key: int) -> str:
    return f"{key % 2**64:016x}"


def _holder_of_file(connection: Connection, key: int) -> Mapping[str, Any] | None:
    with database_errors("Cannot look at the environment's lock"):
        found: Mapping[str, Any] | None = connection.holder(_file_name(key))  # type: ignore[attr-defined]
        return found


def _describe_process(state: State, key: int) -> str:
    holder = _holder_of_file(state.connection, key)
    if holder is None:
        return "it has just ended"
    where = f"process {holder.get('pid', 'unknown')} on {holder.get('host', 'an unknown host')}"
    rows = state.rows(_RUNNING, (state.environment_id, holder.get("pid")))
    if not rows:
        return where
    execution, command, started_at = rows[0]
    return f"execution {execution} (`{command}`, {where}, since {started_at})"


def describe_holder(state: State, key: int) -> str:
    """Describe who holds a lock, as far as the state and the server know."""
    if is_sqlite(state.connection):
        return _describe_process(state, key)
    rows = state.rows(_HOLDER, (state.environment_id, key))
    if not rows:
        return "it has just ended"
    backend, user, execution, command, host, process, started = rows[0]
    if execution is None:
        return f"database session {backend} of user {user or 'unknown'}"
    where = f"process {process} on {host}, database user {user or 'unknown'}"
    return f"execution {execution} (`{command}`, {where}, since {started})"


def is_environment_locked(state: State, environment: Environment) -> bool:
    """Return whether a live session holds the lock of another environment."""
    return is_locked(state.connection, state.schema, environment)


def is_locked(connection: Connection, schema: str, environment: Environment) -> bool:
    """Return whether a live session holds the lock of an environment; raises StateError."""
    key = lock_key(environment, schema)
    if is_sqlite(connection):
        return _holder_of_file(connection, key) is not None
    with database_errors("Cannot read the state"), connection.cursor() as cursor:
        cursor.execute(_HOLDS_LOCK, (key,))
        return cursor.fetchone() is not None
