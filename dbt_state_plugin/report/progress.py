"""Progress in one line."""

from __future__ import annotations

from collections.abc import Iterator

from dbt_state_plugin.core.values.progress import Stage, Step
from dbt_state_plugin.core.values.wrapping import columns
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.reason_words import short_name
from dbt_state_plugin.report.width import truncated
from dbt_state_plugin.report.words import count, rough_duration

_NAMED = 3
_WORDS = {
    Stage.CONNECT: "Connecting to the database",
    Stage.HASH: "Comparing the project's files with those of the last run",
    Stage.PARSE: "dbt parses the project",
    Stage.FINGERPRINT: "Hashing what decides each node",
    Stage.WAREHOUSE: "Asking the warehouse about the project's relations",
    Stage.COMPILE: "Compiling what may have changed",
    Stage.DECIDE: "Deciding what is to be built",
    Stage.PREPARE: "Preparing the build",
    Stage.INSPECT: "Comparing relations with what the project makes",
    Stage.RECORD: "Recording what dbt built",
    Stage.DROP: "Dropping what is left behind",
    Stage.LOOK: "Checking what a run needs",
}


def progress_line(step: Step, *, width: int | None = None) -> str:
    """Return what is being done and how far it is, such as `Compiling what may have changed: 3 of 40, orders`.

    In `width` columns fewer of the running nodes are named, and counted instead.
    """
    return truncated(_building(step, width) if step.stage is Stage.BUILD else _line(step), width)


def _line(step: Step) -> str:
    if step.stage is Stage.WAIT:
        return printable(f"Waiting for another run: {step.detail}")
    if step.stage is Stage.ROWS:
        return printable(f"Comparing the rows of {step.detail}" + (f", about {step.rows:,}" if step.rows else ""))
    if step.stage is Stage.STATE:
        return printable(step.detail)
    things = " files" if step.stage is Stage.PARSE else ""
    counted = [f"{step.done} of {step.total}{things}"] if step.total else []
    named = [printable(short_name(step.detail))] if step.detail else []
    return f"{_WORDS[step.stage]}{': ' if counted or named else ''}{', '.join([*counted, *named])}"


def _building(step: Step, width: int | None) -> str:
    """Return how far a build is; what is running comes last, so that a narrow terminal cuts that."""
    parts = [f"Building: {step.done} of {step.total} done"]
    if step.failed:
        parts.append(f"{step.failed} failed")
    if step.left_ms is not None and step.left_ms >= 1000:
        parts.append(f"about {rough_duration(step.left_ms)} left")
    lines = [", ".join([*parts, *running]) for running in _running(step.running)]
    return next((line for line in lines if width is None or columns(line) <= width), lines[-1])


def _running(nodes: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield in words which nodes are running, the most names first."""
    names = [printable(short_name(node)) for node in nodes]
    for named in range(min(_NAMED, len(names)), 0, -1):
        more = f" and {count(len(names) - named, 'other')}" if len(names) > named else ""
        yield [f"running {', '.join(names[:named])}{more}"]
    yield [f"{len(names)} running"] if names else []


def step_document(step: Step) -> dict[str, object]:
    """Return a step as JSON has it; durations in milliseconds."""
    return {
        "stage": step.stage.value,
        "done": step.done,
        "total": step.total,
        "detail": step.detail,
        "rows": step.rows,
        "running": list(step.running),
        "failed": step.failed,
        "left_ms": step.left_ms,
    }
