"""Intents to write, which outlive the run that declared them."""

from __future__ import annotations

import pytest
from support.recording import ORDERS, PROD, REPORT, begun, build_of, built, key_of, opened

from dbt_state_plugin.errors import BusyError
from dbt_state_plugin.state.builds import record_build
from dbt_state_plugin.state.executions import finish_execution, read_execution
from dbt_state_plugin.state.lock import acquire_lock, is_environment_locked
from dbt_state_plugin.state.relations import read_recorded
from dbt_state_plugin.state.state import State, open_state


def test_intents_and_planned_results_are_there_before_anything_is_built(state: State) -> None:
    acquire_lock(state, timeout=0)
    execution_id = begun(state)

    opened(state, execution_id, ORDERS, REPORT)

    intents = read_recorded(state, [key_of(ORDERS), key_of(REPORT)]).intents
    assert {key: [each.execution_status for each in found] for key, found in intents.items()} == {
        key_of(ORDERS): ["running"],
        key_of(REPORT): ["running"],
    }
    assert [result.status for result in read_execution(state, str(execution_id)).results] == ["planned", "planned"]


def test_an_intent_of_a_failed_run_stays_and_names_it(state: State) -> None:
    failed = begun(state)
    opened(state, failed, ORDERS)
    finish_execution(state, failed, status="failed")

    (intent,) = read_recorded(state, [key_of(ORDERS)]).intents[key_of(ORDERS)]
    assert (intent.execution_id, intent.execution_status, intent.unique_id) == (failed, "failed", ORDERS.unique_id)


def test_the_intent_of_a_killed_run_is_that_of_one_before_the_next_run_has_noted_it(
    state: State, second: State
) -> None:
    acquire_lock(second, timeout=0)
    killed = begun(second)
    opened(second, killed, ORDERS)
    (living,) = read_recorded(state, [key_of(ORDERS)]).intents[key_of(ORDERS)]

    second.connection.close()
    while is_environment_locked(state, state.environment):  # until the server has noticed
        pass

    (dead,) = read_recorded(state, [key_of(ORDERS)]).intents[key_of(ORDERS)]
    assert (living.execution_status, dead.execution_status) == ("running", "abandoned")
    assert read_execution(state, str(killed)).status == "running"


def test_the_intent_of_a_dead_run_gives_way_to_that_of_the_next(state: State) -> None:
    opened(state, begun(state), ORDERS)
    successor = begun(state)

    opened(state, successor, ORDERS)

    (intent,) = read_recorded(state, [key_of(ORDERS)]).intents[key_of(ORDERS)]
    assert intent.execution_id == successor


def test_an_intent_on_another_relation_stays(state: State) -> None:
    dead = begun(state)
    opened(state, dead, REPORT)

    built(state, ORDERS)

    (intent,) = read_recorded(state, [key_of(REPORT)]).intents[key_of(REPORT)]
    assert (intent.execution_id, intent.execution_status) == (dead, "abandoned")


def test_a_relation_that_a_live_run_of_another_environment_writes_is_refused(state: State) -> None:
    acquire_lock(state, timeout=0)
    opened(state, begun(state), ORDERS)
    prod = open_state(state.connection, state.schema, PROD)
    theirs = begun(prod)

    with pytest.raises(BusyError, match="orders"):
        opened(prod, theirs, REPORT, ORDERS)

    assert list(read_recorded(prod, [key_of(ORDERS), key_of(REPORT)]).intents) == [key_of(ORDERS)]


def test_a_relation_that_a_dead_run_of_another_environment_may_have_written_is_taken_over(state: State) -> None:
    opened(state, begun(state), ORDERS)  # nobody holds that environment's lock
    prod = open_state(state.connection, state.schema, PROD)
    theirs = begun(prod)

    opened(prod, theirs, ORDERS)
    record_build(prod, build_of(theirs, ORDERS))

    recorded = read_recorded(state, [key_of(ORDERS)])
    assert recorded.relations[key_of(ORDERS)].environment == str(PROD)
    assert recorded.intents == {}


def test_no_code_is_stored_where_none_may_be(state: State) -> None:
    opened(state, begun(state), ORDERS, store_code=False)

    assert state.rows("SELECT count(*) FROM {state}.definition") == [(0,)]
