"""Undeclared relations in SQL, and how they count."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.values import node, project, record, relation

from dbt_state_plugin.core.lineage import Lineage, build_order, lineages
from dbt_state_plugin.core.undeclared import (
    UndeclaredInput,
    undeclared,
    undeclared_inputs,
    undeclared_source,
    with_undeclared,
)
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.records import Recorded, Trace, TracedReads

SHOP = project(
    node("source.shop.raw"),
    node("model.shop.a", ["source.shop.raw"]),
    node("model.shop.view", ["model.shop.a"], materialized="view"),
    node("model.shop.b", ["model.shop.view"]),
    node("model.shop.added", materialized="incremental"),
)


def lineage_of(unique_id: str, of: Project = SHOP) -> Lineage:
    return lineages(of, build_order(of))[unique_id]


@pytest.mark.parametrize(
    ("unique_id", "named", "expected"),
    [
        ("model.shop.a", [("main", "raw")], ()),
        ("model.shop.a", [("main", "raw"), ("other", "raw")], (("other", "raw"),)),
        ("model.shop.a", [("db.main", "raw"), ("other.main", "raw")], (("other.main", "raw"),)),
        ("model.shop.b", [("main", "view"), ("main", "a")], ()),  # read through the view
        ("model.shop.added", [("main", "added")], ()),  # what it adds rows to
        ("model.shop.b", [("main", "b")], (("main", "b"),)),  # a table that reads what was there before it
        ("model.shop.a", [("z", "z"), ("y", "y"), ("z", "z")], (("y", "y"), ("z", "z"))),
    ],
)
def test_what_is_no_parent_is_undeclared(
    unique_id: str, named: list[tuple[str, str]], expected: tuple[tuple[str, str], ...]
) -> None:
    assert undeclared(named, SHOP.nodes[unique_id], lineage_of(unique_id), SHOP) == expected


def test_what_was_named_by_the_last_build_is_a_source_of_its_reader_and_still_undeclared() -> None:
    found = with_undeclared(SHOP, recorded_with("model.shop.view", ("raw", "h")))

    source = undeclared_source(("raw", "h"), SHOP)
    assert source.relation == relation("h", schema="raw")
    assert set(found.nodes) == {*SHOP.nodes, source.unique_id}
    assert found.nodes["model.shop.view"].parents == ("model.shop.a", source.unique_id)
    assert source.unique_id in lineage_of("model.shop.b", found).parents  # through the view
    view = found.nodes["model.shop.view"]
    assert undeclared([("raw", "h")], view, lineage_of("model.shop.view", found), found) == (("raw", "h"),)


def test_a_project_whose_records_name_nothing_is_the_same() -> None:
    assert with_undeclared(SHOP, recorded_with("model.shop.a")) is SHOP
    assert with_undeclared(SHOP, Recorded()) is SHOP


def test_inputs_that_the_graph_lacks_are_what_the_sql_named_and_sources_that_rendering_read() -> None:
    built = record(SHOP.nodes["model.shop.a"])
    reads = TracedReads(sources={"source.shop.x.two": '"db"."x"."two"', "source.shop.x.one": '"db"."x"."one"'})

    node = replace(SHOP.nodes["model.shop.a"], parents=("function.shop.own",))
    named = (("raw", "h"), ("raw", "rated(n integer)"), ("main", "own(n integer)"))

    assert undeclared_inputs(node, None) == ()
    assert undeclared_inputs(node, replace(built, trace=Trace())) == ()
    assert undeclared_inputs(node, replace(built, trace=Trace(named=named, reads=reads))) == (
        UndeclaredInput(relation='"db"."raw"."h"'),
        UndeclaredInput(relation="raw.rated(n integer)", is_function=True),
        UndeclaredInput(relation='"db"."x"."one"', source="source.shop.x.one"),
        UndeclaredInput(relation='"db"."x"."two"', source="source.shop.x.two"),
    )


def recorded_with(unique_id: str, *named: tuple[str, str]) -> Recorded:
    known = record(SHOP.nodes[unique_id], trace=Trace(named=named))
    return Recorded(relations={known.relation: known})
