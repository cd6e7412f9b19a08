"""Code of nodes as executions built it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from support.recording import ORDERS, REPORT, begun, ended, opened

from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.state.build_updates import note_outcomes
from dbt_state_plugin.state.executed_code import read_code_as_of, read_edited_code
from dbt_state_plugin.state.state import State

EDITED = replace(ORDERS, raw_code="select 2")
BROKEN = replace(ORDERS, raw_code="select nothing")


def ran(state: State, days_ago: int, node: Node, status: str = "success") -> UUID:
    execution_id = begun(state)
    opened(state, execution_id, node)
    note_outcomes(state, execution_id, [NodeOutcome(unique_id=node.unique_id, status=status)])
    return ended(state, execution_id, days_ago=days_ago)


def test_an_execution_is_compared_with_what_had_been_built_before_it(state: State) -> None:
    ran(state, 6, ORDERS)
    ran(state, 5, REPORT)
    failed = ran(state, 4, BROKEN, "error")
    mended = ran(state, 3, EDITED)
    again = ran(state, 2, EDITED)

    assert read_edited_code(state, failed) == {ORDERS.unique_id: ("select 1", "select nothing")}
    assert read_edited_code(state, mended) == {ORDERS.unique_id: ("select 1", "select 2")}
    assert read_edited_code(state, again) == {}


def test_code_is_known_as_of_an_execution(state: State) -> None:
    first = ran(state, 6, ORDERS)
    second = ran(state, 5, REPORT)
    third = ran(state, 4, EDITED)
    names = [ORDERS.unique_id, REPORT.unique_id]

    assert read_code_as_of(state, first, names) == {ORDERS.unique_id: "select 1"}
    assert read_code_as_of(state, second, names) == {ORDERS.unique_id: "select 1", REPORT.unique_id: "select 2"}
    assert read_code_as_of(state, third, [ORDERS.unique_id]) == {ORDERS.unique_id: "select 2"}


def test_what_another_environment_built_is_not_looked_at(state: State, prod: State) -> None:
    ran(prod, 6, ORDERS)

    assert read_edited_code(state, ran(state, 5, EDITED)) == {}
