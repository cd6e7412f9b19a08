"""Results: how a run and its nodes ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from dbt_state_plugin.core.values.plan import Plan, PlanEntry
from dbt_state_plugin.core.values.reads import RenderedReads

CUT_OFF = "no-op"  # dbt's word for a node of which nothing had to be done
GOOD_STATUSES = ("success", "pass", "warn", CUT_OFF)  # dbt's words for what did what it was there for


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOutcome:
    """dbt's result for one node; `status` is dbt's own term.

    `reads` is what its Jinja read, with that of the ephemeral models in it; None if it was not traced.
    """

    unique_id: str
    status: str
    message: str = ""
    rows_affected: int | None = None
    duration_ms: int | None = None
    reads: RenderedReads | None = None

    @property
    def is_success(self) -> bool:
        """Return whether the node did what it was there for; a test that warns has passed."""
        return self.status in GOOD_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class StepItem:
    """One thing that an external step covers, such as a stream: what changed and why.

    Each reason is a kind and a word to it, as in ("select", "changed"); read together they are the phrase.
    """

    name: str
    resource_type: str
    status: str
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RunResult:
    """How a run ended: `status` is succeeded, failed or cancelled.

    `outcomes` holds what dbt said about each node; `unrecorded` the nodes that dbt built and that could not be
    recorded, with the cause; `saved_ms` is the sum of the last durations of the skipped nodes. `removed_by_hooks` are
    built nodes whose own hooks removed their relations. `failed_hooks` are on-run hooks of the project with what dbt
    said; the next run executes them again. `cut_off` are planned nodes that needed no build after all, with
    the words for why.
    """

    execution_id: UUID
    status: str
    plan: Plan
    outcomes: Mapping[str, NodeOutcome] = field(default_factory=dict)
    unrecorded: Mapping[str, str] = field(default_factory=dict)
    elapsed_ms: int = 0
    saved_ms: int = 0
    removed_by_hooks: frozenset[str] = frozenset()
    failed_hooks: Mapping[str, str] = field(default_factory=dict)
    cut_off: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return a short summary: the plan and the outcomes hold whole projects."""
        counts = f"built={len(self.built)}, failed={len(self.failed_ids)}, skipped={self.plan.left_alone}"
        return f"RunResult(execution_id={str(self.execution_id)!r}, status={self.status!r}, {counts})"

    @property
    def built(self) -> tuple[PlanEntry, ...]:
        """Return the planned entries that were built and recorded."""
        others = self.failed_ids | self.cut_off.keys()
        return tuple(entry for entry in self.plan.to_build if entry.node.unique_id not in others)

    @property
    def failed_ids(self) -> frozenset[str]:
        """Return the planned nodes that are built again next time: failed, skipped, missing or not recorded."""
        planned = {entry.node.unique_id for entry in self.plan.to_build}
        good = {node for node, outcome in self.outcomes.items() if outcome.is_success and node not in self.unrecorded}
        return frozenset(planned - good)
