"""Parts in which a definition differs from the recorded one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.values import Warehouse, edited, granted, node, project, relation, request

from dbt_state_plugin.core.changes.differences import Difference, differing_parts, find_differences
from dbt_state_plugin.core.decision.rule import differences_in_scope
from dbt_state_plugin.core.fingerprint.hashing import definition_digest
from dbt_state_plugin.core.lineage import build_order, lineages
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.records import Trace

E1 = node("model.shop.e1", materialized="ephemeral")
E2 = node("model.shop.e2", ["model.shop.e1"], materialized="ephemeral")
A = node("model.shop.a", ["model.shop.e2"])
B = node("model.shop.b", ["model.shop.a"])
OF = project(E1, E2, A, B)


@pytest.fixture
def warehouse() -> Warehouse:
    """Give a warehouse in which everything was built."""
    return built(OF)


def built(of: Project) -> Warehouse:
    warehouse = Warehouse()
    warehouse.build(of, request("build"))
    return warehouse


def found(warehouse: Warehouse, of: Project) -> dict[str, Difference]:
    return find_differences(of, warehouse.recorded, lineages(of, build_order(of)), sorted(of.nodes))


def test_a_project_as_it_was_built_has_no_differences(warehouse: Warehouse) -> None:
    assert found(warehouse, OF) == {}


def test_a_difference_names_the_parts(warehouse: Warehouse) -> None:
    after = granted(edited(OF, "model.shop.b"), "model.shop.b")

    assert found(warehouse, after) == {"model.shop.b": Difference(parts=("body", "config"))}


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ({"body": "1"}, {"body": "1"}, ()),
        ({"body": "1"}, {"body": "2"}, ("body",)),
        ({"body": "1"}, {"body": "1", "hooks": "1"}, ("hooks",)),
        ({"body": "1", "z": "1", "hooks": "1"}, {"body": "1"}, ("hooks", "z")),
        ({"a": "1", "b": "1", "c": "1"}, {"c": "2", "b": "2", "d": "2"}, ("c", "b", "d", "a")),
        ({}, {}, ()),
    ],
)
def test_parts_differ_where_one_side_has_another_hash_or_none(
    warehouse: Warehouse, before: dict[str, str], after: dict[str, str], parts: tuple[str, ...]
) -> None:
    record = replace(warehouse.records[relation("b")], fingerprint=before)

    assert differing_parts(replace(B, fingerprint=after), record) == parts


def test_what_was_never_recorded_is_left_out(warehouse: Warehouse) -> None:
    warehouse.records.pop(relation("b"))

    assert found(warehouse, edited(OF, "model.shop.b")) == {}


def test_an_ephemeral_model_differs_in_those_who_hold_it_and_in_no_others(warehouse: Warehouse) -> None:
    assert found(warehouse, edited(OF, "model.shop.e1")) == {"model.shop.a": Difference(inlined=("model.shop.e1",))}


def test_all_ephemeral_models_that_differ_are_named_beside_the_parts(warehouse: Warehouse) -> None:
    after = edited(edited(edited(OF, "model.shop.e1"), "model.shop.e2"), "model.shop.a")

    assert found(warehouse, after) == {
        "model.shop.a": Difference(parts=("body",), inlined=("model.shop.e1", "model.shop.e2"))
    }


def test_nodes_that_are_not_asked_for_are_left_out(warehouse: Warehouse) -> None:
    after = edited(OF, "model.shop.b")

    assert find_differences(after, warehouse.recorded, lineages(after, build_order(after)), ["model.shop.a"]) == {}


@pytest.mark.parametrize(
    "inlined",
    [
        {},
        {"model.shop.e1": "x"},
        {"model.shop.e1": definition_digest(E1), "model.shop.e2": "x", "model.shop.gone": "x"},
    ],
)
def test_where_other_models_were_inside_then_the_sql_is_not_asked_about_them(
    warehouse: Warehouse, inlined: dict[str, str]
) -> None:
    warehouse.records[relation("a")] = replace(warehouse.records[relation("a")], trace=Trace(inlined=inlined))

    assert found(warehouse, OF) == {}
    assert found(warehouse, edited(OF, "model.shop.a"))["model.shop.a"] == Difference(parts=("body",))


@pytest.mark.parametrize(
    "categorize", [node("unit_test.shop.a.adds_up", ["model.shop.a"]), node("test.shop.t", ["test.shop.other"])]
)
def test_what_does_not_show_in_the_sql_is_not_left_to_it(categorize: Node) -> None:
    of = project(A, node("test.shop.other"), categorize)
    warehouse = built(of)
    after = edited(edited(of, "model.shop.a"), "test.shop.other")

    assert categorize.unique_id not in found(warehouse, after)
    assert categorize.unique_id in warehouse.planned(after, request("build"))


def test_only_what_the_command_builds_is_looked_at() -> None:
    of = project(node("seed.shop.s"), node("model.shop.a"))
    warehouse = built(of)
    after = edited(edited(of, "seed.shop.s"), "model.shop.a")

    assert differences_in_scope(after, warehouse.recorded, "run").keys() == {"model.shop.a"}
    assert differences_in_scope(after, warehouse.recorded, "build").keys() == {"model.shop.a", "seed.shop.s"}
