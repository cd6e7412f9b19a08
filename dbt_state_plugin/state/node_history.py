"""Results of nodes over several executions, counted by the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from dbt_state_plugin.core.values.history import NodeResult
from dbt_state_plugin.core.values.overview import NodeBuilds, Tally
from dbt_state_plugin.core.values.results import CUT_OFF, GOOD_STATUSES
from dbt_state_plugin.state.dialect import ByDialect
from dbt_state_plugin.state.executions import TRANSFORM, node_result
from dbt_state_plugin.state.state import State

_BUILT = tuple(status for status in GOOD_STATUSES if status != CUT_OFF)
_FAILED = ("error", "fail", "runtime error")

_NEWEST = """
    SELECT execution_id, unique_id, resource_type, reasons, status, rows_affected, duration_ms, message
    FROM (
        SELECT r.execution_id::text AS execution_id, r.unique_id, r.resource_type, r.reasons, r.status, r.rows_affected,
            r.duration_ms, r.message,
            row_number() OVER (PARTITION BY r.unique_id ORDER BY e.started_at DESC, e.execution_id) AS number
        FROM {state}.node_result r JOIN {state}.execution e ON e.execution_id = r.execution_id
        WHERE r.execution_id = ANY (%s::uuid[]) AND r.resource_type <> 'stream'
    ) AS numbered
    WHERE number <= %s ORDER BY unique_id
"""
_NEWEST_OF_NODE = """
    SELECT r.unique_id, r.resource_type, r.reasons, r.status, r.rows_affected, r.duration_ms, r.message
    FROM {state}.node_result r JOIN {state}.execution e ON e.execution_id = r.execution_id
    WHERE e.environment_id = %s AND r.unique_id = %s AND r.status IS NOT NULL ORDER BY e.started_at DESC LIMIT 1
"""
_BUILDS = """
    SELECT unique_id, coalesce(reasons -> 0 ->> 'kind', 'other') AS kind,
        sum(CASE WHEN status = ANY (%s) THEN 1 ELSE 0 END), sum(CASE WHEN status = ANY (%s) THEN 1 ELSE 0 END),
        coalesce(sum(CASE WHEN status = ANY (%s) THEN duration_ms END), 0),
        coalesce(max(CASE WHEN status = ANY (%s) THEN duration_ms END), 0)
    FROM {state}.node_result WHERE execution_id = ANY (%s::uuid[]) AND resource_type <> 'stream'
    GROUP BY unique_id, coalesce(reasons -> 0 ->> 'kind', 'other') ORDER BY unique_id
"""
_TELLING = """
    SELECT DISTINCT execution_id::text FROM {state}.execution_step
    WHERE execution_id = ANY (%s::uuid[]) AND name = %s AND checksum_set_id IS NOT NULL
"""
# Materialized and cast, since SQLite makes an index by itself for such a table, and for none in JSON.
_KNOWN = """
    WITH known AS MATERIALIZED (
        SELECT CAST(node AS text) AS node, took FROM unnest(%s::text[], %s::bigint[]) AS given (node, took)
    )
"""
_SKIPPED = """__KNOWN__
    SELECT s.execution_id::text, __TYPE__ AS kind, count(*), coalesce(sum(known.took), 0)
    FROM {state}.execution_step s
    JOIN {state}.checksum c ON c.checksum_set_id = s.checksum_set_id
    LEFT JOIN known ON known.node = c.name
    WHERE s.execution_id = ANY (%s::uuid[]) AND s.name = %s AND c.name <> ALL (%s::text[])
        AND NOT EXISTS (
            SELECT 1 FROM {state}.node_result r WHERE r.execution_id = s.execution_id AND r.unique_id = c.name
        )
    GROUP BY s.execution_id, __TYPE__
