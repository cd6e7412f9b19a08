"""Empty plans kept for the next run, and what ends them."""

from __future__ import annotations

import json

import pytest
from support.recording import ORDERS, REPORT, begun, built, key_of, opened
from support.values import project

from dbt_state_plugin.state.parsed_projects import write_parsed_project
from dbt_state_plugin.state.relations import forget_relations
from dbt_state_plugin.state.state import State
from dbt_state_plugin.state.up_to_date import read_up_to_date, records_evidence, write_up_to_date

EMPTY = {"evidence": "e" * 64, "left_alone": 2}


def evidence(state: State, until: str | None = None) -> str | None:
    return records_evidence(state, schemas=("main",), beginning="main.", until=until, covered="")


def parsed(state: State) -> None:
    write_parsed_project(state, inputs_digest="1" * 64, places={"folders": []}, project=project(ORDERS))


def kept(state: State, command: str = "run") -> None:
    found = read_up_to_date(state, command)
    assert found is not None
    write_up_to_date(state, command, found, EMPTY)


def test_an_empty_plan_is_kept_for_its_command(state: State) -> None:
    parsed(state)
    kept(state)

    run, build = read_up_to_date(state, "run"), read_up_to_date(state, "build")
    assert run is not None
    assert build is not None
    assert (run.empty_plan, build.empty_plan) == (EMPTY, None)


def test_without_a_parsed_project_there_is_none(state: State) -> None:
    assert read_up_to_date(state, "run") is None


def test_another_parse_forgets_it(state: State) -> None:
    parsed(state)
    kept(state)
    write_parsed_project(state, inputs_digest="2" * 64, places={}, project=project(REPORT))

    found = read_up_to_date(state, "run")

    assert found is not None
    assert found.empty_plan is None


@pytest.mark.parametrize("edit", [("left_alone", 3), ("evidence", "f" * 64), ("more", 1)])
def test_one_that_was_edited_by_hand_does_not_count(state: State, edit: tuple[str, object]) -> None:
    parsed(state)
    kept(state)
    ((text,),) = state.rows("SELECT up_to_date::text AS document FROM {state}.project_snapshot")
    document = json.loads(text)
    name, value = edit
    sealed = document["run"]
    sealed = json.loads(sealed) if isinstance(sealed, str) else sealed
    sealed["verdict"][name] = value
    document["run"] = sealed
    state.execute("UPDATE {state}.project_snapshot SET up_to_date = %s::jsonb", (json.dumps(document),))

    found = read_up_to_date(state, "run")

    assert found is not None
    assert found.empty_plan is None


def test_records_that_stay_as_they_are_give_the_same_evidence(state: State) -> None:
    built(state, ORDERS)

    assert evidence(state) == evidence(state) is not None


def test_each_change_of_the_records_gives_another_evidence(state: State) -> None:
    found = [evidence(state)]
    built(state, ORDERS)
    found.append(evidence(state))
    built(state, ORDERS)
    found.append(evidence(state))
    state.execute("UPDATE {state}.relation SET touched = 'x'")
    found.append(evidence(state))
    forget_relations(state, None)
    built(state, REPORT)
    found.append(evidence(state))

    assert None not in found
    assert len(set(found)) == len(found)


def test_an_open_intent_leaves_no_evidence(state: State) -> None:
    opened(state, begun(state), ORDERS)

    assert key_of(ORDERS).schema == "main"
    assert evidence(state) is None


def test_a_build_that_became_too_old_leaves_no_evidence(state: State) -> None:
    assert evidence(state, until="2000-01-01T00:00:00+00:00") is None
    assert evidence(state, until="9000-01-01T00:00:00+00:00") is not None
