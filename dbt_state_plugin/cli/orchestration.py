"""What an orchestrator such as Meltano adds to an invocation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dbt_state_plugin.api import Finding, RecordedStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Orchestration:
    """What an orchestrator adds: the steps before the transformation, and how the target was chosen.

    `target_choice` is a phrase for the first line of a run. With `reads_last_line` people see only the first and last
    lines of the output: the first then says what is built, and the last how it ended and why. `findings` are shown by
    `doctor`.
    """

    steps: tuple[RecordedStep, ...] = ()
    target_choice: str = ""
    reads_last_line: bool = False
    findings: tuple[Finding, ...] = ()


def orchestration_of(context: click.Context) -> Orchestration:
    """Return what the orchestrator adds to this invocation; nothing if there is none."""
    found = context.find_root().ensure_object(dict).get("orchestration")
    return found if isinstance(found, Orchestration) else Orchestration()
