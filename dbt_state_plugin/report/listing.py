"""Which planned nodes are listed."""

from __future__ import annotations

from dataclasses import replace

from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.core.values.reasons import ReasonKind


def without_downstream(plan: Plan) -> Plan:
    """Return the plan without the nodes that are only downstream of others: what is left has reasons of its own.

    An ephemeral model is no entry of a plan: where it changed, its readers have that for a reason of their own.
    """
    listed = {entry.node.unique_id for entry in plan.entries}
    entries = tuple(
        entry
        for entry in plan.entries
        if not entry.reasons
        or any(reason.kind is not ReasonKind.UPSTREAM or reason.node not in listed for reason in entry.reasons)
    )
    return replace(plan, entries=entries)
