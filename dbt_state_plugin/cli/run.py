"""The building commands: `run`, `build`, `seed`, `snapshot`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import click

from dbt_state_plugin.api import Plan
from dbt_state_plugin.cli.against import against_option, defer_option, deferred_to
from dbt_state_plugin.cli.building import selection_options
from dbt_state_plugin.cli.events import planned_document, result_document, say_wait
from dbt_state_plugin.cli.options import says, shared_options, target_of, text_or_json
from dbt_state_plugin.cli.orchestration import orchestration_of
from dbt_state_plugin.cli.progress import reporting
from dbt_state_plugin.cli.screen import SCREEN
from dbt_state_plugin.errors import EXIT_NODES_FAILED, EXIT_OK
from dbt_state_plugin.report.text import first_line, plan_lines, result_lines, step_lines, width_of

if TYPE_CHECKING:
    from dbt_state_plugin.api import Covered, RecordedStep, RunOptions, RunResult

_TRANSFORMING = ("run", "build")


def _flags_of_output(dbt_flags: tuple[str, ...]) -> tuple[str, ...]:
    """Return the flags for dbt's output that this command line implies and the flags after `--` do not set."""
    given = {flag.partition("=")[0] for flag in dbt_flags}
    flags: tuple[str, ...] = ()
    if not given & {"--use-colors", "--no-use-colors"} and (SCREEN.is_log or SCREEN.colours is not None):
        flags += ("--use-colors" if SCREEN.colours else "--no-use-colors",)
    if "--log-format" not in given and SCREEN.is_json:
        flags += ("--log-format", "json")
    return flags


def _tells_errors(dbt_flags: tuple[str, ...]) -> bool:
    """Return whether dbt prints the errors of nodes: it does unless it is told to print nothing."""
    said = " ".join(dbt_flags).replace("=", " ")
    level = os.environ.get("DBT_ENGINE_LOG_LEVEL") or os.environ.get("DBT_LOG_LEVEL")
    return "--log-level none" not in said and ("--log-level" in said or level != "none")


def _stdout_for(output: str) -> AbstractContextManager[Any]:
    """Redirect dbt's output to stderr if stdout is for a document."""
    return redirect_stdout(sys.stderr) if output == "json" else nullcontext()


def _deferring(name: str) -> Callable[[Any], Any]:
    return (
        (lambda command: against_option(defer_option(command))) if name in ("run", "build") else lambda command: command
    )


def _options(name: str) -> Callable[[Any], Any]:
    """Return what adds the options of a building command."""
    options = (
        selection_options,
        _deferring(name),
        click.option(
            "--threads",
            type=click.IntRange(min=1),
            metavar="N",
            envvar=["DBT_STATE_PLUGIN_THREADS"],
            help="How many threads dbt uses (default: the profile's).",
        ),
        text_or_json("text: dbt's own output; json: the result as JSON (dbt's output goes to stderr)."),
        shared_options,
        click.argument("dbt_flags", nargs=-1, type=click.UNPROCESSED),
    )
    return lambda command: reduce(lambda inner, option: option(inner), reversed(options), command)


def _command(name: str, help_text: str) -> click.Command:
    @click.command(name, help=help_text, context_settings={"ignore_unknown_options": False})
    @_options(name)
    @click.pass_context
    def command(
        context: click.Context, /, threads: int | None, output: str, dbt_flags: tuple[str, ...], **options: Any
    ) -> int:
        from dbt_state_plugin.api import RunOptions

        defer_to = deferred_to(options.pop("against", None), defer=options.pop("defer", False), needs_both=True)
        SCREEN.is_log = orchestration_of(context).reads_last_line
        flags = (*_flags_of_output(dbt_flags), *dbt_flags)
        asked = RunOptions(command=name, defer_to=defer_to, **options)
        with _stdout_for(output):
            result = _run(context, asked, threads=threads, flags=flags)
        _say_result(context, result, is_told_by_dbt=_tells_errors(flags))
        if output == "json":
            from dbt_state_plugin.report.document import rendered
            from dbt_state_plugin.report.run import run_document

            click.echo(rendered(run_document(result)))
        return EXIT_OK if result.status == "succeeded" else EXIT_NODES_FAILED

    return command


def _run(context: click.Context, asked: RunOptions, *, threads: int | None, flags: tuple[str, ...]) -> RunResult:
    """Run, and print the plan before dbt starts."""
    from dbt_state_plugin.api import Listener, Ports, interruptible, run_project

    orchestration = orchestration_of(context)
    leads = orchestration.reads_last_line
    width = width_of(sys.stderr)
    lines_of_steps: list[str] = []

    def on_step(step: RecordedStep, covered: Covered) -> None:
        lines_of_steps.extend(step_lines(step.name, covered.items, width=width))

    def on_plan(plan: Plan) -> None:
        if says(context):
            first = [first_line(plan, orchestration.target_choice)] if leads else []
            lines = [*first, *lines_of_steps, *plan_lines(plan, width=width, ends_with_summary=not leads)]
            SCREEN.say(lines, event="StatePlan", data=planned_document(plan))
        progress.is_held = False

    listener = Listener(on_wait=partial(say_wait, context), on_plan=on_plan, on_step=on_step)
    steps = orchestration.steps if asked.command in _TRANSFORMING else ()
    with interruptible(), reporting(context, holds=leads) as progress:
        target = target_of(context, threads=threads, extra_arguments=flags)
        return run_project(target, asked, listener, steps, ports=Ports.reporting_to(progress))


def _say_result(context: click.Context, result: RunResult, *, is_told_by_dbt: bool) -> None:
    level = "info" if result.status == "succeeded" else "error"
    if says(context, level):
        sys.stdout.flush()
        says_why = orchestration_of(context).reads_last_line
        lines = result_lines(result, width=width_of(sys.stderr), says_why=says_why, is_told_by_dbt=is_told_by_dbt)
        SCREEN.say(lines, event="StateResult", level=level, data=result_document(result))


run = _command("run", "Build the models that need it with `dbt run`; flags for dbt go after `--`.")
build = _command("build", "Build the models, seeds, snapshots and tests that need it with `dbt build`.")
seed = _command("seed", "Load the seeds that need it with `dbt seed`.")
snapshot = _command("snapshot", "Take the snapshots that need it with `dbt snapshot`.")
