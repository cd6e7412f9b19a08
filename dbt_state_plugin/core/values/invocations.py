"""dbt invocations outside this tool, and the plans handed out for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from dbt_state_plugin.core.values.causes import Cause
from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.core.values.results import NodeOutcome

UNKNOWN = "unknown"  # the version of a parent at which nobody looked before a build


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtResult:
    """dbt's result for one node, by the clock of the machine on which it ran; `code` is the SQL that it executed."""

    outcome: NodeOutcome
    completed_at: datetime
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtInvocation:
    """What run_results.json says about one invocation of dbt.

    `command` is dbt's own word, `arguments` are dbt's flags by name. `results` are in the order in which the nodes
    were completed, those of on-run hooks included. `started_at` is by the clock of the machine on which dbt ran.
    """

    invocation_id: str
    command: str
    dbt_version: str
    started_at: datetime
    arguments: Mapping[str, Any] = field(repr=False)
    results: tuple[DbtResult, ...] = field(repr=False)

    @property
    def variables(self) -> dict[str, Any]:
        """Return the values of `--vars`."""
        given = self.arguments.get("vars")
        return dict(given) if isinstance(given, Mapping) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedPlan:
    """What a plan saw when it was handed out, at a time of the server's clock.

    `versions` maps relations, as text, to what a build that began then would have seen of them; `session` holds the
    settings of dbt's sessions. Builds of the nodes in `keeps_data` were to leave all rows and columns as they were.
    """

    plan_id: UUID
    handed_at: datetime
    versions: Mapping[str, str] = field(default_factory=dict, repr=False)
    keeps_data: frozenset[str] = frozenset()
    session: Mapping[str, str] = field(default_factory=dict)


class Recording(str, Enum):
    """What `record` makes of one node. The values are part of the JSON output."""

    RECORDED = "recorded"
    FAILED = "failed"
    DUE = "due"
    KNOWN = "known"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedNode:
    """What became of one node, and why; `unseen` names what it read and nobody had looked at before dbt began."""

    unique_id: str
    recording: Recording
    why: Cause | None = None
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordResult:
    """What was recorded of one invocation of dbt.

    `execution_id` is that of this recording or, where `is_known`, of the earlier one that recorded the same invocation.
    `plan_id` names the plan whose versions of parents were taken, None if there was none.
    """

    environment: Environment
    invocation_id: str
    execution_id: UUID
    plan_id: UUID | None = None
    nodes: tuple[RecordedNode, ...] = ()
    is_known: bool = False

    def of(self, recording: Recording) -> tuple[RecordedNode, ...]:
        """Return the nodes with this outcome."""
        return tuple(each for each in self.nodes if each.recording is recording)
