"""Steps that something else did, found by name and time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from support.hostile_names import hostile_names
from support.recording import begun, ended

from dbt_state_plugin.core.values.results import StepItem
from dbt_state_plugin.errors import NotFoundError, StateError
from dbt_state_plugin.state.executions import NewExecution, begin_step, finish_execution, read_execution, read_history
from dbt_state_plugin.state.recorded_steps import (
    StepRecord,
    last_successful,
    newest_checksums,
    record,
    record_apart,
    recorded_after,
)
from dbt_state_plugin.state.relations import server_time
from dbt_state_plugin.state.state import State

ITEM = StepItem(name="tap / orders", resource_type="stream", status="changed", reasons=(("select", "changed"),))
LONG_AGO = datetime(2000, 1, 1, tzinfo=timezone.utc)


def loaded(
    state: State,
    checksums: Mapping[str, str],
    *,
    name: str = "LOAD",
    status: str = "succeeded",
    days_ago: int = 0,
) -> UUID:
    """Record an execution with such a step."""
    execution_id = begun(state)
    record(state, execution_id, name, checksums, ())
    return ended(state, execution_id, status, days_ago=days_ago)


def apart(execution_id: UUID) -> NewExecution:
    return NewExecution(
        execution_id=execution_id,
        command="load-plan",
        caller="me",
        host="here",
        process_id=7,
        tool_version="0.1.0",
        meltano_run_id="m1",
    )


def found_by(state: State, name: str = "LOAD", since: str | None = None) -> StepRecord:
    found = last_successful(state, name, since)
    assert found is not None
    return found


def test_a_step_is_recorded_as_done_in_an_execution_that_goes_on(state: State) -> None:
    execution_id = begun(state)
    before = server_time(state)

    record(state, execution_id, "LOAD", {"a": "1"}, [ITEM])

    found = read_execution(state, str(execution_id))
    (step,) = found.steps
    (result,) = found.results
    assert (found.status, step.name, step.status) == ("running", "LOAD", "succeeded")
    assert before <= step.started_at <= server_time(state)
    assert step.finished_at == step.started_at
    assert (result.unique_id, result.resource_type, result.status) == ("tap / orders", "stream", "changed")
    assert result.reasons == ({"kind": "select", "detail": "changed"},)


def test_a_step_may_cover_nothing_and_change_nothing(state: State) -> None:
    execution_id = loaded(state, {})

    assert (found_by(state).checksums, read_execution(state, str(execution_id)).results) == ({}, ())


def test_reasons_are_kept_in_their_order_and_an_item_may_have_none(state: State) -> None:
    execution_id = begun(state)
    several = StepItem(name="b", resource_type="stream", status="new", reasons=(("z", "1"), ("a", "2")))
    without = StepItem(name="a", resource_type="stream", status="kept", reasons=())

    record(state, execution_id, "LOAD", {}, [several, without])

    first, second = read_execution(state, str(execution_id)).results
    assert (first.reasons, second.reasons) == ((), ({"kind": "z", "detail": "1"}, {"kind": "a", "detail": "2"}))


def test_hostile_names_come_back_as_they_are(state: State) -> None:
    names = hostile_names()
    execution_id = begun(state)

    record(
        state,
        execution_id,
        names[0],
        {name: name for name in names},
        [StepItem(name=name, resource_type="stream", status=name, reasons=((name, name),)) for name in names],
    )

    finish_execution(state, execution_id, status="succeeded")
    assert found_by(state, names[0]).checksums == {name: name for name in names}
    results = read_execution(state, str(execution_id)).results
    assert {(each.unique_id, each.status, each.reasons[0]["detail"]) for each in results} == {
        (name, name, name) for name in names
    }


def test_a_step_is_recorded_with_all_its_items_or_not_at_all(state: State) -> None:
    execution_id = begun(state)

    with pytest.raises(StateError, match="Cannot record the step"):
        record(state, execution_id, "LOAD", {"a": "1"}, [ITEM, ITEM])  # the name of an item is its key

    found = read_execution(state, str(execution_id))
    assert (found.steps, found.results, state.rows("SELECT 1 FROM {state}.checksum_set")) == ((), (), [])


def test_a_step_of_an_execution_that_is_not_recorded_is_refused(state: State) -> None:
    with pytest.raises(StateError, match="Cannot record the step"):
        record(state, uuid4(), "LOAD", {"a": "1"}, ())


def test_a_step_that_stands_apart_is_an_execution_of_its_own_that_has_succeeded(state: State) -> None:
    execution_id = uuid4()
    running = begun(state)

    record_apart(state, apart(execution_id), "RELOAD", {"a": "1"}, [ITEM])

    found = read_execution(state, str(execution_id))
    said = (found.command, found.caller, found.host, found.tool_version, found.meltano_run_id)
    assert said == ("load-plan", "me", "here", "0.1.0", "m1")
    assert (found.status, found.finished_at) == ("succeeded", found.started_at)
    assert [(step.name, step.status) for step in found.steps] == [("RELOAD", "succeeded")]
    assert [result.unique_id for result in found.results] == ["tap / orders"]
    assert state.rows(
        "SELECT is_exclusive, process_id FROM {state}.execution WHERE execution_id = %s", (str(execution_id),)
    ) == [(False, 7)]
    assert read_execution(state, str(running)).status == "running", "it takes no lock, and nobody's execution away"


def test_an_execution_apart_is_recorded_with_its_step_or_not_at_all(state: State) -> None:
    with pytest.raises(StateError, match="Cannot record the execution"):
        record_apart(state, apart(uuid4()), "", {}, ())  # a step has a name

    assert read_history(state, limit=9) == ()


def test_an_execution_apart_belongs_to_its_environment(state: State, prod: State) -> None:
    record_apart(prod, apart(uuid4()), "RELOAD", {"a": "1"}, ())

    assert (last_successful(state, "RELOAD"), found_by(prod, "RELOAD").checksums) == (None, {"a": "1"})


def test_the_last_successful_step_is_that_of_the_execution_which_ended_last(state: State) -> None:
    last = loaded(state, {"a": "2", "b": "3"}, days_ago=1)
    state.execute("UPDATE {state}.execution SET started_at = started_at - interval '9 days'")
    loaded(state, {"a": "1"}, days_ago=2)  # recorded and started later, and ended earlier

    found = found_by(state)

    execution = read_execution(state, str(last))
    assert (found.execution_id, found.name, found.checksums) == (last, "LOAD", {"a": "2", "b": "3"})
    assert (found.started_at, found.finished_at) == (execution.started_at, execution.finished_at)
    assert found.started_at < server_time(state) - timedelta(hours=23)


@pytest.mark.parametrize("status", ["failed", "cancelled", "running"])
def test_a_step_of_an_execution_that_did_not_succeed_is_no_baseline(state: State, status: str) -> None:
    good = loaded(state, {"a": "1"}, days_ago=1)
    other = begun(state)
    record(state, other, "LOAD", {"a": "2"}, ())
    if status != "running":
        finish_execution(state, other, status=status)

    assert found_by(state).execution_id == good
    assert newest_checksums(state, "LOAD") == {"a": "1"}


def test_a_step_of_another_name_is_none_of_it(state: State) -> None:
    loaded(state, {"a": "1"}, name="RELOAD")

    assert (last_successful(state, "LOAD"), newest_checksums(state, "LOAD")) == (None, {})


def test_an_execution_without_the_step_hides_no_earlier_one(state: State) -> None:
    good = loaded(state, {"a": "1"}, days_ago=1)
    finish_execution(state, begun(state), status="succeeded")

    assert found_by(state).execution_id == good


def test_the_steps_of_another_environment_are_none_of_ours(state: State, prod: State) -> None:
    theirs = loaded(prod, {"a": "1"})

    assert (last_successful(state, "LOAD"), newest_checksums(state, "LOAD")) == (None, {})
    assert recorded_after(state, ["LOAD"], LONG_AGO) == ()
    with pytest.raises(NotFoundError):
        last_successful(state, "LOAD", str(theirs))


def test_an_execution_is_asked_for_by_its_id_or_the_beginning_of_it_however_it_ended(state: State) -> None:
    failed = loaded(state, {"a": "1"}, status="failed", days_ago=1)
    loaded(state, {"a": "2"})

    assert found_by(state, since=str(failed)).checksums == {"a": "1"}
    assert found_by(state, since=str(failed)[:13]).execution_id == failed


def test_a_beginning_of_several_ids_says_which_execution_is_meant_no_better_than_none(state: State) -> None:
    for number in (1, 2):
        known = apart(UUID(f"aaaaaaaa-0000-0000-0000-00000000000{number}"))
        record_apart(state, known, "LOAD", {"a": str(number)}, ())

    with pytest.raises(NotFoundError, match=r"Several executions .* with a step LOAD begin with aaaaaaaa") as caught:
        last_successful(state, "LOAD", "aaaaaaaa")

    assert "history" in caught.value.do
    assert found_by(state, since="aaaaaaaa-0000-0000-0000-000000000001").checksums == {"a": "1"}


def test_an_execution_that_runs_may_be_asked_for(state: State) -> None:
    running = begun(state)
    record(state, running, "LOAD", {"a": "1"}, ())

    found = found_by(state, since=str(running))

    assert (found.execution_id, found.finished_at) == (running, None)


@pytest.mark.parametrize("since", ["0" * 8, "%", "_", "' OR true --"])
def test_an_execution_that_is_not_recorded_is_said_to_be_none(state: State, since: str) -> None:
    loaded(state, {"a": "1"})

    with pytest.raises(NotFoundError, match=r"No execution .* with a step LOAD is recorded for shop/dev") as caught:
        last_successful(state, "LOAD", since)

    assert "history" in caught.value.do


def test_an_execution_without_the_step_is_said_to_have_none(state: State) -> None:
    execution_id = loaded(state, {"a": "1"}, name="RELOAD")

    with pytest.raises(NotFoundError, match="with a step LOAD"):
        last_successful(state, "LOAD", str(execution_id))


def test_a_step_that_covered_no_checksums_is_no_baseline(state: State) -> None:
    execution_id = begun(state)
    state.execute(
        "INSERT INTO {state}.execution_step (step_id, execution_id, name) VALUES (gen_random_uuid(), %s, 'LOAD')",
        (str(execution_id),),
    )
    finish_execution(state, execution_id, status="succeeded")

    assert (last_successful(state, "LOAD"), newest_checksums(state, "LOAD")) == (None, {})
    assert recorded_after(state, ["LOAD"], LONG_AGO) == ()


def test_the_newest_checksum_of_a_name_is_that_of_the_last_execution_that_had_it(state: State) -> None:
    loaded(state, {"a": "3", "b": "3"}, days_ago=1)
    loaded(state, {"a": "1", "gone": "1"}, days_ago=3)
    loaded(state, {"a": "2", "b": "2", "gone": "2"}, days_ago=2)

    assert newest_checksums(state, "LOAD") == {"a": "3", "b": "3", "gone": "2"}


def test_a_checksum_that_came_back_is_the_newest_again(state: State) -> None:
    loaded(state, {"a": "1"}, days_ago=3)
    loaded(state, {"a": "2"}, days_ago=2)
    loaded(state, {"a": "1"}, days_ago=1)

    assert newest_checksums(state, "LOAD") == {"a": "1"}


def test_steps_after_a_moment_come_oldest_first_however_their_executions_ended(state: State) -> None:
    first = loaded(state, {"a": "1"}, days_ago=5)
    [(moment,)] = state.rows("SELECT started_at FROM {state}.execution")
    failed = loaded(state, {"a": "2"}, status="failed", days_ago=3)
    reload = loaded(state, {"a": "3"}, name="RELOAD", days_ago=4)
    loaded(state, {"a": "4"}, name="TRANSFORM", days_ago=2)
    running = begun(state)
    record(state, running, "LOAD", {}, ())

    found = recorded_after(state, ["LOAD", "RELOAD"], moment)

    assert [(each.execution_id, each.name, each.checksums) for each in found] == [
        (reload, "RELOAD", {"a": "3"}),
        (failed, "LOAD", {"a": "2"}),
        (running, "LOAD", {}),
    ]
    assert (found[2].finished_at, found[0].finished_at is None) == (None, False)
    assert recorded_after(state, ["LOAD"], moment - timedelta(seconds=1))[0].execution_id == first


def test_after_no_moment_and_of_no_names_there_is_nothing(state: State) -> None:
    loaded(state, {"a": "1"})

    assert recorded_after(state, ["LOAD"], None) == ()
    assert recorded_after(state, [], LONG_AGO) == ()


def test_what_covers_the_same_shares_one_set_with_the_steps_of_runs(state: State) -> None:
    execution_id = begun(state)
    covered = begin_step(state, execution_id, name="x", checksums={"a": "1"}, dbt_version="", adapter_version="")

    record(state, execution_id, "LOAD", {"a": "1"}, ())

    assert state.rows("SELECT checksum_set_id FROM {state}.checksum_set") == [(covered,)]
