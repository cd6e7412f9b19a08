"""Nodes that are due because time has passed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.values import node, record

from dbt_state_plugin.core.decision.volatile_reasons import volatile_reasons
from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.records import Trace
from dbt_state_plugin.report.reason_words import detail

TABLE = node("model.shop.t")
VIEW = node("model.shop.v", materialized="view")
JINJA = replace(TABLE, volatile=("run_started_at",))
NOW = ("now()",)


def words(
    item: Node, calls: tuple[str, ...] | None = None, *parents: Node, default: str | None = None, **fields: Any
) -> list[str]:
    """Return the reasons of a node; its parents all call random()."""
    read = [(parent, record(parent, trace=Trace(volatile=("random()",)))) for parent in parents]
    reasons = volatile_reasons(item, record(item, trace=Trace(volatile=calls), **fields), read, default=default)
    return [f"{reason.node} {detail(reason)}".strip() for reason in reasons]


def test_what_calls_the_clock_is_built_on_every_run() -> None:
    assert words(TABLE, NOW) == ["it calls now()"]
    assert words(JINJA) == ["its code reads run_started_at"]


def test_a_long_list_of_calls_is_cut() -> None:
    assert words(TABLE, ("a()", "b()", "c()", "d()")) == ["it calls a(), b(), c(), ..."]


@pytest.mark.parametrize("calls", [None, ()])
def test_what_calls_nothing_of_the_kind_is_not(calls: tuple[str, ...] | None) -> None:
    assert words(TABLE, calls, TABLE) == []


@pytest.mark.parametrize("parent", [VIEW, node("function.shop.f")])
def test_what_computes_when_it_is_read_makes_its_readers_volatile(parent: Node) -> None:
    assert words(TABLE, (), parent) == [f"{parent.unique_id} calls random()"]
    assert words(TABLE, (), replace(parent, settings={"volatile": "never"})) == []


def test_a_parent_without_a_record_says_nothing() -> None:
    assert volatile_reasons(TABLE, record(TABLE), [(VIEW, None)], default=None) == []


def test_a_view_itself_holds_no_rows() -> None:
    assert words(VIEW, NOW, VIEW) == []
    assert words(replace(VIEW, volatile=("run_started_at",)), NOW) == ["its code reads run_started_at"]


@pytest.mark.parametrize("item", [TABLE, JINJA])
def test_daily_is_once_a_day_and_never_is_never(item: Node) -> None:
    daily, never = (replace(item, settings={"volatile": rule}) for rule in ("daily", "never"))

    assert words(daily, NOW, is_of_today=False) != []
    assert words(daily, NOW, is_of_today=True) == []
    assert words(never, NOW, VIEW, is_of_today=False) == []
    assert words(item, NOW, default="never") == []
    assert words(replace(item, settings={"volatile": "always"}), NOW, default="never") != []
