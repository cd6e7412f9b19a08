"""Numbers, durations and reasons in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.values import HERE, node, reason_kind

from dbt_state_plugin.core.values.plan import Decision, Plan, PlanEntry
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.reason_words import reason_words, short_name
from dbt_state_plugin.report.words import category, count, duration, summary_line


def entry(*kinds: str, outside: bool = False, name: str = "a") -> PlanEntry:
    return PlanEntry(
        node=node(f"model.shop.{name}"),
        decision=Decision.BUILD if kinds and not outside else Decision.SKIP,
        reasons=tuple(Reason(kind=reason_kind(kind), code=ReasonCode.FORCE) for kind in kinds),
        outside_selection=outside,
    )


def plan(*entries: PlanEntry) -> Plan:
    return Plan(environment=HERE, command="run", entries=entries)


@pytest.mark.parametrize(
    ("kinds", "word"),
    [
        (["new"], "new"),
        (["interrupted", "new"], "new"),
        (["body"], "changed"),
        (["interrupted", "engine", "upstream"], "changed"),
        (["missing"], "repaired"),
        (["drifted", "upstream"], "repaired"),
        (["interrupted", "forced"], "repaired"),
        (["upstream"], "downstream"),
        (["data", "volatile"], "data"),
        (["data", "upstream"], "data"),
        (["age"], "volatile"),
        (["upstream", "forced"], "forced"),
        (["volatile", "forced"], "forced"),
        (["forced"], "forced"),
    ],
)
def test_a_node_is_counted_under_its_weightiest_reason(kinds: list[str], word: str) -> None:
    assert category(entry(*kinds)) == word


def test_every_kind_of_reason_has_a_category() -> None:
    assert {category(entry(kind.value)) for kind in ReasonKind} == {
        *("new", "changed", "downstream", "data", "repaired", "volatile", "forced"),
    }


def test_what_reads_a_changed_ephemeral_model_is_counted_as_changed() -> None:
    values = {"ephemeral": True}
    reason = Reason(kind=ReasonKind.UPSTREAM, code=ReasonCode.PARENT_CHANGED, node="model.shop.e", values=values)

    assert category(replace(entry("upstream"), reasons=(reason,))) == "changed"


def test_a_plan_is_one_line() -> None:
    entries = [entry("new"), entry("body"), entry("macros"), entry("upstream"), entry("data"), entry()]

    assert summary_line(plan(*entries)) == "Plan: 1 new, 2 changed, 1 downstream, 1 data, 1 unchanged"


def test_nothing_to_build_is_said() -> None:
    assert summary_line(plan(entry(), entry())) == "Plan: nothing to build, 2 unchanged"


def test_what_was_edited_without_effect_is_said_where_nothing_is_built() -> None:
    cosmetic = (Reason(kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values={"part": "body", "equal": "layout"}),)
    edited = replace(entry(), cosmetic=cosmetic)

    assert summary_line(plan(edited, entry())) == "Plan: nothing to build, 2 unchanged (1 edited without effect)"
    assert summary_line(plan(edited, entry("body"))) == "Plan: 1 changed, 1 unchanged"


def test_what_stands_outside_the_selection_is_said() -> None:
    assert summary_line(plan(entry("body", outside=True))) == "Plan: nothing to build, 0 unchanged, 1 not selected"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason(kind=ReasonKind.NEW, code=ReasonCode.NOT_RECORDED), "new: no build of it is recorded"),
        (Reason(kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values={"part": "body"}), "body: its code changed"),
        (Reason(kind=ReasonKind.UPSTREAM, code=ReasonCode.IS_BUILT, node="model.shop.a"), "upstream: a is built"),
        (
            Reason(kind=ReasonKind.MISSING, code=ReasonCode.RELATION_MISSING, values={"relation": "x\x1b[31m\ny"}),
            "missing: x\\x1b[31m\\ny does not exist",
        ),
    ],
)
def test_a_reason_is_a_phrase(reason: Reason, words: str) -> None:
    assert reason_words(reason) == words


@pytest.mark.parametrize(
    ("unique_id", "name"),
    [
        ("model.shop.orders", "orders"),
        ("model.shop.orders.v2", "orders.v2"),
        ("source.shop.raw.orders", "raw.orders"),
        ("test.shop.unique_orders_id.5d8a", "unique_orders_id"),
        ("odd", "odd"),
    ],
)
def test_a_name_is_the_end_of_a_unique_id(unique_id: str, name: str) -> None:
    assert short_name(unique_id) == name


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0.0 s"),
        (340, "0.3 s"),
        (9_970, "10 s"),
        (12_000, "12 s"),
        (59_400, "59 s"),
        (59_600, "1 min 0 s"),
        (185_000, "3 min 5 s"),
        (7_440_000, "2 h 4 min"),
    ],
)
def test_a_duration_is_said_as_people_say_it(milliseconds: int, words: str) -> None:
    assert duration(milliseconds) == words


def test_a_number_agrees_with_its_noun() -> None:
    assert [count(number, "node") for number in (0, 1, 2)] == ["0 nodes", "1 node", "2 nodes"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe 表", "größe 表"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\u202e", "\\u202e"),
        ("\ud800", "\\ud800"),
    ],
)
def test_control_characters_are_shown_and_not_sent_to_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown
