"""The read-only commands `plan` and `select`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from dbt_state_plugin.cli.against import against_option, compared_if_asked, defer_option, deferred_to
from dbt_state_plugin.cli.building import Command, selection_options
from dbt_state_plugin.cli.events import planned_document
from dbt_state_plugin.cli.options import says, shared_options, target_of
from dbt_state_plugin.cli.progress import reporting
from dbt_state_plugin.cli.screen import SCREEN
from dbt_state_plugin.errors import EXIT_NODES_FAILED, EXIT_OK, UsageError, did_you_mean

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from dbt_state_plugin.api import Compared, Overview, Plan, PlannedAgainst, RunOptions, Target

OUTPUTS = {
    "text": "what would be built and why",
    "json": "the whole plan as one document",
    "name": "one name per line",
    "path": "one file per line",
    "select": "one line for `dbt run --select`",
    "selectors": "a selectors.yml for `dbt run --selector`",
    "state-dir": "a folder for `dbt run --state`, whose name follows",
    "markdown": "a comment for a pull request",
}
HANDED_OUT = frozenset({"select", "selectors", "state-dir"})  # what is given to dbt


def _forms(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:  # noqa: ARG001
    from click.shell_completion import CompletionItem

    return [CompletionItem(form, help=what) for form, what in OUTPUTS.items() if form.startswith(typed)]


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
            help="List downstream nodes too, or only those with reasons of their own; a run builds both.",
        )(command)
        command = click.option("--exit-code", is_flag=True, help="Exit with 1 if there is something to build.")(command)
        return click.option(
            "--output",
            "-o",
            nargs=1,
            default=default,
            show_default=True,
            metavar="FORM",
            shell_complete=_forms,
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
        from dbt_state_plugin.api import RunOptions, hand_out
        from dbt_state_plugin.report.listing import without_downstream

        _check_output(output, folder)
        defer_to = deferred_to(against, defer=defer, needs_both=False)
        target, options = target_of(context), RunOptions(command=command, defer_to=defer_to, **given)
        found = _found(context, target, options, against, output=output, lists_all=shows_all or output == "json")
        plan, comparison = found.plan, found.comparison
        is_handed_out = output in HANDED_OUT and not comparison and not defer_to
        plan_id = hand_out(target, plan) if is_handed_out else None
        compared = comparison.compared if comparison else None
        shown = plan if downstream else without_downstream(plan)
        if compared and not downstream:
            compared = replace(compared, plan=shown)
        if output == "text":
            SCREEN.write(_lines(shown, shows_all, compared), sys.stdout)
        else:
            sys.stdout.write(_answer(shown, output, folder, compared, found))
            sys.stdout.flush()
        if output != "text" and says(context):
            is_said = plan_id is not None and bool(plan.to_build)
            handed = [f"`dbt-state-plugin record` after dbt records it: plan {str(plan_id)[:8]}."] if is_said else []
            SCREEN.say([_summary(shown, compared), *handed], event="StatePlan", data=planned_document(plan))
        return EXIT_NODES_FAILED if exit_code and plan.to_build else EXIT_OK

    return command


def _check_output(output: str, folder: str | None) -> None:
    if output not in OUTPUTS:
        do = f"{did_you_mean(output, OUTPUTS)}Use --output with one of {', '.join(OUTPUTS)}."
        raise UsageError(f"{output!r} is not an output form.", do)
    if folder is not None and folder.startswith("-"):
        raise UsageError(
            f"Nothing is built here, so there is no use for {folder!r}.",
            "Leave out what stands after `--`; run, build, seed and snapshot take flags of dbt there.",
        )
    if output == "state-dir" and folder is None:
        raise UsageError("--output state-dir needs a folder.", "Write it like `--output state-dir DIR`.")
    if output != "state-dir" and folder is not None:
        raise UsageError(
            f"There is no place for {folder!r} here.",
            "Name nodes with --select, a folder as in `--output state-dir DIR`.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A plan, and the comparison or overview that it belongs to, if one was asked for."""

    plan: Plan
    comparison: PlannedAgainst | None = None
    overview: Overview | None = None


def _found(
    context: click.Context, target: Target, options: RunOptions, against: str | None, *, output: str, lists_all: bool
) -> _Found:
    from dbt_state_plugin.api import Ports, plan_project, plan_with_texts

    is_markdown = output == "markdown"
    with reporting(context) as progress:
        ports = Ports.reporting_to(progress)
        if options.defer_to is None:
            comparison = compared_if_asked(context, target, options, against, progress, with_texts=is_markdown)
            if comparison is not None:
                return _Found(plan=comparison.planned.plan, comparison=comparison)
        if is_markdown:
            overview = plan_with_texts(target, options, ports=ports)
            return _Found(plan=overview.plan, overview=overview)
        return _Found(plan=plan_project(target, options, lists_all=lists_all, ports=ports))


def _summary(plan: Plan, compared: Compared | None) -> str:
    if compared:
        from dbt_state_plugin.report.against import compared_summary

        return compared_summary(compared)
    from dbt_state_plugin.report.words import summary_line

    return summary_line(plan)


def _answer(plan: Plan, output: str, folder: str | None, compared: Compared | None, found: _Found) -> str:
    from dbt_state_plugin.report.printable import printable

    if output == "markdown":
        return _markdown(plan, compared, found)

    nodes = [entry.node for entry in plan.to_build]
    if output == "json":
        return _document(plan, compared)
    if output == "name":
        return "".join(f"{printable(node.name)}\n" for node in nodes)
    if output == "path":
        return "".join(f"{printable(path)}\n" for path in dict.fromkeys(node.path for node in nodes))
    if output == "state-dir":
        from dbt_state_plugin.api import write_folder

        return f"{write_folder(plan, str(folder))}\n"
    from dbt_state_plugin.report.selection import name_nodes, select_line
    from dbt_state_plugin.report.selectors import selectors_yaml

    wanted = {node.unique_id for node in nodes}
    others = [entry.node for entry in plan.entries if entry.node.unique_id not in wanted]
    named = name_nodes(nodes, others, on_command_line=output == "select")
    return select_line(named) + "\n" if output == "select" else selectors_yaml(named)


def _markdown(plan: Plan, compared: Compared | None, found: _Found) -> str:
    from dbt_state_plugin.report.markdown.plan import plan_markdown

    if found.comparison:
        return plan_markdown(plan, found.comparison.planned.project, found.comparison.texts, compared=compared)
    return plan_markdown(plan, found.overview.project, found.overview.texts) if found.overview else ""


def _document(plan: Plan, compared: Compared | None) -> str:
    from dbt_state_plugin.report.document import plan_document, rendered

    if compared:
        from dbt_state_plugin.report.against import compared_document

        return rendered(compared_document(compared)) + "\n"
    return rendered(plan_document(plan)) + "\n"


def _lines(plan: Plan, shows_all: bool, compared: Compared | None) -> list[str]:
    from dbt_state_plugin.report.text import plan_lines, width_of

    width = width_of(sys.stdout)
    if compared:
        from dbt_state_plugin.report.against import compared_lines

        return compared_lines(compared, shows_all=shows_all, width=width)
    return plan_lines(plan, shows_all=shows_all, width=width)


plan = _command("plan", "text", "Show what would be built and why; nothing is written.")
select = _command("select", "select", "Print what would be built as a selection for `dbt run --select`.")
