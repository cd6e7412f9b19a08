"""Checks of dbt's results: what can be recorded, and what is uncertain."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.changes.project_hooks import runs_at_start
from dbt_state_plugin.core.comparison.todays_values import is_among_forms, shows_values, values_read, with_unset_values
from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
from dbt_state_plugin.core.fingerprint.relocation import is_too_large
from dbt_state_plugin.core.values.causes import Cause, CauseCode
from dbt_state_plugin.core.values.invocations import DbtInvocation
from dbt_state_plugin.core.values.project import CompiledNode
from dbt_state_plugin.errors import UsageError
from dbt_state_plugin.operations.options import rendered_flags

if TYPE_CHECKING:
    from dbt_state_plugin.dbt_runner.as_built import AsBuilt
    from dbt_state_plugin.dbt_runner.interface import Dbt
    from dbt_state_plugin.operations.options import RunOptions

# What dbt ran, and the command of ours that plans the same nodes.
_COMMANDS: Mapping[str, str] = {
    "run": "run",
    "build": "build",
    "seed": "seed",
    "snapshot": "snapshot",
    "test": "build",
}
# Flags under which dbt builds something else than the project says, with the value that they have without.
_POWERFUL: Mapping[str, object] = {
    "empty": False,
    "defer": False,
    "sample": None,
    "event_time_start": None,
    "event_time_end": None,
    "introspect": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """The nodes whose definition at the time is not certain, with the reason, and such on-run hooks of the project.

    `compiled` is what was compiled to tell.
    """

    nodes: Mapping[str, Cause]
    hooks: frozenset[str]
    compiled: Mapping[str, CompiledNode]


def command_of(ran: DbtInvocation) -> str:
    """Return the command that plans what dbt ran; raises UsageError for what builds nothing, or something else."""
    if ran.command not in _COMMANDS:
        raise UsageError(
            f"These are the results of `dbt {ran.command}`, which is not recorded.",
            f"Run `record` right after `dbt {'|'.join(_COMMANDS)}`.",
        )
    for flag, usual in _POWERFUL.items():
        if (ran.arguments.get(flag) or None) != (usual or None):
            name = flag.replace("_", "-")
            raise UsageError(
                f"dbt ran with --{f'no-{name}' if usual else name}, so it built something else.",
                "Nothing is recorded; the next run builds what it left, or `run --force` where plans say that the "
                "warehouse does not tell of tables that plain dbt replaces.",
            )
    return _COMMANDS[ran.command]


def refuse_other_version(ran: DbtInvocation, present: str) -> None:
    """Raise UsageError for the results of another minor version of dbt than the one that is installed here."""
    if ran.dbt_version.split(".")[:2] != present.split(".")[:2]:
        raise UsageError(
            f"The results are those of dbt {ran.dbt_version}, but dbt {present} is installed here.",
            "Install dbt-state-plugin in the environment of that dbt, and run it there.",
        )


def doubts(dbt: Dbt, built: AsBuilt, ran: DbtInvocation, options: RunOptions) -> Doubts:
    """Return the nodes and hooks whose definition at the time is not certain.

    A manifest holds no values of vars, env vars and the target. Where the SQL that dbt executed is what they give
    today, they are the same as far as the SQL shows them.
    """
    # A value that was set then need not be set now.
    fingerprinter = Fingerprinter(with_unset_values(built.parsed.definition), key=os.urandom(32))
    executed = {result.outcome.unique_id: result.code for result in ran.results if result.outcome.is_success}
    nodes = executed.keys() & fingerprinter.project.nodes.keys()
    items = {node: fingerprinter.items(node) for node in nodes}
    readers = values_read(fingerprinter.project, nodes, fingerprinter.items)
    searching = [node for node in nodes if any("dispatch" in named for named in items[node].values())]
    hooked = [node for node in nodes if items[node].get("hooks")]
    asked = sorted({*readers, *searching, *hooked})
    compiled = dbt.compile(built.parsed, asked, flags=rendered_flags(options))
    found = _doubtful_seeds(built, nodes)
    dialect = built.parsed.definition.dialect
    for node in (*readers, *searching):
        names = readers.get(node, frozenset())
        if not shows_values(names, is_of_another_target=False):
            found[node] = Cause(code=CauseCode.VALUES_UNSEEN)
        elif (
            node not in compiled
            or compiled[node].problem
            or not is_among_forms(executed[node], compiled[node], dialect)
        ):
            found[node] = Cause(code=CauseCode.BUILT_WITH_OTHER_VALUES)
    for node in hooked:
        if node not in compiled or compiled[node].hooks is None:
            found[node] = Cause(code=CauseCode.HOOKS_UNRENDERED)
    hooks = _doubtful_project_hooks(dbt, built, fingerprinter, executed, nodes, rendered_flags(options))
    if any(map(runs_at_start, hooks)):  # the nodes may have read what it left
        found = dict.fromkeys(nodes, Cause(code=CauseCode.STARTED_WITH_OTHER_VALUES)) | found
    return Doubts(nodes=found, hooks=hooks, compiled=compiled)


def _doubtful_seeds(built: AsBuilt, nodes: Iterable[str]) -> dict[str, Cause]:
    seeds = {node.unique_id: node for node in built.parsed.definition.nodes if node.resource_type == "seed"}
    found = {}
    for node in nodes:
        if node in seeds and node in built.edited:
            found[node] = Cause(code=CauseCode.SEED_FILE_CHANGED)
        elif node in seeds and is_too_large(seeds[node]):
            found[node] = Cause(code=CauseCode.SEED_TOO_LARGE)
    return found


def _doubtful_project_hooks(
    dbt: Dbt,
    built: AsBuilt,
    fingerprinter: Fingerprinter,
    executed: Mapping[str, str],
    nodes: Iterable[str],
    flags: Mapping[str, Any],
) -> frozenset[str]:
    """Return the on-run hooks that read values and did not surely execute what they would execute now."""
    hooks = built.parsed.definition.project_hooks
    one = next(iter(sorted(nodes)), None)
    if one is None or fingerprinter.items(one).get("project_hooks", {}).keys() <= hooks.keys():
        return frozenset()
    rendered = dbt.compile(built.parsed, [one], flags=flags, asks_database=False)[one].project_hooks
    texts = dict(zip(hooks, rendered, strict=True)) if rendered is not None else {}
    jinja = (hook for hook, code in hooks.items() if "{{" in code or "{%" in code)
    return frozenset(hook for hook in jinja if texts.get(hook) is None or executed.get(hook) != texts[hook])
