"""Connections to a DuckDB file, opened for each question and released.

DuckDB gives a file to one process at a time. While dbt-duckdb has it open in this process, its connection is shared;
before that and afterwards nothing is held, so that others may open it.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from dbt_state_plugin.errors import BusyError, ConfigurationError, StateError
from dbt_state_plugin.project.credentials import is_duckdb_elsewhere
from dbt_state_plugin.warehouse.duckdb.file_version import file_version, is_of_another_kind

_DBT = "dbt.adapters.duckdb.connections"
_LOCKED = re.compile(r"\block on file|used by another process", re.IGNORECASE)  # not: checksum of a block
_DAMAGED = re.compile("not a valid DuckDB database|Corrupt database|Could not read enough bytes|checksum")
_HOLDER = re.compile(r"held in (.+?) \(PID (\d+)\)")
# What dbt-duckdb sets, loads or registers for its own sessions.
_OF_A_SESSION = "attach extensions filesystems is_ducklake module_paths plugins secrets settings".split()
# Options of what is attached that say how it is created, how dbt writes, or what only dbt's session has.
_NOT_FOR_READING = frozenset("type secret read_only storage_version block_size row_group_size".split())
_PATIENCE = (0.01, 0.03, 0.1, 0.3)  # seconds until the catalogue is asked again


class DuckDBFile:
    """The file that a profile names, with those that it attaches."""

    def __init__(self, credentials: Mapping[str, Any]) -> None:
        """Open nothing; raises ConfigurationError for what is no file."""
        path = str(credentials.get("path", ":memory:"))
        if path == ":memory:":
            raise ConfigurationError(
                "The DuckDB database of this target is in memory, so no run can find what an earlier run built.",
                "Give the target the `path:` of a file in profiles.yml, or compare code alone (`plan --state DIR`).",
            )
        self.path = _place(path)
        # DuckDB names the database after the file, up to its first dot.
        self.database = str(credentials.get("database") or os.path.basename(path).lstrip(".").split(".")[0]).lower()  # noqa: PTH119
        self._config = dict(credentials.get("config_options") or {})
        self._attached = [each for each in credentials.get("attach") or () if isinstance(each, Mapping)]
        self.has_plain_sessions = not any(credentials.get(key) for key in _OF_A_SESSION)
        self._mutex = threading.RLock()
        # The version that it had before it was opened the last time; None for dbt's connection.
        self.opened: str | None = None
        self.is_beside_dbt = False  # whether the last cursor was one of dbt's connection
        self._was_writable = False
        self._on_shared: Callable[[Any], None] | None = None
        self._keeps_open = False
        self._kept: Any = None
        self._first_seen: dict[str, tuple[int, int]] = {}

    @property
    def exists(self) -> bool:
        """Return whether there is a file yet."""
        return os.path.exists(self.path)  # noqa: PTH110 - no error for a name that no file can have

    @property
    def is_all_absent(self) -> bool:
        """Return whether there is no file yet, and none of those that the profile attaches to it."""
        return not self.exists and not any(_is_there(each, otherwise=False) for each in self._attached)

    @property
    def has_folder(self) -> bool:
        """Return whether a file can be created."""
        return os.path.isdir(os.path.dirname(self.path))  # noqa: PTH112, PTH120 - see `exists`

    def version(self) -> str | None:
        """Return a text that differs whenever anything was committed, None if an attached database tells nothing.

        Raises StateError for what cannot be read.
        """
        self._see()
        found = [_version(self.path)]
        for each in self._attached:
            path = _attached_file(each)
            if path is None or is_of_another_kind(path):
                return None
            found.append(_version(path))
        return "-".join(found)

    @property
    def is_shared(self) -> bool:
        """Return whether dbt has it open in this process, and may write into it at any time."""
        return _connection_of_dbt(self.path) is not None

    @property
    def is_another(self) -> bool:
        """Return whether another file has come into the place of one that was there at the first look, or none."""
        return any(_number_of(path) != number for path, number in self._first_seen.items())

    def _see(self) -> None:
        for path in (self.path, *filter(None, map(_attached_file, self._attached))):
            if path not in self._first_seen and (number := _number_of(path)) is not None:
                self._first_seen[path] = number

    @staticmethod
    def check_library() -> None:
        """Raise ConfigurationError without DuckDB, also where no file has to be opened."""
        _library()

    def check_writable(self) -> None:
        """Open the file as dbt will, unless it has been opened so; it may be absent, and nothing is written.

        Others that only read it let it be read, not written. Raises the errors of `cursor`.
        """
        duckdb = _library()
        with self._mutex:
            if self._was_writable or self.is_shared or not self.exists:
                return
            try:
                with duckdb.connect(self.path, config=self._config) as connection, suppress(duckdb.Error):
                    connection.execute("PRAGMA disable_checkpoint_on_shutdown")  # a log that was left stays as it is
            except duckdb.Error as error:
                raise _not_opened(self.path, error) from error
            self._was_writable = True

    def on_shared(self, tell: Callable[[Any], None] | None) -> None:
        """Let a second connection of dbt's kind be given, once, as soon as dbt has the file open; None: no more.

        Whoever gets it must close it. It is not given where a profile makes what two connections cannot have.
        """
        self._on_shared = tell if self.has_plain_sessions else None

    @contextmanager
    def cursor(self, what: str) -> Iterator[Any]:
        """Yield a cursor, and release the file at the end; `what` begins the message if DuckDB refuses a query.

        Raises BusyError where another process holds the file, StateError, and ConfigurationError without DuckDB.
        """
        duckdb = _library()
        with self._mutex:
            try:
                connection = self._connection()
            except duckdb.Error as error:
                raise _not_opened(self.path, error) from error
            try:
                yield connection
            except duckdb.Error as error:
                raise StateError(f"{what}: {first_line(error)}.", "Run `dbt debug` to see whether dbt can.") from error
            finally:
                connection.close()

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Hold the file from the first query on: each opening reads the whole catalogue. Other processes are kept out.

        Not while dbt runs.
        """
        with self._mutex:
            outer, self._keeps_open = self._keeps_open, True
            try:
                yield
            finally:
                self._keeps_open = outer
                if not outer and self._kept is not None:
                    kept, self._kept = self._kept, None
                    kept.close()

    def _connection(self) -> Any:
        import duckdb

        if self._kept is not None:
            return self._kept.cursor()
        shared = _connection_of_dbt(self.path)
        self.is_beside_dbt = shared is not None
        if shared is not None:
            self.opened = None
            self._see()
            tell, self._on_shared = self._on_shared, None
            if tell is not None:
                with suppress(duckdb.Error):
                    tell(duckdb.connect(self.path, config=self._config))  # a cursor would be closed with dbt's own
            return shared.cursor()
        connection = self._opened()
        if not self._keeps_open:
            return connection
        self._kept = connection
        return connection.cursor()

    def _opened(self) -> Any:
        import duckdb

        self.opened = self.version()
        is_there = self.exists
        if is_there:
            # dbt opens the file in this process with these settings, and two connections must have the same.
            is_with_dbt = _DBT in sys.modules
            settings: dict[str, Any] = {"config": self._config} if is_with_dbt else {"read_only": True}
            connection = duckdb.connect(self.path, **settings)
            self._was_writable = self._was_writable or is_with_dbt
        else:  # it would be created, by a plan too
            connection = duckdb.connect(":memory:")
        for each in self._attached:
            # What is absent dbt creates, and so it may all that is no file, on the first run.
            if _is_there(each, otherwise=is_there):
                connection.execute(_attach(each))
        return connection


