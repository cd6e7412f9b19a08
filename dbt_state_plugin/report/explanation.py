"""Why is one node built, or left alone, told from its first cause?"""

from __future__ import annotations

import difflib
from collections import deque

from dbt_state_plugin.model import Decision, Plan, PlanEntry, ReasonKind
from dbt_state_plugin.report.plain import plain
from dbt_state_plugin.report.text import moment
from dbt_state_plugin.report.words import duration, reason_words

_DIFF_LINES = 60


def explanation_lines(plan: Plan, entry: PlanEntry, recorded_code: str | None) -> list[str]:
    """Return the decision about a node, its reasons, the way to the first cause, and how its code differs."""
    node = entry.node
    lines = [f"{plain(node.unique_id)} ({plain(node.path)})"]
    lines.append(f"  relation: {plain(str(node.relation))}" if node.relation else "  it has no relation of its own")
    lines.append(_decision_line(entry))
    lines += [f"  - {reason_words(reason)}" for reason in entry.reasons]
    path = first_cause(plan, entry)
    if len(path) > 1:
        cause = path[-1]
        lines.append("  first cause: " + " <- ".join(plain(step.node.unique_id) for step in path))
        name = plain(cause.node.name)
        own = [reason for reason in cause.reasons if reason.kind is not ReasonKind.UPSTREAM]
        lines += [f"  - {name}: {reason_words(reason)}" for reason in own]
    lines += _record_lines(entry)
    if any(reason.kind is ReasonKind.BODY for reason in entry.reasons):
        lines += _diff_lines(recorded_code, node.raw_code)
    return lines


def _decision_line(entry: PlanEntry) -> str:
    if entry.decision is Decision.BUILD:
        return "  is built, because"
    if entry.outside_selection:
        return "  is not built now, but stands outside the selection and needs it, because"
    return "  is left alone: its definition, its parents and its relation are what the last build recorded"


def _record_lines(entry: PlanEntry) -> list[str]:
    record = entry.record
    if record is None:
        return ["  last build: none is recorded"]
    took = f", took {duration(record.duration_ms)}" if record.duration_ms is not None else ""
    by = f" by execution {record.execution_id}" if record.execution_id else ""
    return [f"  last build: {moment(record.built_at)}{by}{took}"]


def first_cause(plan: Plan, entry: PlanEntry) -> tuple[PlanEntry, ...]:
    """Return the shortest way from a node up to one that has a reason of its own; the node itself comes first."""
    entries = {item.node.unique_id: item for item in plan.entries}
    todo: deque[tuple[PlanEntry, ...]] = deque([(entry,)])
    seen = {entry.node.unique_id}
    while todo:
        path = todo.popleft()
        last = path[-1]
        if any(reason.kind is not ReasonKind.UPSTREAM or reason.node not in entries for reason in last.reasons):
            return path
        for reason in last.reasons:
            if reason.node not in seen:
                seen.add(reason.node)
                todo.append((*path, entries[reason.node]))
    return (entry,)


def _diff_lines(before: str | None, after: str) -> list[str]:
    if before is None:
        return ["  no earlier code is kept to compare with"]
    diff = list(difflib.unified_diff(before.splitlines(), after.splitlines(), "as built", "now", lineterm=""))
    shown = [f"    {plain(line.expandtabs(4))}" for line in diff[:_DIFF_LINES]]
    return ["  code:", *shown, *(["    ..."] if len(diff) > _DIFF_LINES else [])]
