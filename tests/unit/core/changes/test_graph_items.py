"""What differs in dbt's graph, in words."""

from __future__ import annotations

from typing import Any

import pytest
from support.values import definition, project_definition

from dbt_state_plugin.core.changes.graph_items import differing_nodes, tells_of_graph, with_graph_named
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind

MODEL = {"resource_type": "model", "description": "One.", "created_at": 1, "meta": {}, "config": {"tags": ["x"]}}
NOW = {"description": "One.", "created_at": 2, "meta": {}}


def differing(before: dict[str, Any], *more: str, extras: Any = (), **now: Any) -> str:
    """Return what differs between a manifest with these nodes and a project with `a`, `more` models and `now`."""
    nodes = [definition(unique_id=f"model.shop.{name}", **NOW) for name in more]
    a = definition(unique_id="model.shop.a", config=now.pop("config", {"tags": ["x"]}), **{**NOW, **now})
    return differing_nodes(before, project_definition(a, *nodes, graph_extras=dict(extras)))


def manifest(**nodes: Any) -> dict[str, Any]:
    materialized = {"materialized": "table"}
    found = {f"model.shop.{name}": {**each, "config": each["config"] | materialized} for name, each in nodes.items()}
    return {"nodes": found}


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({}, ""),
        ({"description": "Two."}, "a (description)"),
        ({"config": {"tags": ["y"], "meta": {"a": 1}}, "meta": {"a": 1}}, "a (config.meta, config.tags)"),
        ({"config": {}, "description": None}, "a (config.tags, description)"),
    ],
)
def test_properties_that_differ(now: dict[str, Any], words: str) -> None:
    assert differing(manifest(a=MODEL), **now) == words


def test_nodes_that_are_new_and_gone_with_as_many_as_are_read() -> None:
    assert differing(manifest(a=MODEL, z=MODEL), "b", "c") == "b is new, c is new, z is gone"
    assert differing(manifest(a=MODEL), "b", "c", "d", "e", "f") == "b is new, c is new, d is new and 2 more"


def test_what_dbt_does_not_build_is_no_node() -> None:
    others = {
        "operation.shop.x": {"resource_type": "operation"},
        "model.shop.off": {"resource_type": "model", "config": {"enabled": False}},
    }

    assert differing({"nodes": {**manifest(a=MODEL)["nodes"], **others}}) == ""


def test_what_the_graph_holds_besides_nodes() -> None:
    before = {**manifest(a=MODEL), "exposures": {"exposure.shop.e": {"label": "x", "depends_on": {}}}, "groups": None}

    assert differing(before) == "exposure e is gone"
    assert differing(before, extras={"exposure.shop.e": {"label": "y"}}) == "exposure e (label)"


def test_reasons_that_tell_of_the_graph() -> None:
    items = [{"name": "graph", "change": "changed"}, {"name": "var a", "change": "new"}]
    graph = Reason(kind=ReasonKind.VARIABLES, code=ReasonCode.ITEMS_CHANGED, values={"part": "x", "items": items})
    other = Reason(kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values={"part": "body"})

    assert tells_of_graph([other, graph])
    assert not tells_of_graph([other])
    assert with_graph_named(other, "a is new") is other
    assert with_graph_named(graph, "") is graph
    assert with_graph_named(graph, "a is new").values["items"] == [{**items[0], "nodes": "a is new"}, items[1]]
