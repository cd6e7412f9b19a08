"""Orphans: which go, in which order, and what keeps them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.values import HERE, THEN, node, record, relation

from dbt_state_plugin.core.values.causes import Cause, CauseCode, told
from dbt_state_plugin.core.values.orphans import Action, Dependant, DropCheck, Orphan, Orphans
from dbt_state_plugin.core.values.relations import Identity, RelationKind
from dbt_state_plugin.operations.orphans import agreed, categorized, ordered
from dbt_state_plugin.report.cause_words import cause_words
from dbt_state_plugin.report.orphans import (
    intention_lines,
    orphan_lines,
    orphans_document,
    outcome_lines,
    summary_line,
)

HOSTILE = "we\"ird; drop -- 'tö' 日"
SCHEMA = 'old "marts"'


def orphan(name: str, *dependants: Dependant, action: Action = Action.DROP, why: str = "") -> Orphan:
    identity = Identity(object_id="1", storage_id="1", kind=RelationKind.TABLE)
    item = record(node(f"model.shop.{name}"), identity=identity)
    check = DropCheck(identity=identity, owner="dbt", role="dbt", may_drop=True, dependants=dependants)
    return Orphan(record=item, check=check, action=action, why=told(why) if why else None)


def others(description: str, *names: str) -> Dependant:
    return Dependant(description=description, goes_with=frozenset(map(relation, names)))


def names(orphans: tuple[Orphan, ...], action: Action = Action.DROP) -> list[str]:
    return [item.record.relation.identifier for item in orphans if item.action is action]


def test_what_depends_on_another_orphan_is_dropped_before_it() -> None:
    table = orphan("a_table", others("view v", "b_view"))
    view = orphan("b_view", others("view w", "c_view"))
    topmost = orphan("c_view")

    assert names(ordered([table, view, topmost])) == ["c_view", "b_view", "a_table"]


def test_an_orphan_is_refused_when_something_that_stays_depends_on_it_also_through_another_orphan() -> None:
    table = orphan("a_table", others("view v", "b_view"))
    view = orphan("b_view", others("view of somebody"))
    free = orphan("c_table")

    found = ordered([table, view, free])

    assert names(found) == ["c_table"]
    assert [cause_words(item.why) for item in found[1:]] == [
        "others depend on it: view v",
        "others depend on it: view of somebody",
    ]


def test_an_orphan_that_a_kept_one_depends_on_is_refused() -> None:
    found = ordered([orphan("a", others("constraint c", "b")), orphan("b", action=Action.KEEP, why="history")])

    assert names(found, Action.KEEP) == ["b"]
    assert names(found, Action.REFUSE) == ["a"]


def test_orphans_that_depend_on_each_other_are_both_refused() -> None:
    found = ordered([orphan("a", others("constraint c", "b")), orphan("b", others("constraint d", "a"))])

    assert names(found, Action.REFUSE) == ["a", "b"]


def test_three_dependants_are_named_and_the_others_counted() -> None:
    (refused,) = ordered([orphan("a", *(others(f"view v{number}") for number in range(5)))])

    assert cause_words(refused.why) == "others depend on it: view v0, view v1, view v2 and 2 more"


IDENTITY = Identity(object_id="1", storage_id="1", kind=RelationKind.TABLE)
PART = relation("part")


@pytest.mark.parametrize(
    ("recorded", "now", "action"),
    [
        ({}, {}, Action.DROP),
        (
            {},
            {"identity": replace(IDENTITY, object_id="1", storage_id="2")},
            Action.DROP,
        ),  # VACUUM FULL moves it, and it is the same
        ({}, {"identity": replace(IDENTITY, object_id="2", storage_id="1")}, Action.REFUSE),
        ({}, {"identity": replace(IDENTITY, kind=RelationKind.VIEW)}, Action.REFUSE),
        ({"identity": None}, {}, Action.REFUSE),
        ({}, {"may_drop": False}, Action.REFUSE),
        ({}, {"parts": (PART,)}, Action.REFUSE),
        ({}, {"parts": (relation("other"),)}, Action.DROP),
        ({"materialized": "view"}, {}, Action.DROP),
        ({"materialized": "seed"}, {}, Action.DROP),
        ({"materialized": "incremental"}, {}, Action.KEEP),
        ({"materialized": "insert_by_period"}, {}, Action.KEEP),
        ({"materialized": "table", "resource_type": "snapshot"}, {}, Action.KEEP),
    ],
)
def test_only_the_recorded_relation_without_history_is_dropped(
    recorded: dict[str, Any], now: dict[str, Any], action: Action
) -> None:
    item = record(node("model.shop.x"), **recorded)
    found = DropCheck(**{"identity": IDENTITY, "owner": "dbt", "role": "dbt", "may_drop": True, **now})

    assert categorized(item, found, None, {PART}, False).action is action


def test_history_goes_when_asked_for_and_what_is_not_there_is_forgotten_in_any_case() -> None:
    item = record(node("snapshot.shop.x"))
    found = DropCheck(identity=IDENTITY, owner="dbt", role="dbt", may_drop=True)

    assert categorized(item, found, None, set(), True).action is Action.DROP
    assert categorized(item, found, told("it is being written"), set(), True).why == told("it is being written")
    assert categorized(item, None, None, set(), False).action is Action.FORGET
    here = categorized(item, found, None, set(), True, drops=False)
    assert (here.action, here.why) == (Action.REFUSE, Cause(code=CauseCode.NOT_DROPPED_HERE))
    assert categorized(item, None, None, set(), False, drops=False).action is Action.FORGET


def test_only_what_was_shown_is_done() -> None:
    shown, built_again = orphan("shown", 1), orphan("built_again", 2)
    now = orphan("late", 3)

    found = agreed(
        Orphans(environment=HERE, orphans=(shown, built_again)), Orphans(environment=HERE, orphans=(shown, now))
    )

    assert [(item.record.relation.identifier, item.action, cause_words(item.why)) for item in found] == [
        ("shown", Action.DROP, ""),
        ("late", Action.REFUSE, "this is new since the list was shown; run the command again"),
        ("built_again", Action.KEEP, "it is no longer an orphan"),
    ]


def test_each_orphan_reads_as_one_line_that_a_terminal_wraps() -> None:
    gone = replace(orphan("gone", 1, action=Action.FORGET, why="no longer exists"), check=None)
    found = Orphans(environment=HERE, orphans=(orphan("Old \x1b[31m", 2), gone))

    assert orphan_lines(found) == [
        'main."Old \\x1b[31m": table of model.shop.Old \\x1b[31m, built 2026-01-02 03:04:05+00:00; there as recorded',
        "main.gone: table of model.shop.gone, built 2026-01-02 03:04:05+00:00; no longer exists",
    ]
    wrapped = orphan_lines(found, width=60)
    assert max(len(line) for line in wrapped) <= 60
    assert [line.startswith("  ") for line in wrapped] == [False, True, False, True]


def test_what_would_be_done_and_what_was_done_is_said_with_the_reason() -> None:
    refused = orphan("b", 2, action=Action.REFUSE, why="others depend on it: view v")
    found = Orphans(environment=HERE, orphans=(orphan("a", 1), refused))

    assert intention_lines(found) == [
        "  drop    main.a: table of model.shop.a, built 2026-01-02 03:04:05+00:00",
        "  refuse  main.b: table of model.shop.b, built 2026-01-02 03:04:05+00:00; others depend on it: view v",
        "Orphans: 1 to drop, 1 to refuse.",
    ]
    assert [outcome_lines(item) for item in found.orphans] == [
        ["dropped main.a"],
        ["refused main.b; others depend on it: view v"],
    ]
    assert summary_line(found, will=False) == "Orphans: 1 dropped, 1 refused."


def test_the_document_names_all_dependents_and_the_action_or_the_outcome() -> None:
    found = Orphans(environment=HERE, orphans=(orphan("a", *(others(f"view v{n}") for n in range(5))),))

    listed, done = (orphans_document(found, is_done=is_done)["orphans"][0] for is_done in (False, True))

    assert listed == {
        "relation": '"db"."main"."a"',
        "unique_id": "model.shop.a",
        "resource_type": "model",
        "materialized": "table",
        "built_at": THEN.isoformat(),
        "kind": "table",
        "dependents": ["view v0", "view v1", "view v2", "view v3", "view v4"],
        "action": "drop",
        "why": "",
        "code": None,
    }
    assert (done["outcome"], "action" in done) == ("dropped", False)
