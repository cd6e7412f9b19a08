"""Shell completion."""

from __future__ import annotations

import os

import click
from click.shell_completion import get_completion_class

from dbt_state_plugin.cli.completion_files import PROGRAM, install, own_shell, said
from dbt_state_plugin.cli.options import says, shared_options
from dbt_state_plugin.cli.screen import write_lines
from dbt_state_plugin.errors import UsageError

_VARIABLE = "_DBT_STATE_PLUGIN_COMPLETE"  # click reads it from a program of this name
# click's script for fish ends each description at its first comma.
_SPLIT, _SPLIT_ONCE = 'string split "," $completion', 'string split -m 1 "," $completion'
_INSTRUCTIONS = {
    "bash": f'Add this line to ~/.bashrc: eval "$({PROGRAM} completion bash)"',
    "zsh": f'Add this line to ~/.zshrc: eval "$({PROGRAM} completion zsh)"',
    "fish": f"Run: {PROGRAM} completion fish > ~/.config/fish/completions/{PROGRAM}.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(tuple(_INSTRUCTIONS)), required=False, metavar="[SHELL]")
@click.option(
    "--install",
    "installs",
    is_flag=True,
    help="Install it where SHELL (default: $SHELL) finds it, and say how to undo that.",
)
@shared_options
@click.pass_context
def completion(context: click.Context, shell: str | None, installs: bool) -> None:
    """Print the script that lets SHELL complete commands and options.

    SHELL is bash, zsh or fish. --install overwrites nothing of yours.
    """
    yours = own_shell()
    if shell is None and installs and yours in _INSTRUCTIONS:
        shell = yours
    if shell is None:
        raise UsageError(
            f"completion needs the name of a shell: {', '.join(_INSTRUCTIONS)}.",
            f"{_INSTRUCTIONS.get(yours, _INSTRUCTIONS['bash'])}, or use --install.",
        )
    completion_class = get_completion_class(shell)
    root = context.find_root().command
    if completion_class is None:
        raise UsageError(f"The installed click has no completion for {shell}.", "Upgrade click.")
    source = completion_class(root, {}, PROGRAM, _VARIABLE).source().replace(_SPLIT, _SPLIT_ONCE)
    if installs:
        write_lines(said(install(shell, source, os.environ)))
        return
    click.echo(source)
    if says(context):
        write_lines([_INSTRUCTIONS[shell]])