def _library() -> Any:
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "DuckDB is not installed beside dbt-state-plugin.",
            "Run `pip install 'dbt-state-plugin[duckdb]'` in the same environment.",
        ) from error
    return duckdb


def _connection_of_dbt(path: str) -> Any:
    """Return the connection that dbt-duckdb has open in this process, None if it has none to this file."""
    module = sys.modules.get(_DBT)
    environment: Any = getattr(getattr(module, "DuckDBConnectionManager", None), "_ENV", None)
    connection = getattr(environment, "conn", None)
    if environment is None or connection is None or _place(str(environment.creds.path)) != path:
        return None
    return connection


def _place(path: str) -> str:
    """Return a path as DuckDB finds it: from the current directory, or the user's."""
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - no error for a name that no file can have


def _attached_file(attached: Mapping[str, Any]) -> str | None:
    """Return the path of an attached DuckDB file, None for what is said to be anything else."""
    path = str(attached.get("path", ""))
    is_file = not is_duckdb_elsewhere({"path": path}) and (_type_of(attached) or "duckdb").lower() == "duckdb"
    return _place(path) if is_file else None


def _is_there(attached: Mapping[str, Any], *, otherwise: bool) -> bool:
    """Return whether an attached file exists, and `otherwise` for what is no file."""
    path = _attached_file(attached)
    return otherwise if path is None else os.path.exists(path)  # noqa: PTH110 - see `DuckDBFile.exists`


