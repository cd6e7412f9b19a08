"""Mermaid graphs, folded where they grow."""

from __future__ import annotations

import re

from dbt_state_plugin.report.markdown.graph import MOST_NODES, GraphNode, flowchart


def chain(number: int, folder: str = "models/area_{}") -> list[GraphNode]:
    return [
        GraphNode(
            unique_id=f"model.shop.m{each}",
            name=f"m{each}",
            state="changed" if each == 0 else "downstream",
            path=f"{folder.format(each % 5)}/m{each}.sql",
            parents=(f"model.shop.m{each - 1}",) if each else (),
        )
        for each in range(number)
    ]


def test_a_few_nodes_are_shown_with_their_states_and_what_they_read() -> None:
    graph = flowchart(chain(2), {})

    assert graph is not None
    assert not graph.is_folded
    assert graph.text.splitlines() == [
        "flowchart LR",
        '  n0["m0 #40;changed#41;"]:::changed',
        '  n1["m1 #40;downstream#41;"]:::downstream',
        "  n0 --> n1",
        "  classDef changed stroke:#2563eb,stroke-width:2px",
        "  classDef downstream stroke:#0891b2,stroke-width:2px",
    ]


def test_ephemeral_models_are_passed_through() -> None:
    top, _, end = chain(3)

    graph = flowchart([top, end], {"model.shop.m1": ("model.shop.m0",), "model.shop.m0": ("model.shop.m1",)})

    assert graph is not None
    assert "  n0 --> n1" in graph.text


def test_more_nodes_are_shown_by_their_folders() -> None:
    graph = flowchart(chain(MOST_NODES + 1), {})

    assert graph is not None
    assert graph.is_folded
    assert graph.nodes == MOST_NODES + 1
    assert graph.text.count("]:::") == 5
    assert "area_0#58; 7 nodes" in graph.text


def test_with_many_folders_those_above_them_or_the_largest_stand_for_all() -> None:
    deep = [
        GraphNode(unique_id=f"m{each}", name=f"m{each}", state="new", path=f"models/a{each % 3}/b{each}/m.sql")
        for each in range(50)
    ]
    flat = [
        GraphNode(unique_id=f"m{each}", name=f"m{each}", state="new", path=f"folder_{each}/m.sql") for each in range(50)
    ]

    for nodes, number in ((deep, 3), (flat, MOST_NODES)):
        graph = flowchart(nodes, {})
        assert graph is not None
        assert graph.text.count("]:::") == number
    assert "other folders#58; 21 nodes" in graph.text


def test_nothing_is_no_picture() -> None:
    assert flowchart([], {}) is None


def test_names_are_no_part_of_the_syntax() -> None:
    evil = GraphNode(unique_id='x"] --> y', name='end"]; click n0 href "javascript:alert(1)"', state="new")

    graph = flowchart([evil], {})

    assert graph is not None
    assert re.fullmatch(r'  n0\["[\w #;]+"\]:::new', graph.text.splitlines()[1])
