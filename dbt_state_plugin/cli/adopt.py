"""The `adopt` command: take over an existing warehouse."""

from __future__ import annotations

import sys
from typing import Any

import click

from dbt_state_plugin.cli.building import narrowing_options
from dbt_state_plugin.cli.events import say_wait
from dbt_state_plugin.cli.options import output_option, says, shared_options, target_of
from dbt_state_plugin.cli.progress import reporting
from dbt_state_plugin.cli.screen import write_lines
from dbt_state_plugin.errors import EXIT_NODES_FAILED, EXIT_OK, ConfigurationError, UsageError
from dbt_state_plugin.report.document import rendered
from dbt_state_plugin.report.text import width_of
from dbt_state_plugin.report.width import wrapped


@click.command("adopt")
@narrowing_options
@click.option("--again", is_flag=True, help="Adopt relations that are already recorded, too.")
@click.option("--yes", is_flag=True, help="Record them without asking.")
@output_option
@shared_options
@click.pass_context
def adopt(context: click.Context, /, again: bool, yes: bool, output: str, **options: Any) -> int:
    """Record existing relations as built by the project as it is now, without building them.

    What is missing, of another kind or has other columns is not recorded: the next run builds it. Exit code 1 means
    that one was refused.
    """
    from dbt_state_plugin.api import Outcome, Ports, RunOptions, find_adoptable, record_adoption
    from dbt_state_plugin.report.adoption import adopted_summary, adoption_document, adoption_lines, assumption_lines

    asked = RunOptions(command="build", **options)
    with reporting(context) as progress:
        target = target_of(context)
        found, inspected = find_adoptable(target, asked, again=again, ports=Ports.reporting_to(progress))
    width = width_of(sys.stdout)
    if output == "text":
        write_lines(adoption_lines(found, width=width), sys.stdout)
    wanted = found.of(Outcome.ADOPT)
    if wanted:
        if not yes or says(context):
            write_lines(assumption_lines(found, width=width_of(sys.stderr)))
        if not yes:
            _ask()
        with reporting(context) as progress:
            found = record_adoption(
                target,
                found,
                inspected,
                on_wait=lambda holder: say_wait(context, holder),
                ports=Ports.reporting_to(progress),
            )
    if output == "json":
        click.echo(rendered(adoption_document(found)))
    refused = found.of(Outcome.REFUSE)
    if not wanted and not found.of(Outcome.KNOWN):
        raise ConfigurationError(
            "There is nothing to adopt: no relation in the warehouse matches what the project makes.",
            "Check --target; `dbt-state-plugin run` builds everything.",
        )
    if says(context, "error" if refused else "info"):
        write_lines(wrapped(adopted_summary(found), width_of(sys.stderr)))
    return EXIT_NODES_FAILED if refused else EXIT_OK


def _ask() -> None:
    """Return when yes is typed at a terminal; raises UsageError otherwise."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("Nothing was recorded: there is no terminal to confirm it.", "Pass --yes to confirm.")
    sys.stderr.write("Record them? Type yes: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "yes":
        raise UsageError("Nothing was recorded: you did not type yes.", "Run the command again when you are ready.")
