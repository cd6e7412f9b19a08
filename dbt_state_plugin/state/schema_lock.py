"""Lock under which the state is created, upgraded and downgraded.

A process that changes the schema waits for others that do, and for sessions that use its tables. Both waits poll: a
signal gets through, no timeout of the session ends them, and users of a table are blocked only briefly.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from dbt_state_plugin.errors import StateError
from dbt_state_plugin.state.dialect import is_sqlite

_LOG = logging.getLogger(__name__)

# Any two tools that create or upgrade the state wait for each other; the number is this purpose's own.
SCHEMA_LOCK = 7_237_411_902_115_301
# One of them changes the schema, which is over in seconds, and the others find it done: long for a busy server.
LONGEST_WAIT_SECONDS = 600.0
_POLL_SECONDS = 0.1
# Shorter than the server's deadlock_timeout, so that no run that goes on is ended for our sake.
_TABLE_LOCK_TIMEOUT = "500ms"
_HOLDER = """
    SELECT l.pid, a.usename::text, a.application_name, host(a.client_addr),
        to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS')
    FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT datid FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database())
      AND (l.classid::bigint << 32) | l.objid::bigint = %s
"""
_TABLE_USERS = """
    SELECT l.pid, a.usename::text, a.application_name, host(a.client_addr),
        to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS')
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_all_tables t ON t.relid = l.relation
    LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
      AND t.schemaname = %s
      AND l.database = (SELECT datid FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database())
    ORDER BY a.xact_start, l.pid
"""


def lock_schema(cursor: Any, schema: str, *, timeout: float = LONGEST_WAIT_SECONDS) -> None:
    """Wait until no other process creates, upgrades or downgrades a state, up to the end of this transaction.

    Logs once who has the lock. Raises StateError with that session after `timeout` seconds.
    """
    if is_sqlite(cursor.connection):
        return  # there is one who writes at a time, which is us
    told = False
    for is_last in _tries(timeout):
        cursor.execute("SELECT pg_catalog.pg_try_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
        if cursor.fetchone()[0]:
            return
        cursor.execute(_HOLDER, (SCHEMA_LOCK,))
        holder = _described(cursor.fetchone(), unknown="it has just ended")
        if is_last:
            raise StateError(
                f'Another process is creating or upgrading the state in schema "{schema}", and has not ended in '
                f"{timeout:g} s: {holder}.",
                "Run the command again when it has ended; nothing was changed.",
            )
        if not told:
            _LOG.warning("Waiting for another process that is creating or upgrading the state: %s.", holder)
        told = True


def change_schema(
    cursor: Any, schema: str, change: Callable[[], None], *, timeout: float = LONGEST_WAIT_SECONDS
) -> None:
    """Run `change`, and retry it as a whole while another session uses a table that it needs.

    Inside of a transaction that holds the lock. Logs once who uses the table. Raises StateError with that session after
    `timeout` seconds, and what `change` raises.
    """
    if is_sqlite(cursor.connection):
        change()
        return
    import psycopg2

    told = False
    for is_last in _tries(timeout):
        cursor.execute("SAVEPOINT change_schema")
        cursor.execute("SELECT pg_catalog.set_config('lock_timeout', %s, true)", (_TABLE_LOCK_TIMEOUT,))
        try:
            change()
        except (psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected) as error:
            cursor.execute("ROLLBACK TO SAVEPOINT change_schema")
            cursor.execute(_TABLE_USERS, (schema,))
            holder = _described(cursor.fetchone(), unknown="one that holds a lock on PostgreSQL's own catalog")
            if is_last:
                raise StateError(
                    f'The tables of the state in schema "{schema}" have to be changed, and another session has used '
                    f"them for {timeout:g} s: {holder}.",
                    "Run the command again when it has ended; nothing was changed.",
                ) from error
            if not told:
                _LOG.warning("Waiting for a session that uses the state, to change its tables: %s.", holder)
            told = True
        else:
            return


def _tries(timeout: float) -> Iterator[bool]:
    """Yield for each try whether it is the last one, with a pause before each but the first."""
    deadline = time.monotonic() + timeout
    is_last = timeout <= 0
    while not is_last:
        yield False
        time.sleep(_POLL_SECONDS)
        is_last = time.monotonic() >= deadline
    yield True


def _described(row: tuple[Any, ...] | None, *, unknown: str) -> str:
    """Return in words which session it is, as far as the server tells."""
    if row is None:
        return unknown
    pid, user, application, address, since = row
    if pid is None:
        return "a prepared transaction (see pg_prepared_xacts)"
    where = f"{application or 'no application name'}{f' at {address}' if address else ''}"
    return f"database session {pid} of user {user or 'unknown'} ({where}, since {since or 'an unknown time'} UTC)"
