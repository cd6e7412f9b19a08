"""JSON documents. Version 1 only gains keys."""

from __future__ import annotations

import json
from typing import Any

from dbt_state_plugin.core.undeclared import undeclared_inputs
from dbt_state_plugin.core.values.estimates import Estimate, Saved, Savings
from dbt_state_plugin.core.values.history import ExecutionSummary, Failure
from dbt_state_plugin.core.values.plan import AffectedExposure, Plan, PlanEntry
from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.report.reason_words import reason_document, untold_words
from dbt_state_plugin.report.words import summary_counts

VERSION = 1


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the plan; every node in scope is listed with its decision."""
    return {
        "version": VERSION,
        "environment": environment_document(plan.environment),
        "command": plan.command,
        "summary": {"build": len(plan.to_build), **summary_counts(plan), "removed": len(plan.removed)},
        "nodes": [entry_document(entry) for entry in plan.entries],
        "removed": [
            {"unique_id": left.unique_id, "relation": str(left.relation), "exists": left.relation not in plan.gone}
            for left in plan.removed
        ],
        "hooks": [{"unique_id": hook, "why": why.value} for hook, why in plan.hooks.items()],
        "exposures": [_exposure(affected) for affected in plan.exposures],
        "estimate": estimate_document(plan.estimate),
        "savings": savings_document(plan.savings),
        "untold": [{"feature": feature, "detail": untold_words(feature)} for feature in plan.untold],
    }


def estimate_document(estimate: Estimate | None) -> dict[str, Any] | None:
    """Return how long a plan takes; durations in milliseconds."""
    if estimate is None:
        return None
    return {
        "threads": estimate.threads,
        "wall_ms": estimate.wall_ms,
        "work_ms": estimate.work_ms,
        "critical_path": list(estimate.critical_path),
        "critical_path_ms": estimate.critical_ms,
        "unknown": list(estimate.unknown),
    }


def savings_document(savings: Savings | None) -> dict[str, Any] | None:
    """Return what skipping saves; durations in milliseconds."""
    if savings is None:
        return None
    return {
        "work_ms": savings.work_ms,
        "wall_ms": savings.wall_ms,
        "by_reason": {reason.value: savings.by_reason.get(reason, 0) for reason in Saved},
    }


def _exposure(affected: AffectedExposure) -> dict[str, Any]:
    exposure = affected.exposure
    return {
        "unique_id": exposure.unique_id,
        "name": exposure.name,
        "type": exposure.kind,
        "owner": exposure.owner,
        "url": exposure.url,
        "below": list(affected.below),
    }


def environment_document(environment: Environment) -> dict[str, str]:
    """Return the environment's parts."""
    if environment.pipeline:
        return {"pipeline": environment.pipeline}
    return {
        "project": environment.project,
        "target": environment.target,
        "database": environment.database,
        "schema": environment.schema,
    }


def entry_document(entry: PlanEntry) -> dict[str, Any]:
    """Return the decision about one node."""
    return {
        "unique_id": entry.node.unique_id,
        "resource_type": entry.node.resource_type,
        "name": entry.node.name,
        "path": entry.node.path,
        "relation": str(entry.node.relation) if entry.node.relation else None,
        "decision": entry.decision.value,
        "outside_selection": entry.outside_selection,
        "reasons": [reason_document(reason) for reason in entry.reasons],
        "cosmetic": [reason_document(reason) for reason in entry.cosmetic],
        "change": ("physical" if entry.keeps_data else "data") if entry.reasons else None,
        "old_rows": entry.old_rows.value if entry.old_rows else None,
        "extra": [{"thing": thing.kind, "name": thing.name} for thing in entry.extra],
        "undeclared_inputs": [
            {"relation": each.relation, "source": each.source or None}
            for each in undeclared_inputs(entry.node, entry.record)
        ],
        "hangs_on": list(entry.hangs_on),
        "built_at": entry.record.built_at.isoformat() if entry.record else None,
    }


def execution_document(execution: ExecutionSummary, *, with_nodes: bool) -> dict[str, Any]:
    """Return one execution; times are ISO 8601, durations in milliseconds."""
    document: dict[str, Any] = {
        "execution_id": str(execution.execution_id),
        "command": execution.command,
        "status": execution.status,
        "started_at": execution.started_at.isoformat(),
        "finished_at": execution.finished_at.isoformat() if execution.finished_at else None,
        "caller": execution.caller,
        "host": execution.host,
        "git_commit": execution.git_commit,
        "uncommitted_changes": execution.uncommitted,
        "meltano_run_id": execution.meltano_run_id,
        "tool_version": execution.tool_version,
        "dbt_version": execution.dbt_version,
        "message": execution.message,
        "planned": execution.planned,
        "succeeded": execution.succeeded,
        "cut_off": execution.cut_off,
        "steps": [
            {
                "step_id": str(step.step_id),
                "name": step.name,
                "status": step.status,
                "started_at": step.started_at.isoformat(),
                "finished_at": step.finished_at.isoformat() if step.finished_at else None,
                "rows_processed": step.rows_processed,
            }
            for step in execution.steps
        ],
    }
    if with_nodes:
        document["nodes"] = [
            {
                "unique_id": result.unique_id,
                "resource_type": result.resource_type,
                "reasons": list(result.reasons),
                "status": result.status,
                "rows_affected": result.rows_affected,
                "duration_ms": result.duration_ms,
                "message": result.message,
            }
            for result in execution.results
        ]
    return document


def failure_document(failure: Failure) -> dict[str, Any]:
    """Return one failing node; times are ISO 8601."""
    return {
        "unique_id": failure.unique_id,
        "resource_type": failure.resource_type,
        "since": failure.since.isoformat(),
        "last_at": failure.last_at.isoformat(),
        "times": failure.times,
        "execution_id": str(failure.execution_id),
        "status": failure.status,
        "message": failure.message,
    }


def rendered(document: Any) -> str:
    """Return a document as text, readable and the same for the same content; what could steer a terminal is escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)
