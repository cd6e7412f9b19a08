"""The commands `history` and `show`."""

from __future__ import annotations

import sys

import click

from dbt_state_plugin.cli.options import settings_of, shared_options
from dbt_state_plugin.report.document import VERSION, execution_document, rendered
from dbt_state_plugin.report.history import execution_lines, history_lines
from dbt_state_plugin.report.text import width_of, write_lines

_output = click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.command("history")
@click.option("--limit", "-n", type=click.IntRange(min=1), default=20, show_default=True, help="How many executions.")
@_output
@shared_options
@click.pass_context
def history(context: click.Context, /, limit: int, output: str) -> None:
    """List the executions of this environment, newest first."""
    from dbt_state_plugin.api import history as read_history

    executions = read_history(settings_of(context), limit=limit)
    if output == "json":
        documents = [execution_document(execution, with_nodes=False) for execution in executions]
        click.echo(rendered({"version": VERSION, "executions": documents}))
    elif executions:
        write_lines(history_lines(executions, width=width_of(sys.stdout)), sys.stdout)
    else:
        write_lines(["Nothing is recorded for this environment yet. `dbt-state-plugin run` starts its history."])


@click.command("show")
@click.argument("execution")
@_output
@shared_options
@click.pass_context
def show(context: click.Context, /, execution: str, output: str) -> None:
    """Show one EXECUTION with its steps and the reason and result of each node."""
    from dbt_state_plugin.api import execution as read_execution

    found = read_execution(settings_of(context), execution)
    if output == "json":
        click.echo(rendered({"version": VERSION, **execution_document(found, with_nodes=True)}))
    else:
        write_lines(execution_lines(found, width=width_of(sys.stdout)), sys.stdout)
