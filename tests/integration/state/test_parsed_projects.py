"""Parsed projects: back as they were, or refused."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import fields, replace
from typing import Any

import pytest
from support.values import node, project

from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.state import parsed_projects
from dbt_state_plugin.state.parsed_projects import ParsedProject, read_parsed_project, write_parsed_project
from dbt_state_plugin.state.state import State

FULL = node(
    "model.shop.orders",
    ["source.shop.raw.orders", "model.shop.customers"],
    code="",
    fingerprint={"body": "1", "config": "2"},
    volatile=("run_started_at",),
    version="2",
    settings={"max_age": 24, "columns": ["a", "b"]},
    names_loader_columns=True,
    full_refresh=False,
    keeps_columns=True,
    custom_ddl=True,
    shows_failures=True,
)
SHOP = project(FULL, node("test.shop.unique", ["model.shop.orders"], code=""))


def written(state: State, of: Project = SHOP, *, digest: str = "1" * 64) -> ParsedProject:
    write_parsed_project(state, inputs_digest=digest, places={"files": ["models"]}, project=of)
    found = read_parsed_project(state)
    assert found is not None
    return found


def test_a_project_comes_back_with_every_field_of_its_nodes(state: State) -> None:
    defaults = Node(unique_id="", resource_type="", name="", package="", fqn=(), path="")
    same = {each.name for each in fields(Node) if getattr(FULL, each.name) == getattr(defaults, each.name)}
    assert same == {"raw_code"}, "give the new field a value of its own here"
    assert written(state).project() == SHOP


def test_the_code_of_nodes_is_not_kept(state: State) -> None:
    with_code = project(replace(FULL, raw_code="select 1"))
    assert written(state, with_code).project() == project(FULL)


def test_nothing_is_recorded_before_the_first_parse(state: State) -> None:
    assert read_parsed_project(state) is None


def test_a_project_from_other_inputs_takes_the_place_of_the_earlier_one(state: State) -> None:
    written(state)
    assert written(state, project(FULL), digest="2" * 64).project() == project(FULL)


def test_a_project_from_the_same_inputs_is_not_written_again(state: State) -> None:
    written(state)
    before = state.rows("SELECT recorded_at FROM {state}.project_snapshot")
    written(state)
    assert state.rows("SELECT recorded_at FROM {state}.project_snapshot") == before


def test_other_inputs_forget_the_empty_plan(state: State) -> None:
    written(state)
    state.execute("""UPDATE {state}.project_snapshot SET up_to_date = '{{"run": 1}}'""")
    written(state, digest="2" * 64)
    assert state.rows("SELECT up_to_date FROM {state}.project_snapshot") == [({},)]


@pytest.mark.parametrize(
    "edit",
    [
        "places = jsonb_concat(places, '{{\"files\": []}}')",
        "project = %s",
        "places = jsonb_delete(places, 'whole')",
    ],
)
def test_a_row_that_was_edited_by_hand_is_refused(state: State, edit: str) -> None:
    written(state)
    state.execute("UPDATE {state}.project_snapshot SET " + edit, (b"else",) if "%s" in edit else ())
    found = read_parsed_project(state)
    assert found is not None
    with pytest.raises(ValueError, match="edited by hand"):
        found.project()


def sealed(document: dict[str, Any]) -> ParsedProject:
    packed = zlib.compress(json.dumps(document).encode())
    return ParsedProject(
        inputs_digest="d", packed=packed, places={"whole": hashlib.sha256(b"{}\0" + packed).hexdigest()}
    )


def test_a_project_by_position_as_earlier_releases_wrote_it_is_not_read() -> None:
    document = parsed_projects._document(SHOP)
    del document["node_fields"]
    with pytest.raises(ValueError, match="another release"):
        sealed(document).project()


def test_a_project_with_other_fields_of_a_node_is_not_read() -> None:
    document = parsed_projects._document(SHOP)
    assert sealed(document).project() == SHOP
    document["node_fields"] = [*document["node_fields"][:-1], "another"]
    with pytest.raises(ValueError, match="another release"):
        sealed(document).project()
