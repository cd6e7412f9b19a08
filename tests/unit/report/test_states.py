"""States of nodes, one word each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.overviews import CHANGED, FAILED, MISSING, NEW, entry, result, upstream
from support.values import node

from dbt_state_plugin.core.values.plan import Decision
from dbt_state_plugin.core.values.reasons import Category, Reason, ReasonCode, ReasonKind
from dbt_state_plugin.report.states import STATES, plan_state, recorded_reason_words, result_state

ORDERS = node("model.shop.orders")
DRIFTED = Reason(kind=ReasonKind.DRIFTED, code=ReasonCode.REPLACED)
SKIPPED = Reason(kind=ReasonKind.INTERRUPTED, code=ReasonCode.NOT_REACHED, values={"execution": "00000000"})


@pytest.mark.parametrize(
    ("reasons", "state"),
    [
        ((NEW,), "new"),
        ((CHANGED, upstream("model.shop.a")), "changed"),
        ((upstream("model.shop.a"),), "downstream"),
        ((MISSING, upstream("model.shop.a")), "missing"),
        ((DRIFTED,), "repaired"),
        ((FAILED,), "failed"),
        ((SKIPPED,), "not_built"),
        ((), "skipped"),
    ],
)
def test_a_plan_gives_each_node_the_state_of_its_weightiest_reason(reasons: tuple[Reason, ...], state: str) -> None:
    assert plan_state(entry(ORDERS, *reasons)) == state


def test_what_is_due_outside_of_the_selection_is_for_later() -> None:
    waiting = replace(entry(ORDERS, CHANGED), decision=Decision.SKIP, outside_selection=True)

    assert plan_state(waiting) == "later"


@pytest.mark.parametrize(
    ("status", "kind", "state"),
    [
        ("success", "body", "changed"),
        ("pass", "upstream", "downstream"),
        ("success", "missing", "missing"),
        ("success", "of a later release", "forced"),
        ("error", "body", "failed"),
        ("fail", "new", "failed"),
        ("skipped", "new", "not_built"),
        ("planned", "new", "not_built"),
        ("no-op", "upstream", "cut_off"),
    ],
)
def test_an_execution_gives_each_node_the_state_of_its_result(status: str, kind: str, state: str) -> None:
    assert result_state(result("model.shop.orders", status, {"kind": kind, "detail": "so"})) == state


def test_a_change_of_an_ephemeral_model_is_its_readers_own() -> None:
    reason = {"kind": "upstream", "detail": "changed", "node": "model.shop.e", "values": {"ephemeral": True}}

    assert result_state(result("model.shop.orders", "success", reason)) == "changed"


def test_each_category_of_a_plan_is_a_state_with_a_mark_of_its_own() -> None:
    marks = [state.mark for state in STATES.values() if state.is_due]

    assert {category.value for category in Category} <= STATES.keys()
    assert len(set(marks)) == len(marks)
    assert all(marks)


def test_recorded_reasons_read_as_those_of_a_plan_and_steer_no_terminal() -> None:
    assert recorded_reason_words({"kind": "body", "detail": "its code\x1b[2J changed"}) == (
        "body: its code\\x1b[2J changed"
    )
    assert recorded_reason_words({"kind": "upstream", "node": "model.shop.a", "detail": "is built"}) == (
        "upstream: a is built"
    )
