"""The `record` command: what dbt built by itself."""

from __future__ import annotations

import sys

import click

from dbt_state_plugin.cli.events import say_wait
from dbt_state_plugin.cli.options import output_option, says, settings_of, shared_options
from dbt_state_plugin.cli.progress import reporting
from dbt_state_plugin.cli.screen import write_lines
from dbt_state_plugin.errors import EXIT_NODES_FAILED, EXIT_OK
from dbt_state_plugin.report.document import rendered
from dbt_state_plugin.report.text import width_of
from dbt_state_plugin.report.width import wrapped


@click.command("record")
@click.option(
    "--target-path",
    metavar="DIR",
    envvar=["DBT_STATE_PLUGIN_TARGET_PATH"],
    help="Folder of dbt's run_results.json and manifest.json (default: the project's target path).",
)
@click.option("--plan", metavar="ID", help="The plan that dbt was given (default: the newest from before dbt started).")
@output_option
@shared_options
@click.pass_context
def record(context: click.Context, /, target_path: str | None, plan: str | None, output: str) -> int:
    """Record what `dbt run`, `build`, `seed` or `snapshot` built by itself, from dbt's own results.

    What is uncertain stays due. Exit code 1 means that nodes failed in dbt.
    """
    from dbt_state_plugin import api
    from dbt_state_plugin.report.recording import recording_document, recording_lines, recording_summary

    def on_wait(holder: str) -> None:
        say_wait(context, holder)

    with api.interruptible(), reporting(context) as progress:
        settings = settings_of(context)
        result = api.record(settings, target_path=target_path, plan=plan, on_wait=on_wait, progress=progress)
    if output == "json":
        click.echo(rendered(recording_document(result)))
    else:
        write_lines(recording_lines(result, width=width_of(sys.stdout)), sys.stdout)
    has_failed = bool(result.of(api.Recording.FAILED))
    if says(context, "error" if has_failed else "info"):
        write_lines(wrapped(recording_summary(result), width_of(sys.stderr)))
    return EXIT_NODES_FAILED if has_failed else EXIT_OK
