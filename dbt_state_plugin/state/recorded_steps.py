"""Recorded external steps with their checksums."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from dbt_state_plugin.core.values.results import StepItem
from dbt_state_plugin.errors import NotFoundError
from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.state.checksum_sets import record_checksum_set
from dbt_state_plugin.state.dialect import ByDialect
from dbt_state_plugin.state.executions import NewExecution
from dbt_state_plugin.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """A step as it was recorded."""

    execution_id: UUID
    name: str
    started_at: datetime
    finished_at: datetime | None
    checksums: Mapping[str, str]


_STEP = """
    INSERT INTO {state}.execution_step (step_id, execution_id, name, checksum_set_id, status, started_at, finished_at)
    SELECT %s, %s, %s, %s, 'succeeded', moment, moment FROM (SELECT clock_timestamp() AS moment) AS now
"""
_ITEMS = """
    INSERT INTO {state}.node_result (execution_id, unique_id, resource_type, reasons, status)
    VALUES (%s, %s, %s, %s, %s)
"""
_APART = """
    INSERT INTO {state}.execution (execution_id, environment_id, command, caller, host, process_id, tool_version,
        meltano_run_id, is_exclusive, status, started_at, finished_at)
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, false, 'succeeded', moment, moment
    FROM (SELECT clock_timestamp() AS moment) AS now
"""
_LAST = """
    SELECT e.execution_id::text, e.started_at, e.finished_at, s.checksum_set_id
    FROM {state}.execution e JOIN {state}.execution_step s USING (execution_id)
    WHERE e.environment_id = %(environment)s AND s.name = %(name)s AND s.checksum_set_id IS NOT NULL
      AND CASE WHEN %(since)s::text IS NULL THEN e.status = 'succeeded'
               ELSE starts_with(e.execution_id::text, %(since)s::text) END
    ORDER BY e.finished_at DESC NULLS LAST, e.started_at DESC, e.execution_id DESC LIMIT 2
"""
_CHECKSUMS = "SELECT name, checksum FROM {state}.checksum WHERE checksum_set_id = %s"
_COVERED = """
    FROM (SELECT s.checksum_set_id, max(e.finished_at) AS finished_at
          FROM {state}.execution e JOIN {state}.execution_step s USING (execution_id)
          WHERE e.environment_id = %s AND s.name = %s AND e.status = 'succeeded' GROUP BY s.checksum_set_id) AS sets
    JOIN {state}.checksum c USING (checksum_set_id)
"""
_NEWEST = ByDialect(
    postgres="SELECT DISTINCT ON (c.name) c.name, c.checksum" + _COVERED + "ORDER BY c.name, sets.finished_at DESC",
    sqlite="""
    SELECT name, checksum FROM (
        SELECT c.name, c.checksum, row_number() OVER (PARTITION BY c.name ORDER BY sets.finished_at DESC) AS place
        <covered>) AS found
    WHERE place = 1
    """.replace("<covered>", _COVERED),
)
_AFTER = """
    SELECT e.execution_id::text, s.name, e.started_at, e.finished_at, s.checksum_set_id
    FROM {state}.execution e JOIN {state}.execution_step s USING (execution_id)
    WHERE e.environment_id = %s AND s.name = ANY (%s) AND e.started_at > %s AND s.checksum_set_id IS NOT NULL
    ORDER BY e.started_at, e.execution_id
"""


@again_after_conflict
def record(
    state: State, execution_id: UUID, name: str, checksums: Mapping[str, str], items: Sequence[StepItem]
) -> None:
    """Record a step of an execution that has ended already, and what changed in it."""
    with database_errors("Cannot record the step"), transaction(state.connection) as cursor:
        _record(cursor, state, execution_id, name, checksums, items)


@again_after_conflict
def record_apart(
    state: State, execution: NewExecution, name: str, checksums: Mapping[str, str], items: Sequence[StepItem]
) -> None:
    """Record an execution that has succeeded already and consists of this step; it takes no lock."""
    values = (
        *(str(execution.execution_id), state.environment_id, execution.command, execution.caller, execution.host),
        *(execution.process_id, execution.tool_version, execution.meltano_run_id),
    )
    with database_errors("Cannot record the execution"), transaction(state.connection) as cursor:
        cursor.execute(state.statement(_APART), values)
        _record(cursor, state, execution.execution_id, name, checksums, items)


def last_successful(state: State, name: str, since: str | None = None) -> StepRecord | None:
    """Return the step of this name in the last successful execution that has one, or in the execution `since`.

    `since` is an id or the beginning of one; raises NotFoundError when that execution has no such step, or when several
    that have one begin like that.
    """
    rows = state.rows(_LAST, {"environment": state.environment_id, "name": name, "since": since})
    if since is not None and len(rows) != 1:
        raise NotFoundError(
            f"No execution {since} with a step {name} is recorded for {state.environment}."
            if not rows
            else f"Several executions of {state.environment} with a step {name} begin with {since}.",
            "See `dbt-state-plugin history` for the executions of this environment.",
        )
    return _read(state, name, rows[0]) if rows else None


def newest_checksums(state: State, name: str) -> dict[str, str]:
    """Return the newest checksum of everything that steps of this name in successful executions ever covered."""
    return dict(state.rows(_NEWEST, (state.environment_id, name)))


def recorded_after(state: State, names: Sequence[str], time: datetime | None) -> tuple[StepRecord, ...]:
    """Return the steps of these names in executions that started after a time, however they ended, oldest first."""
    if time is None:
        return ()
    rows = state.rows(_AFTER, (state.environment_id, list(names), time))
    return tuple(_read(state, row[1], (row[0], *row[2:])) for row in rows)


def _record(
    cursor: Any,
    state: State,
    execution_id: UUID,
    name: str,
    checksums: Mapping[str, str],
    items: Sequence[StepItem],
) -> None:
    covered = record_checksum_set(cursor, state, kind="fingerprint", checksums=checksums)
    cursor.execute(state.statement(_STEP), (str(uuid4()), str(execution_id), name, covered))
    for item in items:
        reasons = json.dumps([{"kind": kind, "detail": detail} for kind, detail in item.reasons])
        cursor.execute(
            state.statement(_ITEMS), (str(execution_id), item.name, item.resource_type, reasons, item.status)
        )


def _read(state: State, name: str, row: tuple[Any, ...]) -> StepRecord:
    return StepRecord(
        execution_id=UUID(row[0]),
        name=name,
        started_at=row[1],
        finished_at=row[2],
        checksums=dict(state.rows(_CHECKSUMS, (row[3],))),
    )
