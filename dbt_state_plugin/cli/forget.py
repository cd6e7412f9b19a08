"""The `forget` command: forget recorded builds, so that nodes are rebuilt."""

from __future__ import annotations

import click

from dbt_state_plugin.cli.events import say_wait
from dbt_state_plugin.cli.options import output_option, settings_of, shared_options
from dbt_state_plugin.cli.progress import reporting
from dbt_state_plugin.cli.screen import write_lines
from dbt_state_plugin.errors import UsageError
from dbt_state_plugin.report.administration import forgotten_document
from dbt_state_plugin.report.document import rendered
from dbt_state_plugin.report.printable import printable


@click.command("forget")
@click.argument("nodes", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Forget every build of this environment.")
@output_option
@shared_options
@click.pass_context
def forget(context: click.Context, /, nodes: tuple[str, ...], everything: bool, output: str) -> None:
    """Forget the recorded builds of NODES; the next run builds them again. No relation is touched."""
    from dbt_state_plugin.api import forget as forget_builds

    if everything == bool(nodes):
        raise UsageError(
            "forget needs the names of nodes, or --all.", "Write `forget NAME ...` or `forget --all`, not both."
        )
    with reporting(context) as progress:
        forgotten = forget_builds(
            settings_of(context),
            None if everything else nodes,
            on_wait=lambda holder: say_wait(context, holder),
            progress=progress,
        )
    if output == "json":
        click.echo(rendered(forgotten_document(forgotten)))
    for unique_id in forgotten if output == "text" else ():
        click.echo(printable(unique_id))
    write_lines([f"Forgot {len(forgotten)}; the next run builds them again."])
