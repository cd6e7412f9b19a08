"""Which command was asked for, and which exit code does its end mean?"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from dbt_state_plugin import __version__
from dbt_state_plugin.cli.options import shared_options
from dbt_state_plugin.cli.orchestration import Orchestration
from dbt_state_plugin.errors import EXIT_ERROR, PluginError

# command -> module of dbt_state_plugin.cli that holds it; modules are imported when their command is called
_COMMANDS = {
    "run": "run",
    "build": "run",
    "seed": "run",
    "snapshot": "run",
    "plan": "plan",
    "select": "plan",
    "explain": "explain",
    "history": "history",
    "show": "history",
    "forget": "forget",
    "state": "state",
    "completion": "completion",
    "init-execution": "bookkeeping",
    "get-last-successful-execution": "bookkeeping",
    "get-execution-completion-timestamp": "bookkeeping",
    "init-step": "bookkeeping",
    "compare-step-models": "bookkeeping",
    "complete-step": "bookkeeping",
    "complete-execution": "bookkeeping",
    "fail-execution": "bookkeeping",
}


class _LazyGroup(click.Group):
    """The commands of this package, imported when they are called, and those that an orchestrator's entry adds."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [*_COMMANDS, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"dbt_state_plugin.cli.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their whole first sentence, which click would cut at the long names."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(limit=200)) for name, command in commands if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows, col_max=16)


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 nodes failed, 2 error, 3 another run is going on, 130/143/129 interrupted.",
)
@click.version_option(__version__, "--version", "-V", message="dbt-state-plugin %(version)s")
@shared_options
def cli() -> None:
    """Build only the dbt models that need it, and say why."""


def main(
    commands: tuple[click.Command, ...] = (), prepare: Callable[[list[str]], Orchestration] | None = None
) -> NoReturn:
    """Run the command line and exit with the documented code.

    An orchestrator's entry adds `commands` of its own, and `prepare` tells from the arguments what it adds to the run;
    the errors that it raises are shown like all others.
    """
    for command in commands:
        cli.add_command(command)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, as with `>&-`
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - open until the process ends
    logging.raiseExceptions = False  # else each line that dbt logs to a closed pipe becomes a traceback
    sys.exit(_exit_code(sys.argv[1:], prepare))


def _exit_code(arguments: list[str], prepare: Callable[[list[str]], Orchestration] | None = None) -> int:
    try:
        values = {"orchestration": prepare(arguments)} if prepare else {}
        result: Any = cli.main(args=arguments, prog_name="dbt-state-plugin", standalone_mode=False, obj=values)
        sys.stdout.flush()
    except PluginError as error:
        return _report(error.what, error.do, error.exit_code)
    except click.exceptions.Abort:
        return _report("Interrupted.", "Run the command again when you are ready.", 130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return EXIT_ERROR
    except click.ClickException as error:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "dbt-state-plugin"
        return _report(error.format_message(), f"See `{command} --help`.", EXIT_ERROR)
    except (BrokenPipeError, SystemExit):  # nobody reads the answer to its end, which click turns into an exit
        if sys.__stdout__ is not None:  # the interpreter flushes it once more at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
        return 0
    except KeyboardInterrupt:
        return _report("Interrupted.", "Run the command again when you are ready.", 130)
    except Exception as error:
        if _wants_debug(arguments):
            raise
        what = f"Unexpected error: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
        return _report(what, "Run it again with --debug to see where; please report it as a bug.", EXIT_ERROR)
    return result if isinstance(result, int) else 0


def _wants_debug(arguments: list[str]) -> bool:
    return "--debug" in arguments or "-d" in arguments or bool(os.environ.get("DBT_STATE_PLUGIN_DEBUG"))


def _report(what: str, do: str, exit_code: int) -> int:
    from dbt_state_plugin.report.plain import plain

    sys.stdout.flush()
    click.echo(f"Error: {plain(what)}", err=True)
    click.echo(f"  {plain(do)}", err=True)
    if _wants_debug(sys.argv[1:]):
        import traceback

        traceback.print_exc()
    return exit_code
