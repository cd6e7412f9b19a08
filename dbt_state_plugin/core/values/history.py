"""History: executions with their steps and node results."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSummary:
    """One step of an execution."""

    step_id: UUID
    name: str
    status: str
    started_at: datetime
    finished_at: datetime | None
    rows_processed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResult:
    """What an execution planned for one node and how it ended; `status` is dbt's word, or `planned`."""

    unique_id: str
    resource_type: str
    reasons: tuple[dict[str, str], ...]
    status: str
    rows_affected: int | None
    duration_ms: int | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSummary:
    """One execution as history shows it; times are the server's."""

    execution_id: UUID
    command: str
    status: str
    started_at: datetime
    finished_at: datetime | None
    caller: str
    host: str
    git_commit: str
    meltano_run_id: str
    tool_version: str
    dbt_version: str
    message: str
    planned: int
    succeeded: int
    steps: tuple[StepSummary, ...] = ()
    results: tuple[NodeResult, ...] = field(default=())
