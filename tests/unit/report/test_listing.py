"""Planned nodes that are listed, and plans for code alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.values import Warehouse, edited, granted, node, project, relation, request

from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.report.listing import without_downstream

RAW = node("source.shop.raw")
A = node("model.shop.a", ["source.shop.raw"])
B = node("model.shop.b", ["model.shop.a"])
E = node("model.shop.e", materialized="ephemeral")
C = node("model.shop.c", ["model.shop.e"])
D = node("model.shop.d", ["model.shop.c"])
CODE = request(code_only=True)
OF = project(RAW, A, B, E, C, D)


@pytest.fixture
def warehouse() -> Warehouse:
    """Give a warehouse in which everything was built."""
    warehouse = Warehouse()
    assert RAW.relation is not None
    warehouse.create(RAW.relation)
    warehouse.build(OF)
    return warehouse


def listed(warehouse: Warehouse, of: Project) -> list[str]:
    return [entry.node.name for entry in without_downstream(warehouse.plan(of)).to_build]


def test_what_others_alone_drag_along_is_left_off_the_list(warehouse: Warehouse) -> None:
    assert listed(warehouse, edited(OF, "model.shop.a", "2 -- two")) == ["a"]
    assert len(without_downstream(warehouse.plan(OF)).entries) == len(warehouse.plan(OF).entries)


def test_the_readers_of_an_ephemeral_model_stand_for_it(warehouse: Warehouse) -> None:
    assert listed(warehouse, edited(OF, "model.shop.e", "2 -- two")) == ["c"]


def test_code_alone_leaves_new_rows_due(warehouse: Warehouse) -> None:
    warehouse.loads[relation("raw")] = "1"

    plan = warehouse.plan(OF, CODE)

    assert (plan.to_build, [entry.node.name for entry in plan.waiting]) == ((), ["a", "b"])
    assert plan.is_narrowed
    assert warehouse.build(OF, CODE) == set()
    assert warehouse.planned(OF) == {"model.shop.a", "model.shop.b"}


def test_code_alone_leaves_what_calls_the_clock_due(warehouse: Warehouse) -> None:
    of = replace(OF, nodes={**OF.nodes, "model.shop.d": replace(D, volatile=("run_started_at",))})

    assert warehouse.planned(of) == {"model.shop.d"}
    assert warehouse.planned(of, CODE) == set()


def test_what_is_built_for_its_code_counts_its_new_rows_as_new(warehouse: Warehouse) -> None:
    warehouse.loads[relation("raw")] = "1"
    of = edited(OF, "model.shop.b", "2 -- two")

    plan = warehouse.plan(of, CODE)

    assert [(entry.node.name, entry.keeps_data) for entry in plan.to_build] == [("b", False)]
    assert [reason.kind.value for reason in plan.to_build[0].reasons] == ["body"]


def test_new_rows_beside_a_physical_reason_are_not_forgotten(warehouse: Warehouse) -> None:
    warehouse.loads[relation("raw")] = "1"
    of = granted(OF, "model.shop.a")

    assert warehouse.build(of, CODE) == {"model.shop.a"}
    assert warehouse.planned(of) == {"model.shop.b"}
