"""Entry point for Meltano: its environment as options.

This is the executable of the Meltano plugin. Outside Meltano it is the ordinary command line with two more commands.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from dbt_state_plugin.cli.entry import main as command_line
from dbt_state_plugin.cli.orchestration import Orchestration
from dbt_state_plugin.errors import ConfigurationError, UsageError
from meltano_plugin.load_plan import load_plan
from meltano_plugin.places import places_in
from meltano_plugin.project import active_environment, project_of, utility_name

if TYPE_CHECKING:
    from dbt_state_plugin.api import RecordedStep

_STEPS_FOR = ("run", "build")
_NEEDS_NOTHING = ("-h", "--help", "-V", "--version", "completion", "definition")


@click.command("definition", epilog="\b\nExample:\n  dbt-state-plugin-meltano definition --output dbt-state-plugin.yml")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write it to this file; a redirection would leave an empty one behind where the command fails.",
)
def definition(output: Path | None) -> None:
    """Print the definition of the utility for `meltano add --from-ref`."""
    text = Path(__file__).with_name("dbt-state-plugin.yml").read_text(encoding="utf-8")
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{output} cannot be written: {error.strerror or error}.", "Give --output another file."
        ) from error


def main() -> NoReturn:
    """Run the command line as Meltano's plugin and exit with the documented code."""
    command_line(commands=(load_plan, definition), prepare=prepare)


def prepare(arguments: list[str]) -> Orchestration:
    """Set the variables that the command line reads, and return what Meltano adds to the run.

    Raises ConfigurationError before anything is recorded: no active environment, no dbt project, no profiles, or a
    meltano.yml that cannot be read.
    """
    environ = os.environ
    root = environ.get("MELTANO_PROJECT_ROOT")
    if not root or not arguments or any(each in arguments for each in _NEEDS_NOTHING):
        return Orchestration()
    if "doctor" in arguments:
        return _looked_over(Path(root), arguments)
    environment = active_environment(environ)
    if environ.get("DBT_STATE_PLUGIN_PIPELINE") or "--pipeline" in arguments:
        return Orchestration(reads_last_line=True)
    steps: tuple[RecordedStep, ...] = ()
    if any(command in arguments for command in _STEPS_FOR):
        from meltano_plugin.load_step import load_step

        steps = (load_step(project_of(environ), utility_name(environ)),)
    places = places_in(Path(root), environment, environ, arguments)
    environ.update(places.variables)
    return Orchestration(steps=steps, target_choice=places.target_choice, reads_last_line=True)


def _looked_over(root: Path, arguments: list[str]) -> Orchestration:
    """Return what `doctor` is to say of Meltano; what would end another command is one of its findings."""
    from dbt_state_plugin.api import Finding, Severity
    from meltano_plugin.wiring import wiring

    environ = os.environ
    try:
        environment = active_environment(environ)
        if environ.get("DBT_STATE_PLUGIN_PIPELINE") or "--pipeline" in arguments:
            return Orchestration()
        places = places_in(root, environment, environ, arguments)
        environ.update(places.variables)
        return Orchestration(findings=wiring(project_of(environ), utility_name(environ), places.target_choice))
    except ConfigurationError as error:
        found = Finding(check="meltano", severity=Severity.ERROR, what=error.what, do=error.do)
        return Orchestration(findings=(found,))
