"""Remedies for failures that dbt's own messages do not name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.core.values.reasons import OldRows
from dbt_state_plugin.core.values.results import NodeOutcome

_SEED = "Its columns or types are not those of its table:"
_WAYS: Mapping[OldRows, str] = {
    OldRows.KEPT: f"{_SEED} --full-refresh-changed loads it from scratch.",
    OldRows.PROTECTED: f"{_SEED} remove its full_refresh: false; then --full-refresh-changed loads it from scratch.",
}


def with_way_out(plan: Plan, outcomes: Mapping[str, NodeOutcome]) -> dict[str, NodeOutcome]:
    """Return the outcomes of the planned nodes; a failed seed says so if only a load from scratch helps."""
    found = {}
    for entry in plan.to_build:
        outcome = outcomes.get(entry.node.unique_id)
        if outcome is None:
            continue
        way = _WAYS.get(entry.old_rows) if entry.old_rows and entry.node.resource_type == "seed" else None
        has_failed = outcome.status in ("error", "fail")
        message = f"{outcome.message}\n{way}" if way and has_failed else outcome.message
        found[entry.node.unique_id] = replace(outcome, message=message)
    return found
