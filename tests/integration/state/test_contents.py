"""Contents read by a warehouse: back unchanged, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.recording import ORDERS, REPORT
from support.values import project

from dbt_state_plugin.state import migration
from dbt_state_plugin.state.contents import read_contents, write_contents
from dbt_state_plugin.state.parsed_projects import write_parsed_project
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import State

SCHEMA = "dbt_state_plugin"
DOCUMENT = {"file": "1-2-3", "tables": {"orders": [3, "ä\\u0000"], "empty": []}}


@pytest.fixture(autouse=True)
def parsed(state: State) -> None:
    """Record a project, beside which contents are kept."""
    write_parsed_project(state, inputs_digest="1" * 64, places={}, project=project(ORDERS))


def stored(state: State, column: str = "contents") -> dict[str, Any]:
    ((text,),) = state.rows(
        f"SELECT {column}::text AS document FROM {{state}}.project_snapshot WHERE environment_id = %s",
        (state.environment_id,),
    )
    found: dict[str, Any] = json.loads(text)
    return found


def test_contents_come_back_on_another_connection(state: State, second: State) -> None:
    write_contents(state, DOCUMENT)

    assert read_contents(second) == DOCUMENT


def test_later_contents_take_the_place_of_earlier_ones(state: State) -> None:
    write_contents(state, DOCUMENT)
    write_contents(state, {"file": "4"})

    assert read_contents(state) == {"file": "4"}


def test_there_are_none_before_the_first(state: State) -> None:
    assert read_contents(state) is None


def test_contents_outlast_an_edit_of_the_project(state: State) -> None:
    write_contents(state, DOCUMENT)
    write_parsed_project(state, inputs_digest="2" * 64, places={}, project=project(REPORT))

    assert read_contents(state) == DOCUMENT


def test_what_else_is_kept_beside_the_project_stays(state: State) -> None:
    state.execute("""UPDATE {state}.project_snapshot SET up_to_date = '{{"run": 1}}'""")
    write_contents(state, DOCUMENT)

    assert stored(state, "up_to_date") == {"run": 1}


def test_contents_that_were_edited_by_hand_do_not_count(state: State) -> None:
    write_contents(state, DOCUMENT)
    sealed = stored(state)
    sealed["contents"]["file"] = "another"
    state.execute("UPDATE {state}.project_snapshot SET contents = %s::jsonb", (json.dumps(sealed),))

    assert read_contents(state) is None


@pytest.mark.parametrize("damaged", ['{"contents": 1}', '{"seal": "1"}', "{}"])
def test_what_has_no_seal_does_not_count(state: State, damaged: str) -> None:
    state.execute("UPDATE {state}.project_snapshot SET contents = %s::jsonb", (damaged,))

    assert read_contents(state) is None


def test_version_0012_kept_contents_beside_empty_plans_and_nothing_is_lost_on_the_way_there_and_back(
    state: State,
) -> None:
    state.execute("""UPDATE {state}.project_snapshot SET up_to_date = '{{"run": {{"seal": "1"}}}}'""")
    write_contents(state, DOCUMENT)
    sealed = stored(state)

    migration.downgrade(state.connection, SCHEMA, "0012")
    assert stored(state, "up_to_date") == {"run": {"seal": "1"}, "contents": sealed}
    ensure_schema(state.connection, SCHEMA)

    assert stored(state, "up_to_date") == {"run": {"seal": "1"}}
    assert read_contents(state) == DOCUMENT


def test_without_contents_there_are_none_after_a_downgrade_either(state: State) -> None:
    migration.downgrade(state.connection, SCHEMA, "0012")
    assert stored(state, "up_to_date") == {}
    ensure_schema(state.connection, SCHEMA)

    assert read_contents(state) is None


def test_each_environment_has_contents_of_its_own(state: State, prod: State) -> None:
    write_contents(state, DOCUMENT)
    write_contents(prod, {"file": "lost"})  # no project is recorded there

    assert (read_contents(state), read_contents(prod)) == (DOCUMENT, None)
