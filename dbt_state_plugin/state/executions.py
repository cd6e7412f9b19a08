"""Executions, their steps and node results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from dbt_state_plugin.core.values.history import ExecutionSummary, NodeResult, StepSummary
from dbt_state_plugin.core.values.results import CUT_OFF, GOOD_STATUSES
from dbt_state_plugin.errors import NotFoundError
from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.state.checksum_sets import record_checksum_set
from dbt_state_plugin.state.intents import storable
from dbt_state_plugin.state.state import State

TRANSFORM = "TRANSFORM"  # the step of a run in which dbt builds


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExecution:
    """What is known about an execution when it begins."""

    execution_id: UUID
    command: str
    caller: str
    host: str
    process_id: int
    tool_version: str
    git_commit: str = ""
    meltano_run_id: str = ""


_ABANDON = """
    UPDATE {state}.execution SET status = 'abandoned', finished_at = greatest(clock_timestamp(), started_at),
        message = 'ended without a word; the next run found it still marked as running'
    WHERE environment_id = %s AND status = 'running' AND is_exclusive
"""
_ABANDON_STEPS = """
    UPDATE {state}.execution_step s SET status = 'abandoned', finished_at = greatest(clock_timestamp(), s.started_at)
    FROM {state}.execution e
    WHERE e.execution_id = s.execution_id AND e.status = 'abandoned' AND s.status = 'running' AND e.environment_id = %s
"""
_BEGIN = """
    INSERT INTO {state}.execution (execution_id, environment_id, command, is_exclusive, caller, host, process_id,
        backend_pid, tool_version, git_commit, meltano_run_id)
    VALUES (%s, %s, %s, true, %s, %s, %s, pg_catalog.pg_backend_pid(), %s, %s, %s)
"""
_VERSIONS = "UPDATE {state}.execution SET dbt_version = %s, adapter_version = %s WHERE execution_id = %s"
_BEGIN_STEP = """
    INSERT INTO {state}.execution_step (step_id, execution_id, name, checksum_set_id) VALUES (%s, %s, %s, %s)
"""
_UNCOMMITTED = "UPDATE {state}.execution SET uncommitted = %s WHERE execution_id = %s"
_FINISH = """
    UPDATE {state}.execution SET status = %s, message = %s, finished_at = greatest(clock_timestamp(), started_at)
    WHERE execution_id = %s AND status = 'running'
"""
_FINISH_STEPS = """
    UPDATE {state}.execution_step SET status = %s, rows_processed = %s,
        finished_at = greatest(clock_timestamp(), started_at)
    WHERE execution_id = %s AND status = 'running'
"""


def begin_execution(state: State, execution: NewExecution) -> None:
    """Record the start of a run, after marking what a killed run left behind as abandoned. The lock must be held."""
    state.execute(_ABANDON, (state.environment_id,))
    state.execute(_ABANDON_STEPS, (state.environment_id,))
    values = (
        *(str(execution.execution_id), state.environment_id, execution.command, execution.caller, execution.host),
        *(execution.process_id, execution.tool_version, execution.git_commit, execution.meltano_run_id),
    )
    state.execute(_BEGIN, values)


def note_uncommitted(state: State, execution_id: UUID, digest: str | None) -> None:
    """Record a digest of what is not committed of the project, "" where all is, None if nobody can tell."""
    if digest is not None:
        state.execute(_UNCOMMITTED, (digest, str(execution_id)))


@again_after_conflict
def begin_step(
    state: State,
    execution_id: UUID,
    *,
    name: str,
    checksums: Mapping[str, str],
    dbt_version: str,
    adapter_version: str,
) -> str:
    """Record a step of a run with the fingerprints that it covers, and which dbt parsed it; return the set's id."""
    with database_errors("Cannot record the step"), transaction(state.connection) as cursor:
        covered = record_checksum_set(cursor, state, kind="fingerprint", checksums=checksums)
        cursor.execute(state.statement(_BEGIN_STEP), (str(uuid4()), str(execution_id), name, covered))
        cursor.execute(state.statement(_VERSIONS), (dbt_version, adapter_version, str(execution_id)))
    return covered


def finish_execution(
    state: State, execution_id: UUID, *, status: str, message: str = "", rows: int | None = None
) -> None:
    """Record the end of a run and of its steps; `status` is succeeded, failed or cancelled."""
    state.execute(_FINISH_STEPS, (status, rows, str(execution_id)))
    state.execute(_FINISH, (status, storable(message[:1000]), str(execution_id)))


_WITHDRAW = """
    DELETE FROM {state}.execution e WHERE e.execution_id = %s
      AND NOT EXISTS (SELECT FROM {state}.execution_step s WHERE s.execution_id = e.execution_id)
"""


def withdraw_execution(state: State, execution_id: UUID) -> bool:
    """Remove an execution that did not begin with anything; return whether it had no step."""
    return state.execute(_WITHDRAW, (str(execution_id),)) > 0


