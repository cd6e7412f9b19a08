"""A state: environment, schema and connection."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.errors import StateError
from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import database_errors
from dbt_state_plugin.state.dialect import ByDialect, Statement, is_sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from psycopg2.extensions import connection as Connection
    from psycopg2.sql import Composed

    from dbt_state_plugin.core.values.relations import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """An open connection to a state whose schema is current, for one environment, and what was recorded of its past.

    `warehouse_position` is how far the warehouse had come, empty if that is not known; what was built before
    `restored_at` is in doubt. `times_locked` counts the locks of the environment.
    """

    connection: Connection
    schema: str
    environment: Environment
    environment_id: int
    warehouse_position: str = ""
    restored_at: datetime | None = None
    times_locked: int = 0

    def statement(self, text: Statement) -> Composed:
        """Return the statement for this connection, with each `{state}` replaced by the quoted schema."""
        return compose(self.connection, text, self.schema)

    @again_after_conflict
    def rows(self, text: Statement, values: Any = ()) -> list[tuple[Any, ...]]:
        """Run a query and return all its rows; raises StateError."""
        with database_errors("Cannot read the state"), self.connection.cursor() as cursor:
            cursor.execute(self.statement(text), values)
            with values_of_others():  # such as a year beyond 9999, which the server takes and Python does not
                return cursor.fetchall()

    @again_after_conflict
    def execute(self, text: Statement, values: Any = ()) -> int:
        """Run a statement and return how many rows it touched; raises StateError."""
        with database_errors("Cannot write the state"), self.connection.cursor() as cursor:
            cursor.execute(self.statement(text), values)
            return int(cursor.rowcount)


@contextmanager
def values_of_others() -> Iterator[None]:
    """Turn what comes of reading values that this tool cannot have written into a StateError."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise StateError(
            f"The state holds a value that this tool has not written: {error}.",
            "Correct the row, or restore the state; without it everything is built once.",
        ) from error


def compose(connection: Connection, text: Statement, schema: str) -> Composed:
    """Return a statement for a connection, with each `{state}` replaced by the quoted schema."""
    if is_sqlite(connection):
        return text.sqlite if isinstance(text, ByDialect) else text  # type: ignore[return-value] # its cursor's own
    return _composed(text.postgres if isinstance(text, ByDialect) else text, schema)


@cache  # the statements are constants, and the record of a build stands in the way of dbt's threads
def _composed(text: str, schema: str) -> Composed:
    from psycopg2 import sql

    return sql.SQL(text).format(state=sql.Identifier(schema))


_FIND = """
    SELECT environment_id, warehouse_position, restored_at, times_locked FROM {state}.environment
    WHERE (warehouse, pipeline, project_name, target_name, database_name, schema_name) = (%s, %s, %s, %s, %s, %s)
"""
_CREATE = """
    INSERT INTO {state}.environment (warehouse, pipeline, project_name, target_name, database_name, schema_name)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


def open_state(connection: Connection, schema: str, environment: Environment, *, create: bool = True) -> State:
    """Return the state of an environment, which is registered on first use if `create`; else its id may be 0.

    The schema must exist. Raises StateError.
    """
    key = (
        environment.warehouse,
        environment.pipeline,
        environment.project,
        environment.target,
        environment.database,
        environment.schema,
    )
    with database_errors("Cannot read the state"), connection.cursor() as cursor:
        cursor.execute(compose(connection, _FIND, schema), key)
        row = cursor.fetchone()
        if row is None and create:
            cursor.execute(compose(connection, _CREATE, schema), key)
            cursor.execute(compose(connection, _FIND, schema), key)
            row = cursor.fetchone()
    found = State(connection=connection, schema=schema, environment=environment, environment_id=0)
    if row is None:
        return found
    number, position, restored_at, times = row
    return replace(
        found,
        environment_id=int(number),
        warehouse_position=position or "",
        restored_at=restored_at,
        times_locked=int(times),
    )
