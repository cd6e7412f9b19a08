"""Rows that earlier logic has built."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.values import Warehouse, edited, node, project, record, relation, request

from dbt_state_plugin.core.decision.logic_change import older_logic_after
from dbt_state_plugin.core.decision.rule import make_plan
from dbt_state_plugin.core.values.plan import ChangeCategory, PlanEntry
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.reasons import OldRows, Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import Trace
from dbt_state_plugin.core.values.relations import Identity, RelationKind
from dbt_state_plugin.report.reason_words import detail

EVENTS = node("model.shop.events", materialized="incremental")


def changed(kind: ReasonKind, **fields: bool) -> ChangeCategory:
    reason = Reason(kind=kind, code=ReasonCode.PART_CHANGED, values={"part": kind.value})
    return ChangeCategory(reasons=(reason,), **fields)


LOGIC = changed(ReasonKind.BODY, is_logic=True)
GRANT = changed(ReasonKind.CONFIG, is_physical=True)
SINCE = "6a1b2c3d-0000-0000-0000-000000000000"


def entry(
    item: Node = EVENTS,
    category: ChangeCategory | None = LOGIC,
    *others: Node,
    trace: Trace | None = None,
    **asked: Any,
) -> PlanEntry:
    """Return the decision about a built node whose definition differs as the judgement says."""
    of = project(item, *others)
    warehouse = Warehouse()
    warehouse.build(of, request("build"))
    key = item.relation
    assert key is not None
    if trace is not None:
        known = warehouse.records[key]
        warehouse.records[key] = replace(known, trace=replace(known.trace, older_logic=trace.older_logic))
    categories = {item.unique_id: category} if category else {}
    plan = make_plan(of, warehouse.recorded, warehouse.catalog, request("build", **asked), categories)
    found = plan.entry(item.unique_id)
    assert found is not None
    return found


def with_rule(rule: str, **fields: Any) -> Node:
    return replace(EVENTS, settings={"on_logic_change": rule}, **fields)


@pytest.mark.parametrize(
    ("item", "asked", "rows"),
    [
        (EVENTS, {}, OldRows.KEPT),
        (EVENTS, {"full_refresh_changed": True}, OldRows.REBUILT),
        (EVENTS, {"full_refresh": True}, OldRows.REBUILT),
        (EVENTS, {"on_logic_change": "full_refresh"}, OldRows.REBUILT),
        (EVENTS, {"on_logic_change": "fail"}, OldRows.REFUSED),
        (EVENTS, {"on_logic_change": "fail", "full_refresh_changed": True}, OldRows.REBUILT),
        (with_rule("full_refresh"), {"on_logic_change": "fail"}, OldRows.REBUILT),
        (with_rule("run"), {"on_logic_change": "fail"}, OldRows.KEPT),
        (with_rule("fail"), {"full_refresh": True}, OldRows.REBUILT),
        (with_rule("full_refresh", full_refresh=False), {"full_refresh_changed": True}, OldRows.PROTECTED),
        (with_rule("fail", full_refresh=False), {}, OldRows.REFUSED),
        (replace(EVENTS, full_refresh=True), {}, None),
        (node("snapshot.shop.events", materialized="snapshot"), {"full_refresh_changed": True}, OldRows.PROTECTED),
        (node("model.shop.events", materialized="table"), {"full_refresh_changed": True}, None),
    ],
)
def test_the_flags_win_over_the_model_and_that_over_the_default(
    item: Node, asked: dict[str, Any], rows: OldRows | None
) -> None:
    assert entry(item, **asked).old_rows is rows


@pytest.mark.parametrize("category", [GRANT, ChangeCategory(), None])
def test_what_is_no_logic_leaves_rows_as_they_should_be(category: ChangeCategory | None) -> None:
    assert entry(EVENTS, category, force=True, full_refresh_changed=True).old_rows is None


def test_a_selection_narrows_what_is_built_from_scratch() -> None:
    assert entry(full_refresh_changed=True, selected=["model.shop.other"]).old_rows is OldRows.KEPT


@pytest.mark.parametrize("inside", [node("model.shop.e", materialized="ephemeral"), node("function.shop.f")])
def test_the_logic_inside_is_the_logic_of_the_model(inside: Node) -> None:
    item = replace(EVENTS, parents=(inside.unique_id,))
    of = project(inside, item)
    warehouse = Warehouse()
    warehouse.build(of, request("build"))
    after = edited(of, inside.unique_id, "2 -- two")

    found = warehouse.plan(after, request("build")).entry(item.unique_id)

    assert found is not None
    assert found.old_rows is OldRows.KEPT


@pytest.mark.parametrize("identity", [None, Identity(object_id="1", storage_id="1", kind=RelationKind.VIEW)])
def test_a_relation_that_dbt_builds_anew_has_no_old_rows(identity: Identity | None) -> None:
    of = project(EVENTS)
    warehouse = Warehouse()
    warehouse.build(of)
    name = relation("events")
    warehouse.records[name] = replace(warehouse.records[name], identity=identity)

    plan = make_plan(of, warehouse.recorded, warehouse.catalog, request(), {EVENTS.unique_id: LOGIC})

    assert [each.old_rows for each in plan.to_build] == [None]


def test_a_relation_that_is_gone_has_no_old_rows() -> None:
    of = project(EVENTS)
    warehouse = Warehouse()
    warehouse.build(of)
    del warehouse.identities[relation("events")]

    plan = make_plan(of, warehouse.recorded, warehouse.catalog, request(), {EVENTS.unique_id: LOGIC})

    assert [each.old_rows for each in plan.to_build] == [None]


OLDER = Trace(older_logic=SINCE)
SEED = node("seed.shop.fees")


@pytest.mark.parametrize(
    ("item", "asked", "rows"),
    [
        (SEED, {}, OldRows.KEPT),
        (SEED, {"full_refresh_changed": True}, OldRows.REBUILT),
        (SEED, {"on_logic_change": "fail"}, OldRows.REFUSED),
        (replace(SEED, full_refresh=False), {"full_refresh_changed": True}, OldRows.PROTECTED),
        (replace(SEED, full_refresh=True), {}, None),
    ],
)
def test_a_seed_keeps_its_columns_as_an_incremental_model_its_rows(
    item: Node, asked: dict[str, Any], rows: OldRows | None
) -> None:
    assert entry(item, **asked).old_rows is rows


def test_a_seed_that_keeps_earlier_columns_says_so_in_every_plan() -> None:
    of = project(SEED)
    warehouse = Warehouse()
    warehouse.build(of, request("build"))
    key = SEED.relation
    assert key is not None
    assert warehouse.plan(of, request("build")).outdated_seeds == ()
    known = warehouse.records[key]
    warehouse.records[key] = replace(known, trace=replace(known.trace, older_logic=SINCE))

    plan = warehouse.plan(of, request("build"))

    assert plan.to_build == ()
    assert plan.outdated_seeds == (SEED.unique_id,)
    reloaded = warehouse.plan(of, request("build", full_refresh_changed=True))
    assert [detail(reason) for reason in reloaded.to_build[0].reasons] == [
        f"its table has columns or types of an earlier file or configuration (since execution {SINCE[:8]})"
    ]
    assert reloaded.outdated_seeds == ()


@pytest.mark.parametrize(
    ("item", "asked", "kinds"),
    [
        (EVENTS, {}, []),
        (EVENTS, {"on_logic_change": "fail"}, []),
        (EVENTS, {"full_refresh_changed": True}, ["logic"]),
        (EVENTS, {"on_logic_change": "full_refresh"}, ["logic"]),
        (EVENTS, {"full_refresh_changed": True, "selected": ["model.shop.other"]}, []),
        (replace(EVENTS, full_refresh=False), {"full_refresh_changed": True}, []),
        (node("snapshot.shop.events", materialized="snapshot"), {"full_refresh_changed": True}, []),
        (node("model.shop.events", materialized="table"), {"full_refresh_changed": True}, []),
    ],
)
def test_rows_of_an_older_logic_are_known_for_later(item: Node, asked: dict[str, Any], kinds: list[str]) -> None:
    found = entry(item, None, trace=OLDER, **asked)

    assert [reason.kind.value for reason in found.reasons] == kinds
    assert all(detail(reason).endswith("(since execution 6a1b2c3d)") for reason in found.reasons)


def test_such_rows_refuse_no_run_that_brings_no_new_logic() -> None:
    assert entry(EVENTS, None, trace=OLDER, force=True, on_logic_change="fail").old_rows is OldRows.KEPT


@pytest.mark.parametrize(
    ("rows", "before", "after"),
    [
        (None, SINCE, ""),
        (OldRows.REBUILT, SINCE, ""),
        (OldRows.KEPT, SINCE, SINCE),
        (OldRows.KEPT, "", "this"),
        (OldRows.PROTECTED, "", "this"),
    ],
)
def test_a_build_records_since_when_it_holds_such_rows(rows: OldRows | None, before: str, after: str) -> None:
    known = record(EVENTS, trace=Trace(older_logic=before))

    assert older_logic_after(rows, known, "this") == after


def test_a_build_that_was_never_recorded_has_rows_of_older_logic_since_this_one() -> None:
    assert older_logic_after(OldRows.KEPT, None, "this") == "this"


def several() -> Project:
    return project(EVENTS, node("model.shop.below", ["model.shop.events"]))


def test_what_is_built_from_scratch_drags_its_readers_along() -> None:
    of = several()
    warehouse = Warehouse()
    warehouse.build(of)
    name = relation("events")
    known = warehouse.records[name]
    warehouse.records[name] = replace(known, trace=replace(known.trace, older_logic=SINCE))

    assert warehouse.planned(of, request(full_refresh_changed=True)) == {"model.shop.events", "model.shop.below"}