""".replace("__KNOWN__", _KNOWN)
_SKIPPED_BY_TYPE = ByDialect(
    postgres=_SKIPPED.replace("__TYPE__", "split_part(c.name, '.', 1)"),
    sqlite=_SKIPPED.replace("__TYPE__", "substr(c.name, 1, instr(c.name, '.') - 1)"),
)
_CUT_OFF = """__KNOWN__
    SELECT r.execution_id::text, count(*), coalesce(sum(known.took), 0)
    FROM {state}.node_result r
    LEFT JOIN known ON known.node = r.unique_id
    WHERE r.execution_id = ANY (%s::uuid[]) AND r.status = %s
    GROUP BY r.execution_id
""".replace("__KNOWN__", _KNOWN)


def read_newest_results(
    state: State, executions: Iterable[UUID], *, of_each: int
) -> Mapping[UUID, tuple[NodeResult, ...]]:
    """Return the results that these executions had for nodes, of each node the newest ones."""
    found: dict[UUID, list[NodeResult]] = {}
    for row in state.rows(_NEWEST, ([str(each) for each in executions], of_each)):
        found.setdefault(UUID(row[0]), []).append(node_result(row[1:]))
    return {execution: tuple(results) for execution, results in found.items()}


def read_newest_result(state: State, unique_id: str) -> NodeResult | None:
    """Return the result of a node in the newest execution of the environment that has one."""
    rows = list(state.rows(_NEWEST_OF_NODE, (state.environment_id, unique_id)))
    return node_result(rows[0]) if rows else None


def read_builds(state: State, executions: Iterable[UUID]) -> tuple[NodeBuilds, ...]:
    """Return how often these executions built each node and how long that took; cut-off nodes do not count."""
    built, failed = list(_BUILT), list(_FAILED)
    found: dict[str, NodeBuilds] = {}
    values = (built, failed, built, built, [str(each) for each in executions])
    for unique_id, kind, builds, failures, total_ms, longest_ms in state.rows(_BUILDS, values):
        before = found.get(unique_id, NodeBuilds(unique_id=unique_id))
        found[unique_id] = NodeBuilds(
            unique_id=unique_id,
            builds=before.builds + int(builds),
            failures=before.failures + int(failures),
            total_ms=before.total_ms + int(total_ms),
            longest_ms=max(before.longest_ms, int(longest_ms)),
            kinds={**before.kinds, kind: int(builds)} if builds else before.kinds,
        )
    return tuple(each for each in found.values() if each.builds or each.failures)


def read_tallies(
    state: State,
    executions: Mapping[UUID, frozenset[str]],
    durations: Mapping[str, int],
    inlined: Iterable[str],
) -> Mapping[UUID, Tally]:
    """Return what executions skipped and cut off, and the durations of that, in milliseconds.

    `executions` come with the resource types that each builds. What one skipped is what its step of dbt looked at and
    had no result for, except for what is `inlined`; without such a step it is not known.
    """
    ids, known = [str(each) for each in executions], (list(durations), list(durations.values()))
    telling = {UUID(row[0]) for row in state.rows(_TELLING, (ids, TRANSFORM))}
    cut = {UUID(row[0]): (int(row[1]), int(row[2])) for row in state.rows(_CUT_OFF, (*known, ids, CUT_OFF))}
    skipped: dict[UUID, list[tuple[int, int]]] = {}
    for execution, kind, number, took in state.rows(_SKIPPED_BY_TYPE, (*known, ids, TRANSFORM, list(inlined))):
        if kind in executions[UUID(execution)]:
            skipped.setdefault(UUID(execution), []).append((int(number), int(took)))
    found = {}
    for execution, types in executions.items():
        is_known = bool(types) and execution in telling
        found[execution] = _tally(cut.get(execution, (0, 0)), skipped.get(execution, []), is_known=is_known)
    return found


def _tally(cut: tuple[int, int], skipped: list[tuple[int, int]], *, is_known: bool) -> Tally:
    if not is_known:
        return Tally(cut_off=cut[0])
    return Tally(
        cut_off=cut[0],
        skipped=sum(number for number, _ in skipped),
        saved_ms=cut[1] + sum(took for _, took in skipped),
    )
