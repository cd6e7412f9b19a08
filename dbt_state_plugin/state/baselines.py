"""Environments and executions to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.state.relations import environment_of
from dbt_state_plugin.state.state import State

_ENVIRONMENTS = """
    SELECT environment_id, warehouse, pipeline, project_name, target_name, database_name, schema_name
    FROM {state}.environment WHERE pipeline = ''
    ORDER BY project_name, target_name, database_name, schema_name, warehouse
"""
_EXECUTIONS = """
    SELECT x.execution_id::text, x.status, x.started_at, s.checksum_set_id, e.environment_id, e.warehouse, e.pipeline,
           e.project_name, e.target_name, e.database_name, e.schema_name
    FROM {state}.execution x JOIN {state}.environment e USING (environment_id)
    LEFT JOIN {state}.execution_step s ON s.execution_id = x.execution_id AND s.name = %s
        AND EXISTS (SELECT FROM {state}.checksum_set c
                    WHERE c.checksum_set_id = s.checksum_set_id AND c.kind = 'fingerprint')
    WHERE starts_with(x.execution_id::text, %s) ORDER BY x.started_at DESC LIMIT 2
"""
_COVERED = "SELECT name, checksum FROM {state}.checksum WHERE checksum_set_id = %s"
_CODES = """
    SELECT unique_id, definition_id FROM {state}.node_result WHERE execution_id = %s AND definition_id IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEnvironment:
    """An environment of the state with its number there."""

    environment_id: int
    environment: Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownExecution:
    """An execution with the id of the checksums that its step covered, or None when it recorded none."""

    execution_id: str
    status: str
    started_at: datetime
    checksum_set_id: str | None
    where: KnownEnvironment


def read_environments(state: State) -> tuple[KnownEnvironment, ...]:
    """Return all environments of dbt projects in the state."""
    return tuple(_environment(row) for row in state.rows(_ENVIRONMENTS))


def find_executions(state: State, beginning: str, *, step: str) -> tuple[KnownExecution, ...]:
    """Return at most two executions, of whatever environment, whose ids begin so."""
    return tuple(
        KnownExecution(
            execution_id=row[0], status=row[1], started_at=row[2], checksum_set_id=row[3], where=_environment(row[4:])
        )
        for row in state.rows(_EXECUTIONS, (step, beginning))
    )


def read_covered(state: State, execution: KnownExecution) -> dict[str, str]:
    """Return the hash of each definition that an execution covered, by unique_id."""
    return {str(name): str(checksum) for name, checksum in state.rows(_COVERED, (execution.checksum_set_id,))}


def read_code_ids(state: State, execution: KnownExecution) -> Mapping[str, str]:
    """Return the ids of the code of the nodes that an execution planned, as far as code was kept."""
    return {str(node): str(code) for node, code in state.rows(_CODES, (execution.execution_id,))}


def state_of(state: State, known: KnownEnvironment) -> State:
    """Return the state of another environment on the same connection."""
    return replace(state, environment=known.environment, environment_id=known.environment_id)


def _environment(row: tuple[Any, ...]) -> KnownEnvironment:
    return KnownEnvironment(environment_id=row[0], environment=environment_of(row[2:], row[1]))
