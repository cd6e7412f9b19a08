"""Shell completion."""

from __future__ import annotations

import os
from pathlib import PurePath

import click
from click.shell_completion import get_completion_class

from dbt_state_plugin.cli.options import says, shared_options
from dbt_state_plugin.errors import UsageError

_PROGRAM = "dbt-state-plugin"
_VARIABLE = "_DBT_STATE_PLUGIN_COMPLETE"  # click reads it from a program of this name
_INSTRUCTIONS = {
    "bash": f'Add this line to ~/.bashrc: eval "$({_PROGRAM} completion bash)"',
    "zsh": f'Add this line to ~/.zshrc: eval "$({_PROGRAM} completion zsh)"',
    "fish": f"Run: {_PROGRAM} completion fish > ~/.config/fish/completions/{_PROGRAM}.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(tuple(_INSTRUCTIONS)), required=False, metavar="SHELL")
@shared_options
@click.pass_context
def completion(context: click.Context, shell: str | None) -> None:
    """Print the script that makes SHELL complete this program's commands and options."""
    if shell is None:
        yours = PurePath(os.environ.get("SHELL", "")).name
        raise UsageError(
            f"completion needs the name of a shell: {', '.join(_INSTRUCTIONS)}.",
            _INSTRUCTIONS.get(yours, _INSTRUCTIONS["bash"]),
        )
    completion_class = get_completion_class(shell)
    root = context.find_root().command
    if completion_class is None:
        raise UsageError(f"click knows no completion for {shell}.", "Update click.")
    click.echo(completion_class(root, {}, _PROGRAM, _VARIABLE).source())
    if says(context):
        click.echo(_INSTRUCTIONS[shell], err=True)
