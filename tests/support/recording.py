"""A run's calls of the state, step by step."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from dbt_state_plugin.core.values.plan import Decision, PlanEntry
from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.records import RecordedDefinition, Trace
from dbt_state_plugin.core.values.relations import Environment, Identity, RelationKind, RelationName
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.state.builds import BuildRecord, record_build
from dbt_state_plugin.state.executions import NewExecution, begin_execution, finish_execution
from dbt_state_plugin.state.intents import PlannedNode, open_intents
from dbt_state_plugin.state.state import State
from support.values import node

ORDERS = node("model.shop.orders", code="select 1", fingerprint={"body": "1", "config": "2"})
REPORT = node("model.shop.report", ["model.shop.orders"], code="select 2", fingerprint={"body": "3"})
TABLE = Identity(object_id="7", storage_id="8", kind=RelationKind.TABLE)
PROD = Environment(project="shop", target="prod", database="db", schema="main")


def key_of(item: Node) -> RelationName:
    assert item.relation is not None
    return item.relation


def begun(state: State, command: str = "run") -> UUID:
    """Begin an execution as a run does that holds the lock."""
    execution_id = uuid4()
    begin_execution(
        state,
        NewExecution(
            execution_id=execution_id, command=command, caller="me", host="here", process_id=1, tool_version="0.1.0"
        ),
    )
    return execution_id


def planned(item: Node) -> PlannedNode:
    reason = {"kind": "new", "detail": "no build of it is recorded", "node": "", "code": "not-recorded", "values": {}}
    return PlannedNode(key=key_of(item), entry=PlanEntry(node=item, decision=Decision.BUILD), reasons=(reason,))


def opened(state: State, execution_id: UUID, *items: Node, store_code: bool = True) -> None:
    """Say that these nodes may be written."""
    open_intents(state, execution_id, [planned(item) for item in items], store_code=store_code)


def build_of(execution_id: UUID, item: Node, **fields: Any) -> BuildRecord:
    """Return what is recorded about a build."""
    values: dict[str, Any] = {
        "key": key_of(item),
        "execution_id": execution_id,
        "build_id": uuid4(),
        "entry": planned(item).entry,
        "trace": Trace(parents={'"db"."raw"."orders"': "v1"}, volatile=("now()",), older_logic="abc"),
        "identity": TABLE,
        "identity_sql": None,
        "outcome": NodeOutcome(unique_id=item.unique_id, status="success", rows_affected=3, duration_ms=40),
        "stores_code": True,
        "data_id": uuid4(),
        "detail": RecordedDefinition(items={"body": {"code": "#1"}}, compiled={"forms": {"sql": "select 1"}}),
        "columns": '[["id", "integer"]]',
    }
    return BuildRecord(**(values | fields))


def built(state: State, *items: Node) -> UUID:
    """Run as if dbt had built these nodes; the execution goes on."""
    execution_id = begun(state)
    opened(state, execution_id, *items)
    for item in items:
        record_build(state, build_of(execution_id, item))
    return execution_id


def ended(state: State, execution_id: UUID, status: str = "succeeded", *, days_ago: int = 100) -> UUID:
    """End an execution, as if all of it had been so many days ago."""
    finish_execution(state, execution_id, status=status)
    state.execute(
        "UPDATE {state}.execution SET started_at = started_at - make_interval(days => %s),"
        " finished_at = finished_at - make_interval(days => %s) WHERE execution_id = %s",
        (days_ago, days_ago, str(execution_id)),
    )
    return execution_id
