"""Retention: old executions go, and nothing that a decision needs."""

from __future__ import annotations

from uuid import UUID

from support.recording import ORDERS, REPORT, begun, built, ended, key_of, opened

from dbt_state_plugin.errors import NotFoundError
from dbt_state_plugin.state.executions import begin_step, read_execution
from dbt_state_plugin.state.manifests import read_manifest, write_manifest
from dbt_state_plugin.state.recorded_steps import newest_checksums, record, recorded_after
from dbt_state_plugin.state.relations import read_recorded, recorded_code
from dbt_state_plugin.state.retention import Pruned, prune
from dbt_state_plugin.state.state import State


def is_there(state: State, execution_id: UUID) -> bool:
    try:
        read_execution(state, str(execution_id))
    except NotFoundError:
        return False
    return True


def with_manifest(state: State, text: str) -> UUID:
    execution_id = begun(state)
    write_manifest(state, text, is_of_snapshot=False, execution_id=execution_id)
    return execution_id


def pruned(state: State, keep_days: int = 90) -> Pruned:
    return prune(state.connection, state.schema, keep_days=keep_days)


def test_an_old_execution_goes_and_the_records_of_what_it_built_stay(state: State) -> None:
    old = ended(state, built(state, ORDERS))
    newer = ended(state, begun(state), days_ago=1)

    assert pruned(state).executions == 1

    found = read_recorded(state, []).relations[key_of(ORDERS)]
    assert (is_there(state, old), is_there(state, newer)) == (False, True)
    assert found.execution_id is None
    assert recorded_code(state, found.raw_definition_id) == "select 1"


def test_the_last_successful_execution_stays_however_old(state: State) -> None:
    last = ended(state, begun(state), days_ago=1000)
    failed = ended(state, begun(state), "failed", days_ago=900)

    pruned(state)

    assert (is_there(state, last), is_there(state, failed)) == (True, False)


def test_the_last_manifest_of_an_environment_stays_though_narrowed_runs_have_succeeded_since(state: State) -> None:
    older = ended(state, with_manifest(state, "older"), days_ago=300)
    last = ended(state, with_manifest(state, "last"), days_ago=200)
    failed = ended(state, with_manifest(state, "failed"), "failed", days_ago=150)
    ended(state, begun(state), days_ago=100)
    ended(state, begun(state), days_ago=1)

    pruned(state)

    kept = read_manifest(state)
    assert kept is not None
    assert kept.text == "last"
    assert [is_there(state, each) for each in (older, last, failed)] == [False, True, False]


def test_each_environment_keeps_its_last_manifest(state: State, prod: State) -> None:
    ours, theirs = (ended(each, with_manifest(each, str(each.environment))) for each in (state, prod))
    for each in (state, prod):
        ended(each, begun(each), days_ago=1)

    assert pruned(state) == Pruned(executions=0, checksum_sets=0, definitions=0)

    assert (is_there(state, ours), is_there(prod, theirs)) == (True, True)


def test_the_newest_checksum_of_what_a_step_has_left_out_since_stays(state: State, prod: State) -> None:
    covered = {400: {"a": "1", "left out": "1"}, 300: {"a": "1", "left out": "2"}, 200: {"a": "1"}}
    for each in (state, prod):
        for days_ago, checksums in covered.items():
            execution_id = begun(each)
            record(each, execution_id, "LOAD", checksums, ())
            ended(each, execution_id, days_ago=days_ago)

    assert pruned(state).executions == 2  # the oldest of each

    for each in (state, prod):
        assert newest_checksums(each, "LOAD") == {"a": "1", "left out": "2"}


def test_what_was_loaded_since_the_last_success_stays_though_it_failed(state: State) -> None:
    """A reset of a bookmark counts only while nothing else was loaded since, also by an execution that failed."""
    loads = {}
    for days_ago, status in ((400, "failed"), (300, "succeeded"), (200, "failed"), (150, "cancelled")):
        execution_id = begun(state)
        record(state, execution_id, "LOAD", {"orders": str(days_ago)}, ())
        loads[days_ago] = ended(state, execution_id, status, days_ago=days_ago)
    ended(state, begun(state), days_ago=1)  # of a command that loads nothing

    pruned(state)

    assert {days_ago: is_there(state, load) for days_ago, load in loads.items()} == {
        400: False,
        300: True,
        200: True,
        150: True,
    }
    assert len(recorded_after(state, ("LOAD",), read_execution(state, str(loads[300])).started_at)) == 2


def test_what_a_step_of_a_run_has_left_out_since_goes(state: State) -> None:
    for days_ago, checksums in ((300, {"a": "1", "deleted": "1"}), (200, {"a": "1"})):
        execution_id = begun(state)
        begin_step(state, execution_id, name="TRANSFORM", checksums=checksums, dbt_version="1", adapter_version="1")
        ended(state, execution_id, days_ago=days_ago)

    assert pruned(state).executions == 1


def test_an_execution_that_says_what_is_in_doubt_stays(state: State) -> None:
    doubtful = begun(state)
    opened(state, doubtful, REPORT)
    ended(state, doubtful, "failed")
    ended(state, begun(state), days_ago=1)

    assert pruned(state).executions == 0

    assert is_there(state, doubtful)
    assert list(read_recorded(state, [key_of(REPORT)]).intents) == [key_of(REPORT)]


def test_a_running_execution_stays(state: State) -> None:
    running = begun(state)

    assert pruned(state, keep_days=0).executions == 0
    assert is_there(state, running)


def test_what_nothing_refers_to_goes_with_it(state: State) -> None:
    old = begun(state)
    begin_step(state, old, name="TRANSFORM", checksums={"a": "1"}, dbt_version="1", adapter_version="1")
    opened(state, old, ORDERS)
    state.execute("DELETE FROM {state}.intent")
    ended(state, old, "failed")

    dry = prune(state.connection, state.schema, keep_days=90, dry_run=True)

    assert dry == Pruned(executions=1, checksum_sets=1, definitions=1)
    assert pruned(state) == dry
    assert pruned(state) == Pruned(executions=0, checksum_sets=0, definitions=0)


def test_the_other_environments_can_be_left_out(state: State) -> None:
    old = ended(state, begun(state), "failed")

    found = prune(state.connection, state.schema, keep_days=90, environment_id=state.environment_id + 1)

    assert (found.executions, is_there(state, old)) == (0, True)
