"""How do plans, runs and history read in a terminal or a log?

No line is wider than the terminal; in a pipe nothing is cut. There are no colours: what reads well under `meltano run`
reads well everywhere.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable
from datetime import datetime
from typing import TextIO

from dbt_state_plugin.model import Plan, PlanEntry, ReasonKind, RunResult
from dbt_state_plugin.report.plain import plain
from dbt_state_plugin.report.words import count, duration, reason_words, short_name, summary_line

_SAYS_WHERE = re.compile(r"(\w+ Error in \w+ .*\(.*\)|compiled code at .*)$")
FOLD_AFTER = 20  # a longer list is cut, and the cut is said


def width_of(stream: TextIO) -> int | None:
    """Return the width of a terminal, or None where nothing is to be cut."""
    return max(20, shutil.get_terminal_size().columns) if stream.isatty() else None


def fitted(line: str, width: int | None) -> str:
    """Return the line cut to the width, with an ellipsis where something is missing."""
    return line if width is None or len(line) <= width else line[: width - 1] + "…"


def wrapped(line: str, width: int | None) -> list[str]:
    """Return a sentence on as many lines as the width needs; what follows the first is indented further."""
    if width is None or len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, width, subsequent_indent=indent + "  ", drop_whitespace=True, break_on_hyphens=False)


def plan_lines(plan: Plan, *, shows_all: bool = False, width: int | None = None) -> list[str]:
    """Return the plan: one line per planned node with its first reason, then the summary."""
    lines = _entry_lines(plan.to_build, "build", None if shows_all else FOLD_AFTER)
    lines += _entry_lines(plan.waiting, "later", None if shows_all else FOLD_AFTER)
    if shows_all:
        column = _column(plan.skipped)
        lines += [f"  skip   {_label(entry):<{column}}  {since(entry)}" for entry in plan.skipped]
    lines += [
        f"  gone   {plain(record.unique_id)}: {plain(str(record.relation))} is left behind" for record in plan.removed
    ]
    rows = [fitted(line, width) for line in lines]
    return rows + [part for line in [*_warnings(plan), summary_line(plan)] for part in wrapped(line, width)]


_LOGIC = frozenset({ReasonKind.BODY, ReasonKind.CONFIG, ReasonKind.MACROS, ReasonKind.VARIABLES, ReasonKind.CONTRACT})


def _warnings(plan: Plan) -> list[str]:
    """Return a line for the incremental models whose logic changed: dbt keeps the rows that they hold."""
    if any(reason.detail == "--full-refresh" for entry in plan.to_build for reason in entry.reasons):
        return []
    names = [
        _label(entry)
        for entry in plan.to_build
        if entry.node.materialized == "incremental" and any(reason.kind in _LOGIC for reason in entry.reasons)
    ]
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return [f"  warning: earlier rows keep the old logic, unless --full-refresh: {shown}"] if names else []


def _entry_lines(entries: Iterable[PlanEntry], word: str, limit: int | None) -> list[str]:
    entries = tuple(entries)
    shown = entries if limit is None else entries[:limit]
    column = _column(shown)
    lines = []
    for entry in shown:
        is_new = entry.reasons[0].kind is ReasonKind.NEW  # that says enough
        more = f" (+{len(entry.reasons) - 1} more)" if len(entry.reasons) > 1 and not is_new else ""
        lines.append(f"  {word:<6} {_label(entry):<{column}}  {reason_words(entry.reasons[0])}{more}")
    if len(entries) > len(shown):
        lines.append(f"  ...    and {len(entries) - len(shown)} more (`plan --all` shows them)")
    return lines


def _column(entries: Iterable[PlanEntry]) -> int:
    return min(32, max((len(_label(entry)) for entry in entries), default=0))


def _label(entry: PlanEntry) -> str:
    kind = "" if entry.node.resource_type == "model" else f"{entry.node.resource_type} "
    return plain(kind + short_name(entry.node.unique_id))


def since(entry: PlanEntry) -> str:
    """Return since when a node is unchanged."""
    return f"unchanged since {moment(entry.record.built_at)}" if entry.record else "unchanged"


def moment(time: datetime | None) -> str:
    """Return a time to the second, with its offset from UTC."""
    return time.isoformat(sep=" ", timespec="seconds") if time else "-"


def result_lines(result: RunResult, *, width: int | None = None) -> list[str]:
    """Return how a run ended: first what has to be built again and why, then one line with the outcome."""
    failed, lines = result.failed_ids, []
    for entry in result.plan.to_build:
        node = entry.node.unique_id
        if node in failed:
            lines.append(f"  again  {_label(entry)}  {_failure(result, node)}")
    if len(lines) > FOLD_AFTER:
        lines[FOLD_AFTER:] = [f"  ...    and {len(lines) - FOLD_AFTER} more (`show {result.execution_id}` lists them)"]
    return [part for line in [*lines, _outcome_line(result)] for part in wrapped(line, width)]


def _failure(result: RunResult, node: str) -> str:
    if node in result.unrecorded:
        return plain(f"not recorded: {result.unrecorded[node]}")
    outcome = result.outcomes[node]
    message = essence(outcome.message)
    return plain(f"{outcome.status}: {message}" if message else outcome.status)


def essence(message: str) -> str:
    """Return dbt's message on one line, without the lines that only say where: the node stands beside it."""
    lines = [line.strip() for line in message.splitlines()]
    telling = [line for line in lines if line and not _SAYS_WHERE.match(line)]
    return " ".join(" ".join(telling or lines).split())


def _outcome_line(result: RunResult) -> str:
    left_alone = f"{len(result.plan.skipped)} left alone"
    if result.saved_ms:
        left_alone += f" (saved about {duration(result.saved_ms)})"
    if not result.plan.to_build:
        return f"Nothing to build: {left_alone}. Took {duration(result.elapsed_ms)}; execution {result.execution_id}."
    built = count(len(result.built), "node")
    time = f"in {duration(result.elapsed_ms)}"
    if result.status == "succeeded":
        return f"Succeeded: {built} built {time}, {left_alone}. Execution {result.execution_id}."
    again = count(len(result.failed_ids), "node")
    return f"Failed: {built} built, {again} to be built again next time, {time}. Execution {result.execution_id}."


def write_lines(lines: Iterable[str], stream: TextIO | None = None) -> None:
    """Write lines to a stream (default: stderr) at once, so that they keep their place beside dbt's own."""
    stream = stream or sys.stderr
    stream.write("".join(f"{line}\n" for line in lines))
    stream.flush()
