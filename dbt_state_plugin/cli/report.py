"""The `report` command."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dbt_state_plugin.api import DEFAULT_EXECUTIONS, Stage, Step
from dbt_state_plugin.cli.options import says, shared_options, target_of
from dbt_state_plugin.cli.progress import reporting
from dbt_state_plugin.errors import UsageError


@click.command("report")
@click.option("--execution", metavar="ID", help="Show what this execution built, instead of what is to be built.")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    help="Where to write; - is stdout (default: dbt-state-plugin/report.html in the target path).",
)
@click.option(
    "--for",
    "command",
    type=click.Choice(["run", "build", "seed", "snapshot"]),
    default="build",
    show_default=True,
    help="Plan for this dbt command.",
)
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(min=1),
    default=DEFAULT_EXECUTIONS,
    show_default=True,
    metavar="N",
    help="How many executions to include, newest first.",
)
@shared_options
@click.pass_context
def report(context: click.Context, /, execution: str | None, output: str | None, command: str, limit: int) -> None:
    """Write lineage, reasons, history and costs into one self-contained HTML file, and print its path."""
    from dbt_state_plugin.api import report as read_report
    from dbt_state_plugin.report.html.page import page
    from dbt_state_plugin.report.text import write_lines

    target = target_of(context)
    with reporting(context) as progress:
        found = read_report(target, execution_id=execution, command=command, limit=limit, progress=progress)
        progress(Step(stage=Stage.STATE, detail="Writing the page"))
        text = page(found)
    if output == "-":
        sys.stdout.write(text)
        return
    default = (
        target.workplace.target_path / "dbt-state-plugin" / "report.html" if target.workplace else Path("report.html")
    )
    file = Path(output) if output else default
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.", "Give --output another file.") from error
    click.echo(str(file))
    if says(context):
        write_lines([f"Report of {len(text.encode()) / 1e6:.1f} MB. Open it in a browser; it needs no network."])