_SUMMARIES = """
    SELECT e.execution_id::text, e.command, e.status, e.started_at, e.finished_at, e.caller, e.host, e.git_commit,
           e.meltano_run_id, e.tool_version, e.dbt_version, e.message, count(r.unique_id),
           count(r.unique_id) FILTER (WHERE r.status = ANY (%s)), e.uncommitted,
           count(r.unique_id) FILTER (WHERE r.status = %s)
    FROM {state}.execution e
    LEFT JOIN {state}.node_result r ON r.execution_id = e.execution_id AND r.resource_type <> 'stream'
    WHERE e.environment_id = %s AND (%s::text IS NULL OR starts_with(e.execution_id::text, %s::text))
      AND (NOT %s OR e.status IN ('failed', 'cancelled', 'abandoned'))
    GROUP BY e.execution_id ORDER BY e.started_at DESC, e.execution_id LIMIT %s
"""
_STEPS = """
    SELECT execution_id::text, step_id::text, name, status, started_at, finished_at, rows_processed
    FROM {state}.execution_step WHERE execution_id = ANY (%s::uuid[]) ORDER BY started_at, name
"""
_RESULTS = """
    SELECT unique_id, resource_type, reasons, status, rows_affected, duration_ms, message
    FROM {state}.node_result WHERE execution_id = %s ORDER BY unique_id
"""
# Not what was planned and not reached, or skipped for another node.
_FAILED_RESULTS = """
    SELECT unique_id, resource_type, reasons, status, rows_affected, duration_ms, message, execution_id::text
    FROM {state}.node_result
    WHERE execution_id = ANY (%s::uuid[]) AND resource_type <> 'stream' AND NOT status = ANY (%s)
      AND status NOT IN ('planned', 'skipped', 'not reported')
    ORDER BY unique_id
"""


def read_history(state: State, *, limit: int, only_failed: bool = False) -> tuple[ExecutionSummary, ...]:
    """Return the newest executions of the environment, newest first, without the results of their nodes.

    With `only_failed` those that failed, were cancelled or abandoned, with the results of the nodes that failed.
    """
    found = _summaries(state, None, limit, only_failed=only_failed)
    if not only_failed:
        return found
    failed: dict[str, list[NodeResult]] = {}
    ids = [str(execution.execution_id) for execution in found]
    for row in state.rows(_FAILED_RESULTS, (ids, list(GOOD_STATUSES))):
        failed.setdefault(row[7], []).append(node_result(row))
    return tuple(replace(each, results=tuple(failed.get(str(each.execution_id), ()))) for each in found)


def read_execution(state: State, execution_id: str) -> ExecutionSummary:
    """Return one execution of the environment with its nodes, given its id or the beginning of it.

    Raises NotFoundError when none or several begin like that.
    """
    found = _summaries(state, execution_id, 2)
    if len(found) != 1:
        raise NotFoundError(
            f"Execution {execution_id} is not recorded for {state.environment}."
            if not found
            else f"Several executions of {state.environment} begin with {execution_id}.",
            "See `dbt-state-plugin history` for the executions of this environment.",
        )
    results = tuple(node_result(row) for row in state.rows(_RESULTS, (str(found[0].execution_id),)))
    return replace(found[0], results=results)


def node_result(row: tuple[Any, ...]) -> NodeResult:
    """Return the result of a node that a row holds: its columns from `unique_id` to `message`."""
    return NodeResult(
        unique_id=row[0],
        resource_type=row[1],
        reasons=tuple(reason for reason in row[2] if isinstance(reason, dict)),
        status=row[3],
        rows_affected=row[4],
        duration_ms=row[5],
        message=row[6],
    )


def _summaries(
    state: State, beginning: str | None, limit: int, *, only_failed: bool = False
) -> tuple[ExecutionSummary, ...]:
    counted = (list(GOOD_STATUSES), CUT_OFF)
    rows = state.rows(_SUMMARIES, (*counted, state.environment_id, beginning, beginning, only_failed, limit))
    steps: dict[str, list[StepSummary]] = {}
    for row in state.rows(_STEPS, ([row[0] for row in rows],)):
        steps.setdefault(row[0], []).append(_step(row))
    return tuple(_summary(row, tuple(steps.get(row[0], ()))) for row in rows)


def _step(row: tuple[Any, ...]) -> StepSummary:
    return StepSummary(
        step_id=UUID(row[1]), name=row[2], status=row[3], started_at=row[4], finished_at=row[5], rows_processed=row[6]
    )


def _summary(row: tuple[Any, ...], steps: tuple[StepSummary, ...]) -> ExecutionSummary:
    return ExecutionSummary(
        execution_id=UUID(row[0]),
        command=row[1],
        status=row[2],
        started_at=row[3],
        finished_at=row[4],
        caller=row[5],
        host=row[6],
        git_commit=row[7],
        meltano_run_id=row[8],
        tool_version=row[9],
        dbt_version=row[10],
        message=row[11],
        planned=row[12],
        succeeded=row[13],
        uncommitted=row[14],
        cut_off=row[15],
        steps=steps,
    )
