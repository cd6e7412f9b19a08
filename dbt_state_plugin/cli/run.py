"""The commands that build: run, build, seed, snapshot."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from dbt_state_plugin.cli.against import against_option, defer_option, deferred_to
from dbt_state_plugin.cli.building import selection_options
from dbt_state_plugin.cli.options import says, settings_of, shared_options
from dbt_state_plugin.errors import EXIT_NODES_FAILED, EXIT_OK
from dbt_state_plugin.model import Plan
from dbt_state_plugin.report.plain import plain
from dbt_state_plugin.report.text import plan_lines, result_lines, width_of, write_lines


def _deferring(name: str) -> Callable[[Any], Any]:
    return (
        (lambda command: against_option(defer_option(command))) if name in ("run", "build") else lambda command: command
    )


def _command(name: str, help_text: str) -> click.Command:
    @click.command(name, help=help_text, context_settings={"ignore_unknown_options": False})
    @selection_options
    @_deferring(name)
    @click.option("--threads", type=click.IntRange(min=1), envvar=["DBT_STATE_PLUGIN_THREADS"], help="Threads for dbt.")
    @shared_options
    @click.argument("dbt_flags", nargs=-1, type=click.UNPROCESSED)
    @click.pass_context
    def command(context: click.Context, /, threads: int | None, dbt_flags: tuple[str, ...], **wish: Any) -> int:
        from dbt_state_plugin.execution.api import run as run_command
        from dbt_state_plugin.execution.tracked import Listener

        defer_to = deferred_to(wish.pop("against", None), defer=wish.pop("defer", False), needs_both=True)
        settings = settings_of(context, threads=threads, extra_arguments=dbt_flags)
        width = width_of(sys.stderr)

        def on_plan(plan: Plan) -> None:
            if says(context):
                write_lines(plan_lines(plan, width=width))

        def on_wait(holder: str) -> None:
            if says(context, "warning"):
                write_lines([plain(f"Waiting for another run: {holder}.")])

        result = run_command(
            settings, command=name, listener=Listener(on_wait=on_wait, on_plan=on_plan), defer_to=defer_to, **wish
        )
        failed = result.status != "succeeded"
        if says(context, "error" if failed else "info"):
            sys.stdout.flush()
            write_lines(result_lines(result, width=width))
        return EXIT_NODES_FAILED if failed else EXIT_OK

    return command


run = _command("run", "Build the models that need it with `dbt run`; flags for dbt go after `--`.")
build = _command("build", "Build the models, seeds, snapshots and tests that need it with `dbt build`.")
seed = _command("seed", "Load the seeds that need it with `dbt seed`.")
snapshot = _command("snapshot", "Take the snapshots that need it with `dbt snapshot`.")
