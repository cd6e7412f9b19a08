"""The request of a plan, and the nodes in its scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.relations import Environment

SCOPES: Mapping[str, frozenset[str]] = {
    "run": frozenset({"model"}),
    "seed": frozenset({"seed"}),
    "snapshot": frozenset({"snapshot"}),
    "build": frozenset({"model", "seed", "snapshot", "test", "unit_test", "function"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What was asked for.

    `selected` holds the unique_ids that `--select`, `--exclude` and `--selector` leave, or None when nothing narrows.
    `now` is the current time of the clock by which builds were recorded; without it no build is too old.
    `on_logic_change`, `volatile`, `drift` and `cutoff` are the defaults for nodes without a setting. With `code_only`
    nothing is built because of rows or time only; it stays due.
    """

    environment: Environment
    command: str
    selected: frozenset[str] | None = None
    full_refresh: bool = False
    force: bool = False
    now: datetime | None = None
    full_refresh_changed: bool = False
    on_logic_change: str | None = None
    volatile: str | None = None
    drift: str | None = None
    cutoff: str | None = None
    code_only: bool = False


def is_in_scope(node: Node, command: str) -> bool:
    """Return whether a command builds nodes of this kind."""
    return node.resource_type in SCOPES[command] and not node.is_ephemeral
