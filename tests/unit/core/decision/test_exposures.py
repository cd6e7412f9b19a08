"""Exposures that read what is built."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.values import node, project

from dbt_state_plugin.core.decision.exposures import affected_exposures
from dbt_state_plugin.core.lineage import build_order, lineages
from dbt_state_plugin.core.values.project import Exposure, Project
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind

SHOP = project(
    node("model.shop.orders", materialized="table"),
    node("model.shop.inlined", parents=("model.shop.orders",), materialized="ephemeral", relation=None),
    node("model.shop.seen", parents=("model.shop.orders",), materialized="view"),
    node("model.shop.kept", parents=("model.shop.orders",), materialized="table"),
)


def with_exposure(*parents: str, name: str = "board") -> Project:
    exposure = Exposure(unique_id=f"exposure.shop.{name}", name=name, kind="dashboard", parents=parents)
    return replace(SHOP, exposures=(*SHOP.exposures, exposure))


@pytest.mark.parametrize(
    ("parent", "built", "below"),
    [
        ("model.shop.orders", "orders", "orders"),
        ("model.shop.inlined", "orders", "orders"),
        ("model.shop.seen", "orders", "orders"),
        ("model.shop.seen", "seen", "seen"),
        ("model.shop.kept", "orders", None),  # a table that is not built holds what it held
        ("model.shop.orders", "kept", None),
        ("metric.shop.sales", "orders", None),  # which is no node
    ],
)
def test_an_exposure_reads_what_is_built_also_through_what_holds_no_rows(
    parent: str, built: str, below: str | None
) -> None:
    of = with_exposure(parent)

    found = affected_exposures(of, lineages(of, build_order(of)), [f"model.shop.{built}"])

    assert [each.below for each in found] == ([(f"model.shop.{below}",)] if below else [])


def test_exposures_come_by_name_with_all_that_is_built_of_what_they_read() -> None:
    both = ("model.shop.seen", "model.shop.kept")
    of = replace(SHOP, exposures=(*with_exposure(*both, name="b").exposures, *with_exposure(*both, name="a").exposures))

    found = affected_exposures(of, lineages(of, build_order(of)), ["model.shop.orders", "model.shop.kept"])

    assert [each.exposure.name for each in found] == ["a", "b"]
    assert found[0].below == ("model.shop.kept", "model.shop.orders")


def test_an_exposure_reads_a_source_that_has_new_rows_also_through_a_view() -> None:
    rows = Reason(kind=ReasonKind.DATA, code=ReasonCode.ROWS_CHANGED, node="source.shop.raw.orders")
    undeclared = replace(rows, node="raw.h")
    shop = project(
        node("source.shop.raw.orders", resource_type="source", parents=()),
        node("model.shop.seen", parents=("source.shop.raw.orders",), materialized="view"),
        node("model.shop.kept", parents=("source.shop.raw.orders",), materialized="table"),
    )
    boards = [
        Exposure(unique_id=f"exposure.shop.{name}", name=name, kind="dashboard", parents=(name,))
        for name in ("source.shop.raw.orders", "model.shop.seen", "model.shop.kept")
    ]
    of = replace(shop, exposures=tuple(boards))
    lineage = lineages(of, build_order(of))

    found = affected_exposures(of, lineage, [], {"model.shop.kept": (rows, undeclared)})

    assert {each.exposure.name: each.below for each in found} == {
        "source.shop.raw.orders": ("source.shop.raw.orders",),
        "model.shop.seen": ("source.shop.raw.orders",),
    }
    assert affected_exposures(of, lineage, [], {"model.shop.kept": (replace(rows, kind=ReasonKind.AGE),)}) == ()
