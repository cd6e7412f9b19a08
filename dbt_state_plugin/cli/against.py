"""Comparison with another baseline on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from dbt_state_plugin.errors import UsageError

if TYPE_CHECKING:
    from dbt_state_plugin.api import PlannedAgainst, Progress, RunOptions, Target

Command = TypeVar("Command", bound=Callable[..., Any])
_BY_THE_STATE = {
    "full_refresh": "--full-refresh",
    "full_refresh_changed": "--full-refresh-changed",
    "on_logic_change": "--on-logic-change",
    "volatile": "--volatile",
    "drift": "--drift",
    "cutoff": "--cutoff",
    "force": "--force",
}


def against_option(command: Command) -> Command:
    """Add `--against`."""
    return click.option(
        "--against",
        metavar="BASELINE",
        help="Compare the code with this environment in the state (TARGET, PROJECT/TARGET or the beginning of its "
        "name), or with this execution.",
    )(command)


def defer_option(command: Command) -> Command:
    """Add `--defer`."""
    return click.option(
        "--defer",
        is_flag=True,
        help="With --against: build only what differs from that environment, and read everything else in it.",
    )(command)


def deferred_to(against: str | None, *, defer: bool, needs_both: bool) -> str | None:
    """Return the environment to defer to, or None; raises UsageError if one option is given without the other."""
    if defer and against is None:
        raise UsageError("--defer does not say where to read.", "Add --against ENVIRONMENT, such as --against prod.")
    if needs_both and against is not None and not defer:
        raise UsageError(
            "--against does not say what to build.", "Add --defer, or use `plan --against` for a comparison alone."
        )
    return against if defer else None


def compared_if_asked(
    context: click.Context,
    target: Target,
    options: RunOptions,
    against: str | None,
    progress: Progress,
    *,
    with_texts: bool = False,
) -> PlannedAgainst | None:
    """Return the comparison that `--against` or a `--state` of its own asks for, or None for a plan.

    `--state` belongs to the selection if that uses `state:`, `result:` or `source_status:`. A value from the
    environment always does, since it is set for dbt. Raises UsageError and the errors of a plan.
    """
    folder = options.selection_state if _is_given(context, "selection_state") else None
    folder = None if folder is None or _selects_by_artifacts(target, options) else folder
    if against is None and folder is None:
        return None
    if against is not None and folder is not None:
        raise UsageError(
            "--against and --state name two baselines.", "Give one of them, or use `state:` in the selection."
        )
    for name, option in _BY_THE_STATE.items():
        if _is_given(context, name):
            raise UsageError(
                f"{option} says nothing about what the code changes.", f"Leave {option} out of this comparison."
            )
    from dbt_state_plugin.api import compared

    return compared(target, options, against=against, folder=folder, progress=progress, with_texts=with_texts)


def _selects_by_artifacts(target: Target, options: RunOptions) -> bool:
    from dbt_state_plugin.api import selects_by_artifacts

    return selects_by_artifacts(target, options)


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE
