"""Runs as JSON documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbt_state_plugin.report.document import VERSION, environment_document, estimate_document, savings_document
from dbt_state_plugin.report.reason_words import reason_document
from dbt_state_plugin.report.words import summary_counts

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.plan import PlanEntry
    from dbt_state_plugin.core.values.results import RunResult


def run_document(result: RunResult) -> dict[str, Any]:
    """Return how a run ended; `nodes` are those that were planned to be built, durations in milliseconds."""
    plan = result.plan
    return {
        "version": VERSION,
        "environment": environment_document(plan.environment),
        "command": plan.command,
        "execution_id": str(result.execution_id),
        "status": result.status,
        "summary": {"build": len(plan.to_build), **summary_counts(plan), "removed": len(plan.removed)},
        "built": len(result.built),
        "failed": len(result.failed_ids),
        "cut_off": len(result.cut_off),
        "skipped": plan.left_alone,
        "elapsed_ms": result.elapsed_ms,
        "saved_ms": result.saved_ms,
        "estimate": estimate_document(plan.estimate),
        "savings": savings_document(plan.savings),
        "nodes": [_node(result, entry) for entry in plan.to_build],
        "hooks": [{"unique_id": hook, "message": message} for hook, message in result.failed_hooks.items()],
    }


def _node(result: RunResult, entry: PlanEntry) -> dict[str, Any]:
    node = entry.node
    outcome = result.outcomes.get(node.unique_id)
    return {
        "unique_id": node.unique_id,
        "resource_type": node.resource_type,
        "name": node.name,
        "path": node.path,
        "relation": str(node.relation) if node.relation else None,
        "reasons": [reason_document(reason) for reason in entry.reasons],
        "status": status_of(result, node.unique_id),
        "is_due": node.unique_id in result.failed_ids,
        "message": message_of(result, node.unique_id),
        "rows_affected": outcome.rows_affected if outcome else None,
        "duration_ms": outcome.duration_ms if outcome else None,
    }


def status_of(result: RunResult, unique_id: str) -> str:
    """Return dbt's word for how a planned node ended, or `not recorded` or `not reported`."""
    outcome = result.outcomes.get(unique_id)
    return "not recorded" if unique_id in result.unrecorded else outcome.status if outcome else "not reported"


def message_of(result: RunResult, unique_id: str) -> str:
    """Return why a planned node could not be recorded or was cut off, else dbt's message."""
    outcome = result.outcomes.get(unique_id)
    ours = result.unrecorded.get(unique_id) or result.cut_off.get(unique_id)
    return ours or (outcome.message if outcome else "")
