"""Events of the command line that carry data, for `--log-format json`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from dbt_state_plugin.cli.options import says
from dbt_state_plugin.cli.screen import SCREEN
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.text import width_of
from dbt_state_plugin.report.width import wrapped

if TYPE_CHECKING:
    from dbt_state_plugin.api import Plan, PlanEntry, RunResult


def say_wait(context: click.Context, holder: str) -> None:
    """Print who holds the lock that this command waits for."""
    if says(context, "warning"):
        lines = wrapped(printable(f"Waiting for another run: {holder}."), width_of(sys.stderr))
        SCREEN.say(lines, event="StateWait", level="warning", data={"holder": holder})


def planned_document(plan: Plan) -> dict[str, Any]:
    """Return a plan as the data of an event: what is built, in dbt's names for a node, and counts of the rest."""
    if not SCREEN.is_json:
        return {}
    from dbt_state_plugin.report.document import environment_document, estimate_document, savings_document
    from dbt_state_plugin.report.reason_words import reason_document
    from dbt_state_plugin.report.words import summary_counts

    return {
        "environment": environment_document(plan.environment),
        "command": plan.command,
        "summary": {"build": len(plan.to_build), **summary_counts(plan), "removed": len(plan.removed)},
        "nodes": [
            {"node_info": _node_info(entry, "planned"), "reasons": [reason_document(each) for each in entry.reasons]}
            for entry in plan.to_build
        ],
        "estimate": estimate_document(plan.estimate),
        "savings": savings_document(plan.savings),
    }


def result_document(result: RunResult) -> dict[str, Any]:
    """Return the result of a run as the data of an event; durations in milliseconds, of nodes in seconds."""
    if not SCREEN.is_json:
        return {}
    from dbt_state_plugin.report.document import savings_document

    return {
        "execution_id": str(result.execution_id),
        "status": result.status,
        "success": result.status == "succeeded",
        "built": len(result.built),
        "failed": len(result.failed_ids),
        "skipped": result.plan.left_alone,
        "cut_off": dict(result.cut_off),
        "elapsed_ms": result.elapsed_ms,
        "saved_ms": result.saved_ms,
        "savings": savings_document(result.plan.savings),
        "results": [_result(result, entry) for entry in result.plan.to_build],
    }


def _result(result: RunResult, entry: PlanEntry) -> dict[str, Any]:
    from dbt_state_plugin.report.run import message_of, status_of

    unique_id = entry.node.unique_id
    outcome = result.outcomes.get(unique_id)
    status = status_of(result, unique_id)
    took = outcome.duration_ms if outcome else None
    return {
        "unique_id": unique_id,
        "node_info": _node_info(entry, status),
        "status": status,
        "message": message_of(result, unique_id),
        "execution_time": None if took is None else took / 1000,
        "rows_affected": outcome.rows_affected if outcome else None,
    }


def _node_info(entry: PlanEntry, status: str) -> dict[str, Any]:
    node = entry.node
    relation = node.relation
    return {
        "unique_id": node.unique_id,
        "resource_type": node.resource_type,
        "node_name": node.name,
        "node_path": node.path,
        "node_status": status,
        "materialized": node.materialized,
        "node_relation": {
            "database": relation.database if relation else "",
            "schema": relation.schema if relation else "",
            "alias": relation.identifier if relation else "",
            "relation_name": str(relation) if relation else "",
        },
    }
