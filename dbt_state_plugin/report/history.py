"""Recorded executions as text."""

from __future__ import annotations

from collections.abc import Iterable

from dbt_state_plugin.core.values.colours import without_colours
from dbt_state_plugin.core.values.history import ExecutionSummary, Failure, NodeResult
from dbt_state_plugin.report.line import Line, Style, line_of
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.reason_words import short_name
from dbt_state_plugin.report.text import first_message, place_lines, timestamp
from dbt_state_plugin.report.width import truncated, wrapped
from dbt_state_plugin.report.words import count, duration

_ID = 8  # characters of an id: the beginning, which `show` takes
_HEAD = ("started (UTC)", "execution", "status", "built", "took", "command")
_BUILT, _TOOK = 3, 4  # columns that are as wide as what they hold
_OUTCOMES = {"succeeded": Style.GOOD, "failed": Style.BAD}
_ENDS = {**_OUTCOMES, **dict.fromkeys(("running", "cancelled", "abandoned"), Style.CARE)}
_COMMANDS = frozenset("run build seed snapshot record adopt".split())  # those of scripts may be anything
_RESULTS = {
    **dict.fromkeys(("success", "pass"), Style.GOOD),
    **dict.fromkeys(("error", "fail", "not recorded", "not reported"), Style.BAD),
    **dict.fromkeys(("skipped", "warn"), Style.CARE),
}


def history_lines(executions: Iterable[ExecutionSummary], *, width: int | None = None) -> list[str]:
    """Return one line per execution, newest first; ids are shortened."""
    rows = [_HEAD, *(_row(execution) for execution in executions)]
    built, took = (max(len(row[column]) for row in rows) for column in (_BUILT, _TOOK))
    aligned = f"  {{:>{built}}}  {{:>{took}}}  {{}}"
    head, *lines = (_table_row(row, aligned) for row in rows)
    return [truncated(line, width) for line in (line_of((head, Style.QUIET)), *lines)]


def _table_row(row: tuple[str, ...], aligned: str) -> Line:
    started, execution, status, *rest = row
    style = _ENDS.get(status)
    return line_of(
        f"{started:<16}  ",
        (execution, Style.NODE if style else None),
        " " * (9 - len(execution)) + "  ",
        (status, style),
        " " * (9 - len(status)) + aligned.format(*rest),
    )


def _row(execution: ExecutionSummary) -> tuple[str, ...]:
    return (
        execution.started_at.strftime("%Y-%m-%d %H:%M"),
        str(execution.execution_id)[:_ID],
        execution.status,
        f"{execution.built}/{execution.planned}" + (f", {execution.cut_off} cut" if execution.cut_off else ""),
        _took(execution),
        printable(execution.command) + (" (dirty)" if execution.uncommitted else ""),
    )


def execution_lines(execution: ExecutionSummary, *, width: int | None = None) -> list[str]:
    """Return one execution with its steps and the result of each planned node."""
    outcome = _OUTCOMES.get(execution.status) if execution.command in _COMMANDS else None
    lines: list[str] = [
        line_of((f"execution {execution.execution_id}", Style.HEAD)),
        line_of(f"  {printable(execution.command)}: ", (execution.status, outcome))
        + (f" ({printable(without_colours(execution.message))})" if execution.message else ""),
        f"  started {timestamp(execution.started_at)}, ended {timestamp(execution.finished_at)}, "
        f"took {_took(execution)}",
        f"  by {printable(execution.caller)} on {printable(execution.host) or 'an unknown host'}, "
        f"dbt-state-plugin {printable(execution.tool_version)}"
        + (f", dbt {printable(execution.dbt_version)}" if execution.dbt_version else ""),
    ]
    if execution.git_commit:
        lines.append(printable(f"  git commit {execution.git_commit}{_uncommitted(execution)}"))
    if execution.meltano_run_id:
        lines.append(f"  Meltano run {printable(execution.meltano_run_id)}")
    for step in execution.steps:
        rows = "" if step.rows_processed is None else f", {count(step.rows_processed, 'row')}"
        lines.append(f"  step {printable(step.name)}: {step.status}{rows} ({step.step_id})")
    for result in execution.results:
        lines.append(_result_line(result))
        lines += [truncated(f"    {printable(line)}", width) for line in _places(result)]
    return [part for line in lines for part in wrapped(line, width)]


def failed_lines(executions: Iterable[ExecutionSummary], *, width: int | None = None) -> list[str]:
    """Return executions that did not succeed as history does, each with why on a line of its own."""
    found = list(executions)
    head, *rows = history_lines(found)
    lines: list[str] = [head]
    for execution, row in zip(found, rows, strict=True):
        lines.append(row)
        if why := _why(execution):
            lines.append(printable(f"  {why}"))
    return [truncated(line, width) for line in lines]


def _why(execution: ExecutionSummary) -> str:
    """Return the message of an execution, or of the first node that failed in it."""
    if execution.message or not execution.results:
        return first_message(execution.message)
    first, *others = execution.results
    more = f" (+{len(others)} more)" if others else ""
    return f"{short_name(first.unique_id)}{more}: {first_message(first.message) or first.status}"


def failure_lines(failures: Iterable[Failure], *, width: int | None = None) -> list[str]:
    """Return two lines for each failing node: since when and how often, and its message."""
    lines = []
    for failure in failures:
        often = f"{count(failure.times, 'time')} in a row" if failure.times > 1 else "once"
        lines.append(
            printable(
                f"{failure.unique_id}  {failure.status} since {timestamp(failure.since)}, {often}, "
                f"last in execution {failure.execution_id}"
            )
        )
        if failure.message:
            lines.append(f"  {printable(first_message(failure.message))}")
    return [part for line in lines for part in wrapped(line, width)]


def _uncommitted(execution: ExecutionSummary) -> str:
    if not execution.uncommitted:
        return ""
    return f", with uncommitted changes (digest {execution.uncommitted[:8]})"


def _took(execution: ExecutionSummary) -> str:
    if execution.finished_at is None:
        return "-"
    return duration(round((execution.finished_at - execution.started_at).total_seconds() * 1000))


def _result_line(result: NodeResult) -> str:
    took = f" in {duration(result.duration_ms)}" if result.duration_ms is not None else ""
    rows = f", {count(result.rows_affected, 'row')}" if result.rows_affected is not None else ""
    reasons = ", ".join(str(reason.get("kind", "")) for reason in result.reasons)
    message = f": {first_message(result.message)}" if result.message and result.status != "success" else ""
    style = _RESULTS.get(result.status)
    return line_of(
        "  ",
        (printable(result.unique_id), Style.NODE if style else None),
        "  ",
        (printable(result.status), style),
        printable(f"{took}{rows}  [{reasons}]{message}"),
    )


def _places(result: NodeResult) -> list[str]:
    return place_lines(result.message) if result.status != "success" else []
