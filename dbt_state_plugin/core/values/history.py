"""History: executions with their steps and node results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from dbt_state_plugin.core.values.results import GOOD_STATUSES

_ID_OR_BEGINNING = re.compile(r"[0-9a-fA-F]{4,8}|[0-9a-fA-F]{8}-[0-9a-fA-F-]{0,27}")


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
    reasons: tuple[Mapping[str, Any], ...]
    status: str
    rows_affected: int | None
    duration_ms: int | None
    message: str

    @property
    def is_success(self) -> bool:
        """Return whether the node was built, or the test passed."""
        return self.status in GOOD_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSummary:
    """One execution as history shows it; times are the server's.

    Of the `planned` nodes `succeeded` need nothing more: they were built, the tests passed, or they were cut off.
    `uncommitted` is a digest of what was not committed when dbt started, "" where all was, None if that was not
    checked.
    """

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
    cut_off: int
    steps: tuple[StepSummary, ...] = ()
    results: tuple[NodeResult, ...] = field(default=())
    uncommitted: str | None = None

    @property
    def built(self) -> int:
        """Return how many nodes were built, tests that passed included."""
        return self.succeeded - self.cut_off


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A node that is failing: since which execution, how often in a row, and how it ended the last time.

    `since` and `last_at` are when the first and the last of these executions started.
    """

    unique_id: str
    resource_type: str
    since: datetime
    last_at: datetime
    times: int
    execution_id: UUID
    status: str
    message: str


def is_execution_id(text: str) -> bool:
    """Return whether a text is an execution's id, or a beginning of one that is long enough to be meant."""
    return bool(_ID_OR_BEGINNING.fullmatch(text))
