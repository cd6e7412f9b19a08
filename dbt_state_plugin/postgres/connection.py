"""Connections to PostgreSQL that can be trusted with a lock."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from dbt_state_plugin.errors import SqliteError, StateError
from dbt_state_plugin.postgres.own_settings import FOR_SESSION
from dbt_state_plugin.postgres.pooled_cursor import pooled_cursor

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from dbt_state_plugin.postgres.settings import DatabaseSettings

Answer = TypeVar("Answer")
_LOG = logging.getLogger(__name__)
_LONGEST_PAUSE_SECONDS = 60
MINIMUM_SERVER_VERSION = 140000
APPLICATION_NAME = "dbt-state-plugin"

# A role's own timeouts must not end a lock or a record in the middle of a run, so each session sets its own. Nothing of
# anybody's is found without its schema: PostgreSQL's own names come first, temporary tables and types last, and that is
# said by itself, before a statement with an operator is read. An intent must survive a crash of the server: one
# that is lost while the build that it announced is kept would lose a change. A query of the catalog for thousands
# of relations costs little, though not by the server's estimate, and would be compiled for longer than it runs. Who
# has waited for a lock looks again at what the other has left, which a role's own isolation would not show.
_SESSION = f"""
    SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false);
    SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '30s', false),
           set_config('idle_in_transaction_session_timeout', '0', false),
           set_config('idle_session_timeout', '0', false), set_config('timezone', 'UTC', false),
           {FOR_SESSION},
           set_config('jit', 'off', false), set_config('default_transaction_isolation', 'read committed', false),
           set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'local'
                      ELSE current_setting('synchronous_commit') END, false)
"""
# Frees the lock soon after this machine is gone, even while a query runs; not every platform of the server knows it.
_NOTICE_LOST_CLIENT = "SELECT pg_catalog.set_config('client_connection_check_interval', '10s', false)"
_PREFLIGHT = """
    SELECT pg_catalog.current_setting('server_version_num')::int, pg_catalog.pg_is_in_recovery(),
           pg_catalog.current_setting('transaction_read_only')::boolean, pg_catalog.pg_backend_pid()
"""


def connect(settings: DatabaseSettings, *, writes: bool = True) -> Connection:
    """Open a direct autocommit connection and refuse one that cannot hold the state.

    Where the server cannot be reached it is tried again, as often as `settings.retries` says.
    Raises StateError when the server cannot be reached, is older than PostgreSQL 14, is read-only (only if `writes`) or
    stands behind a connection pooler, where a session's lock means nothing.
    """
    arguments: dict[str, Any] = {
        "connect_timeout": 10,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,  # milliseconds; what was sent and never confirmed counts as a lost connection, too
    }
    arguments |= settings.connect_arguments()
    arguments["application_name"] = APPLICATION_NAME
    return _retried(lambda: _connect(settings, arguments, writes=writes), settings)


def _retried(attempt: Callable[[], Connection], settings: DatabaseSettings) -> Connection:
    """Try again as often as `retries` of the profile says, after 1, 4, 9... seconds, where that may help."""
    for number in range(1, settings.retries + 1):
        try:
            return attempt()
        except StateError as error:
            if not _may_pass(error.__cause__):
                raise
            seconds = min(number**2, _LONGEST_PAUSE_SECONDS)
            _LOG.warning("%s. Trying again in %d s (%d of %d).", error.what, seconds, number, settings.retries)
        time.sleep(seconds)
    return attempt()


def _may_pass(error: BaseException | None) -> bool:
    """Return whether a failure to connect can pass by itself: not when the server refuses, or a wrong port."""
    import psycopg2

    lasting = (
        *("password authentication failed", "does not exist", "no pg_hba.conf entry", "is not permitted to log in"),
        "invalid port number",
    )
    return isinstance(error, psycopg2.OperationalError) and not any(text in str(error) for text in lasting)


def _connect(settings: DatabaseSettings, arguments: Mapping[str, Any], *, writes: bool) -> Connection:
    import psycopg2
    from psycopg2 import sql

    try:
        connection = cast("Connection", psycopg2.connect(**arguments))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(_PREFLIGHT)
            version, in_recovery, read_only, backend_pid = cast("tuple[int, bool, bool, int]", cursor.fetchone())
            if connection.info.backend_pid != backend_pid:
                # Settings of the session would stay with the pooler's other clients.
                connection.cursor_factory = pooled_cursor(settings.role)
            else:
                if settings.role:
                    cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(settings.role)))
                cursor.execute(_SESSION)
                with suppress(psycopg2.DataError):
                    cursor.execute(_NOTICE_LOST_CLIENT)
    except psycopg2.Error as error:
        raise StateError(
            f"Cannot use the database {settings.display()}: {first_line(error)}",
            "Check that the server runs and that the dbt profile, DBT_STATE_PLUGIN_DATABASE_URL or the URL is right.",
        ) from error
    _refuse_unfit(connection, settings, version, in_recovery, read_only if writes else False, writes)
    return connection


def is_pooled(connection: Connection) -> bool:
    """Return whether a connection that `connect` has opened goes through a pooler."""
    return connection.cursor_factory is not None


def _refuse_unfit(
    connection: Connection,
    settings: DatabaseSettings,
    version: int,
    in_recovery: bool,
    read_only: bool,
    writes: bool,
) -> None:
    what = do = ""
    if version < MINIMUM_SERVER_VERSION:
        what = f"The database {settings.display()} is PostgreSQL {version // 10000}; 14 or later is needed."
        do = "Keep the state in a newer server: set DBT_STATE_PLUGIN_DATABASE_URL."
    elif writes and in_recovery:
        what = f"The database {settings.display()} is a standby, so nothing can be recorded."
        do = "Connect to the primary server."
    elif read_only:
        what = (
            f"The database {settings.display()} is read-only (transaction_read_only is on), so nothing can be recorded."
        )
        do = "Use a role and a server that may write (see default_transaction_read_only)."
    elif writes and is_pooled(connection):
        what = (
            f"The database {settings.display()} is reached through a connection pooler, where a run's lock is not safe."
        )
        do = "Point DBT_STATE_PLUGIN_DATABASE_URL at the server itself (dbt may go on using the pooler)."
    if what:
        connection.close()
        raise StateError(what, do)


def first_line(error: BaseException) -> str:
    """Return the first line of a driver's message, which says what happened without the SQL."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


