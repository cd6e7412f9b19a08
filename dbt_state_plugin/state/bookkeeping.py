"""Executions and steps of scripts.

These executions take no lock and may overlap, also with a run of dbt. By the strict rules, what has ended cannot be
reopened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dbt_state_plugin.core.values.bookkeeping_rules import STRICT, BookkeepingRules
from dbt_state_plugin.errors import NotFoundError, UsageError
from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.state.checksum_sets import compare_checksum_sets, record_checksum_set
from dbt_state_plugin.state.executions import TRANSFORM
from dbt_state_plugin.state.relations import environment_of
from dbt_state_plugin.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How the checksums of a step differ from those of an earlier execution; the names are sorted.

    `doubt` is a sentence about why the earlier execution may be no good baseline, or empty. `removed` is None if that
    cannot be told.
    """

    changed: tuple[str, ...]
    removed: tuple[str, ...] | None
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAfterRun:
    """A script's step, with its checksums by name, and the run of dbt that it is to be compared with.

    `kind` is file or manifest; `command` and `status` are those of the run.
    """

    kind: str
    checksums: Mapping[str, str]
    command: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An execution or a step that was completed, with the number of checksums that a step covers.

    `left_open` names the steps that an execution did not complete.
    """

    name: str
    started_at: datetime
    finished_at: datetime
    covered: int = 0
    rows_processed: int | None = None
    left_open: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Execution:
    execution_id: UUID
    command: str
    is_exclusive: bool
    status: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    step_id: UUID
    name: str
    status: str
    finished_at: datetime | None
    checksum_set_id: str | None
    execution: _Execution


_START = """
    INSERT INTO {state}.execution (execution_id, environment_id, command, is_exclusive, caller, host, tool_version,
        meltano_run_id)
    VALUES (%s, %s, 'init-execution', false, 'script', %s, %s, %s) ON CONFLICT (execution_id) DO NOTHING
"""
_EXECUTION = """
    SELECT x.execution_id::text, x.command, x.is_exclusive, x.status, x.started_at, x.finished_at, x.environment_id,
           e.warehouse, e.pipeline, e.project_name, e.target_name, e.database_name, e.schema_name
    FROM {state}.execution x JOIN {state}.environment e USING (environment_id) WHERE x.execution_id = %s
"""
_LAST_SUCCESSFUL = """
    SELECT execution_id::text FROM {state}.execution WHERE environment_id = %s AND status = 'succeeded'
      AND command <> 'load-plan' -- that one only notes which bookmarks were reset
    ORDER BY finished_at DESC, started_at DESC, execution_id DESC LIMIT 1
"""
_STEP = """
    SELECT step_id::text, name, status, finished_at, checksum_set_id, execution_id::text
    FROM {state}.execution_step WHERE step_id = %s
"""
_STEPS_OF_NAME = """
    SELECT checksum_set_id FROM {state}.execution_step
    WHERE execution_id = %s AND name = %s AND step_id <> %s ORDER BY started_at, step_id
"""
_CHECKSUMS = """
    SELECT name, checksum, kind FROM {state}.checksum JOIN {state}.checksum_set USING (checksum_set_id)
    WHERE checksum_set_id = %s
"""
_HAS_STEP = "SELECT 1 FROM {state}.execution_step WHERE execution_id = %s AND name = %s"
_START_STEP = """
    INSERT INTO {state}.execution_step (step_id, execution_id, name, checksum_set_id)
    VALUES (gen_random_uuid(), %s, %s, %s) RETURNING step_id::text
"""
_FINISH_STEP = """
    UPDATE {state}.execution_step SET status = 'succeeded', rows_processed = %s,
        finished_at = greatest(clock_timestamp(), started_at)
    WHERE step_id = %s AND status = ANY (%s)
    RETURNING name, started_at, finished_at,
        (SELECT count(*) FROM {state}.checksum c WHERE c.checksum_set_id = execution_step.checksum_set_id)
"""
_RUNNING_STEPS = """
    SELECT name FROM {state}.execution_step WHERE execution_id = %s AND status = 'running' ORDER BY started_at, name
"""
_FINISH = """
    UPDATE {state}.execution SET status = %s, finished_at = greatest(clock_timestamp(), started_at)
    WHERE execution_id = %s RETURNING started_at, finished_at
"""
_REOPEN = "UPDATE {state}.execution SET status = 'running', finished_at = NULL WHERE execution_id = %s"
_END_STEPS = """
    UPDATE {state}.execution_step SET status = %s, finished_at = greatest(clock_timestamp(), started_at)
    WHERE execution_id = %s AND status = 'running'
