"""First cause: the node from which a reason comes."""

from __future__ import annotations

from collections import deque

from dbt_state_plugin.core.values.plan import Plan, PlanEntry
from dbt_state_plugin.core.values.reasons import ReasonKind


def first_cause(plan: Plan, entry: PlanEntry) -> tuple[PlanEntry, ...]:
    """Return the shortest path from a node up to one with a reason of its own; the node itself comes first."""
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
