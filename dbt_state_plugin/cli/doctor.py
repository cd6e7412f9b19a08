"""The `doctor` command."""

from __future__ import annotations

import sys

import click

from dbt_state_plugin.cli.options import output_option, says, settings_of, shared_options
from dbt_state_plugin.cli.orchestration import orchestration_of
from dbt_state_plugin.cli.progress import reporting
from dbt_state_plugin.cli.screen import write_lines
from dbt_state_plugin.errors import EXIT_NODES_FAILED, EXIT_OK
from dbt_state_plugin.report.document import rendered
from dbt_state_plugin.report.findings import finding_lines, findings_document, readiness_line
from dbt_state_plugin.report.text import width_of


@click.command("doctor")
@output_option
@shared_options
@click.pass_context
def doctor(context: click.Context, output: str) -> int:
    """Check database, rights, profile and dbt before the first run, and say what to do.

    Nothing is written. Exit code 1 means that something has to be fixed before a run.
    """
    from dbt_state_plugin.api import has_errors, look_over

    with reporting(context) as progress:
        found = (*orchestration_of(context).findings, *look_over(settings_of(context), progress=progress))
    if output == "json":
        click.echo(rendered(findings_document(found)))
    else:
        write_lines(finding_lines(found, width=width_of(sys.stdout)), sys.stdout)
    failed = has_errors(found)
    if says(context, "error" if failed else "info"):
        write_lines([readiness_line(found)])
    return EXIT_NODES_FAILED if failed else EXIT_OK
