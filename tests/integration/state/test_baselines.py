"""Baselines: environments and executions that a working copy is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from support.hostile_names import hostile_names
from support.recording import ORDERS, PROD, REPORT, begun, built, ended, key_of, opened
from support.values import HERE

from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.state.baselines import (
    KnownExecution,
    find_executions,
    read_code_ids,
    read_covered,
    read_environments,
    state_of,
)
from dbt_state_plugin.state.bookkeeping import start_execution, start_step
from dbt_state_plugin.state.executions import begin_step, finish_execution
from dbt_state_plugin.state.intents import definition_id
from dbt_state_plugin.state.relations import read_recorded
from dbt_state_plugin.state.state import State, open_state

NIGHTLY = Environment(pipeline="nightly")


def covering(state: State, checksums: Mapping[str, str], name: str = "TRANSFORM") -> UUID:
    """Run an execution whose step covers these definitions."""
    execution_id = begun(state)
    begin_step(state, execution_id, name=name, checksums=checksums, dbt_version="1", adapter_version="1")
    finish_execution(state, execution_id, status="succeeded")
    return execution_id


def found(state: State, beginning: str) -> KnownExecution:
    (execution,) = find_executions(state, beginning, step="TRANSFORM")
    return execution


def of_id(state: State, execution_id: str) -> UUID:
    start_execution(state, UUID(execution_id), host="", tool_version="1", meltano_run_id="")
    return UUID(execution_id)


def test_the_environments_of_projects_are_read_in_the_order_of_their_names(state: State) -> None:
    others = [
        replace(HERE, project="a shop"),
        PROD,
        replace(HERE, schema="alice"),
        replace(HERE, warehouse="far/1"),
        replace(HERE, database="a db"),
    ]
    ids = {each: open_state(state.connection, state.schema, each).environment_id for each in (*others, HERE, NIGHTLY)}

    read = read_environments(state)

    expected = [others[0], others[4], others[2], HERE, others[3], PROD]
    assert [each.environment for each in read] == expected
    assert [each.environment_id for each in read] == [ids[each] for each in expected]


def test_a_state_without_environments_has_none_to_compare_with(state: State) -> None:
    state.execute("DELETE FROM {state}.environment")

    assert read_environments(state) == ()


def test_an_environment_of_any_name_comes_back_as_it_was_called(state: State) -> None:
    names = hostile_names()
    wanted = {
        Environment(warehouse=name, project=f"p{name}", target=f"t{name}", database=f"d{name}", schema=f"s{name}")
        for name in names
    }
    for each in wanted:
        open_state(state.connection, state.schema, each)

    assert {each.environment for each in read_environments(state)} == {*wanted, HERE}


def test_an_execution_is_found_by_its_beginning_with_where_and_how_it_ended(state: State, prod: State) -> None:
    execution_id = covering(prod, {"model.shop.orders": "1"})
    [(started_at, covered)] = state.rows(
        "SELECT x.started_at, checksum_set_id FROM {state}.execution x JOIN {state}.execution_step USING (execution_id)"
    )

    execution = found(state, str(execution_id)[:8])

    assert (execution.execution_id, execution.status) == (str(execution_id), "succeeded")
    assert (execution.started_at, execution.checksum_set_id) == (started_at, covered)
    assert (execution.where.environment, execution.where.environment_id) == (PROD, prod.environment_id)


def test_an_execution_of_a_script_is_found_with_its_pipeline(state: State) -> None:
    nightly = open_state(state.connection, state.schema, NIGHTLY)
    execution_id = uuid4()
    start_execution(nightly, execution_id, host="", tool_version="1", meltano_run_id="")

    execution = found(state, str(execution_id))

    assert (execution.where.environment, execution.status, execution.checksum_set_id) == (NIGHTLY, "running", None)


def test_of_several_that_begin_so_the_two_newest_are_found(state: State) -> None:
    for number, days_ago in ((1, 3), (2, 1), (3, 2)):
        ended(state, of_id(state, f"aaaaaaaa-0000-0000-0000-00000000000{number}"), days_ago=days_ago)
    of_id(state, "baaaaaaa-0000-0000-0000-000000000001")

    executions = find_executions(state, "aaaaaaaa", step="TRANSFORM")

    assert [each.execution_id[-1] for each in executions] == ["2", "3"]


@pytest.mark.parametrize("beginning", ["%", "________", "b", "aaaaaaaa-0000-0000-0000-0000000000011", "' OR true --"])
def test_what_no_id_begins_with_finds_nothing(state: State, beginning: str) -> None:
    of_id(state, "aaaaaaaa-0000-0000-0000-000000000001")

    assert find_executions(state, beginning, step="TRANSFORM") == ()


def test_the_checksums_are_those_of_the_step_that_is_asked_for(state: State) -> None:
    execution_id = begun(state)
    for name, checksum in (("LOAD", "1"), ("TRANSFORM", "2")):
        begin_step(state, execution_id, name=name, checksums={"a": checksum}, dbt_version="", adapter_version="")

    assert read_covered(state, found(state, str(execution_id))) == {"a": "2"}
    assert find_executions(state, str(execution_id), step="OTHER")[0].checksum_set_id is None


@pytest.mark.parametrize("kind", ["file", "manifest"])
def test_checksums_of_another_kind_are_no_definitions(state: State, kind: str) -> None:
    covering(state, {"of another execution": "1"})
    execution_id = of_id(state, "aaaaaaaa-0000-0000-0000-000000000001")
    start_step(state, execution_id, "TRANSFORM", kind=kind, checksums={"a": "1"})

    execution = found(state, str(execution_id))

    assert (execution.checksum_set_id, read_covered(state, execution)) == (None, {})


def test_what_an_execution_covered_is_read_whole_and_of_it_alone(state: State, prod: State) -> None:
    names = {name: str(number) for number, name in enumerate(hostile_names())}
    ours, theirs, empty = covering(state, names), covering(prod, {"b": "2"}), covering(state, {})

    assert [read_covered(state, found(state, str(each))) for each in (ours, theirs, empty)] == [names, {"b": "2"}, {}]


def test_the_code_of_what_an_execution_planned_is_named_where_it_was_kept(state: State, prod: State) -> None:
    ours, theirs = begun(state), begun(prod)
    opened(state, ours, ORDERS)
    opened(prod, theirs, REPORT, store_code=False)

    assert read_code_ids(state, found(state, str(ours))) == {ORDERS.unique_id: definition_id("select 1")}
    assert read_code_ids(state, found(state, str(theirs))) == {}


def test_the_state_of_another_environment_is_on_the_same_connection(state: State, prod: State) -> None:
    built(prod, REPORT)
    (known,) = [each for each in read_environments(state) if each.environment == PROD]

    there = state_of(state, known)

    assert there == prod
    assert set(read_recorded(there, []).relations) == {key_of(REPORT)}
