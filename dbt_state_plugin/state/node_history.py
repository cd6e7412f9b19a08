"""Results of nodes over several executions, and the nodes that each covered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from dbt_state_plugin.core.values.history import NodeResult
from dbt_state_plugin.state.executions import TRANSFORM, node_result
from dbt_state_plugin.state.state import State

_RESULTS = """
    SELECT execution_id::text, unique_id, resource_type, reasons, status, rows_affected, duration_ms, message
    FROM {state}.node_result WHERE execution_id = ANY (%s::uuid[]) AND resource_type <> 'stream' ORDER BY unique_id
"""
_NEWEST = """
    SELECT r.unique_id, r.resource_type, r.reasons, r.status, r.rows_affected, r.duration_ms, r.message
    FROM {state}.node_result r JOIN {state}.execution e ON e.execution_id = r.execution_id
    WHERE e.environment_id = %s AND r.unique_id = %s AND r.status IS NOT NULL ORDER BY e.started_at DESC LIMIT 1
"""
_SETS = """
    SELECT execution_id::text, checksum_set_id FROM {state}.execution_step
    WHERE execution_id = ANY (%s::uuid[]) AND name = %s AND checksum_set_id IS NOT NULL
"""
_NAMES = "SELECT checksum_set_id, name FROM {state}.checksum WHERE checksum_set_id = ANY (%s)"


def read_results(state: State, executions: Iterable[UUID]) -> Mapping[UUID, tuple[NodeResult, ...]]:
    """Return the results of the nodes of these executions."""
    found: dict[UUID, list[NodeResult]] = {}
    for row in state.rows(_RESULTS, ([str(each) for each in executions],)):
        found.setdefault(UUID(row[0]), []).append(node_result(row[1:]))
    return {execution: tuple(results) for execution, results in found.items()}


def read_newest_result(state: State, unique_id: str) -> NodeResult | None:
    """Return the result of a node in the newest execution of the environment that has one."""
    rows = list(state.rows(_NEWEST, (state.environment_id, unique_id)))
    return node_result(rows[0]) if rows else None


def read_covered_nodes(state: State, executions: Iterable[UUID]) -> Mapping[UUID, frozenset[str]]:
    """Return the unique_ids that dbt's step of these executions looked at; an execution that had none is not in it."""
    sets = dict(state.rows(_SETS, ([str(each) for each in executions], TRANSFORM)))
    names: dict[str, set[str]] = {}
    for checksum_set, name in state.rows(_NAMES, (sorted(set(sets.values())),)):
        names.setdefault(checksum_set, set()).add(name)
    frozen = {checksum_set: frozenset(found) for checksum_set, found in names.items()}
    return {UUID(execution): frozen[each] for execution, each in sets.items() if each in frozen}
