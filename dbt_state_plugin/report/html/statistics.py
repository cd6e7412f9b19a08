"""Executions over time, and what nodes cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from dbt_state_plugin.core.decision.request import SCOPES
from dbt_state_plugin.core.values.history import ExecutionSummary
from dbt_state_plugin.core.values.overview import Overview
from dbt_state_plugin.core.values.results import CUT_OFF
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.reason_words import short_name
from dbt_state_plugin.report.words import count

_LISTED = 15
_STEP_OF_DBT = "TRANSFORM"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRow:
    """One execution; `skipped` and `saved_ms` are None where it is not known which nodes it looked at.

    `saved_ms` is the sum of the last durations of the nodes that it did not build, of those that it cut off too.
    """

    execution_id: UUID
    command: str
    status: str
    started_at: datetime
    duration_ms: int | None
    built: int
    failed: int
    cut_off: int
    skipped: int | None
    saved_ms: int | None
    commit: str
    steps: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCost:
    """What one node cost over the executions that are shown; durations in milliseconds."""

    unique_id: str
    name: str
    builds: int = 0
    failures: int = 0
    total_ms: int = 0
    longest_ms: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)

    @property
    def average_ms(self) -> int:
        """Return the average duration of a build, 0 where none is known."""
        return self.total_ms // self.builds if self.builds else 0

    @property
    def why(self) -> str:
        """Return the first reasons of its builds with how often each, most often first."""
        shown = sorted(self.kinds.items(), key=lambda item: (-item[1], item[0]))[:3]
        return ", ".join(f"{kind} ({number})" for kind, number in shown)


def execution_rows(overview: Overview) -> tuple[ExecutionRow, ...]:
    """Return the executions, newest first."""
    durations = {entry.node.unique_id: entry.record.duration_ms or 0 for entry in overview.plan.entries if entry.record}
    return tuple(_row(overview, execution, durations) for execution in overview.executions)


def _row(overview: Overview, execution: ExecutionSummary, durations: Mapping[str, int]) -> ExecutionRow:
    skipped = _skipped(overview, execution)
    results = overview.results.get(execution.execution_id, ())
    cut_off = {result.unique_id for result in results if result.status == CUT_OFF}
    ended = execution.finished_at
    return ExecutionRow(
        execution_id=execution.execution_id,
        command=printable(execution.command),
        status=execution.status,
        started_at=execution.started_at,
        duration_ms=round((ended - execution.started_at).total_seconds() * 1000) if ended else None,
        built=execution.succeeded - len(cut_off),
        failed=execution.planned - execution.succeeded,
        cut_off=len(cut_off),
        skipped=None if skipped is None else len(skipped),
        saved_ms=None if skipped is None else sum(durations.get(node, 0) for node in skipped | cut_off),
        commit=printable(execution.git_commit[:8]) + (" (dirty)" if execution.uncommitted else ""),
        steps=", ".join(
            _step_words(step.name, step.rows_processed) for step in execution.steps if step.name != _STEP_OF_DBT
        ),
        message=printable(execution.message),
    )


def _step_words(name: str, rows: int | None) -> str:
    return printable(name if rows is None else f"{name} ({count(rows, 'row')})")


def _skipped(overview: Overview, execution: ExecutionSummary) -> frozenset[str] | None:
    """Return the nodes that an execution looked at and had no need to build, None where that is not known."""
    covered = overview.covered.get(execution.execution_id)
    scope = SCOPES.get(execution.command)
    if covered is None or scope is None:
        return None
    due = {result.unique_id for result in overview.results.get(execution.execution_id, ())}
    nodes = overview.project.nodes
    inlined = {node for node in covered if node in nodes and nodes[node].is_ephemeral}
    return frozenset(node for node in covered - due - inlined if node.split(".", 1)[0] in scope)


def node_costs(overview: Overview) -> tuple[NodeCost, ...]:
    """Return the cost of each node that was built, in no particular order; tests count too."""
    builds: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    longest: dict[str, int] = {}
    kinds: dict[str, Counter[str]] = {}
    for result in (result for results in overview.results.values() for result in results):
        node, took = result.unique_id, result.duration_ms or 0
        if not result.is_success:
            failures[node] += result.status in ("error", "fail", "runtime error")
        if not result.is_success or result.status == CUT_OFF:
            continue
        builds[node] += 1
        totals[node] += took
        longest[node] = max(took, longest.get(node, 0))
        kinds.setdefault(node, Counter())[str(result.reasons[0].get("kind", "")) if result.reasons else "other"] += 1
    return tuple(
        NodeCost(
            unique_id=printable(node),
            name=printable(short_name(node)),
            builds=builds[node],
            failures=failures[node],
            total_ms=totals[node],
            longest_ms=longest.get(node, 0),
            kinds=kinds.get(node, {}),
        )
        for node in sorted({*builds, *failures})
    )


def slowest(costs: tuple[NodeCost, ...]) -> tuple[NodeCost, ...]:
    """Return the nodes that took longest altogether, the longest first."""
    built = [cost for cost in costs if cost.total_ms]
    return tuple(sorted(built, key=lambda cost: (-cost.total_ms, cost.unique_id))[:_LISTED])


def most_rebuilt(costs: tuple[NodeCost, ...]) -> tuple[NodeCost, ...]:
    """Return the models, seeds and snapshots that were built most often; those built once are left out."""
    built = [cost for cost in costs if cost.builds > 1 and not cost.unique_id.startswith(("test.", "unit_test."))]
    return tuple(sorted(built, key=lambda cost: (-cost.builds, -cost.total_ms, cost.unique_id))[:_LISTED])
