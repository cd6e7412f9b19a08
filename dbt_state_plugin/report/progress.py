"""Progress in one line."""

from __future__ import annotations

from dbt_state_plugin.core.values.progress import Stage, Step
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.reason_words import short_name
from dbt_state_plugin.report.words import count, rough_duration

_NAMED = 3
_WORDS = {
    Stage.CONNECT: "Connecting to the database",
    Stage.HASH: "Comparing the project's files with those of the last time",
    Stage.PARSE: "dbt parses the project",
    Stage.FINGERPRINT: "Hashing what decides each node",
    Stage.WAREHOUSE: "Asking the warehouse about the project's relations",
    Stage.COMPILE: "Compiling what may have changed",
    Stage.DECIDE: "Deciding what is to be built",
    Stage.PREPARE: "Preparing the build",
}


def progress_line(step: Step) -> str:
    """Return what is being done and how far it is, such as `Compiling what may have changed: 3 of 40, orders`."""
    if step.stage is Stage.WAIT:
        return printable(f"Waiting for another run: {step.detail}")
    if step.stage is Stage.ROWS:
        return printable(f"Comparing the rows of {step.detail}" + (f", about {step.rows:,}" if step.rows else ""))
    if step.stage is Stage.BUILD:
        return _building(step)
    counted = [f"{step.done} of {step.total}"] if step.total else []
    named = [printable(short_name(step.detail))] if step.detail else []
    return f"{_WORDS[step.stage]}{': ' if counted or named else ''}{', '.join([*counted, *named])}"


def _building(step: Step) -> str:
    """Return how far a build is; what is running comes last, so that a narrow terminal cuts that."""
    parts = [f"Building: {step.done} of {step.total} done"]
    if step.failed:
        parts.append(f"{step.failed} failed")
    if step.left_ms is not None and step.left_ms >= 1000:
        parts.append(f"about {rough_duration(step.left_ms)} left")
    names = [printable(short_name(node)) for node in step.running]
    if names:
        more = f" and {count(len(names) - _NAMED, 'other')}" if len(names) > _NAMED else ""
        parts.append(f"running {', '.join(names[:_NAMED])}{more}")
    return ", ".join(parts)


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
