"""Fresh database of a test, and what stands in it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

from dbt_state_plugin.testing import postgres_server

if TYPE_CHECKING:
    from psycopg2.extensions import connection
    from psycopg2.sql import Composable

    from dbt_state_plugin.state.connection import StateDatabase
    from dbt_state_plugin.state.dialect import Statement
    from dbt_state_plugin.testing.postgres_server import Server

STATE_SCHEMA = "dbt_state_plugin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An empty database of the test's own; its role is a superuser on a server that was started for the tests.

    `state_url` is where the state of the test's projects is kept, empty where that is here.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    dbname: str
    url: str = field(repr=False)
    state_url: str = field(default="", repr=False)

    def connect(self, **parameters: Any) -> connection:
        """Connect in autocommit mode; parameters as `user` or `application_name` override those of the URL."""
        opened: connection = psycopg2.connect(self.url, **parameters)
        opened.autocommit = True
        return opened

    def query(
        self, statement: str | Composable, parameters: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run a statement on a connection of its own; give its rows, or none."""
        with closing(self.connect()) as opened, opened.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def state(self, statement: Statement, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement on the state, wherever it is kept; each `{state}` is its schema. Give its rows."""
        from dbt_state_plugin.state.connection import database_of_url

        return asked(database_of_url(self.state_url or self.url, named="URL"), statement, parameters)

    @property
    def state_tables(self) -> list[str]:
        """Return the names of the state's tables."""
        from dbt_state_plugin.state.dialect import ByDialect

        of_postgres = f"SELECT tablename::text FROM pg_tables WHERE schemaname = '{STATE_SCHEMA}' ORDER BY 1"
        of_sqlite = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite*' ORDER BY 1"
        return [row[0] for row in self.state(ByDialect(of_postgres, of_sqlite))]

    @property
    def has_no_state(self) -> bool:
        """Return whether no state was created, here or where it is kept."""
        if self.state_url:
            return not Path(self.state_url.removeprefix("sqlite:///")).exists()
        return self.query("SELECT 1 FROM pg_namespace WHERE nspname = %s", (STATE_SCHEMA,)) == []

    def load(self, statement: str | Composable, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> None:
        """Change rows as a loader does, and wait until the server has counted them: a session reports at its end."""
        with closing(self.connect()) as opened, opened.cursor() as cursor:
            cursor.execute(statement, parameters)
            process_id = opened.info.backend_pid
        for row in self._answers("SELECT 1 FROM pg_stat_activity WHERE pid = %s", process_id):
            if row is None:
                return

    def wait_until_blocked(self, process_id: int) -> None:
        """Wait until a session waits for a lock that another one holds; it must do so some time."""
        waits = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
        deadline = time.monotonic() + 30
        for row in self._answers(waits, process_id):
            if row == (True,):
                return
            assert time.monotonic() < deadline, f"session {process_id} waits for nobody"

    def wait_until_gone(self, application: str) -> None:
        """Wait until no session of this name is left; there must be none some time."""
        deadline = time.monotonic() + 30
        while self.query("SELECT 1 FROM pg_stat_activity WHERE application_name = %s", [application]):
            assert time.monotonic() < deadline, f"sessions of {application} are left"
            time.sleep(0.01)

    def _answers(self, statement: str, process_id: int) -> Iterator[tuple[Any, ...] | None]:
        """Yield the first row of a statement again and again, on one connection, since that comes often."""
        with closing(self.connect()) as opened, opened.cursor() as cursor:
            while True:
                cursor.execute(statement, (process_id,))
                yield cursor.fetchone()
                time.sleep(0.01)

    def forget_counters(self) -> None:
        """Forget the counters that the state has recorded: the server does not copy its own with a database."""
        if self.query("SELECT to_regclass('dbt_state_plugin.relation')") != [(None,)]:
            self.query("UPDATE dbt_state_plugin.relation SET touched = NULL")


def asked(place: StateDatabase, statement: Statement, parameters: Any = None) -> list[tuple[Any, ...]]:
    """Run a statement on the state in a place; give its rows."""
    from dbt_state_plugin.state.connection import connect
    from dbt_state_plugin.state.state import compose

    with closing(connect(place, writes=False)) as opened, opened.cursor() as cursor:
        cursor.execute(compose(opened, statement, STATE_SCHEMA), parameters)
        return cursor.fetchall() if cursor.description else []


def database_on(server: Server, name: str) -> Database:
    """Return a database of a server by its name, whether it exists already or not."""
    return Database(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        dbname=name,
        url=server.url(name),
    )


@contextmanager
def fresh_database(server: Server, name: str | None = None) -> Iterator[Database]:
    """Create a database, with a unique name of its own if none is given, and drop it whoever is still connected."""
    if name is None:
        name = f"test_{secrets.token_hex(8)}"
    else:
        postgres_server.drop_database(server, name)
    postgres_server.create_database(server, name)
    try:
        yield database_on(server, name)
    finally:
        postgres_server.drop_database(server, name)


class Databases:
    """Fresh databases, each made while the test before runs, and dropped while the next one does.

    The server takes 30 ms of a processor for both, and waits for itself twice as long.
    """

    def __init__(self, server: Server, template: str = "template0") -> None:
        """Make none yet; a template is a database that nobody is connected to."""
        self._server, self._template = server, template
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="databases")
        self._opened: connection | None = None  # of the worker's
        self._next: Future[str] | None = None
        self._dropped: list[Future[None]] = []

    @contextmanager
    def fresh(self) -> Iterator[Database]:
        """Give a database of a unique name, and drop it afterwards whoever is still connected."""
        name = (self._next or self._worker.submit(self._make)).result()
        self._next = self._worker.submit(self._make)
        try:
            yield database_on(self._server, name)
        finally:
            self._dropped.append(self._worker.submit(self._drop, name))

    def _make(self) -> str:
        name = f"test_{secrets.token_hex(8)}"
        postgres_server.create_database(self._server, name, self._template, opened=self._connection())
        return name

    def _drop(self, name: str) -> None:
        postgres_server.drop_database(self._server, name, opened=self._connection())

    def _connection(self) -> connection:
        """Return a connection for all of them, opened anew where a test has ended it."""
        try:
            if self._opened is not None:
                self._opened.cursor().execute("SELECT 1")
                return self._opened
        except psycopg2.Error:
            pass
        self._opened = postgres_server.connect(self._server)
        return self._opened

    def close(self) -> None:
        """Drop what is left, and raise what went wrong with a drop."""
        if self._next is not None:
            self._dropped.append(self._worker.submit(self._drop, self._next.result()))
        self._worker.shutdown()
        if self._opened is not None:
            self._opened.close()
        for dropped in self._dropped:
            dropped.result()
