"""The commands that only look: plan and select."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from dbt_state_plugin.baseline import Compared
from dbt_state_plugin.cli.against import against_option, compared_if_asked, defer_option, deferred_to
from dbt_state_plugin.cli.building import Command, selection_options
from dbt_state_plugin.cli.options import says, settings_of, shared_options
from dbt_state_plugin.errors import EXIT_NODES_FAILED, EXIT_OK, UsageError
from dbt_state_plugin.execution.planning import Planned
from dbt_state_plugin.execution.wish import Wish
from dbt_state_plugin.listing import without_downstream
from dbt_state_plugin.report.against import compared_document, compared_lines, compared_summary
from dbt_state_plugin.report.document import plan_document, rendered
from dbt_state_plugin.report.plain import plain
from dbt_state_plugin.report.selectors import selectors_yaml
from dbt_state_plugin.report.text import plan_lines, width_of, write_lines
from dbt_state_plugin.report.words import summary_line
from dbt_state_plugin.selection import name_nodes, select_line

OUTPUTS = ("text", "json", "name", "path", "select", "selectors", "state-dir")


def _output_options(default: str) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        command = click.option(
            "--for",
            "command",
            type=click.Choice(["run", "build", "seed", "snapshot"]),
            default="run",
            show_default=True,
            help="Plan for this dbt command.",
        )(command)
        command = click.option("--all", "shows_all", is_flag=True, help="List every node, unchanged ones too.")(command)
        command = click.option(
            "--downstream/--no-downstream",
            default=True,
            help="List what others drag along too, or only nodes with reasons of their own; run builds all of it.",
        )(command)
        command = click.option("--exit-code", is_flag=True, help="Exit with 1 when something is to be built.")(command)
        return click.option(
            "--output",
            "-o",
            nargs=1,
            default=default,
            show_default=True,
            metavar="FORM",
            help=f"One of {', '.join(OUTPUTS)}; state-dir takes a folder: --output state-dir DIR.",
        )(command)

    return decorate


def _command(name: str, default: str, help_text: str) -> click.Command:
    @click.command(name, help=help_text)
    @_output_options(default)
    @against_option
    @defer_option
    @selection_options
    @shared_options
    @click.argument("folder", required=False, metavar="[DIR]")
    @click.pass_context
    def command(
        context: click.Context,
        /,
        output: str,
        folder: str | None,
        command: str,
        shows_all: bool,
        exit_code: bool,
        downstream: bool,
        against: str | None,
        defer: bool,
        **given: Any,
    ) -> int:
        from dbt_state_plugin.execution.api import planned

        _check_output(output, folder)
        defer_to = deferred_to(against, defer=defer, needs_both=False)
        settings, wish = settings_of(context), Wish(command=command, defer_to=defer_to, **given)
        comparison = None if defer_to else compared_if_asked(context, settings, wish, against)
        result = comparison.planned if comparison else planned(settings, wish)
        compared = comparison.compared if comparison else None
        shown = result if downstream else replace(result, plan=without_downstream(result.plan))
        if compared and not downstream:
            compared = replace(compared, plan=shown.plan)
        answer = _answer(shown, output, folder, shows_all, compared)
        sys.stdout.write(answer)
        sys.stdout.flush()
        if output != "text" and says(context):
            write_lines([compared_summary(compared) if compared else summary_line(shown.plan)])
        return EXIT_NODES_FAILED if exit_code and result.plan.to_build else EXIT_OK

    return command


def _check_output(output: str, folder: str | None) -> None:
    if output not in OUTPUTS:
        raise UsageError(f"{output!r} is not an output form.", f"Use --output with one of {', '.join(OUTPUTS)}.")
    if (output == "state-dir") != (folder is not None):
        what = "--output state-dir needs a folder." if folder is None else f"There is no place for {folder!r} here."
        raise UsageError(what, "A folder is given only as in `--output state-dir DIR`.")


def _answer(planned: Planned, output: str, folder: str | None, shows_all: bool, compared: Compared | None) -> str:
    plan = planned.plan
    nodes = [entry.node for entry in plan.to_build]
    if output == "json":
        return rendered(compared_document(compared) if compared else plan_document(plan)) + "\n"
    if output == "text":
        width = width_of(sys.stdout)
        lines = compared_lines(compared, shows_all=shows_all, width=width) if compared else None
        lines = lines or plan_lines(plan, shows_all=shows_all, width=width)
        return "".join(f"{line}\n" for line in lines)
    if output == "name":
        return "".join(f"{plain(node.name)}\n" for node in nodes)
    if output == "path":
        return "".join(f"{plain(path)}\n" for path in dict.fromkeys(node.path for node in nodes))
    if output == "state-dir":
        return _state_folder(planned, str(folder))
    wanted = {node.unique_id for node in nodes}
    others = [entry.node for entry in plan.entries if entry.node.unique_id not in wanted]
    named = name_nodes(nodes, others, on_command_line=output == "select")
    return select_line(named) + "\n" if output == "select" else selectors_yaml(named)


def _state_folder(planned: Planned, folder: str) -> str:
    from dbt_state_plugin.execution.selection_folder import write_folder

    path = write_folder(planned, folder)
    return f"{path}\n"


plan = _command("plan", "text", "Show what would be built and why; nothing is written.")
select = _command("select", "select", "Print what would be built as a selection for `dbt run --select`.")
