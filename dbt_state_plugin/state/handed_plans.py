"""Plans that were handed out, and invocations of dbt that are recorded."""

from __future__ import annotations

import json
import zlib
from datetime import datetime
from typing import Any
from uuid import UUID

from dbt_state_plugin.core.values.invocations import HandedPlan
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.state.state import State

KEPT_PLANS = 10  # of each environment
_KEPT_DAYS = 7

_WRITE = "INSERT INTO {state}.handed_plan (plan_id, environment_id, handed_at, content) VALUES (%s, %s, %s, %s)"
_FORGET = """
    DELETE FROM {state}.handed_plan WHERE environment_id = %s
      AND (handed_at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(days => %s) OR plan_id NOT IN (
          SELECT plan_id FROM {state}.handed_plan WHERE environment_id = %s ORDER BY handed_at DESC LIMIT %s))
"""
_READ = "SELECT plan_id::text, handed_at, content FROM {state}.handed_plan WHERE environment_id = %s ORDER BY handed_at"
_NOTE = "UPDATE {state}.execution SET invocation_id = %s WHERE execution_id = %s"
_RECORDING = """
    SELECT execution_id::text FROM {state}.execution WHERE environment_id = %s AND invocation_id = %s
      AND (status = 'succeeded' OR (status = 'failed' AND message = '')) ORDER BY started_at DESC LIMIT 1
"""
_EXECUTIONS = "SELECT execution_id::text FROM {state}.execution WHERE environment_id = %s AND invocation_id = %s"
_INTENDED = """
    SELECT i.database_name, i.schema_name, i.identifier, i.execution_id::text
    FROM {state}.intent i JOIN {state}.execution x USING (execution_id)
    WHERE i.warehouse = %s AND i.opened_at >= %s AND x.invocation_id <> %s
"""


def write_handed_plan(state: State, plan: HandedPlan) -> None:
    """Keep what a plan saw, and forget the environment's oldest ones; raises StateError."""
    document = {"versions": plan.versions, "keeps_data": sorted(plan.keeps_data), "session": plan.session}
    content = zlib.compress(json.dumps(document).encode("utf-8", "surrogatepass"), 6)
    here = state.environment_id
    with database_errors("Cannot keep the plan"), transaction(state.connection) as cursor:
        cursor.execute(state.statement(_WRITE), (str(plan.plan_id), here, plan.handed_at, content))
        cursor.execute(state.statement(_FORGET), (here, _KEPT_DAYS, here, KEPT_PLANS))


def read_handed_plans(state: State) -> tuple[HandedPlan, ...]:
    """Return the plans of the environment that are kept, oldest first; what was edited by hand is none."""
    found = (_plan(*row) for row in state.rows(_READ, (state.environment_id,)))
    return tuple(plan for plan in found if plan is not None)


def _plan(plan_id: str, handed_at: datetime, content: Any) -> HandedPlan | None:
    try:
        document = json.loads(zlib.decompress(bytes(content)).decode("utf-8", "surrogatepass"))
        return HandedPlan(
            plan_id=UUID(plan_id),
            handed_at=handed_at,
            versions={str(name): str(version) for name, version in document["versions"].items()},
            keeps_data=frozenset(map(str, document["keeps_data"])),
            session={str(name): str(value) for name, value in document["session"].items()},
        )
    except (zlib.error, ValueError, LookupError, TypeError, AttributeError):
        return None


def note_invocation(state: State, execution_id: UUID, invocation_id: str) -> None:
    """Record which invocation of dbt an execution records."""
    state.execute(_NOTE, (invocation_id, str(execution_id)))


def recording_of(state: State, invocation_id: str) -> UUID | None:
    """Return the execution that recorded an invocation of dbt to its end; one that broke off says why it did."""
    rows = state.rows(_RECORDING, (state.environment_id, invocation_id))
    return UUID(rows[0][0]) if rows else None


def executions_of(state: State, invocation_id: str) -> frozenset[UUID]:
    """Return all executions of the environment that recorded something of an invocation of dbt."""
    return frozenset(UUID(row[0]) for row in state.rows(_EXECUTIONS, (state.environment_id, invocation_id)))


def intended_since(state: State, since: datetime, *, invocation_id: str) -> dict[RelationName, str]:
    """Return what other executions than those of one invocation have begun to write, each with its execution."""
    rows = state.rows(_INTENDED, (state.environment.warehouse, since, invocation_id))
    return {RelationName(database=row[0], schema=row[1], identifier=row[2]): str(row[3]) for row in rows}
