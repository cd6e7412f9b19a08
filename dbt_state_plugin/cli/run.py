"""The building commands: `run`, `build`, `seed`, `snapshot`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from dbt_state_plugin.api import Plan
from dbt_state_plugin.cli.against import against_option, defer_option, deferred_to
from dbt_state_plugin.cli.building import selection_options
from dbt_state_plugin.cli.options import says, shared_options, target_of
from dbt_state_plugin.cli.orchestration import orchestration_of
from dbt_state_plugin.errors import EXIT_NODES_FAILED, EXIT_OK
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.text import first_line, plan_lines, result_lines, step_lines, width_of, write_lines

if TYPE_CHECKING:
    from dbt_state_plugin.api import Covered, RecordedStep

_TRANSFORMING = ("run", "build")


def _deferring(name: str) -> Callable[[Any], Any]:
    return (
        (lambda command: against_option(defer_option(command))) if name in ("run", "build") else lambda command: command
    )


def _command(name: str, help_text: str) -> click.Command:
    @click.command(name, help=help_text, context_settings={"ignore_unknown_options": False})
    @selection_options
    @_deferring(name)
    @click.option(
        "--threads",
        type=click.IntRange(min=1),
        envvar=["DBT_STATE_PLUGIN_THREADS"],
        help="How many threads dbt uses (default: the profile's).",
    )
    @shared_options
    @click.argument("dbt_flags", nargs=-1, type=click.UNPROCESSED)
    @click.pass_context
    def command(context: click.Context, /, threads: int | None, dbt_flags: tuple[str, ...], **options: Any) -> int:
        from dbt_state_plugin.api import Listener, RunOptions, interruptible, run_project

        defer_to = deferred_to(options.pop("against", None), defer=options.pop("defer", False), needs_both=True)
        orchestration = orchestration_of(context)
        flags = ("--no-use-colors", *dbt_flags) if orchestration.reads_last_line else dbt_flags
        width = width_of(sys.stderr)
        lines_of_steps: list[str] = []

        def on_step(step: RecordedStep, covered: Covered) -> None:
            lines_of_steps.extend(step_lines(step.name, covered.items, width=width))

        def on_plan(plan: Plan) -> None:
            if says(context):
                leads = orchestration.reads_last_line
                first = [first_line(plan, orchestration.target_choice)] if leads else []
                write_lines([*first, *lines_of_steps, *plan_lines(plan, width=width, ends_with_summary=not leads)])

        def on_wait(holder: str) -> None:
            if says(context, "warning"):
                write_lines([printable(f"Waiting for another run: {holder}.")])

        listener = Listener(on_wait=on_wait, on_plan=on_plan, on_step=on_step)
        steps = orchestration.steps if name in _TRANSFORMING else ()
        asked = RunOptions(command=name, defer_to=defer_to, **options)
        with interruptible():
            target = target_of(context, threads=threads, extra_arguments=flags)
            result = run_project(target, asked, listener, steps)
        failed = result.status != "succeeded"
        if says(context, "error" if failed else "info"):
            sys.stdout.flush()
            write_lines(result_lines(result, width=width, says_why=orchestration.reads_last_line))
        return EXIT_NODES_FAILED if failed else EXIT_OK

    return command


run = _command("run", "Build the models that need it with `dbt run`; flags for dbt go after `--`.")
build = _command("build", "Build the models, seeds, snapshots and tests that need it with `dbt build`.")
seed = _command("seed", "Load the seeds that need it with `dbt seed`.")
snapshot = _command("snapshot", "Take the snapshots that need it with `dbt snapshot`.")