"""
# What a script may still complete: a step that its execution left open is abandoned with it.
_OPEN = {False: ["running"], True: ["running", "succeeded", "abandoned"]}


def start_execution(state: State, execution_id: UUID, *, host: str, tool_version: str, meltano_run_id: str) -> None:
    """Record the start of an execution; raises UsageError when the id is in use."""
    values = (str(execution_id), state.environment_id, host, tool_version, meltano_run_id)
    if not state.execute(_START, values):
        raise UsageError(
            f"Execution {execution_id} is recorded already.", "Pass another id, or none to have one made for you."
        )


def last_successful_execution(state: State) -> UUID | None:
    """Return the succeeded execution of the environment that ended last, whoever recorded it."""
    rows = state.rows(_LAST_SUCCESSFUL, (state.environment_id,))
    return UUID(rows[0][0]) if rows else None


@again_after_conflict
def completion_time(state: State, execution_id: UUID, rules: BookkeepingRules = STRICT) -> datetime | None:
    """Return when an execution was completed; raises NotFoundError, and UsageError when it was not.

    Where the rules let it be asked of any execution, it is None then.
    """
    with _statements(state, "Cannot read the state") as cursor:
        execution = _execution(cursor, state, execution_id)
    if execution.status == "succeeded":
        return execution.finished_at
    if rules.tells_of_unfinished:
        return None
    what = "is still running" if execution.status == "running" else f"was not completed: it {_ending(execution)}"
    raise UsageError(
        f"Execution {execution_id} {what}.", "Ask for an execution that `get-last-successful-execution` names."
    )


@again_after_conflict
def start_step(
    state: State,
    execution_id: UUID,
    name: str,
    *,
    kind: str,
    checksums: Mapping[str, str],
    rules: BookkeepingRules = STRICT,
) -> UUID:
    """Record the start of a step and the checksums that it covers; `kind` is file, manifest or fingerprint.

    Raises NotFoundError, and UsageError when the execution has ended or has a step of this name.
    """
    with _statements(state) as cursor:
        if _running_execution(cursor, state, execution_id, rules).status == "succeeded":
            cursor.execute(state.statement(_REOPEN), (str(execution_id),))
        cursor.execute(state.statement(_HAS_STEP), (str(execution_id), name))
        if cursor.fetchall() and not rules.repeats_steps:
            raise UsageError(f"Execution {execution_id} has a step {name} already.", "Give each step a different name.")
        checksum_set_id = record_checksum_set(cursor, state, kind=kind, checksums=checksums)
        cursor.execute(state.statement(_START_STEP), (str(execution_id), name, checksum_set_id))
        return UUID(cursor.fetchone()[0])


@again_after_conflict
def compare_steps(
    state: State, step_id: UUID, previous_execution_id: UUID | None, rules: BookkeepingRules = STRICT
) -> Comparison:
    """Compare a step with those of the same name of an earlier execution; without one everything is changed.

    Of several, the last that covers a name counts for it. Checksums of another kind always differ. Raises NotFoundError
    and UsageError.
    """
    with _statements(state, "Cannot read the state") as cursor:
        step = _step(cursor, state, step_id)
        if step.checksum_set_id is None:
            raise UsageError(
                f"The step {step.name} covers no checksums.", "Compare a step that init-step has recorded."
            )
        previous, doubt = [], ""
        if previous_execution_id is not None:
            if previous_execution_id == step.execution.execution_id and not rules.repeats_steps:
                raise UsageError(
                    f"The step {step.name} belongs to execution {previous_execution_id} itself.",
                    "Compare it with an earlier execution, such as `get-last-successful-execution` names.",
                )
            earlier = _execution(cursor, state, previous_execution_id)
            values = (str(previous_execution_id), step.name, str(step_id))
            cursor.execute(state.statement(_STEPS_OF_NAME), values)
            previous = [row[0] for row in cursor.fetchall()]
            doubt = _doubt(earlier, step.name, has_step=bool(previous))
        changed, removed = compare_checksum_sets(cursor, state, step.checksum_set_id, *filter(None, previous))
    return Comparison(changed=changed, removed=removed, doubt=doubt)


@again_after_conflict
def step_after_run(state: State, step_id: UUID, previous_execution_id: UUID) -> StepAfterRun | None:
    """Return a step that is to be compared with what a run of dbt covered, or None if it is another comparison.

    Raises NotFoundError.
    """
    with _statements(state, "Cannot read the state") as cursor:
        step = _step(cursor, state, step_id)
        run = _execution(cursor, state, previous_execution_id)
        if step.checksum_set_id is None or step.name != TRANSFORM or not run.is_exclusive:
            return None
        cursor.execute(state.statement(_CHECKSUMS), (step.checksum_set_id,))
        rows = cursor.fetchall()
    kinds = {row[2] for row in rows}
    if len(kinds) != 1 or "fingerprint" in kinds:
        return None
    checksums = {row[0]: row[1] for row in rows}
    return StepAfterRun(kind=kinds.pop(), checksums=checksums, command=run.command, status=run.status)


@again_after_conflict
def complete_step(
    state: State, step_id: UUID, *, rows_processed: int | None, rules: BookkeepingRules = STRICT
) -> Ended:
    """Record that a step succeeded and return it; raises NotFoundError, and UsageError when it has ended."""
    with _statements(state) as cursor:
        step = _step(cursor, state, step_id)
        _refuse_runs(step.execution)
        cursor.execute(state.statement(_FINISH_STEP), (rows_processed, str(step_id), _OPEN[rules.reopens]))
        row = cursor.fetchone()
        if row is None:
            step = _step(cursor, state, step_id)  # look again: another process may have ended it just now
            raise UsageError(f"The step {step.name} has ended: it {_ending(step)}.", "An ended step cannot be changed.")
        return Ended(name=row[0], started_at=row[1], finished_at=row[2], covered=row[3], rows_processed=rows_processed)


@again_after_conflict
def complete_execution(state: State, execution_id: UUID, rules: BookkeepingRules = STRICT) -> Ended:
    """Record that an execution succeeded and return it.

    Raises NotFoundError, and UsageError when it has ended or a step has not.
    """
    with _statements(state) as cursor:
        _running_execution(cursor, state, execution_id, rules)
        cursor.execute(state.statement(_RUNNING_STEPS), (str(execution_id),))
        running = tuple(row[0] for row in cursor.fetchall())
        if running and not rules.leaves_steps_open:
            raise UsageError(
                f"Execution {execution_id} has steps that are not completed: {', '.join(running)}.",
                "Run complete-step for each of them first, or fail-execution.",
            )
        if running:
            cursor.execute(state.statement(_END_STEPS), ("abandoned", str(execution_id)))
        cursor.execute(state.statement(_FINISH), ("succeeded", str(execution_id)))
        started_at, finished_at = cursor.fetchone()
        return Ended(name=str(execution_id), started_at=started_at, finished_at=finished_at, left_open=running)


@again_after_conflict
def fail_execution(state: State, execution_id: UUID) -> None:
    """Record that an execution failed, and its running steps with it; raises NotFoundError and UsageError."""
    with _statements(state) as cursor:
        _running_execution(cursor, state, execution_id)
        cursor.execute(state.statement(_END_STEPS), ("failed", str(execution_id)))
        cursor.execute(state.statement(_FINISH), ("failed", str(execution_id)))


@contextmanager
def _statements(state: State, what: str = "Cannot write the state") -> Iterator[Any]:
    with database_errors(what), transaction(state.connection) as cursor:
        yield cursor


def _running_execution(cursor: Any, state: State, execution_id: UUID, rules: BookkeepingRules = STRICT) -> _Execution:
    # The row stays locked, so that nobody ends the execution or adds a step until this transaction has ended.
    execution = _execution(cursor, state, execution_id, lock=True)
    _refuse_runs(execution)
    if execution.status != "running" and not (rules.reopens and execution.status == "succeeded"):
        raise UsageError(
            f"Execution {execution_id} has ended: it {_ending(execution)}.", "Start a new one with init-execution."
        )
    return execution


def _execution(cursor: Any, state: State, execution_id: UUID, *, lock: bool = False) -> _Execution:
    statement = _EXECUTION + (" FOR NO KEY UPDATE OF x" if lock else "")
    cursor.execute(state.statement(statement), (str(execution_id),))
    row = cursor.fetchone()
    if row is None:
        raise NotFoundError(f"Execution {execution_id} is not recorded.", "Use the id that init-execution printed.")
    if row[6] != state.environment_id:
        other = environment_of(row[8:], row[7])
        raise NotFoundError(
            f"Execution {execution_id} belongs to {other}, not to {state.environment}.",
            "Pass the --pipeline or the --target that it was started with.",
        )
    return _Execution(
        execution_id=UUID(row[0]),
        command=row[1],
        is_exclusive=row[2],
        status=row[3],
        started_at=row[4],
        finished_at=row[5],
    )


def _step(cursor: Any, state: State, step_id: UUID) -> _Step:
    cursor.execute(state.statement(_STEP), (str(step_id),))
    row = cursor.fetchone()
    if row is None:
        raise NotFoundError(f"Step {step_id} is not recorded.", "Use the id that init-step printed.")
    execution = _execution(cursor, state, UUID(row[5]))
    return _Step(
        step_id=step_id, name=row[1], status=row[2], finished_at=row[3], checksum_set_id=row[4], execution=execution
    )


def _refuse_runs(execution: _Execution) -> None:
    if execution.is_exclusive:
        raise UsageError(
            f"Execution {execution.execution_id} was recorded by `{execution.command}`, which keeps its own books.",
            "Start one for the script with init-execution.",
        )


def _ending(ended: _Execution | _Step) -> str:
    finished_at = ended.finished_at.isoformat(timespec="seconds") if ended.finished_at else "an unknown time"
    words = {"cancelled": "was cancelled", "abandoned": "was abandoned"}
    return f"{words.get(ended.status, ended.status)} at {finished_at}"


def _doubt(earlier: _Execution, name: str, *, has_step: bool) -> str:
    if not has_step:
        return f"Execution {earlier.execution_id} has no step {name}, so everything counts as changed."
    if earlier.status != "succeeded":
        return (
            f"Execution {earlier.execution_id} did not succeed; it is {earlier.status}. What it left behind is unknown."
        )
    return ""