def _type_of(attached: Mapping[str, Any]) -> str:
    return str(attached.get("type") or _options_of(attached).get("type") or "")


def _options_of(attached: Mapping[str, Any]) -> Mapping[str, Any]:
    return {str(name).lower(): value for name, value in dict(attached.get("options") or {}).items()}


def _number_of(path: str) -> tuple[int, int] | None:
    """Return what tells a file from any other that is there at the same time, None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - no error for a name that no file can have
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _version(path: str) -> str:
    try:
        return file_version(path)
    except OSError as error:
        raise StateError(
            f"{path} cannot be read: {error.strerror}.", "Name a DuckDB file in profiles.yml that may be read."
        ) from error


def _attach(attached: Mapping[str, Any]) -> str:
    path = str(attached.get("path", "")).replace("'", "''")
    name = f" AS {quoted(str(attached['alias']))}" if attached.get("alias") else ""
    options = ["READ_ONLY", *([f"TYPE {kind}"] if (kind := _type_of(attached)) else ())]
    for option, value in _options_of(attached).items():
        if option not in _NOT_FOR_READING and value not in (None, False):
            options.append(option if value is True else f"{option} {_option_value(value)}")
    return f"ATTACH IF NOT EXISTS '{path}'{name} ({', '.join(options)})"


def _option_value(value: object) -> str:
    """Return a value as dbt-duckdb writes it, which quotes texts unless they are in quotes."""
    text = str(value)
    if not isinstance(value, str) or (len(text.strip()) > 1 and text.strip()[0] == text.strip()[-1] in "'\""):
        return text
    return "'{}'".format(text.replace("'", "''"))


def catalog_rows(cursor: Any, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query of the catalogue, asked again if what it was about to read was dropped meanwhile.

    dbt's other threads replace views while the builds of this one are recorded. Raises duckdb.Error.
    """
    import duckdb

    for patience in _PATIENCE:
        try:
            return list(cursor.execute(query).fetchall())
        except duckdb.CatalogException:
            time.sleep(patience)
    return list(cursor.execute(query).fetchall())


def _not_opened(path: str, error: Exception) -> BusyError | StateError:
    holder = _HOLDER.search(str(error))
    if holder or _LOCKED.search(str(error)):
        who = f"process {holder[2]} ({holder[1]})" if holder else "another process"
        return BusyError(
            f"{who[0].upper()}{who[1:]} has opened {path}, and DuckDB gives a file to one process at a time.",
            "Wait until it ends or closes the file, then run the command again.",
        )
    if "version number" in str(error):
        return StateError(
            f"{path} was written by a newer DuckDB than the one that is installed here.",
            "Run `pip install --upgrade duckdb` in the environment of dbt-state-plugin and dbt.",
        )
    if _DAMAGED.search(str(error)):
        return StateError(
            f"{path} is not a DuckDB database, or is damaged.",
            "Restore it from a copy, or move it away and load its sources again: the next run builds everything.",
        )
    return StateError(f"{path} cannot be opened: {first_line(error)}.", "Run `dbt debug` to see whether dbt can.")


def first_line(error: Exception) -> str:
    """Return the first line of a message of DuckDB without its last dot."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def quoted(name: str) -> str:
    """Return an identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'
