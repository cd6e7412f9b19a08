"""Counts and durations in a few words."""

from __future__ import annotations

from collections import Counter

from dbt_state_plugin.core.values.plan import Plan, PlanEntry
from dbt_state_plugin.core.values.reasons import Category

_COUNTED = frozenset(each.value for each in Category)
_FIRST = (Category.NEW, Category.CHANGED, Category.REPAIRED, Category.FORCED, Category.DOWNSTREAM, Category.VOLATILE)


def category(entry: PlanEntry) -> str:
    """Return the one word under which a planned node is counted: that of its strongest reason."""
    found = {reason.kind.category for reason in entry.reasons}
    return next(each.value for each in _FIRST if each in found)


def summary_counts(plan: Plan) -> dict[str, int]:
    """Return how many nodes are built for which kind of reason, and how many are skipped."""
    counted = Counter(category(entry) for entry in plan.to_build)
    counts = {each.value: counted[each.value] for each in Category}
    return counts | {"unchanged": plan.left_alone, "outside_selection": len(plan.waiting)}


def summary_line(plan: Plan) -> str:
    """Return the plan in one line, such as `Plan: 1 new, 2 changed, 3 downstream, 41 unchanged`."""
    counts = summary_counts(plan)
    parts = [f"{number} {name}" for name, number in counts.items() if number and name in _COUNTED]
    parts = parts or ["nothing to build"]
    parts.append(f"{counts['unchanged']} unchanged")
    if counts["outside_selection"]:
        parts.append(f"{counts['outside_selection']} left for later")
    return "Plan: " + ", ".join(parts)


def duration(milliseconds: int) -> str:
    """Return a duration as people say it: 0.3 s, 12 s, 3 min 5 s, 2 h 4 min."""
    if milliseconds < 9_950:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    if not minutes:
        return f"{seconds} s"
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


def count(number: int, noun: str) -> str:
    """Return a number with its noun: 1 model, 2 models."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
