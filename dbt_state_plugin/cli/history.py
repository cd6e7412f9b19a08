"""The commands `history` and `show`."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from dbt_state_plugin.api import ExecutionSummary
from dbt_state_plugin.cli.options import output_option, settings_of, shared_options
from dbt_state_plugin.cli.progress import reporting
from dbt_state_plugin.cli.screen import write_lines
from dbt_state_plugin.errors import UsageError
from dbt_state_plugin.report.document import VERSION, execution_document, failure_document, rendered
from dbt_state_plugin.report.history import execution_lines, failed_lines, failure_lines, history_lines
from dbt_state_plugin.report.text import width_of


@click.command("history")
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="How many executions to list.",
)
@click.option("--failed", is_flag=True, help="Only executions that did not succeed, each with its message.")
@output_option
@shared_options
@click.pass_context
def history(context: click.Context, /, limit: int, failed: bool, output: str) -> None:
    """List the executions of this environment, newest first."""
    from dbt_state_plugin.api import history as read_history

    with reporting(context, doing="Reading the history"):
        executions = read_history(settings_of(context), limit=limit, only_failed=failed)
    if output == "json":
        documents = [execution_document(execution, with_nodes=False) for execution in executions]
        click.echo(rendered({"version": VERSION, "executions": documents}))
    elif executions:
        lines_of = failed_lines if failed else history_lines
        write_lines(lines_of(executions, width=width_of(sys.stdout)), sys.stdout)
    elif failed:
        write_lines(["No execution of this environment has failed, as far as its history goes back."])
    else:
        write_lines(["Nothing is recorded for this environment yet. `dbt-state-plugin run` starts its history."])


@click.command("show")
@click.argument("execution", required=False)
@click.option("--failures", is_flag=True, help="List the nodes that are failing now, or that failed in EXECUTION.")
@click.option(
    "--output",
    "-o",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="Text, one JSON document, or Markdown for a pull request.",
)
@shared_options
@click.pass_context
def show(context: click.Context, /, execution: str | None, failures: bool, output: str) -> None:
    """Show one EXECUTION with its steps and the reason and result of each node."""
    from dbt_state_plugin.api import execution as read_execution

    if execution is None:
        _show_failures(context, output, is_asked_for=failures)
        return
    if output == "markdown":
        _show_markdown(context, execution, failures=failures)
        return
    with reporting(context, doing="Reading the execution"):
        found = _narrowed(read_execution(settings_of(context), execution), failures=failures)
    if output == "json":
        click.echo(rendered({"version": VERSION, **execution_document(found, with_nodes=True)}))
    else:
        write_lines(execution_lines(found, width=width_of(sys.stdout)), sys.stdout)


def _narrowed(execution: ExecutionSummary, *, failures: bool) -> ExecutionSummary:
    """Return an execution; with `failures` only its results that are not a success."""
    results = tuple(result for result in execution.results if not result.is_success)
    return replace(execution, results=results) if failures else execution


def _show_markdown(context: click.Context, execution: str, *, failures: bool) -> None:
    from dbt_state_plugin.api import executed
    from dbt_state_plugin.report.markdown.execution import execution_markdown

    with reporting(context, doing="Reading the execution"):
        found = executed(settings_of(context), execution)
    shown = replace(found, execution=_narrowed(found.execution, failures=failures))
    click.echo(execution_markdown(shown), nl=False)


def _show_failures(context: click.Context, output: str, *, is_asked_for: bool) -> None:
    from dbt_state_plugin.api import failures as read_failures

    if not is_asked_for:
        raise UsageError(
            "`show` needs an EXECUTION, or --failures.", "See `dbt-state-plugin history` for the ids of executions."
        )
    with reporting(context, doing="Reading what is failing"):
        found = read_failures(settings_of(context))
    if output == "json":
        click.echo(rendered({"version": VERSION, "failures": [failure_document(failure) for failure in found]}))
    elif output == "markdown":
        from dbt_state_plugin.report.markdown.execution import failures_markdown

        click.echo(failures_markdown(found), nl=False)
    elif found:
        write_lines(failure_lines(found, width=width_of(sys.stdout)), sys.stdout)
    else:
        write_lines(["No node of this environment is failing."])
