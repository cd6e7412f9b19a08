"""What differs in dbt's graph."""

from __future__ import annotations

from typing import Any

import pytest
from support.values import definition, project_definition

from dbt_state_plugin.core.changes.graph_items import DifferingNode, differing_nodes, tells_of_graph, with_graph_named
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind

MODEL = {"resource_type": "model", "description": "One.", "created_at": 1, "meta": {}, "config": {"tags": ["x"]}}
NOW = {"description": "One.", "created_at": 2, "meta": {}}


def differing(before: dict[str, Any], *more: str, extras: Any = (), **now: Any) -> list[tuple[str, ...]]:
    """Return what differs between a manifest with these nodes and a project with `a`, `more` models and `now`."""
    nodes = [definition(unique_id=f"model.shop.{name}", **NOW) for name in more]
    a = definition(unique_id="model.shop.a", config=now.pop("config", {"tags": ["x"]}), **{**NOW, **now})
    found = differing_nodes(before, project_definition(a, *nodes, graph_extras=dict(extras)))
    return [(each.unique_id.removeprefix("model.shop."), each.change, *each.properties) for each in found]


def manifest(**nodes: Any) -> dict[str, Any]:
    materialized = {"materialized": "table"}
    found = {f"model.shop.{name}": {**each, "config": each["config"] | materialized} for name, each in nodes.items()}
    return {"nodes": found}


@pytest.mark.parametrize(
    ("now", "properties"),
    [
        ({"description": "Two."}, ["description"]),
        ({"config": {"tags": ["y"], "meta": {"a": 1}}, "meta": {"a": 1}}, ["config.meta", "config.tags"]),
        ({"config": {}, "description": None}, ["config.tags", "description"]),
    ],
)
def test_properties_that_differ(now: dict[str, Any], properties: list[str]) -> None:
    assert differing(manifest(a=MODEL), **now) == [("a", "changed", *properties)]


def test_a_graph_that_is_the_same() -> None:
    assert differing(manifest(a=MODEL)) == []


def test_nodes_that_are_new_and_gone() -> None:
    assert differing(manifest(a=MODEL, z=MODEL), "b", "c") == [("b", "new"), ("c", "new"), ("z", "gone")]


def test_what_dbt_does_not_build_is_no_node() -> None:
    others = {
        "operation.shop.x": {"resource_type": "operation"},
        "model.shop.off": {"resource_type": "model", "config": {"enabled": False}},
    }

    assert differing({"nodes": {**manifest(a=MODEL)["nodes"], **others}}) == []


def test_what_the_graph_holds_besides_nodes() -> None:
    before = {**manifest(a=MODEL), "exposures": {"exposure.shop.e": {"label": "x", "depends_on": {}}}, "groups": None}

    assert differing(before) == [("exposure.shop.e", "gone")]
    assert differing(before, extras={"exposure.shop.e": {"label": "y"}}) == [("exposure.shop.e", "changed", "label")]


def test_reasons_that_tell_of_the_graph() -> None:
    items = [{"name": "graph", "change": "changed"}, {"name": "var a", "change": "new"}]
    graph = Reason(kind=ReasonKind.VARIABLES, code=ReasonCode.ITEMS_CHANGED, values={"part": "x", "items": items})
    other = Reason(kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values={"part": "body"})

    assert tells_of_graph([other, graph])
    assert not tells_of_graph([other])
    nodes = [DifferingNode(unique_id=f"model.shop.{name}", change="new") for name in "abcde"]
    assert with_graph_named(other, nodes) is other
    assert with_graph_named(graph, ()) is graph

    first, second = with_graph_named(graph, nodes).values["items"]

    told = [{"node": f"model.shop.{name}", "change": "new", "properties": []} for name in "abc"]
    assert (first, second) == ({**items[0], "nodes": told, "node_count": 5}, items[1])
