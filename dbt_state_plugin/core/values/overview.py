"""Overview: a project's lineage with its plan, executions and costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from dbt_state_plugin.core.values.history import ExecutionSummary, NodeResult
from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.core.values.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingText:
    """One text as it was built and as it is now; `before` is None when nothing is kept to compare with."""

    title: str
    before: str | None
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """An execution with its results, and the code that was another one than before, by the unique_id of the node.

    `project` is the one that was parsed last, None if none is kept.
    """

    execution: ExecutionSummary
    project: Project | None
    texts: Mapping[str, tuple[DifferingText, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeBuilds:
    """How often a node was built, for which kind of first reason, and how long that took, in milliseconds."""

    unique_id: str
    builds: int = 0
    failures: int = 0
    total_ms: int = 0
    longest_ms: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many nodes an execution cut off and skipped, and the last known durations of both, in milliseconds.

    `skipped` and `saved_ms` are None if it is not known which nodes it looked at.
    """

    cut_off: int = 0
    skipped: int | None = None
    saved_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What is known about a project in one environment at one time.

    `texts` are those that differ, by the unique_id of the node. `executions` are the newest, newest first, without
    results; `results` holds, by execution, the newest few of each node, `builds` what all of them amount to, and
    `tallies` what each execution did not build. `execution` is the one whose results are looked at instead of the plan,
    None for the plan.
    """

    plan: Plan
    project: Project
    made_at: datetime
    texts: Mapping[str, tuple[DifferingText, ...]] = field(default_factory=dict)
    executions: tuple[ExecutionSummary, ...] = ()
    results: Mapping[UUID, tuple[NodeResult, ...]] = field(default_factory=dict)
    builds: tuple[NodeBuilds, ...] = ()
    tallies: Mapping[UUID, Tally] = field(default_factory=dict)
    execution: ExecutionSummary | None = None
