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
class Overview:
    """What is known about a project in one environment at one time.

    `texts` are those that differ, by the unique_id of the node. `executions` are the newest, newest first, without
    results; `results` holds those of their nodes, by execution, and `covered` the unique_ids that each looked at, where
    that is known. `execution` is the one whose results are looked at instead of the plan, None for the plan.
    """

    plan: Plan
    project: Project
    made_at: datetime
    texts: Mapping[str, tuple[DifferingText, ...]] = field(default_factory=dict)
    executions: tuple[ExecutionSummary, ...] = ()
    results: Mapping[UUID, tuple[NodeResult, ...]] = field(default_factory=dict)
    covered: Mapping[UUID, frozenset[str]] = field(default_factory=dict)
    execution: ExecutionSummary | None = None