@contextmanager
def transaction(connection: Connection) -> Iterator[Any]:
    """Yield a cursor inside one transaction: committed at the end, rolled back on any error."""
    with connection.cursor() as cursor:
        try:  # a signal may come at any moment, and must leave no transaction open behind it
            cursor.execute("BEGIN")
            yield cursor
            cursor.execute("COMMIT")
        except BaseException:
            _roll_back(connection, cursor)
            raise


@contextmanager
def rolled_back(connection: Connection, *, begin: str = "BEGIN") -> Iterator[Any]:
    """Yield a cursor inside a transaction that may write, and that is always rolled back."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(begin)
            yield cursor
        finally:
            _roll_back(connection, cursor)


def _roll_back(connection: Connection, cursor: Any) -> None:
    """End a transaction, also when a signal comes right before the statement that does."""
    try:
        if not connection.closed:
            cursor.execute("ROLLBACK")
    except KeyboardInterrupt:
        if not connection.closed:
            cursor.execute("ROLLBACK")
        raise


def read_only(connection: Connection) -> AbstractContextManager[Any]:
    """Return a cursor inside a transaction that may not write, and that is always rolled back."""
    return rolled_back(connection, begin="BEGIN READ ONLY")


def cancelled_by_signals(connection: Connection, ask: Callable[[], Answer]) -> Answer:
    """Return what is asked on a connection; a signal cancels it in the server.

    It is asked in another thread, since the main one has to be free for signals.
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        try:
            return asked.result()
        except KeyboardInterrupt:
            connection.cancel()
            raise


@contextmanager
def database_errors(what: str) -> Iterator[None]:
    """Turn the driver's errors into a StateError that says what failed."""
    import psycopg2

    try:
        yield
    except psycopg2.errors.InsufficientPrivilege as error:
        raise StateError(f"{what}: {first_line(error)}", "Ask a database administrator to grant that right.") from error
    except psycopg2.errors.LockNotAvailable as error:
        raise StateError(
            f"{what}: {first_line(error)}",
            "Another session is using what has to be changed; run the command again when that session has ended.",
        ) from error
    except psycopg2.Error as error:
        raise StateError(
            f"{what}: {first_line(error)}", "Check the database and its log, then run the command again."
        ) from error
    except SqliteError as error:
        raise StateError(
            f"{what}: {first_line(error)}",
            "Check the file, its folder and the disk, then run the command again; replace or remove what is damaged.",
        ) from error
