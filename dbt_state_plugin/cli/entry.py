"""Entry point: dispatch of commands, and exit codes."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import click

from dbt_state_plugin.api import VERSION
from dbt_state_plugin.cli.examples import with_example
from dbt_state_plugin.cli.options import shared_options
from dbt_state_plugin.cli.screen import SCREEN
from dbt_state_plugin.cli.usage_errors import unknown_command, usage_error_lines
from dbt_state_plugin.errors import EXIT_ERROR, PluginError

if TYPE_CHECKING:
    from dbt_state_plugin.cli.orchestration import Orchestration

# For Python's garbage collector. What dbt parses stays until the end: looking for circles among it over and over, as
# Python does by itself, takes half of a parse.
GARBAGE_THRESHOLDS = (100_000, 50, 100)
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)  # Windows has no quotas of this kind

# command -> the module of dbt_state_plugin.cli that holds it, and the first sentence of its help; a test compares them.
# Modules are imported when their command is called, and not for the list of all commands.
_COMMANDS = {
    "run": ("run", "Build the models that need it with `dbt run`; flags for dbt go after `--`."),
    "build": ("run", "Build the models, seeds, snapshots and tests that need it with `dbt build`."),
    "seed": ("run", "Load the seeds that need it with `dbt seed`."),
    "snapshot": ("run", "Take the snapshots that need it with `dbt snapshot`."),
    "plan": ("plan", "Show what would be built and why; nothing is written."),
    "select": ("plan", "Print what would be built as a selection for `dbt run --select`."),
    "record": (
        "record",
        "Record what `dbt run`, `build`, `seed` or `snapshot` built by itself, from dbt's own results.",
    ),
    "explain": ("explain", "Explain why NODE (a name or a unique_id) would be built or skipped."),
    "history": ("history", "List the executions of this environment, newest first."),
    "show": ("history", "Show one EXECUTION with its steps and the reason and result of each node."),
    "report": (
        "report",
        "Write lineage, reasons, history and costs into one self-contained HTML file, and print its path.",
    ),
    "forget": ("forget", "Forget the recorded builds of NODES; the next run builds them again."),
    "adopt": (
        "adopt",
        "Record existing relations as built by the project as it is now, without building them.",
    ),
    "doctor": ("doctor", "Check database, rights, profile and dbt before the first run, and say what to do."),
    "state": ("state", "Manage the state: its version, its migrations and its size."),
    "completion": ("completion", "Print the script that lets SHELL complete commands and options."),
    "init-execution": ("bookkeeping", "Start an execution and print its id."),
    "get-last-successful-execution": (
        "bookkeeping",
        "Print the id of the last successful execution, or an empty line.",
    ),
    "get-execution-completion-timestamp": (
        "bookkeeping",
        "Print when EXECUTION_ID was completed, in ISO 8601 with the time zone.",
    ),
    "init-step": (
        "bookkeeping",
        "Start a step of EXECUTION_ID, record the checksums of what it covers, and print its id.",
    ),
    "compare-step-models": (
        "bookkeeping",
        "Print the names whose checksum in STEP_ID is new or differs from that in PREVIOUS_EXECUTION_ID.",
    ),
    "complete-step": ("bookkeeping", "Record that STEP_ID succeeded."),
    "complete-execution": ("bookkeeping", "Record that EXECUTION_ID succeeded; all its steps must be completed."),
    "fail-execution": ("bookkeeping", "Record that EXECUTION_ID failed, and its running steps with it."),
}


class _LazyGroup(click.Group):
    """The commands of this package, imported when called, and those that an orchestrator's entry point adds."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [*_COMMANDS, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"dbt_state_plugin.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        command.short_help = _COMMANDS[cmd_name][1]  # click would cut it for completions
        return with_example(command, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise unknown_command(args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands with their whole first sentence, which click would truncate for long names."""
        rows = [(name, summary) for name, (_, summary) in _COMMANDS.items()]
        rows += [(name, command.get_short_help_str(limit=200)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows, col_max=16)


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="Exit codes: 0 done, 1 nodes failed, 2 error, 3 another run is in progress, 130/143/129 interrupted.",
)
@click.version_option(VERSION, "--version", "-V", message="dbt-state-plugin %(version)s")
@shared_options
def cli() -> None:
    """Build only the dbt models that need it, and say why."""


def main(
    commands: tuple[click.Command, ...] = (), prepare: Callable[[list[str]], Orchestration] | None = None
) -> NoReturn:
    """Run the command line and exit with the documented code.

    An orchestrator's entry point adds its own `commands`, and `prepare` derives from the arguments what it adds to the
    run; errors that it raises are shown like all others.
    """
    for command in commands:
        cli.add_command(command)
    exit_with(lambda arguments: _exit_code(arguments, prepare))


def exit_with(run: Callable[[list[str]], int]) -> NoReturn:
    """Run a command line on the arguments of this process and exit with the code that it returns."""
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, as with `>&-`
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - open until the process ends
    code = run(sys.argv[1:])
    gc.freeze()  # what dbt parsed is freed with the process: no circles are looked for once more
    sys.exit(code)


def _exit_code(arguments: list[str], prepare: Callable[[list[str]], Orchestration] | None = None) -> int:
    def invoke() -> Any:
        values = {"orchestration": prepare(arguments)} if prepare else {}
        return cli.main(args=arguments, prog_name="dbt-state-plugin", standalone_mode=False, obj=values)

    return exit_code_of(invoke, arguments)


def exit_code_of(invoke: Callable[[], Any], arguments: list[str]) -> int:
    """Return the exit code of a command line, 0 if it returns none; an error is shown, and its code returned."""
    try:
        result = invoke()
        sys.stdout.flush()
    except PluginError as error:
        return _report(error.what, error.do, error.exit_code)
    except click.exceptions.Abort:
        return _report("Interrupted.", "Run the command again when you are ready.", 130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return EXIT_ERROR
    except click.ClickException as error:
        return _report(*usage_error_lines(error), EXIT_ERROR)
    except (BrokenPipeError, SystemExit):  # nobody reads the answer to its end, which click turns into an exit
        _give_up_output()
        return 0
    except KeyboardInterrupt:
        return _report("Interrupted.", "Run the command again when you are ready.", 130)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            _give_up_output()
            do = "Free space there and in the folder for temporary files, or redirect the output to another file."
            return _report(f"The output cannot be written: {error.strerror}.", do, EXIT_ERROR)
        if _wants_debug(arguments):
            raise
        what = f"Unexpected error: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
        return _report(what, "Run it again with --debug to see where; please report it as a bug.", EXIT_ERROR)
    return result if isinstance(result, int) else 0


def _give_up_output() -> None:
    if sys.__stdout__ is not None:  # the interpreter flushes it once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())


def _wants_debug(arguments: list[str]) -> bool:
    return "--debug" in arguments or "-d" in arguments or bool(os.environ.get("DBT_STATE_PLUGIN_DEBUG"))


def _report(what: str, do: str, exit_code: int) -> int:
    from dbt_state_plugin.report.line import Style, line_of
    from dbt_state_plugin.report.printable import printable
    from dbt_state_plugin.report.text import width_of
    from dbt_state_plugin.report.width import wrapped

    try:
        sys.stdout.flush()
    except OSError:  # nobody reads the answer, or there is no room for it
        _give_up_output()
    width = width_of(sys.stderr)
    told = (line_of(("Error", Style.FAILED), f": {printable(what)}"), f"  {printable(do)}")
    lines = [part for line in told for part in wrapped(line, width)]
    data = {"what": what, "do": do, "exit_code": exit_code}
    SCREEN.say(lines, event="StateError", level="error", data=data)
    if _wants_debug(sys.argv[1:]):
        import traceback

        traceback.print_exc()
    return exit_code
