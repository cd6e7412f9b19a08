"""Executions over time, and what nodes cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dbt_state_plugin.core.values.colours import without_colours
from dbt_state_plugin.core.values.history import ExecutionSummary
from dbt_state_plugin.core.values.overview import Overview, Tally
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.reason_words import short_name
from dbt_state_plugin.report.words import count

_LISTED = 15
_STEP_OF_DBT = "TRANSFORM"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRow:
    """One execution; `skipped` and `saved_ms` are None if it is not known which nodes it looked at.

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
    builds: int
    failures: int
    total_ms: int
    longest_ms: int
    kinds: Mapping[str, int]

    @property
    def average_ms(self) -> int:
        """Return the average duration of a build, 0 if none is known."""
        return self.total_ms // self.builds if self.builds else 0

    @property
    def why(self) -> str:
        """Return the first reasons of its builds with their counts, the most frequent first."""
        shown = sorted(self.kinds.items(), key=lambda item: (-item[1], item[0]))[:3]
        return ", ".join(f"{printable(kind)} ({number})" for kind, number in shown)


def execution_rows(overview: Overview) -> tuple[ExecutionRow, ...]:
    """Return the executions, newest first."""
    return tuple(_row(each, overview.tallies.get(each.execution_id, Tally())) for each in overview.executions)


def _row(execution: ExecutionSummary, tally: Tally) -> ExecutionRow:
    ended = execution.finished_at
    return ExecutionRow(
        execution_id=execution.execution_id,
        command=printable(execution.command),
        status=execution.status,
        started_at=execution.started_at,
        duration_ms=round((ended - execution.started_at).total_seconds() * 1000) if ended else None,
        built=execution.succeeded - tally.cut_off,
        failed=execution.planned - execution.succeeded,
        cut_off=tally.cut_off,
        skipped=tally.skipped,
        saved_ms=tally.saved_ms,
        commit=printable(execution.git_commit[:8]) + (" (dirty)" if execution.uncommitted else ""),
        steps=", ".join(
            _step_words(step.name, step.rows_processed) for step in execution.steps if step.name != _STEP_OF_DBT
        ),
        message=printable(without_colours(execution.message)),
    )


def _step_words(name: str, rows: int | None) -> str:
    return printable(name if rows is None else f"{name} ({count(rows, 'row')})")


def node_costs(overview: Overview) -> tuple[NodeCost, ...]:
    """Return the cost of each node that was built, in no particular order; tests count too."""
    return tuple(
        NodeCost(
            unique_id=printable(each.unique_id),
            name=printable(short_name(each.unique_id)),
            builds=each.builds,
            failures=each.failures,
            total_ms=each.total_ms,
            longest_ms=each.longest_ms,
            kinds=each.kinds,
        )
        for each in overview.builds
    )


def slowest(costs: tuple[NodeCost, ...]) -> tuple[NodeCost, ...]:
    """Return the nodes with the longest total time, the longest first."""
    built = [cost for cost in costs if cost.total_ms]
    return tuple(sorted(built, key=lambda cost: (-cost.total_ms, cost.unique_id))[:_LISTED])


def most_rebuilt(costs: tuple[NodeCost, ...]) -> tuple[NodeCost, ...]:
    """Return the models, seeds and snapshots that were built most often; those built once are left out."""
    built = [cost for cost in costs if cost.builds > 1 and not cost.unique_id.startswith(("test.", "unit_test."))]
    return tuple(sorted(built, key=lambda cost: (-cost.builds, -cost.total_ms, cost.unique_id))[:_LISTED])
