"""Drop-in for the command line of the data pipeline orchestrator (DPO).

The database's URL comes first, then the command. stdout holds only the answer; messages go to stderr. The commands are
those of `bookkeeping.py` under more tolerant rules. Options are read as DPO read them, by argparse: short options of
several letters, values that may be omitted, and abbreviations.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

from dbt_state_plugin import api
from dbt_state_plugin.api import Ended, Settings, Target
from dbt_state_plugin.cli.entry import exit_code_of, exit_with
from dbt_state_plugin.cli.options import schema_name, show_log
from dbt_state_plugin.errors import UsageError

PROGRAM = "dbt-state-plugin-dpo"
PIPELINE = "dpo"
NOTHING = "NO_LAST_SUCCESSFUL_EXECUTION"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_URL = "postgresql://user@host:port/dbname, also with the name of a driver in it, as DPO takes it"
URL_WARNING = (
    "Warning: Everybody on this machine can read the URL's password in the list of\n"
    "  processes. Leave it out of the URL and set PGPASSWORD, or use ~/.pgpass."
)


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    exit_with(lambda arguments: exit_code(*arguments))


def exit_code(*arguments: str) -> int:
    """Run the command line on these arguments and return its exit code."""
    return exit_code_of(lambda: _run(list(arguments)), list(arguments))


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in _COMMANDS and {"-h", "--help"} & set(arguments):
        arguments = ["URL", *arguments]  # the help of a command needs none
    try:
        given = _parser().parse_args(arguments)
    except SystemExit:  # after --help
        return 0
    show_log({"CRITICAL": "error"}.get(given.log_level, given.log_level.lower()))
    talk = _Talk(given.log_level)
    target = _target(given.url)
    if target.state.database.password is not None:
        talk("WARNING", URL_WARNING)
    answer = _COMMANDS[given.command](target, given, talk)
    if answer is not None:
        sys.stdout.write(f"{answer}\n")
    return 0


class _Talk:
    """Write the messages that the log level asks for to stderr."""

    def __init__(self, wanted: str) -> None:
        self._wanted = LEVELS.index(wanted)

    def __call__(self, level: str, text: str) -> None:
        if LEVELS.index(level) >= self._wanted:
            sys.stderr.write(f"{text}\n")


def _target(url: str) -> Target:
    settings = Settings(
        database_url=url,
        database_url_name="URL",
        pipeline=os.environ.get("DBT_STATE_PLUGIN_PIPELINE") or PIPELINE,
    )
    schema = os.environ.get("DBT_STATE_PLUGIN_SCHEMA")
    return api.resolve_target(replace(settings, state_schema=schema_name(schema)) if schema else settings)


def _init_execution(target: Target, given: argparse.Namespace, _talk: _Talk) -> str:
    return str(api.init_execution(target, given.execution_id, api.TOLERANT))


def _get_last_successful_execution(target: Target, _given: argparse.Namespace, _talk: _Talk) -> str:
    return str(api.last_successful_execution(target) or NOTHING)


def _get_execution_completion_timestamp(target: Target, given: argparse.Namespace, _talk: _Talk) -> str:
    is_none = given.execution_id == NOTHING
    ended_at = api.present_time(target) if is_none else api.completion_time(target, given.execution_id, api.TOLERANT)
    return ended_at.isoformat(timespec="microseconds") if ended_at else ""


def _init_step(target: Target, given: argparse.Namespace, talk: _Talk) -> str:
    covered = api.files_covered(given.base_path, given.model_patterns, rules=api.TOLERANT)
    for warning in covered.warnings:
        talk("WARNING", f"Warning: {warning}")
    return str(api.init_step(target, given.execution_id, given.step_name.upper(), covered, api.TOLERANT))


def _compare_step_models(target: Target, given: argparse.Namespace, talk: _Talk) -> str:
    previous = "" if given.previous_execution_id == NOTHING else given.previous_execution_id
    comparison = api.compare_step_models(target, given.step_id, previous, api.TOLERANT)
    if comparison.doubt:
        talk("WARNING", f"Warning: {comparison.doubt}")
    if any(len(name.split()) != 1 for name in comparison.changed):
        talk("WARNING", "Warning: A name contains white space, so a shell splits it into several.")
    return " ".join(comparison.changed)


def _complete_step(target: Target, given: argparse.Namespace, talk: _Talk) -> None:
    step = api.complete_step(target, given.step_id, given.rows_processed or None, api.TOLERANT)
    rows = "N/A" if step.rows_processed is None else f"{step.rows_processed:,}"
    talk(
        "INFO",
        f"Completed Execution Step: {step.name}; {_times(step)}; "
        f"Models Processed: {step.covered:,}; Rows Processed: {rows}.",
    )


def _complete_execution(target: Target, given: argparse.Namespace, talk: _Talk) -> None:
    execution = api.complete_execution(target, given.execution_id, api.TOLERANT)
    if execution.left_open:
        talk("WARNING", f"Warning: Steps that were not completed: {', '.join(execution.left_open)}.")
    talk("INFO", f"Completed Execution ID: {execution.name}; {_times(execution)}.")


_COMMANDS: dict[str, Callable[[Target, argparse.Namespace, _Talk], str | None]] = {
    "init-execution": _init_execution,
    "get-last-successful-execution": _get_last_successful_execution,
    "get-execution-completion-timestamp": _get_execution_completion_timestamp,
    "init-step": _init_step,
    "compare-step-models": _compare_step_models,
    "complete-step": _complete_step,
    "complete-execution": _complete_execution,
}


def _times(ended: Ended) -> str:
    hours, rest = divmod((ended.finished_at - ended.started_at) // timedelta(seconds=1), 3600)
    return (
        f"Started On: {ended.started_at.isoformat()}; Completed On: {ended.finished_at.isoformat()}; "
        f"Execution Time: {hours}h {rest // 60}m {rest % 60}s"
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}.", f"See `{self.prog} --help`.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [-l LEVEL] URL COMMAND ...",
        description="Keep the books of a pipeline as the data pipeline orchestrator (DPO) did, with its command line.",
        epilog="`dbt-state-plugin` has stricter commands of the same names; docs/from-dpo.md lists the differences.",
    )
    parser.add_argument(
        *("-l", "--log-level"),
        metavar="LEVEL",
        nargs="?",
        const="INFO",
        default="INFO",
        type=_level,
        help=f"how much to say on stderr: {', '.join(LEVELS)} (INFO)",
    )
    parser.add_argument("url", metavar="URL", help=_URL)
    _add_commands(parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True))
    return parser


def _add_commands(commands: argparse._SubParsersAction[_Parser]) -> None:
    def command(name: str, summary: str, *arguments: tuple[str, str]) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, prog=f"{PROGRAM} URL {name}", help=summary, description=f"{summary[:1].upper()}{summary[1:]}."
        )
        for argument, text in arguments:
            added.add_argument(argument.replace("-", "_"), metavar=argument, help=text)
        return added

    execution = ("execution-id", "the id that init-execution printed")
    step = ("step-id", "the id that init-step printed")
    command("init-execution", "start an execution and print its id").add_argument(
        *("-id", "--execution-id"), metavar="UUID", nargs="?", help="the id to use instead of a new one"
    )
    command("get-last-successful-execution", f"print the id of the execution that was completed last, or {NOTHING}")
    command(
        "get-execution-completion-timestamp",
        "print when an execution was completed, in ISO 8601; an empty line when it was not",
        ("execution-id", f"the id of an execution, or {NOTHING} for the present time"),
    )
    command(
        "init-step",
        "start a step, record the checksums of the files that match, and print its id",
        execution,
        ("step-name", "the name of the step, such as LOAD or TRANSFORM, in whatever case"),
        ("base-path", "the folder that the patterns start from"),
    ).add_argument("model_patterns", metavar="model-pattern", nargs="+", help="such as '**/*.sql', in quotes")
    command(
        "compare-step-models",
        "print the names whose checksum is new or differs since another execution, with spaces between",
        step,
        ("previous-execution-id", f"the id to compare with, or {NOTHING}"),
    )
    command("complete-step", "record that a step is completed", step).add_argument(
        *("-r", "--rows-processed"), metavar="N", nargs="?", help="how many rows it has processed"
    )
    command("complete-execution", "record that an execution is completed", execution)


def _level(text: str) -> str:
    if text.upper() not in LEVELS:
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(LEVELS)}")
    return text.upper()
