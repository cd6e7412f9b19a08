"""Numbers, durations and reasons in a few words."""

from __future__ import annotations

from collections import Counter

from dbt_state_plugin.core.values.plan import Plan, PlanEntry
from dbt_state_plugin.core.values.reasons import Reason, ReasonKind
from dbt_state_plugin.report.printable import printable

_DOWNSTREAM = frozenset({ReasonKind.UPSTREAM, ReasonKind.DATA, ReasonKind.AGE})
_REPAIRED = frozenset({ReasonKind.MISSING, ReasonKind.DRIFTED, ReasonKind.INTERRUPTED})
_CATEGORIES = ("new", "changed", "downstream", "repaired", "volatile", "forced")


def category(entry: PlanEntry) -> str:
    """Return the one word under which a planned node is counted."""
    kinds = {reason.kind for reason in entry.reasons}
    if ReasonKind.NEW in kinds:
        return "new"
    if kinds - _DOWNSTREAM - _REPAIRED - {ReasonKind.VOLATILE, ReasonKind.FORCED}:
        return "changed"
    if kinds & _REPAIRED:
        return "repaired"
    if ReasonKind.FORCED in kinds:
        return "forced"
    return "downstream" if kinds & _DOWNSTREAM else "volatile"


def summary_counts(plan: Plan) -> dict[str, int]:
    """Return how many nodes are built for which kind of reason, and how many are left alone."""
    counted = Counter(category(entry) for entry in plan.to_build)
    counts = {name: counted[name] for name in _CATEGORIES}
    return counts | {"unchanged": plan.left_alone, "outside_selection": len(plan.waiting)}


def summary_line(plan: Plan) -> str:
    """Return the plan in one line, such as `Plan: 1 new, 2 changed, 3 downstream, 41 unchanged`."""
    counts = summary_counts(plan)
    parts = [f"{number} {name}" for name, number in counts.items() if number and name in _CATEGORIES]
    parts = parts or ["nothing to build"]
    parts.append(f"{counts['unchanged']} unchanged")
    if counts["outside_selection"]:
        parts.append(f"{counts['outside_selection']} left for later")
    return "Plan: " + ", ".join(parts)


def reason_words(reason: Reason) -> str:
    """Return a reason as a short phrase that starts with its kind."""
    where = f"{short_name(reason.node)} " if reason.node else ""
    return printable(f"{reason.kind.value}: {where}{reason.detail}".rstrip())


def short_name(unique_id: str) -> str:
    """Return the name at the end of a unique_id: `model.shop.orders` is `orders`."""
    parts = unique_id.split(".", 2)
    name = parts[2] if len(parts) == 3 else unique_id
    return name if not unique_id.startswith("test.") else name.rsplit(".", 1)[0]


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
