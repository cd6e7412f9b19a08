"""What may be recorded of a foreign dbt invocation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from support.values import THEN, node, project, record, relation

from dbt_state_plugin.core.comparison.invocation import (
    RecordingInputs,
    earliest,
    is_later,
    keeps_rows,
    versions_before,
    why_unrecorded,
)
from dbt_state_plugin.core.values.causes import told
from dbt_state_plugin.core.values.invocations import (
    UNKNOWN,
    DbtInvocation,
    DbtResult,
    HandedPlan,
    RecordedNode,
    Recording,
    RecordResult,
)
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation, Trace
from dbt_state_plugin.core.values.relations import Catalog, Environment, Identity, RelationKind
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.report.cause_words import cause_words
from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES

HOUR = timedelta(hours=1)
A = node("model.shop.a", materialized="table")
NAME = str(relation("a"))
OLD = Identity(object_id="1", storage_id="1", kind=RelationKind.TABLE)
NEW = Identity(object_id="2", storage_id="2", kind=RelationKind.TABLE)


def result(status: str = "success", *, at: datetime = THEN, message: str = "") -> DbtResult:
    return DbtResult(outcome=NodeOutcome(unique_id=A.unique_id, status=status, message=message), completed_at=at)


def built(*, at: datetime = THEN - HOUR, **fields: Any) -> RecordedRelation:
    return replace(record(A), identity=OLD, built_at=at, execution_id=UUID(int=7), **fields)


def inputs(recorded: RecordedRelation | None = None, identity: Identity | None = NEW, **fields: Any) -> RecordingInputs:
    values: dict[str, Any] = {
        "project": project(A),
        "dialect": POSTGRES,
        "recorded": Recorded(relations={relation("a"): recorded} if recorded else {}),
        "catalog": Catalog(identities={relation("a"): identity} if identity else {}),
        "lag": timedelta(0),
    }
    return RecordingInputs(**(values | fields))


def said(found: RecordedNode | None) -> tuple[str, str] | None:
    return (found.recording.value, cause_words(found.why)) if found is not None else None


@pytest.mark.parametrize("recorded", [None, built()])
def test_what_dbt_built_is_recorded(recorded: RecordedRelation | None) -> None:
    assert why_unrecorded(result(), inputs(recorded)) is None


def test_what_dbt_did_not_run_is_left_alone() -> None:
    assert said(why_unrecorded(result("skipped"), inputs(identity=None))) == ("skipped", "dbt did not run it")
    assert said(why_unrecorded(result("skipped", message="on error"), inputs())) == ("skipped", "on error")


def test_what_failed_says_so() -> None:
    assert said(why_unrecorded(result("error", message="division by zero"), inputs(built()))) == (
        "failed",
        "division by zero",
    )
    assert said(why_unrecorded(result("fail"), inputs())) == ("failed", "fail")


@pytest.mark.parametrize("status", ["success", "error"])
def test_a_build_that_was_recorded_later_stands(status: str) -> None:
    assert said(why_unrecorded(result(status), inputs(built(at=THEN)))) == (
        "known",
        "execution 00000000 recorded a later build",
    )


def test_what_is_still_as_it_was_recorded_was_not_built() -> None:
    assert said(why_unrecorded(result(), inputs(built(), OLD))) == (
        "known",
        "it is still what execution 00000000 left",
    )
    assert said(why_unrecorded(result(), inputs(replace(built(), execution_id=None), OLD))) == (
        "known",
        "it is still what execution unknown left",
    )


def test_where_a_table_cannot_be_told_from_the_one_before_what_dbt_says_counts() -> None:
    untold = inputs(built(), OLD, tells_replaced=False)

    assert why_unrecorded(result(), untold) is None
    assert not is_later(plan({NAME: "data/1/1"}), untold, [result()])


def test_what_is_written_in_place_may_look_as_before() -> None:
    in_place = project(replace(A, materialized="incremental"))

    assert why_unrecorded(result(), inputs(built(), OLD, project=in_place)) is None
    assert why_unrecorded(result(), inputs(built(), OLD, custom=frozenset({A.unique_id}))) is None


@pytest.mark.parametrize("lag", [HOUR * 2, -HOUR * 2])
def test_where_the_clocks_do_not_agree_both_count(lag: timedelta) -> None:
    at = THEN + lag / 2

    assert said(why_unrecorded(result(), inputs(built(at=at), lag=lag))) == (
        "due",
        "the clocks do not say whether execution 00000000 built it later",
    )
    assert why_unrecorded(result(), inputs(built(at=THEN - HOUR * 3), lag=lag)) is None
    assert said(why_unrecorded(result(), inputs(built(at=THEN + HOUR * 3), lag=lag))) == (
        "known",
        "execution 00000000 recorded a later build",
    )
    assert earliest(THEN, lag) == min(THEN, THEN + lag)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"intended": {relation("a"): "12345678-9"}}, "execution 12345678 has begun to write it since"),
        ({"identity": None}, "it does not exist"),
        (
            {"identity": Identity(object_id="2", storage_id="2", kind=RelationKind.VIEW)},
            "it is a view, and the project makes it a table",
        ),
        ({"doubts": {A.unique_id: told("its hooks")}}, "its hooks"),
    ],
)
def test_any_doubt_stays_due(given: dict[str, Any], why: str) -> None:
    assert said(why_unrecorded(result(), inputs(**given))) == ("due", why)


@pytest.mark.parametrize(
    ("message", "recorded", "is_due"),
    [
        ("SELECT 3", None, False),
        ("create index", built(), False),
        ("REFRESH MATERIALIZED VIEW", None, True),
        ("REFRESH MATERIALIZED VIEW", built(), False),
        (
            "REFRESH MATERIALIZED VIEW",
            replace(built(), identity=Identity(object_id="9", storage_id="1", kind=OLD.kind)),
            True,
        ),
        ("REFRESH MATERIALIZED VIEW", replace(built(), identity=None), True),
        ("REFRESH MATERIALIZED VIEW", replace(built(), fingerprint={"body": "other"}), True),
    ],
)
def test_a_materialized_view_that_was_only_refreshed_keeps_its_query(
    message: str, recorded: RecordedRelation | None, is_due: bool
) -> None:
    shown = project(replace(A, materialized="materialized_view"))
    refreshed = Identity(object_id="1", storage_id="2", kind=RelationKind.MATERIALIZED_VIEW)

    found = said(why_unrecorded(result(message=message), inputs(recorded, refreshed, project=shown)))

    assert found == (("due", "dbt only refreshed it, so it may have another query") if is_due else None)


def test_what_has_no_relation_need_not_exist() -> None:
    test = node("test.shop.a")
    passed = DbtResult(outcome=NodeOutcome(unique_id=test.unique_id, status="pass"), completed_at=THEN)

    assert why_unrecorded(passed, inputs(identity=None, project=project(test))) is None


def plan(versions: dict[str, str], *, at: datetime = THEN - HOUR) -> HandedPlan:
    return HandedPlan(plan_id=UUID(int=1), handed_at=at, versions=versions)


@pytest.mark.parametrize(
    ("versions", "found"),
    [
        ({NAME: "data/2/2"}, True),
        ({NAME: "data/2/2/touched"}, True),
        ({NAME: "data/12/2"}, False),
        ({NAME: "data/2/22"}, False),
        ({NAME: "data"}, False),
        ({}, False),
    ],
)
def test_a_plan_that_saw_what_dbt_built_was_made_later(versions: dict[str, str], found: bool) -> None:
    assert is_later(plan(versions), inputs(), [result()]) is found


def test_only_what_dbt_puts_in_the_place_of_another_tells_when_a_plan_was_made() -> None:
    other = DbtResult(outcome=NodeOutcome(unique_id="model.shop.gone", status="success"), completed_at=THEN)
    in_place = project(replace(A, materialized="incremental"))

    assert not is_later(plan({NAME: "data/2/2"}), inputs(), [other, result("error")])
    assert not is_later(plan({NAME: "data/2/2"}), inputs(identity=None), [result()])
    assert not is_later(plan({NAME: "data/2/2"}), inputs(project=in_place), [result()])


def test_the_newest_version_from_before_dbt_began_counts() -> None:
    seen = built(at=THEN - HOUR, trace=Trace(parents={"s": "d/i/i/c/t/content:1/later", "r": "old", "u": UNKNOWN}))
    earlier, later = plan({"r": "older", "u": "x"}, at=THEN - 2 * HOUR), plan({"r": "newest"}, at=THEN)
    newer = plan({"r": "new"}, at=THEN - HOUR / 2)
    recorded = Recorded(relations={relation("a"): seen})

    def found(*plans: HandedPlan, began: datetime = THEN, written: tuple[str, ...] = ()) -> dict[str, str]:
        return versions_before(recorded, plans, began, written)

    assert found() == {"s": "d/i/i/c/t/content:1", "r": "old"}
    assert found(earlier) == {"s": "d/i/i/c/t/content:1", "r": "old", "u": "x"}
    assert found(earlier, newer, later)["r"] == "new"
    assert found(earlier, began=THEN - HOUR) == {"r": "older", "u": "x"}
    assert found(newer, written=("r", "w")) == {"s": "d/i/i/c/t/content:1", "r": UNKNOWN, "w": UNKNOWN}


@pytest.mark.parametrize(
    ("recorded", "identity", "custom", "is_kept"),
    [
        (built(), Identity(object_id="1", storage_id="9", kind=OLD.kind), False, True),
        (built(), NEW, False, False),
        (built(), NEW, True, True),
        (built(), None, False, True),
        (None, NEW, False, True),
        (replace(built(), identity=None), NEW, False, True),
    ],
)
def test_rows_of_earlier_logic_are_gone_with_the_relation(
    recorded: RecordedRelation | None, identity: Identity | None, custom: bool, is_kept: bool
) -> None:
    known = inputs(recorded, identity, custom=frozenset({A.unique_id} if custom else ()))

    assert keeps_rows(A, recorded, known) is is_kept


def test_vars_are_those_of_the_command_line() -> None:
    def ran(given: Any) -> DbtInvocation:
        return DbtInvocation(
            invocation_id="i", command="run", dbt_version="1", started_at=THEN, arguments={"vars": given}, results=()
        )

    assert ran({"a": 1}).variables == {"a": 1}
    assert ran(None).variables == {}


def test_nodes_are_found_by_what_became_of_them() -> None:
    nodes = (
        RecordedNode(unique_id="a", recording=Recording.FAILED),
        RecordedNode(unique_id="b", recording=Recording.DUE),
    )
    recorded = RecordResult(
        environment=Environment(project="shop"), invocation_id="i", execution_id=UUID(int=1), nodes=nodes
    )

    assert [each.unique_id for each in recorded.of(Recording.FAILED)] == ["a"]
