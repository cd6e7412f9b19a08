"""Words for why a planned node needed no build after all."""

from __future__ import annotations

from dbt_state_plugin.core.values.cut_offs import CutOffReason, ParentOutcome
from dbt_state_plugin.report.folding import listed
from dbt_state_plugin.report.reason_words import short_name


def why_cut_off(reason: CutOffReason) -> str:
    """Return how the parents came out, such as `orders came out equal (3 rows), and so did 2 more`."""
    name, more = short_name(reason.parent), _others(reason)
    if reason.outcome is ParentOutcome.UNCHANGED:
        return f"{name} is unchanged{more}"
    number = f"({reason.rows or 0:,} rows)"
    if reason.outcome is ParentOutcome.EQUAL:
        return f"{name} came out equal {number}{more}"
    return f"{name} came out equal in all that is read of it {number}{more}{_unread(name, reason)}"


def _others(reason: CutOffReason) -> str:
    if not reason.others:
        return ""
    be, them = ("is", "it") if reason.others == 1 else ("are", "them")
    if not reason.others_are_equal:
        return f"; {reason.others} more {be} equal in all that is read of {them}"
    verb = be if reason.outcome is ParentOutcome.UNCHANGED else "did"
    return f", and so {verb} {reason.others} more"


def _unread(relation: str, reason: CutOffReason) -> str:
    found = [f"{relation}.{column}" for column in reason.may_differ]
    if len(found) == 1 and reason.is_only_difference:
        return f"; not read: {found[0]} is the only column that differs"
    return f"; not read: {listed(found)}" if found else ""
