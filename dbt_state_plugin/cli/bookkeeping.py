"""Bookkeeping commands for scripts: executions, steps, checksums.

stdout holds the answer and nothing else, so that a script can take it over: `id=$(dbt-state-plugin init-execution)`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from dbt_state_plugin import api
from dbt_state_plugin.cli.options import output_option, says, shared_options, target_of
from dbt_state_plugin.errors import UsageError
from dbt_state_plugin.report.bookkeeping import (
    compared_step_document,
    recorded_execution_document,
    recorded_step_document,
)
from dbt_state_plugin.report.document import rendered
from dbt_state_plugin.report.printable import printable

_REMOVED_UNKNOWN = "Compared with a run, a step cannot tell what was removed; see `dbt-state-plugin state orphans`."


@click.command("init-execution")
@click.option("--execution-id", metavar="UUID", help="Id to use instead of a new one.")
@output_option
@shared_options
@click.pass_context
def init_execution(context: click.Context, execution_id: str | None, output: str) -> None:
    """Start an execution and print its id."""
    started = api.init_execution(target_of(context), execution_id)
    _answer(output, str(started), recorded_execution_document(started, "running"))


@click.command("get-last-successful-execution")
@output_option
@shared_options
@click.pass_context
def get_last_successful_execution(context: click.Context, output: str) -> None:
    """Print the id of the last successful execution, or an empty line."""
    last = api.last_successful_execution(target_of(context))
    _answer(output, str(last or ""), recorded_execution_document(last, "succeeded" if last else None))


@click.command("get-execution-completion-timestamp")
@click.argument("execution_id")
@output_option
@shared_options
@click.pass_context
def get_execution_completion_timestamp(context: click.Context, execution_id: str, output: str) -> None:
    """Print when EXECUTION_ID was completed, in ISO 8601 with the time zone."""
    completed_at = api.completion_time(target_of(context), execution_id)
    status = "succeeded" if completed_at else None
    text = completed_at.isoformat(timespec="microseconds") if completed_at else ""
    _answer(output, text, recorded_execution_document(execution_id.lower(), status, completed_at))


@click.command("init-step")
@click.argument("execution_id")
@click.argument("step_name")
@click.argument("base_path", required=False)
@click.argument("patterns", metavar="[PATTERN]...", nargs=-1)
@click.option("--manifest", metavar="FILE", help="Record the nodes of a dbt manifest.json instead of files.")
@click.option("--by-path", is_flag=True, help="Name files by their path instead of their stem.")
@output_option
@shared_options
@click.pass_context
def init_step(
    context: click.Context,
    execution_id: str,
    step_name: str,
    base_path: str | None,
    patterns: Sequence[str],
    manifest: str | None,
    by_path: bool,
    output: str,
) -> None:
    """Start a step of EXECUTION_ID, record the checksums of what it covers, and print its id.

    It covers the files below BASE_PATH that match a PATTERN: `*` stands for any characters of one name, `**` for any
    directories. Quote patterns, or the shell expands them.
    """
    if manifest is not None:
        if base_path is not None:
            raise UsageError(
                "init-step takes either --manifest or BASE_PATH and patterns.", "Leave one of the two out."
            )
        covered = api.manifest_covered(manifest, by_path=by_path)
    elif base_path is None or not patterns:
        raise UsageError(
            "init-step needs BASE_PATH and at least one PATTERN.",
            'Pass them, such as: . "models/**/*.sql"; or --manifest.',
        )
    else:
        covered = api.files_covered(base_path, patterns, by_path=by_path)
    for warning in covered.warnings:
        _say(context, f"Warning: {warning}", level="warning")
    step = api.init_step(target_of(context), execution_id, step_name, covered)
    _answer(output, str(step), recorded_step_document(step, step_name, "running", len(covered.checksums)))
    _say(context, f"Step {step_name} covers {len(covered.checksums)} checksums.")


@click.command("compare-step-models")
@click.argument("step_id")
@click.argument("previous_execution_id", default="")
@click.option(
    "--separator", default=" ", help=r"What to print between names; \n and \t are understood (default: one space)."
)
@click.option("--removed", is_flag=True, help="Print the names that are gone instead.")
@output_option
@shared_options
@click.pass_context
def compare_step_models(
    context: click.Context, step_id: str, previous_execution_id: str, separator: str, removed: bool, output: str
) -> None:
    """Print the names whose checksum in STEP_ID is new or differs from that in PREVIOUS_EXECUTION_ID.

    Without a previous execution, and when it has no step of this name, these are all.
    """
    comparison = api.compare_step_models(target_of(context), step_id, previous_execution_id)
    if comparison.doubt:
        _say(context, f"Warning: {comparison.doubt}", level="warning")
    if output == "json":
        click.echo(rendered(compared_step_document(step_id, previous_execution_id, comparison)))
        return
    if removed and comparison.removed is None:
        _say(context, f"Warning: {_REMOVED_UNKNOWN}", level="warning")
    names = comparison.removed or () if removed else comparison.changed
    if sys.stdout.isatty():
        names = tuple(map(printable, names))
    click.echo(_joined(names, separator), color=True)  # without a terminal click would cut ANSI codes out of names


@click.command("complete-step")
@click.argument("step_id")
@click.option("--rows-processed", metavar="N", help="How many rows the step has processed.")
@output_option
@shared_options
@click.pass_context
def complete_step(context: click.Context, step_id: str, rows_processed: str | None, output: str) -> None:
    """Record that STEP_ID succeeded."""
    step = api.complete_step(target_of(context), step_id, rows_processed)
    _answer(output, None, recorded_step_document(step_id.lower(), step.name, "succeeded"))
    _say(context, f"Step {step.name} is completed.")


@click.command("complete-execution")
@click.argument("execution_id")
@output_option
@shared_options
@click.pass_context
def complete_execution(context: click.Context, execution_id: str, output: str) -> None:
    """Record that EXECUTION_ID succeeded; all its steps must be completed."""
    ended = api.complete_execution(target_of(context), execution_id)
    _answer(output, None, recorded_execution_document(execution_id.lower(), "succeeded", ended.finished_at))
    _say(context, f"Execution {execution_id} is completed.")


@click.command("fail-execution")
@click.argument("execution_id")
@output_option
@shared_options
@click.pass_context
def fail_execution(context: click.Context, execution_id: str, output: str) -> None:
    """Record that EXECUTION_ID failed, and its running steps with it."""
    api.fail_execution(target_of(context), execution_id)
    _answer(output, None, recorded_execution_document(execution_id.lower(), "failed"))
    _say(context, f"Execution {execution_id} is recorded as failed.")


def _answer(output: str, text: str | None, document: dict[str, Any]) -> None:
    if output == "json":
        click.echo(rendered(document))
    elif text is not None:
        click.echo(text)


def _say(context: click.Context, text: str, *, level: str = "info") -> None:
    if says(context, level):
        click.echo(printable(text), err=True)


def _joined(names: Sequence[str], separator: str) -> str:
    separator = separator.replace(r"\n", "\n").replace(r"\t", "\t")
    if not separator:
        raise UsageError("The separator is empty.", r"Pass text that no name contains, such as --separator '\n'.")
    # A shell that takes a list apart at spaces does so at tabs and newlines too.
    unclear = [name for name in names if separator in name or (separator == " " and len(name.split()) != 1)]
    text = separator.join(names)
    if unclear or (names and text.split(separator) != list(names)):
        name = unclear[0] if unclear else names[0]
        raise UsageError(
            f'The name "{name}" cannot be told from its neighbours with this separator.',
            r"Pass a separator that no name contains, such as --separator '\n' or --separator ','.",
        )
    return text
