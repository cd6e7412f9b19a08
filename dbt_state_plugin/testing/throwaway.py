"""Throw-away databases that are filled from CSV files and compared with them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.testing.postgres_server import create_database, drop_database, start_server

if TYPE_CHECKING:
    from psycopg2.extensions import connection
    from psycopg2.sql import Composable

    from dbt_state_plugin.testing.postgres_server import Server

_SHOWN = 10  # differing rows of each side


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrowawayDatabase:
    """A database of the test's own, and how to reach it."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    dbname: str
    url: str = field(repr=False)

    def execute(self, statement: str | Composable, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement in a session of its own, and return its rows, if it has any.

        What it has written is counted by the server when this returns, as dbt-state-plugin sees new rows by that.
        """
        with closing(self._connect()) as opened, opened.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows = cursor.fetchall() if cursor.description else []
            process_id = opened.info.backend_pid
        self._wait_for_the_end_of(process_id)
        return rows

    def load(self, relation: str, file: str | Path, *, replace: bool = False) -> None:
        """Append the rows of a CSV file with a header to `schema.table`, which is created where it does not exist.

        Then its types are those of the values: bigint, numeric, boolean, date, timestamp or text. With `replace` the
        rows that are there are deleted before. Raises ValueError when `relation` names no schema.
        """
        from psycopg2 import sql

        target, columns = _identifier(relation), _header(Path(file))
        with closing(self._connect()) as opened, opened.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NULL", (target.as_string(opened),))
            if cursor.fetchone() == (True,):
                cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(target.strings[0])))
                cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(target, _typed(Path(file), columns)))
            if replace:
                cursor.execute(sql.SQL("DELETE FROM {}").format(target))
            _copy(cursor, target, columns, Path(file))
            process_id = opened.info.backend_pid
        self._wait_for_the_end_of(process_id)

    def rows_equal(self, relation: str, file: str | Path) -> bool:
        """Return True where `schema.table` holds the rows of a CSV file, in whatever order.

        The columns of its header are compared, as values of the relation's types. Raises AssertionError with the rows
        that are missing and those that are unexpected.
        """
        from psycopg2 import sql

        target, columns = _identifier(relation), _header(Path(file))
        expected, names = sql.Identifier("expected"), sql.SQL(", ").join(map(sql.Identifier, columns))
        with closing(self._connect()) as opened, opened.cursor() as cursor:
            cursor.execute(
                sql.SQL("CREATE TEMPORARY TABLE {} AS SELECT {} FROM {} WHERE false").format(expected, names, target)
            )
            _copy(cursor, expected, columns, Path(file))
            difference = "SELECT {names} FROM {one} EXCEPT ALL SELECT {names} FROM {other} ORDER BY {names}"
            found = []
            for one, other in ((expected, target), (target, expected)):
                cursor.execute(sql.SQL(difference).format(names=names, one=one, other=other))
                found.append(cursor.fetchall())
        missing, unexpected = found
        if missing or unexpected:
            raise AssertionError("\n".join(_difference(relation, file, columns, missing, unexpected)))
        return True

    def _connect(self) -> connection:
        import psycopg2

        opened: connection = psycopg2.connect(self.url)
        opened.autocommit = True
        return opened

    def _wait_for_the_end_of(self, process_id: int) -> None:
        """Wait until a session has ended: then its counters are reported."""
        with closing(self._connect()) as opened, opened.cursor() as cursor:
            while True:
                cursor.execute("SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid = %s", (process_id,))
                if cursor.fetchone() is None:
                    return
                time.sleep(0.01)


def _identifier(relation: str) -> Any:
    from psycopg2 import sql

    schema, dot, name = relation.partition(".")
    if not dot or not schema or not name:
        raise ValueError(f"{relation!r} names no schema and table, as in 'raw.orders'")
    return sql.Identifier(schema, name)


def _header(file: Path) -> list[str]:
    import csv

    with file.open(encoding="utf-8", newline="") as opened:
        columns = next(csv.reader(opened), [])
    if not columns:
        raise ValueError(f"{file} is empty: its first line must hold the names of the columns")
    return columns


def _copy(cursor: Any, target: Composable, columns: list[str], file: Path) -> None:
    from psycopg2 import sql

    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    copy = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT csv, HEADER true)").format(target, names)
    with file.open(encoding="utf-8", newline="") as opened:
        cursor.copy_expert(copy, opened)


def _typed(file: Path, columns: list[str]) -> Composable:
    """Return the columns with the types of their values."""
    import agate
    from psycopg2 import sql

    true_or_false = agate.Boolean(true_values=("true", "t"), false_values=("false", "f"))
    order = [agate.Number(), agate.Date(date_format="%Y-%m-%d"), agate.DateTime(), true_or_false, agate.Text()]
    table = agate.Table.from_csv(str(file), column_types=agate.TypeTester(types=order))
    types = [_type(column.data_type, column.values()) for column in table.columns]
    pairs = zip(columns, types, strict=True)
    return sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in pairs)


def _type(data_type: Any, values: Any) -> str:
    import agate

    if isinstance(data_type, agate.Number):
        is_whole = all(value is None or value == value.to_integral_value() for value in values)
        return "bigint" if is_whole else "numeric"
    kinds = ((agate.DateTime, "timestamp"), (agate.Date, "date"), (agate.Boolean, "boolean"))
    return next((name for kind, name in kinds if isinstance(data_type, kind)), "text")


def _difference(
    relation: str, file: str | Path, columns: list[str], missing: list[Any], unexpected: list[Any]
) -> Iterator[str]:
    yield f"{relation} is not as in {file}: {len(missing)} rows are missing, {len(unexpected)} are unexpected"
    yield "  " + ", ".join(columns)
    for sign, rows in (("-", missing), ("+", unexpected)):
        yield from (
            f"{sign} " + ", ".join("" if value is None else str(value) for value in row) for row in rows[:_SHOWN]
        )
        if len(rows) > _SHOWN:
            yield f"{sign} ... and {len(rows) - _SHOWN} more"


@contextmanager
def started_server(*, in_memory: bool = False) -> Iterator[Server]:
    """Yield a throw-away PostgreSQL as `start_server` does; fail the test in one line where none can be had."""
    import pytest

    with ExitStack() as stack:
        problem = None
        try:
            server = stack.enter_context(start_server(in_memory=in_memory))
        except PluginError as error:
            problem = f"{error.what} {error.do}"
        if problem:  # here, where the report shows this line alone and no chain of exceptions
            pytest.fail(problem, pytrace=False)
        yield server


@contextmanager
def created_database(server: Server) -> Iterator[ThrowawayDatabase]:
    """Yield an empty database with a name of its own, and drop it whoever is still connected."""
    name = f"test_{secrets.token_hex(8)}"
    create_database(server, name)
    try:
        yield ThrowawayDatabase(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            dbname=name,
            url=server.url(name),
        )
    finally:
        drop_database(server, name)
