"""Executions, steps and checksums recorded by the data pipeline orchestrator (DPO).

Its tables changed twice: first they had no steps but a type for each checksum, of which a step is made here, and other
names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from dbt_state_plugin.postgres.connection import database_errors, read_only
from dbt_state_plugin.state.imported_executions import ImportedExecution, ImportedStep

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.sql import Composed

_FETCHED = 10_000  # rows at once
_TABLES = """
    SELECT schemaname::text, name::text FROM (
        SELECT schemaname, tablename FROM pg_catalog.pg_tables
        UNION ALL SELECT schemaname, viewname FROM pg_catalog.pg_views
    ) AS there (schemaname, name) WHERE schemaname = ANY (%s) AND name = ANY (%s)
"""
# The newest first, each with the tables of executions and of checksums.
_LAYOUTS = (
    ("dpo", "execution", "execution_step_model"),
    ("dpo", "execution", "execution_model"),
    ("dpo", "data_pipeline_execution", "model_checksum"),
    ("data_pipeline", "data_pipeline_execution", "model_checksum"),
)
_EXECUTIONS = """
    SELECT execution_id::text, status = 'COMPLETED', started_on, coalesce(completed_on, updated_on)
    FROM {executions} ORDER BY started_on
"""
_STEPS = """
    SELECT execution_step_id::text, execution_id::text, step_name, status = 'COMPLETED', started_on,
           coalesce(completed_on, updated_on), CASE WHEN rows_processed >= 0 THEN rows_processed END
    FROM {schema}.execution_step WHERE execution_id = ANY (%s::uuid[]) ORDER BY started_on, execution_step_id
"""
_CHECKSUMS = """
    SELECT m.execution_step_id::text, m.model_name, m.checksum
    FROM {checksums} m JOIN {schema}.execution_step s USING (execution_step_id)
    WHERE s.execution_id = ANY (%s::uuid[]) ORDER BY m.execution_step_id, m.updated_on
"""
_EXECUTIONS_WITHOUT_STEPS = """
    SELECT id::text, status = 'COMPLETED', created_on, last_updated_on FROM {executions} ORDER BY created_on
"""
_TYPES = """
    SELECT NULL, execution_id::text, type, NULL, min(created_on), max(last_updated_on), NULL
    FROM {checksums} WHERE execution_id = ANY (%s::uuid[]) GROUP BY execution_id, type ORDER BY 5, execution_id, type
"""
_CHECKSUMS_OF_TYPES = """
    SELECT execution_id::text || ' ' || type, name, checksum
    FROM {checksums} WHERE execution_id = ANY (%s::uuid[]) ORDER BY execution_id, type, last_updated_on
"""


_CURSOR = "DECLARE checksums NO SCROLL CURSOR FOR "


@dataclass(frozen=True, slots=True, kw_only=True)
class DpoHistory:
    """What DPO recorded, as it was when the transaction began that reads it."""

    cursor: Any
    layout: tuple[str, str, str]

    def executions(self) -> tuple[ImportedExecution, ...]:
        """Return all executions, oldest first."""
        self._ask(_EXECUTIONS if self._has_steps else _EXECUTIONS_WITHOUT_STEPS)
        return tuple(
            ImportedExecution(
                execution_id=UUID(row[0]), is_completed=row[1], started_at=row[2], ended_at=max(row[2], row[3])
            )
            for row in self.cursor.fetchall()
        )

    def steps(self, executions: Sequence[ImportedExecution]) -> tuple[ImportedStep, ...]:
        """Return the steps of these executions, oldest first."""
        completed = {execution.execution_id: execution.is_completed for execution in executions}
        self._ask(_STEPS if self._has_steps else _TYPES, list(map(str, completed)))
        return tuple(self._step(row, completed[UUID(row[1])]) for row in self.cursor.fetchall() if row[2])

    def checksums(self, executions: Sequence[ImportedExecution]) -> Iterator[tuple[UUID, dict[str, str]]]:
        """Yield the checksums by name that each step of these executions covers, if any; of one name the newest."""
        ids = [str(execution.execution_id) for execution in executions]
        asked = self._composed(_CHECKSUMS if self._has_steps else _CHECKSUMS_OF_TYPES)
        self.cursor.execute(self._composed(_CURSOR) + asked, (ids,))
        for step, rows in groupby(self._fetched(), key=lambda row: row[0]):
            yield self._step_id(step), {str(name): str(checksum) for _, name, checksum in rows}
        self.cursor.execute("CLOSE checksums")

    @property
    def _has_steps(self) -> bool:
        return self.layout == _LAYOUTS[0]

    def _step(self, row: Sequence[Any], is_of_completed: bool) -> ImportedStep:
        started_at: datetime = row[4]
        return ImportedStep(
            step_id=self._step_id(row[0] or f"{row[1]} {row[2]}"),
            execution_id=UUID(row[1]),
            name=row[2],
            # Steps of before DPO knew of steps have no status that says anything: they are as their execution is.
            is_completed=is_of_completed if row[3] is None else row[3],
            started_at=started_at,
            ended_at=max(started_at, row[5]),
            rows_processed=row[6],
        )

    def _step_id(self, text: str) -> UUID:
        execution_id, _, name = text.partition(" ")
        return uuid5(UUID(execution_id), name) if name else UUID(execution_id)

    def _ask(self, statement: str, *values: Any) -> None:
        self.cursor.execute(self._composed(statement), values)

    def _fetched(self) -> Iterator[tuple[str, str, str]]:
        while True:
            self.cursor.execute("FETCH %s FROM checksums", (_FETCHED,))
            rows = self.cursor.fetchall()
            if not rows:
                return
            yield from rows

    def _composed(self, statement: str) -> Composed:
        from psycopg2 import sql

        schema, executions, checksums = self.layout
        return sql.SQL(statement).format(
            schema=sql.Identifier(schema),
            executions=sql.Identifier(schema, executions),
            checksums=sql.Identifier(schema, checksums),
        )


@contextmanager
def opened_history(connection: Connection) -> Iterator[DpoHistory | None]:
    """Yield what DPO recorded in a database, or None if none of its tables are; it is read without writing.

    Raises StateError.
    """
    with database_errors("Cannot read what DPO recorded"), read_only(connection) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        schemas, *tables = (sorted(set(names)) for names in zip(*_LAYOUTS, strict=True))
        cursor.execute(_TABLES, (schemas, sorted({*tables[0], *tables[1]})))
        found = set(cursor.fetchall())
        layouts = (each for each in _LAYOUTS if {(each[0], each[1]), (each[0], each[2])} <= found)
        layout = next(layouts, None)
        yield DpoHistory(cursor=cursor, layout=layout) if layout else None
