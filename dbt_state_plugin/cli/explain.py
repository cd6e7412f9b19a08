"""The `explain` command."""

from __future__ import annotations

import sys

import click

from dbt_state_plugin.cli.options import output_option, settings_of, shared_options
from dbt_state_plugin.cli.progress import reporting
from dbt_state_plugin.cli.screen import write_lines
from dbt_state_plugin.report.document import rendered
from dbt_state_plugin.report.explanation import explanation_document, explanation_lines
from dbt_state_plugin.report.text import width_of
from dbt_state_plugin.report.width import wrapped


@click.command("explain")
@click.argument("node")
@click.option(
    "--for",
    "command",
    type=click.Choice(["run", "build", "seed", "snapshot"]),
    default="build",
    show_default=True,
    help="Explain what this dbt command would do.",
)
@output_option
@shared_options
@click.pass_context
def explain(context: click.Context, /, node: str, command: str, output: str) -> None:
    """Explain why NODE (a name or a unique_id) would be built or skipped."""
    from dbt_state_plugin.api import explain as explain_node

    with reporting(context) as progress:
        found = explain_node(node, settings_of(context), command=command, progress=progress)
    if output == "json":
        click.echo(
            rendered(explanation_document(found.planned.plan, found.entry, found.path, found.texts, found.cut_off))
        )
        return
    width = width_of(sys.stdout)
    for line in explanation_lines(found.entry, found.path, found.texts, found.cut_off):
        write_lines(wrapped(line, width), sys.stdout)
