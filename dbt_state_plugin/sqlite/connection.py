"""Connections to a state in SQLite, used like those to PostgreSQL."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.errors import SqliteError, StateError
from dbt_state_plugin.sqlite.file_lock import FileLock, lock_holder, take_lock
from dbt_state_plugin.sqlite.functions import define_functions
from dbt_state_plugin.sqlite.statement import read_row, translated

if TYPE_CHECKING:
    from dbt_state_plugin.sqlite.address import SqliteAddress

MINIMUM_VERSION = (3, 35, 0)  # RETURNING
APPLICATION_ID = 0x64627470  # in the header of the file, where `file` and others look what it is
_WAIT_MS = 30_000  # for the one that writes, as long as for a lock of PostgreSQL
_BEGIN = {"BEGIN": "BEGIN IMMEDIATE", "BEGIN READ ONLY": "BEGIN"}
_DAMAGED, _OF_ANOTHER_KIND = "malformed", "not a database"
_DAMAGED_REMEDY = (
    "Put a backup in its place, or remove it with the files beside it: then the next run builds everything."
)
# The warehouse's own file, perhaps, which nobody should remove.
_OTHER_REMEDY = (
    "Where it holds something else, let DBT_STATE_PLUGIN_DATABASE_URL name another file. Where it was the state, put a "
    "backup in its place, or remove it with the files beside it: then the next run builds everything."
)
# An intent must survive a crash of the machine: one that is lost while the build that it announced is kept
# would lose a change.
_SESSION = (
    "PRAGMA synchronous = EXTRA",  # FULL, and the removal of a journal, too
    "PRAGMA fullfsync = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA case_sensitive_like = ON",
)


def connect(address: SqliteAddress, *, writes: bool = True) -> SqliteConnection:
    """Open the file of a state, which is created if `writes` and need not exist otherwise.

    Raises StateError when it cannot be opened or is no state.
    """
    if sqlite3.sqlite_version_info < MINIMUM_VERSION:
        raise StateError(
            f"This Python comes with SQLite {sqlite3.sqlite_version}; 3.35 or later is needed.",
            "Use a newer Python, or keep the state in PostgreSQL: set DBT_STATE_PLUGIN_DATABASE_URL.",
        )
    try:
        return _connect(address, writes=writes)
    except (sqlite3.Error, OSError, SqliteError, UnicodeDecodeError) as error:
        reason = _reason(error)
        raise StateError(f"Cannot use the state in {address.display()}: {reason}", _remedy(reason)) from error


def _remedy(reason: str) -> str:
    if _OF_ANOTHER_KIND in reason:
        return _OTHER_REMEDY
    if _DAMAGED in reason:
        return _DAMAGED_REMEDY
    return "Check that the file and its folder may be read and written, on a disk of this machine."


def _connect(address: SqliteAddress, *, writes: bool) -> SqliteConnection:
    path = address.path
    if not writes and not path.exists():
        return SqliteConnection(_opened(":memory:"), None)
    if writes:
        _create(address)
    can_write = os.access(path, os.W_OK)
    if writes and not can_write:
        raise PermissionError(13, "it may not be written")
    connection = SqliteConnection(_opened(f"{path.as_uri()}?mode={'rw' if can_write else 'ro'}"), path)
    try:
        _refuse_others(connection, path)
        if writes:
            _log_ahead(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _opened(name: str) -> sqlite3.Connection:
    # Whoever asks from another thread of the same process does so one after the other.
    opened = sqlite3.connect(name, uri=True, isolation_level=None, check_same_thread=False, timeout=_WAIT_MS / 1000)
    for pragma in _SESSION:
        opened.execute(pragma)
    define_functions(opened)
    return opened


def _create(address: SqliteAddress) -> None:
    """Create an empty file that nobody else may read: code and its reasons stand in it."""
    path = address.path
    if address.creates_folder:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileExistsError), (path.parent / ".gitignore").open("x") as ignored:
            ignored.write("*\n")
    if not path.parent.is_dir():
        raise FileNotFoundError(2, f"there is no folder {path.parent}")
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _refuse_others(connection: SqliteConnection, path: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sqlite_master")
        (tables,) = cursor.fetchone()
        cursor.execute("PRAGMA application_id")
        (application,) = cursor.fetchone()
    if tables and application != APPLICATION_ID:
        raise StateError(f"{path} is a database of another program.", "Name another file for the state.")


def _log_ahead(connection: SqliteConnection) -> None:
    """Let readers go on beside the one who writes; the file remembers it."""
    deadline = time.monotonic() + _WAIT_MS / 1000
    while True:
        try:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA journal_mode = WAL")
                (mode,) = cursor.fetchone()
        except SqliteError as error:  # nobody waits for this lock by himself
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise SqliteError(f"SQLite cannot use write-ahead logging on this filesystem (journal mode {mode})")
        return


class SqliteConnection:
    """What the state asks of a connection, on a file; in autocommit mode, for any thread.

    It also holds the lock of its environment, which ends with the connection or the process.
    """

    is_sqlite = True
    cursor_factory = None

    def __init__(self, opened: sqlite3.Connection, path: Path | None) -> None:
        self._opened: sqlite3.Connection | None = opened
        self._path = path
        self._inode = path.stat() if path else None
        self._turn = RLock()
        self._locks: list[FileLock] = []

    @property
    def closed(self) -> bool:
        """Return whether the connection was closed."""
        return self._opened is None

    @property
    def is_idle(self) -> bool:
        """Return whether no transaction is open."""
        return self._opened is None or not self._opened.in_transaction

    def cursor(self) -> SqliteCursor:
        """Return a cursor, which is a context manager."""
        return SqliteCursor(self)

    def close(self) -> None:
        """Roll back what is open, and release the file and the lock."""
        with self._turn:
            opened, self._opened = self._opened, None
            if opened is not None:
                opened.close()
            self.unlock()

    def cancel(self) -> None:
        """End the statement that runs in another thread."""
        if self._opened is not None:
            self._opened.interrupt()

    def try_lock(self, name: str) -> bool:
        """Take a lock by name until the connection is closed; return whether it was free."""
        holder = {"pid": os.getpid(), "host": socket.gethostname()}
        with _as_sqlite_errors():
            folder = self._lock_folder()
            folder.mkdir(mode=0o700, exist_ok=True)
            lock = take_lock(folder / name, json.dumps(holder))
        if lock is not None:
            self._locks.append(lock)
        return lock is not None

    def unlock(self) -> None:
        """Release all locks."""
        for lock in self._locks:
            lock.release()
        self._locks.clear()

    def holder(self, name: str) -> Mapping[str, Any] | None:
        """Return pid and host of a lock's holder, as far as known, or None if it is free."""
        if self._path is None:
            return None
        with _as_sqlite_errors():
            text = lock_holder(self._lock_folder() / name)
        if text is None:
            return None
        try:
            said = json.loads(text)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}

    def times_noted(self, name: str) -> int:
        """Return the number that `note_times` wrote the last time, 0 if there is none."""
        if self._path is None:
            return 0
        with _as_sqlite_errors(), suppress(FileNotFoundError):
            text = (self._lock_folder() / f"{name}.times").read_bytes()
            return int(text) if text.isdigit() else 0
        return 0

    def note_times(self, name: str, number: int) -> None:
        """Write a number beside a lock, which must be held, where no older copy of the state takes it back."""
        with _as_sqlite_errors():
            written = self._lock_folder() / f"{name}.new"
            written.write_text(str(number))
            written.replace(written.with_suffix(".times"))

    def _lock_folder(self) -> Path:
        if self._path is None:
            raise SqliteError("there is no file yet")
        return self._path.with_name(f"{self._path.name}-locks")

    def _run(self, text: str, values: Sequence[Any]) -> tuple[list[tuple[Any, ...]], list[str] | None, int]:
        with self._turn, _as_sqlite_errors():
            if self._opened is None:
                raise SqliteError("the connection is closed")
            if text == "ROLLBACK" and not self._opened.in_transaction:
                return [], None, -1  # SQLite has rolled back already, as when the disk is full
            if not self._opened.in_transaction:
                self._refuse_another_file()
            with closing(self._opened.execute(text, values)) as cursor:
                rows = cursor.fetchall()
                if cursor.description is None:
                    return [], None, cursor.rowcount
                names = [column[0].rpartition(".")[2] for column in cursor.description]
                return [read_row(row, names) for row in rows], names, len(rows)

    def _refuse_another_file(self) -> None:
        """Raise SqliteError when the file was removed or replaced: what is written now would be in none."""
        if self._path is None or self._inode is None:
            return
        try:
            now = self._path.stat()
        except FileNotFoundError:
            now = None
        if now is None or (now.st_dev, now.st_ino) != (self._inode.st_dev, self._inode.st_ino):
            raise SqliteError("the file was removed or replaced while it was open")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Run what is inside in one transaction, a new one unless one is open, with no other thread between."""
        with self._turn:
            if self._opened is not None and self._opened.in_transaction:
                yield
                return
            self._run("BEGIN IMMEDIATE", ())
            try:
                yield
                self._run("COMMIT", ())
            except BaseException:
                if self._opened is not None:
                    self._run("ROLLBACK", ())
                raise


class SqliteCursor:
    """Rows of the latest statement."""

    def __init__(self, connection: SqliteConnection) -> None:
        self.connection = connection
        self.rowcount = -1
        self.description: list[str] | None = None
        self._rows: list[tuple[Any, ...]] = []

    def __enter__(self) -> SqliteCursor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Forget the rows."""
        self._rows = []

    def execute(self, statement: str | Sequence[str], values: Sequence[Any] | Mapping[str, Any] | None = None) -> None:
        """Run a statement written for PostgreSQL, or several in one transaction; keep the rows of the last with any.

        Raises SqliteError.
        """
        self._rows, self.description, self.rowcount = [], None, -1
        if isinstance(statement, str):
            self._execute(_BEGIN.get(statement, statement), values)
            return
        with self.connection.together():
            for each in statement:
                self._execute(each, values)

    def _execute(self, statement: str, values: Sequence[Any] | Mapping[str, Any] | None) -> None:
        known = translated(statement)
        if known.text:
            rows, names, self.rowcount = self.connection._run(known.text, known.bound(values))
            if names is not None:
                self._rows, self.description = rows, names

    def fetchone(self) -> Any:
        """Return the next row or None."""
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        rows, self._rows = self._rows, []
        return rows


@contextmanager
def _as_sqlite_errors() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, OverflowError, UnicodeDecodeError) as error:
        raise SqliteError(_reason(error)) from error
    except (ValueError, TypeError) as error:
        if isinstance(error, UnicodeError):
            raise
        raise SqliteError(f"a row holds a value that this tool has not written: {error}") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, UnicodeDecodeError):  # in a name that SQLite wants to complain about
        return "the file is malformed"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)


def is_private(path: Path) -> bool:
    """Return whether only its owner may read a file."""
    return not stat.S_IMODE(path.stat().st_mode) & 0o077
