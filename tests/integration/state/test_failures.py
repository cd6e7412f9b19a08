"""Nodes that are failing now, by recorded executions."""

from __future__ import annotations

from uuid import UUID

from support.recording import ORDERS, REPORT, begun, ended, opened

from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.state.build_updates import note_outcomes
from dbt_state_plugin.state.executions import begin_step, read_execution, read_history
from dbt_state_plugin.state.failures import read_failures
from dbt_state_plugin.state.state import State

ID = ORDERS.unique_id


def execution_with(state: State, status: str, message: str = "", *, days_ago: int) -> UUID:
    """Record an execution that planned the node and ended with it like this."""
    execution_id = begun(state)
    opened(state, execution_id, ORDERS)
    note_outcomes(state, execution_id, [NodeOutcome(unique_id=ID, status=status, message=message)])
    return ended(state, execution_id, "succeeded" if status == "success" else "failed", days_ago=days_ago)


def covers(state: State, *nodes: str) -> None:
    execution_id = begun(state)
    names = dict.fromkeys(nodes, "1")
    begin_step(state, execution_id, name="TRANSFORM", checksums=names, dbt_version="1", adapter_version="1")
    ended(state, execution_id, days_ago=0)


def test_a_node_fails_since_the_first_failure_after_its_last_success(state: State) -> None:
    execution_with(state, "error", "long ago", days_ago=9)
    execution_with(state, "success", days_ago=8)
    first = execution_with(state, "error", "first", days_ago=7)
    execution_with(state, "skipped", days_ago=6)
    last = execution_with(state, "fail", "last", days_ago=5)
    ended(state, begun(state), days_ago=4)

    (failure,) = read_failures(state)

    assert (failure.unique_id, failure.resource_type, failure.times) == (ID, "model", 2)
    assert failure.since == read_execution(state, str(first)).started_at
    assert failure.last_at == read_execution(state, str(last)).started_at
    assert (failure.execution_id, failure.status, failure.message) == (last, "fail", "last")


def test_what_was_built_since_is_not_failing(state: State) -> None:
    execution_with(state, "error", days_ago=2)
    assert len(read_failures(state)) == 1

    execution_with(state, "success", days_ago=1)

    assert read_failures(state) == ()


def test_what_was_only_planned_or_skipped_is_not_failing(state: State) -> None:
    opened(state, begun(state), ORDERS)
    execution_with(state, "skipped", days_ago=1)

    assert read_failures(state) == ()


def test_a_node_that_the_project_has_no_more_is_not_failing(state: State) -> None:
    execution_with(state, "error", days_ago=2)
    covers(state, ID, REPORT.unique_id)
    assert [failure.unique_id for failure in read_failures(state)] == [ID]

    covers(state, REPORT.unique_id)

    assert read_failures(state) == ()


def test_each_environment_has_failures_of_its_own(state: State, prod: State) -> None:
    execution_with(state, "error", days_ago=2)

    assert (len(read_failures(state)), read_failures(prod)) == (1, ())


def test_the_history_of_failures_holds_what_did_not_succeed(state: State) -> None:
    succeeded = ended(state, begun(state), days_ago=5)
    bad = [ended(state, begun(state), status, days_ago=4 - n) for n, status in enumerate(("failed", "cancelled"))]
    killed, running = begun(state), begun(state)

    found = [execution.execution_id for execution in read_history(state, limit=9, only_failed=True)]

    assert found == [killed, *reversed(bad)]
    assert succeeded not in found
    assert running not in found


def test_the_history_of_failures_holds_the_nodes_that_failed_and_no_others(state: State) -> None:
    execution_with(state, "skipped", days_ago=3)
    execution_with(state, "error", "no room", days_ago=2)

    found = read_history(state, limit=9, only_failed=True)

    assert [[(each.unique_id, each.message) for each in execution.results] for execution in found] == [
        [(ID, "no room")],
        [],
    ]
    assert all(execution.results == () for execution in read_history(state, limit=9))
