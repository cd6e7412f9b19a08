"""Executions: begun, ended and read back as recorded."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.errors import NotFoundError, StateError
from dbt_state_plugin.state.executions import (
    NewExecution,
    begin_execution,
    begin_step,
    finish_execution,
    read_execution,
    read_history,
    withdraw_execution,
)
from dbt_state_plugin.state.state import State, open_state

ELSEWHERE = Environment(project="shop", target="prod", database="db", schema="main")


def begun(state: State) -> UUID:
    execution_id = uuid4()
    begin_execution(
        state,
        NewExecution(
            execution_id=execution_id, command="run", caller="me", host="here", process_id=1, tool_version="0.1.0"
        ),
    )
    return execution_id


def status_of(state: State, execution_id: UUID) -> str:
    return read_execution(state, str(execution_id)).status


def test_an_execution_is_running_until_it_is_finished(state: State) -> None:
    execution_id = begun(state)
    assert status_of(state, execution_id) == "running"
    finish_execution(state, execution_id, status="succeeded")
    assert status_of(state, execution_id) == "succeeded"


def test_what_never_began_is_withdrawn_and_what_has_a_step_stays(state: State) -> None:
    empty = begun(state)
    assert withdraw_execution(state, empty)
    assert read_history(state, limit=10) == ()

    with_step = begun(state)
    begin_step(state, with_step, name="LOAD", checksums={}, dbt_version="", adapter_version="")
    assert not withdraw_execution(state, with_step)
    assert status_of(state, with_step) == "running"


def test_what_a_killed_run_left_running_is_abandoned_with_its_steps_by_the_next(state: State) -> None:
    killed = begun(state)
    begin_step(state, killed, name="dbt", checksums={"a": "1"}, dbt_version="1", adapter_version="1")
    begun(state)
    found = read_execution(state, str(killed))
    assert (found.status, [step.status for step in found.steps]) == ("abandoned", ["abandoned"])
    assert found.finished_at is not None


def test_the_runs_of_another_environment_are_not_abandoned(state: State) -> None:
    other = open_state(state.connection, state.schema, ELSEWHERE)
    theirs = begun(other)
    begun(state)
    assert status_of(other, theirs) == "running"


def test_an_environment_has_one_running_execution(state: State) -> None:
    begun(state)
    with pytest.raises(StateError, match=r"(?i)unique"):
        state.execute(
            "INSERT INTO {state}.execution (execution_id, environment_id, command, is_exclusive, caller, host,"
            " process_id, tool_version) VALUES (gen_random_uuid(), %s, 'run', true, '', '', 1, '')",
            (state.environment_id,),
        )


def test_an_abandoned_execution_does_not_become_a_successful_one(state: State) -> None:
    killed = begun(state)
    begun(state)
    finish_execution(state, killed, status="succeeded")
    assert status_of(state, killed) == "abandoned"


def test_the_end_of_an_execution_ends_its_step(state: State) -> None:
    execution_id = begun(state)
    begin_step(state, execution_id, name="dbt", checksums={"a": "1"}, dbt_version="1.11", adapter_version="1")
    finish_execution(state, execution_id, status="failed", message="one node failed", rows=3)
    found = read_execution(state, str(execution_id))
    assert [(step.status, step.rows_processed) for step in found.steps] == [("failed", 3)]
    assert (found.message, found.dbt_version) == ("one node failed", "1.11")


@pytest.mark.parametrize("character", ["\0", "\ud800"])
def test_a_message_that_the_server_cannot_hold_still_ends_the_execution(state: State, character: str) -> None:
    execution_id = begun(state)
    finish_execution(state, execution_id, status="failed", message=f"before{character}after")
    found = read_execution(state, str(execution_id))
    assert found.status == "failed"
    assert found.message.startswith("before")
    assert found.message.endswith("after")


def test_the_history_is_newest_first_and_no_longer_than_asked_for(state: State) -> None:
    made = [begun(state) for _ in range(3)]
    assert [each.execution_id for each in read_history(state, limit=2)] == [made[2], made[1]]


def test_the_history_of_another_environment_is_not_shown(state: State) -> None:
    execution_id = begun(state)
    other = open_state(state.connection, state.schema, ELSEWHERE)
    assert read_history(other, limit=9) == ()
    with pytest.raises(NotFoundError, match="not recorded"):
        read_execution(other, str(execution_id))


def test_an_id_with_which_several_executions_begin_is_refused(state: State) -> None:
    begun(state)
    begun(state)
    with pytest.raises(NotFoundError, match="Several"):
        read_execution(state, "")


def test_executions_that_cover_the_same_share_one_set_of_checksums(state: State) -> None:
    covered = {
        begin_step(state, begun(state), name="dbt", checksums={"a": "1"}, dbt_version="", adapter_version="")
        for _ in range(2)
    }
    assert state.rows("SELECT checksum_set_id FROM {state}.checksum_set") == [(each,) for each in covered]


def test_the_state_of_an_environment_is_registered_once(state: State) -> None:
    again = open_state(state.connection, state.schema, state.environment)
    assert again == replace(state, connection=again.connection)
    assert open_state(state.connection, state.schema, ELSEWHERE, create=False).environment_id == 0
