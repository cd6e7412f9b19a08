"""Counts and durations in words."""

from __future__ import annotations

from collections import Counter

from dbt_state_plugin.core.values.plan import Plan, PlanEntry
from dbt_state_plugin.core.values.reasons import Category, Reason
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.report.line import headed

_COUNTED = frozenset(each.value for each in Category)
FIRST_CATEGORIES = (
    *(Category.NEW, Category.CHANGED, Category.REPAIRED, Category.FORCED),
    *(Category.DATA, Category.DOWNSTREAM, Category.VOLATILE),
)


def category(entry: PlanEntry) -> str:
    """Return the word under which a planned node is counted: that of its strongest reason."""
    found = {_category(reason) for reason in entry.reasons}
    return next(each.value for each in FIRST_CATEGORIES if each in found)


def _category(reason: Reason) -> Category:
    """Return the category of a reason; an ephemeral model is no entry of a plan, so its change is its readers' own."""
    return Category.CHANGED if reason.values.get("ephemeral") else reason.kind.category


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
    parts.append(f"{counts['unchanged']} unchanged{_without_effect(plan)}")
    if counts["outside_selection"]:
        parts.append(f"{counts['outside_selection']} not selected")
    line = "Plan: " + ", ".join(parts)
    return headed(line) if plan.to_build else line


def _without_effect(plan: Plan) -> str:
    """Return how many nodes differ only in what dbt would not execute, where nothing else is to be said."""
    is_quiet = not plan.to_build and not plan.hooks
    edited = [entry for entry in plan.skipped if entry.cosmetic] if is_quiet else []
    return f" ({len(edited)} edited without effect)" if edited else ""


def existence_words(plan: Plan, removed: RelationName) -> str:
    """Return whether the relation of a removed node was there when the plan looked."""
    return "no longer exists" if removed in plan.gone else "still exists"


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


def rough_duration(milliseconds: int) -> str:
    """Return a duration that is only known roughly: 4 s, 40 s, 4 min, 2 h 4 min."""
    minutes = round(milliseconds / 60_000)
    if milliseconds < 90_000:
        return f"{round(milliseconds / 1000)} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def count(number: int, noun: str) -> str:
    """Return a number with its noun: 1 model, 2 models."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
