"""Executions and steps that another tool recorded, taken over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.state.checksum_sets import record_checksum_set
from dbt_state_plugin.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedExecution:
    """An execution of another tool; `ended_at` is when it was touched last, where it was not completed."""

    execution_id: UUID
    is_completed: bool
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedStep:
    """A step of another tool's execution; `ended_at` as there."""

    step_id: UUID
    execution_id: UUID
    name: str
    is_completed: bool
    started_at: datetime
    ended_at: datetime
    rows_processed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Count what was taken over, what was there already, and how much of that belongs to other environments."""

    executions: int
    unfinished: int
    steps: int
    known: int
    elsewhere: int


# What was not completed at an earlier import, and is now, is taken over again.
_OUTDATED = """
    DELETE FROM {state}.execution WHERE execution_id = ANY (%s::uuid[]) AND environment_id = %s
      AND command = %s AND status = 'abandoned'
"""
_ELSEWHERE = """
    SELECT count(*) FROM {state}.execution WHERE execution_id = ANY (%s::uuid[]) AND environment_id <> %s
"""
_EXECUTION = """
    INSERT INTO {state}.execution (execution_id, environment_id, command, is_exclusive, status, started_at, finished_at,
        caller, tool_version)
    SELECT given.id, %s, %s, false, given.status, given.started_at, given.finished_at, 'script', ''
    FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::timestamptz[])
        AS given (id, status, started_at, finished_at)
    ON CONFLICT (execution_id) DO NOTHING RETURNING execution_id::text
"""
_STEP = """
    INSERT INTO {state}.execution_step (step_id, execution_id, name, status, started_at, finished_at, rows_processed,
        checksum_set_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (step_id) DO NOTHING
"""


def import_executions(
    state: State,
    command: str,
    executions: Sequence[ImportedExecution],
    steps_of: Callable[[Sequence[ImportedExecution]], Iterable[ImportedStep]],
    checksums_of: Callable[[Sequence[ImportedExecution]], Iterator[tuple[UUID, dict[str, str]]]],
) -> Imported:
    """Record the executions that are not recorded yet with their steps and checksums of files, in one transaction.

    `steps_of` and `checksums_of` are asked for the new ones alone. What was not completed is abandoned. Raises
    StateError.
    """
    ids = [str(each.execution_id) for each in executions]
    completed = [str(each.execution_id) for each in executions if each.is_completed]
    with database_errors("Cannot record what is imported"), transaction(state.connection) as cursor:
        cursor.execute(state.statement(_OUTDATED), (completed, state.environment_id, command))
        cursor.execute(state.statement(_ELSEWHERE), (ids, state.environment_id))
        elsewhere = cursor.fetchone()[0]
        status = [_status(each) for each in executions]
        times = [each.started_at for each in executions], [each.ended_at for each in executions]
        cursor.execute(state.statement(_EXECUTION), (state.environment_id, command, ids, status, *times))
        added = {UUID(row[0]) for row in cursor.fetchall()}
        new = [each for each in executions if each.execution_id in added]
        steps = tuple(steps_of(new)) if new else ()
        sets = {
            step_id: record_checksum_set(cursor, state, kind="file", checksums=checksums)
            for step_id, checksums in (checksums_of(new) if new else ())
        }
        empty = record_checksum_set(cursor, state, kind="file", checksums={}) if len(sets) < len(steps) else ""
        for step in steps:
            values = (str(step.step_id), str(step.execution_id), step.name, _status(step), step.started_at)
            rest = (step.ended_at, step.rows_processed, sets.get(step.step_id, empty))
            cursor.execute(state.statement(_STEP), values + rest)
    return Imported(
        executions=len(new),
        unfinished=sum(not each.is_completed for each in new),
        steps=len(steps),
        known=len(executions) - len(new),
        elsewhere=elsewhere,
    )


def _status(ended: ImportedExecution | ImportedStep) -> str:
    return "succeeded" if ended.is_completed else "abandoned"
