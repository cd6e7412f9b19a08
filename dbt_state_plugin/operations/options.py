"""Run options: the dbt command, the nodes, what is forced."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the user asked for: the dbt command, the selection in dbt's syntax, and what is forced.

    With `defer_to` only what differs from that environment is built, and all else is read there.
    """

    command: str = "run"
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    selector: str | None = None
    selection_state: str | None = None
    full_refresh: bool = False
    force: bool = False
    defer_to: str | None = None
    full_refresh_changed: bool = False
    on_logic_change: str | None = None
    volatile: str | None = None
    drift: str | None = None
    cutoff: str | None = None
    code_only: bool = False


def narrows(options: RunOptions) -> bool:
    """Return whether only some nodes are wanted, by options or by dbt's own environment variables."""
    return bool(options.select or options.exclude or options.selector or narrows_by_environment())


def narrows_by_environment() -> bool:
    """Return whether dbt's own environment variables say which types of nodes count."""
    return any(os.environ.get(name) for name in ("DBT_RESOURCE_TYPES", "DBT_EXCLUDE_RESOURCE_TYPES"))


def rendered_flags(options: RunOptions) -> dict[str, Any]:
    """Return dbt's flags as rendering sees them under the command that is planned."""
    return {"WHICH": options.command, "FULL_REFRESH": options.full_refresh}
