"""Nodes that are built, and for which reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.size import examples
from support.values import HERE, THEN, Warehouse, descendants, edited, granted, node, project, record, relation, request

from dbt_state_plugin.core.decision.request import SCOPES, PlanRequest
from dbt_state_plugin.core.decision.rule import make_plan
from dbt_state_plugin.core.decision.seen_versions import is_of_nothing, relation_version, relation_versions
from dbt_state_plugin.core.lineage import record_key
from dbt_state_plugin.core.values.plan import ChangeCategory, Decision
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import OpenIntent, Recorded
from dbt_state_plugin.core.values.relations import (
    Catalog,
    Environment,
    Identity,
    RelationKind,
    RelationName,
    SourceData,
)
from dbt_state_plugin.errors import ProjectError
from dbt_state_plugin.report.reason_words import detail, reason_words
from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES

RAW = node("source.shop.raw")
A = node("model.shop.a", ["source.shop.raw"])
B = node("model.shop.b", ["model.shop.a"])
C = node("model.shop.c", ["model.shop.b"])
CHAIN = project(RAW, A, B, C)
ALL = {"model.shop.a", "model.shop.b", "model.shop.c"}
BUILD = request("build")
# A busy machine is no reason to fail.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture
def warehouse() -> Warehouse:
    """Give a warehouse in which everything was built."""
    return built(CHAIN)


def built(of: Project) -> Warehouse:
    warehouse = Warehouse()
    for item in of.nodes.values():
        if item.resource_type == "source":
            assert item.relation is not None
            warehouse.create(item.relation)
    warehouse.build(of, BUILD)
    return warehouse


def test_what_another_command_builds_and_nobody_has_yet_is_told() -> None:
    seed, unread = node("seed.shop.fees"), node("seed.shop.unread")
    inside = node("model.shop.inside", ["seed.shop.fees"], materialized="ephemeral")
    reader = node("model.shop.reader", ["model.shop.inside"])
    shop, warehouse = project(seed, unread, inside, reader), Warehouse()

    assert warehouse.plan(shop, request("run")).absent_above == ("seed.shop.fees",)
    assert warehouse.plan(shop, request("build")).absent_above == ()
    warehouse.build(shop, request("seed"))
    assert warehouse.plan(shop, request("run")).absent_above == ()


def kinds(warehouse: Warehouse, of: Project, unique_id: str, command: str = "run") -> list[str]:
    entry = warehouse.plan(of, request(command)).entry(unique_id)
    assert entry is not None
    return [reason.kind.value for reason in entry.reasons]


def details(warehouse: Warehouse, of: Project, unique_id: str) -> list[str]:
    entry = warehouse.plan(of).entry(unique_id)
    assert entry is not None
    return [detail(reason) for reason in entry.reasons]


def unjudged(warehouse: Warehouse, of: Project, unique_id: str) -> list[str]:
    """Return the kinds of the reasons where nothing is known about a difference but that it is there."""
    entry = make_plan(of, warehouse.recorded, warehouse.catalog, request()).entry(unique_id)
    assert entry is not None
    return [reason.kind.value for reason in entry.reasons]


def test_what_was_never_built_is_new() -> None:
    warehouse = Warehouse()

    assert warehouse.planned(CHAIN) == ALL
    assert kinds(warehouse, CHAIN, "model.shop.a") == ["new"]
    assert kinds(warehouse, CHAIN, "model.shop.b") == ["new", "upstream"]


def test_after_a_build_nothing_is_planned(warehouse: Warehouse) -> None:
    plan = warehouse.plan(CHAIN)

    assert plan.to_build == ()
    assert {entry.node.unique_id for entry in plan.skipped} == ALL
    assert all(entry.record is not None for entry in plan.entries)


def test_an_edited_node_is_planned_with_all_that_follow(warehouse: Warehouse) -> None:
    after = edited(CHAIN, "model.shop.b")

    assert warehouse.planned(after) == {"model.shop.b", "model.shop.c"}
    assert kinds(warehouse, after, "model.shop.b") == ["body"]
    assert kinds(warehouse, after, "model.shop.c") == ["upstream"]


def test_parents_come_first_in_a_plan(warehouse: Warehouse) -> None:
    plan = warehouse.plan(edited(CHAIN, "model.shop.a"))

    assert [entry.node.unique_id for entry in plan.entries] == ["model.shop.a", "model.shop.b", "model.shop.c"]


@pytest.mark.parametrize(
    ("part", "kind"),
    [(kind.value, kind.value) for kind in list(ReasonKind)[1:15]] + [("part_of_a_later_version", "config")],
)
def test_each_part_of_the_fingerprint_is_a_reason_of_its_own(warehouse: Warehouse, part: str, kind: str) -> None:
    after = replace(C, fingerprint={"body": "1", part: "changed"})

    assert unjudged(warehouse, project(RAW, A, B, after), "model.shop.c") == [kind]


def test_a_part_that_only_the_record_has_is_a_difference(warehouse: Warehouse) -> None:
    after = replace(C, fingerprint={})

    assert kinds(warehouse, project(RAW, A, B, after), "model.shop.c") == ["body"]


def test_parts_that_differ_are_told_in_the_order_of_the_fingerprint(warehouse: Warehouse) -> None:
    after = replace(C, fingerprint={"body": "2", "macros": "2", "engine": "2", "other": "2"})

    assert unjudged(warehouse, project(RAW, A, B, after), "model.shop.c") == ["body", "macros", "engine", "config"]


def judged_as(warehouse: Warehouse, of: Project, unique_id: str, category: ChangeCategory) -> list[str]:
    plan = make_plan(of, warehouse.recorded, warehouse.catalog, request(), {unique_id: category})
    return [reason.kind.value for entry in plan.entries for reason in entry.reasons if entry.node.name == "c"]


def test_a_judgement_decides_which_differences_count(warehouse: Warehouse) -> None:
    after = project(RAW, A, B, replace(C, fingerprint={"body": "2", "macros": "2"}))
    real = Reason(kind=ReasonKind.MACROS, code=ReasonCode.PART_CHANGED, values={"part": "macros"})

    assert judged_as(warehouse, after, "model.shop.c", ChangeCategory(reasons=(real,))) == ["macros"]
    assert judged_as(warehouse, after, "model.shop.c", ChangeCategory()) == []


def test_a_judgement_of_another_node_decides_nothing(warehouse: Warehouse) -> None:
    assert judged_as(warehouse, edited(CHAIN, "model.shop.c"), "model.shop.a", ChangeCategory()) == ["body"]


@pytest.mark.parametrize("same", [True, False])
def test_what_is_inside_is_a_reason_unless_it_is_judged_the_same(same: bool) -> None:
    of = project(node("model.shop.e", materialized="ephemeral"), node("model.shop.c", ["model.shop.e"]))
    warehouse = built(of)
    category = ChangeCategory(inlined_is_same=same)

    reasons = judged_as(warehouse, edited(of, "model.shop.e"), "model.shop.c", category)

    assert reasons == ([] if same else ["upstream"])


TESTED = project(
    node("model.shop.b"),
    node("model.shop.e", materialized="ephemeral"),
    node("unit_test.shop.c", ["model.shop.b"], resource_type="unit_test", relation=None),
    node("unit_test.shop.d", ["model.shop.e"], resource_type="unit_test", relation=None),
)


@pytest.mark.parametrize(
    ("equal", "is_built"),
    [
        (["layout"], False),
        (["layout", "undescribed"], False),
        (["statement"], True),
        (["layout", "unread"], True),
        ([], True),
    ],
)
def test_a_unit_test_is_left_alone_where_its_model_has_another_layout(equal: list[str], is_built: bool) -> None:
    cosmetic = tuple(
        Reason(kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values={"part": "body", "equal": each})
        for each in equal
    )
    warehouse, of = built(TESTED), edited(TESTED, "model.shop.b")
    plan = make_plan(
        of,
        warehouse.recorded,
        warehouse.catalog,
        request(command="build"),
        {"model.shop.b": ChangeCategory(cosmetic=cosmetic)},
    )

    assert ("unit_test.shop.c" in {entry.node.unique_id for entry in plan.to_build}) == is_built


def test_a_unit_test_runs_where_it_has_not_seen_what_its_model_was_built_from() -> None:
    layout = Reason(kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values={"part": "body", "equal": "layout"})
    warehouse = built(TESTED)
    key = record_key(TESTED.nodes["model.shop.b"], TESTED)
    record = replace(warehouse.recorded.relations[key], fingerprint={"body": "built since"})
    recorded = replace(warehouse.recorded, relations={**warehouse.recorded.relations, key: record})
    category = ChangeCategory(cosmetic=(layout,))

    plan = make_plan(
        edited(TESTED, "model.shop.b"),
        recorded,
        warehouse.catalog,
        request(command="build"),
        {"model.shop.b": category},
    )

    assert "unit_test.shop.c" in {entry.node.unique_id for entry in plan.to_build}


def test_a_unit_test_of_an_ephemeral_model_runs_when_that_differs() -> None:
    plan = built(TESTED).plan(edited(TESTED, "model.shop.e"), request(command="build"))

    assert "unit_test.shop.d" in {entry.node.unique_id for entry in plan.to_build}


def test_a_cosmetic_edit_leaves_a_node_and_its_children_alone_and_is_told(warehouse: Warehouse) -> None:
    plan = warehouse.plan(edited(CHAIN, "model.shop.b", "1 -- one"))
    entry = plan.entry("model.shop.b")

    assert plan.to_build == ()
    assert entry is not None
    assert [reason.kind for reason in entry.cosmetic] == [ReasonKind.BODY]
    assert entry in plan.skipped


def test_a_cosmetic_edit_is_recorded_by_the_next_run(warehouse: Warehouse) -> None:
    after = edited(CHAIN, "model.shop.b", "1 -- one")

    assert warehouse.build(after) == set()

    assert warehouse.categories(after) == {}


def test_a_cosmetic_edit_of_a_node_that_is_built_anyway_is_told(warehouse: Warehouse) -> None:
    entry = warehouse.plan(edited(CHAIN, "model.shop.b", "1 -- one"), request(force=True)).entry("model.shop.b")

    assert entry is not None
    assert [reason.kind for reason in entry.reasons] == [ReasonKind.FORCED, ReasonKind.UPSTREAM]
    assert [reason.kind for reason in entry.cosmetic] == [ReasonKind.BODY]


def test_a_cosmetic_edit_of_an_ephemeral_model_leaves_its_readers_alone() -> None:
    of = project(node("model.shop.e", materialized="ephemeral"), node("model.shop.c", ["model.shop.e"]))
    warehouse = built(of)

    assert warehouse.planned(edited(of, "model.shop.e", "1 -- one")) == set()
    assert warehouse.planned(edited(of, "model.shop.e", "2 -- two")) == {"model.shop.c"}


def marts() -> Project:
    """Return a table with a view, a table on each, and a table below."""
    return project(
        RAW,
        A,
        node("model.shop.v", ["model.shop.a"], materialized="view"),
        node("model.shop.on_a", ["model.shop.a"]),
        node("model.shop.on_v", ["model.shop.v"]),
        node("model.shop.below", ["model.shop.on_a"]),
    )


def test_a_build_for_a_physical_reason_leaves_the_tables_below_alone_now_and_afterwards() -> None:
    warehouse = built(marts())
    after = granted(marts(), "model.shop.a")

    assert warehouse.build(after) == {"model.shop.a", "model.shop.v"}
    assert warehouse.planned(after, BUILD) == set()
    assert warehouse.grants[relation("a")] == "reader"


def test_the_views_that_postgresql_drops_with_it_are_built_and_keep_their_data_too() -> None:
    warehouse = built(marts())
    plan = warehouse.plan(granted(marts(), "model.shop.a"))

    kept = {entry.node.name: entry.keeps_data for entry in plan.to_build}
    before = warehouse.records[relation("v")]
    warehouse.build(granted(marts(), "model.shop.a"))
    after = warehouse.records[relation("v")]

    assert kept == {"a": True, "v": True}
    assert (after.data_id, after.build_id != before.build_id) == (before.data_id, True)


@pytest.mark.parametrize(
    ("shows_failures", "expected"), [(False, {"model.shop.a"}), (True, {"model.shop.a", "test.shop.t"})]
)
def test_a_view_of_what_a_test_finds_is_created_again_by_that_test(shows_failures: bool, expected: set[str]) -> None:
    of = project(A, node("test.shop.t", ["model.shop.a"], shows_failures=shows_failures))

    assert built(of).planned(granted(of, "model.shop.a"), BUILD) == expected


def test_a_materialized_view_that_goes_down_is_filled_anew_so_that_its_readers_follow() -> None:
    of = project(
        A,
        node("model.shop.m", ["model.shop.a"], materialized="materialized_view"),
        node("model.shop.t", ["model.shop.m"]),
    )
    warehouse = built(of)

    assert warehouse.planned(granted(of, "model.shop.a")) == {"model.shop.a", "model.shop.m", "model.shop.t"}


def test_a_physical_reason_on_a_view_leaves_its_readers_alone() -> None:
    warehouse = built(marts())
    after = granted(marts(), "model.shop.v")

    assert warehouse.build(after) == {"model.shop.v"}
    assert warehouse.planned(after, BUILD) == set()


def test_a_table_that_reads_a_view_may_come_out_differently() -> None:
    of = project(*marts().nodes.values(), node("model.shop.t", ["model.shop.on_v"]))
    warehouse = built(of)

    assert warehouse.planned(granted(of, "model.shop.on_v")) == {"model.shop.on_v", "model.shop.t"}


@pytest.mark.parametrize("materialized", ["incremental", "table"])
def test_only_what_is_built_from_nothing_keeps_its_data(materialized: str) -> None:
    of = project(RAW, replace(A, materialized=materialized), B)
    warehouse = built(of)

    planned = warehouse.planned(granted(of, "model.shop.a"))

    assert planned == ({"model.shop.a"} if materialized == "table" else {"model.shop.a", "model.shop.b"})


@pytest.mark.parametrize(
    "asked", [request(force=True, selected=["model.shop.a"]), request(full_refresh=True, selected=["model.shop.a"])]
)
def test_a_physical_reason_beside_a_forced_build_keeps_nothing(warehouse: Warehouse, asked: PlanRequest) -> None:
    plan = warehouse.plan(granted(CHAIN, "model.shop.a"), asked)

    assert [(entry.node.name, entry.keeps_data) for entry in plan.to_build] == [("a", False)]
    assert [entry.node.name for entry in plan.waiting] == ["b", "c"]


def test_a_physical_reason_beside_an_edit_keeps_nothing(warehouse: Warehouse) -> None:
    assert warehouse.planned(granted(edited(CHAIN, "model.shop.a"), "model.shop.a")) == ALL


def test_a_physical_reason_beside_a_cosmetic_edit_keeps_the_data(warehouse: Warehouse) -> None:
    assert warehouse.planned(granted(edited(CHAIN, "model.shop.a", "1 -- one"), "model.shop.a")) == {"model.shop.a"}


@pytest.mark.parametrize("trouble", ["drop", "replace", "interrupt", "source", "elsewhere"])
def test_a_physical_reason_beside_any_doubt_keeps_nothing(warehouse: Warehouse, trouble: str) -> None:
    if trouble == "drop":
        warehouse.drop(relation("a"))
    elif trouble == "replace":
        warehouse.create(relation("a"))
    elif trouble == "interrupt":
        warehouse.intents[relation("a")] = (intent("a"),)
    elif trouble == "source":
        warehouse.create(relation("raw"))
    else:
        warehouse.records[relation("a")] = replace(warehouse.records[relation("a")], environment="another")

    assert warehouse.planned(granted(CHAIN, "model.shop.a")) == ALL


def test_a_physical_reason_below_an_edit_keeps_nothing(warehouse: Warehouse) -> None:
    plan = warehouse.plan(granted(edited(CHAIN, "model.shop.a"), "model.shop.b"))

    assert [(entry.node.name, entry.keeps_data) for entry in plan.to_build] == [
        ("a", False),
        ("b", False),
        ("c", False),
    ]


def test_a_build_for_a_physical_reason_that_failed_leaves_doubt(warehouse: Warehouse) -> None:
    after = granted(CHAIN, "model.shop.a")
    warehouse.build(after, failing=["model.shop.a"])

    assert kinds(warehouse, after, "model.shop.a") == ["interrupted", "config"]
    assert warehouse.planned(after) == ALL


def test_a_view_that_went_down_and_was_not_built_again_leaves_doubt() -> None:
    warehouse = built(marts())
    after = granted(marts(), "model.shop.a")
    warehouse.build(after, failing=["model.shop.v"])

    assert warehouse.planned(after) == {"model.shop.v", "model.shop.on_v"}


def test_children_built_in_the_run_of_a_physical_build_are_clean_afterwards(warehouse: Warehouse) -> None:
    after = granted(edited(CHAIN, "model.shop.c"), "model.shop.a")

    assert warehouse.build(after) == {"model.shop.a", "model.shop.c"}
    assert warehouse.planned(after) == set()


def test_a_view_that_goes_down_with_a_table_that_changes_says_so_though_another_keeps_its_data() -> None:
    of, warehouse = unconnected(("v", "a"))
    of = project(*of.nodes.values(), node("model.shop.b"), node("model.shop.t", ["model.shop.v"]))
    warehouse.build(of)
    warehouse.depends[relation("v")] = {relation("a"), relation("b")}
    after = edited(granted(of, "model.shop.a"), "model.shop.b")

    assert warehouse.planned(after) == {"model.shop.a", "model.shop.b", "model.shop.v", "model.shop.t"}


def test_a_view_with_new_grants_that_goes_down_with_a_table_that_changes_keeps_nothing() -> None:
    of, warehouse = unconnected(("v", "a"))
    of = project(*of.nodes.values(), node("model.shop.t", ["model.shop.v"]))
    warehouse.build(of)
    after = granted(edited(of, "model.shop.a"), "model.shop.v")

    assert warehouse.planned(after) == {"model.shop.a", "model.shop.v", "model.shop.t"}


def test_a_snapshot_is_read_through_the_view_on_it() -> None:
    of = project(
        node("snapshot.shop.t"),
        node("model.shop.v", ["snapshot.shop.t"], materialized="view"),
        node("snapshot.shop.s", ["model.shop.v"]),
    )
    warehouse = built(of)
    after = edited(of, "snapshot.shop.t")

    assert warehouse.planned(after, request("snapshot")) == {"snapshot.shop.t", "snapshot.shop.s"}
    assert warehouse.build(after, request("snapshot")) == {"snapshot.shop.t", "snapshot.shop.s"}
    assert warehouse.planned(after, request("snapshot")) == set()


def test_a_parent_that_was_built_later_is_a_reason(warehouse: Warehouse) -> None:
    warehouse.build(edited(CHAIN, "model.shop.a"), request(selected=["model.shop.a"]))

    assert details(warehouse, edited(CHAIN, "model.shop.a"), "model.shop.b") == ["was built since"]


def test_a_new_parent_is_a_reason(warehouse: Warehouse) -> None:
    after = project(RAW, A, B, replace(C, parents=("model.shop.b", "source.shop.raw")))

    assert details(warehouse, after, "model.shop.c") == ["is new here"]
    after = project(RAW, A, B, replace(C, parents=("model.shop.b", "model.shop.a")))
    assert details(warehouse, after, "model.shop.c") == ["is a new parent"]


def test_a_source_that_was_created_again_is_new_data(warehouse: Warehouse) -> None:
    warehouse.create(relation("raw"))

    assert warehouse.planned(CHAIN) == ALL
    assert kinds(warehouse, CHAIN, "model.shop.a") == ["data"]


def test_rows_that_a_loader_changed_are_new_data_for_all_that_store_them() -> None:
    of = project(
        RAW, A, node("model.shop.v", ["source.shop.raw"], materialized="view"), node("model.shop.t", ["model.shop.v"])
    )
    warehouse = built(of)
    warehouse.load(relation("raw"))

    assert warehouse.planned(of) == {"model.shop.a", "model.shop.t"}
    assert kinds(warehouse, of, "model.shop.t") == ["data"]
    assert details(warehouse, of, "model.shop.a") == ["rows changed"]


def test_a_view_on_a_table_that_is_only_written_into_stays_and_what_reads_it_is_built() -> None:
    table = node("model.shop.table", ["source.shop.raw"], materialized="incremental", keeps_columns=True)
    view = node("model.shop.view", ["model.shop.table"], materialized="view")
    second = node("model.shop.second", ["model.shop.view"], materialized="view")
    of = project(RAW, table, view, second, node("model.shop.last", ["model.shop.second"]))
    warehouse = built(of)
    warehouse.load(relation("raw"))

    assert warehouse.planned(of) == {"model.shop.table", "model.shop.last"}
    assert warehouse.planned(edited(of, "model.shop.table")) == warehouse.planned(of, request(full_refresh=True))
    warehouse.build(of, request(selected=["model.shop.table"]))
    assert warehouse.planned(of) == {"model.shop.last"}
    warehouse.create(relation("table"))
    assert warehouse.planned(of) == set(of.nodes) - {"source.shop.raw"}


def test_a_view_on_a_table_that_calls_a_function_which_is_built_is_built_with_it() -> None:
    function = node("function.shop.f", ["source.shop.raw"])
    table = node("model.shop.table", ["function.shop.f"], materialized="incremental", keeps_columns=True)
    of = project(RAW, function, table, node("model.shop.view", ["model.shop.table"], materialized="view"))
    warehouse = built(of)
    warehouse.load(relation("raw"))

    assert warehouse.planned(of, BUILD) >= {"model.shop.table", "model.shop.view"}


def test_a_model_that_may_be_so_old_and_is_older_is_built_with_what_reads_it(warehouse: Warehouse) -> None:
    aging = replace(A, settings={"max_age": 24})
    of = project(RAW, aging, B, C)
    later = [request(now=THEN + timedelta(hours=hours)) for hours in (23.9, 24, 26.04)]

    assert [warehouse.planned(of, asked) for asked in later] == [set(), ALL, ALL]
    entry = warehouse.plan(of, later[-1]).entry("model.shop.a")
    assert entry is not None
    assert [reason_words(reason) for reason in entry.reasons] == ["age: its last build is 26 h old, max_age is 24"]
    assert warehouse.planned(of) == set()  # without a clock nothing is old


def test_rows_that_are_equal_again_are_no_new_data_but_for_those_who_read_the_loaders_columns() -> None:
    of = project(RAW, A, node("model.shop.newest", ["source.shop.raw"], names_loader_columns=True))
    warehouse = Warehouse(answers={relation("raw"): "content:columns:2:5"})
    warehouse.create(relation("raw"))
    warehouse.build(of, BUILD)
    warehouse.load(relation("raw"))

    assert warehouse.planned(of) == {"model.shop.newest"}
    warehouse.answers[relation("raw")] = "content:columns:2:6"
    assert warehouse.planned(of) == {"model.shop.a", "model.shop.newest"}


def test_a_table_with_new_grants_and_new_rows_below_keeps_nothing(warehouse: Warehouse) -> None:
    warehouse.load(relation("raw"))

    assert warehouse.planned(granted(CHAIN, "model.shop.a")) == ALL


def test_what_a_node_of_the_project_writes_is_no_data_of_a_source() -> None:
    of = project(A, node("source.shop.written", relation=relation("a")), node("model.shop.z", ["source.shop.written"]))
    warehouse = built(of)
    warehouse.build(of)  # until now z has read what was there before the first run
    warehouse.loads[relation("a")] = "counted"

    assert warehouse.planned(of) == set()


def test_a_dropped_table_is_missing(warehouse: Warehouse) -> None:
    warehouse.drop(relation("b"))

    assert kinds(warehouse, CHAIN, "model.shop.b") == ["missing"]
    assert warehouse.planned(CHAIN) == {"model.shop.b", "model.shop.c"}


def test_a_table_that_somebody_replaced_has_drifted(warehouse: Warehouse) -> None:
    warehouse.create(relation("b"))

    assert kinds(warehouse, CHAIN, "model.shop.b") == ["drifted"]


@pytest.mark.parametrize("part", [{"object_id": "99"}, {"storage_id": "99"}, {"kind": RelationKind.VIEW}])
def test_every_part_of_the_identity_counts(warehouse: Warehouse, part: dict[str, Any]) -> None:
    before = warehouse.identities[relation("c")]
    warehouse.identities[relation("c")] = replace(before, **part)

    assert kinds(warehouse, CHAIN, "model.shop.c") == ["drifted"]


def test_what_another_environment_built_last_has_drifted(warehouse: Warehouse) -> None:
    other = Environment(project="shop", target="prod", database="db", schema="main")
    warehouse.records[relation("c")] = replace(warehouse.records[relation("c")], environment=str(other))

    assert kinds(warehouse, CHAIN, "model.shop.c") == ["drifted"]
    assert details(warehouse, CHAIN, "model.shop.c") == ["last built by shop/prod (db.main)"]


def test_volatile_code_is_always_built(warehouse: Warehouse) -> None:
    after = project(RAW, A, B, replace(C, volatile=("run_started_at", "invocation_id")))

    assert kinds(warehouse, after, "model.shop.c") == ["volatile", "volatile"]


@pytest.mark.parametrize(("field", "word"), [("full_refresh", "--full-refresh"), ("force", "--force")])
def test_everything_can_be_forced(warehouse: Warehouse, field: str, word: str) -> None:
    plan = warehouse.plan(CHAIN, request(**{field: True}))

    assert {entry.node.unique_id for entry in plan.to_build} == ALL
    assert {detail(entry.reasons[0]) for entry in plan.to_build} == {word}


@pytest.mark.parametrize("field", ["full_refresh", "force"])
def test_only_what_is_selected_is_forced(warehouse: Warehouse, field: str) -> None:
    plan = warehouse.plan(CHAIN, request(selected=["model.shop.b"], **{field: True}))

    assert [entry.node.name for entry in plan.to_build] == ["b"]
    assert [entry.node.name for entry in plan.waiting] == ["c"]  # it follows b; nothing asks for a


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("failed", "its last build did not succeed"),  # and nobody knows how this node ended
        ("running", "is writing it"),
        ("abandoned", "was killed before it ended"),
        ("cancelled", "was cancelled and may have written it"),
    ],
)
def test_an_open_intent_says_what_became_of_its_execution(warehouse: Warehouse, status: str, words: str) -> None:
    warehouse.intents[relation("c")] = (intent("c", status),)

    assert kinds(warehouse, CHAIN, "model.shop.c") == ["interrupted"]
    assert words in details(warehouse, CHAIN, "model.shop.c")[0]


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        ("error", "failed", "its last build did not succeed (execution 00000000)"),
        ("partial success", "failed", "its last build did not succeed (execution 00000000)"),
        ("skipped", "interrupted", "execution 00000000 failed before it was built"),
        ("not recorded", "interrupted", "its last build did not succeed (execution 00000000)"),
    ],
)
def test_a_model_that_failed_says_so_and_what_was_skipped_for_it_does_not(
    warehouse: Warehouse, status: str, kind: str, words: str
) -> None:
    warehouse.intents[relation("c")] = (replace(intent("c", "failed"), node_status=status),)

    assert kinds(warehouse, CHAIN, "model.shop.c") == [kind]
    assert details(warehouse, CHAIN, "model.shop.c")[0] == words
    del warehouse.records[relation("c")]
    assert kinds(warehouse, CHAIN, "model.shop.c") == ["new", kind]


def test_a_model_that_a_signal_stopped_was_interrupted(warehouse: Warehouse) -> None:
    warehouse.intents[relation("c")] = (replace(intent("c", "cancelled"), node_status="error"),)

    assert kinds(warehouse, CHAIN, "model.shop.c") == ["interrupted"]


def test_what_was_built_before_an_older_copy_was_put_back_is_in_doubt(warehouse: Warehouse) -> None:
    def reasons(restored_at: datetime) -> list[list[str]]:
        recorded = replace(warehouse.recorded, restored_at=restored_at)
        plan = make_plan(CHAIN, recorded, warehouse.catalog, request(), {})
        return [[reason.code.value for reason in entry.reasons][:1] for entry in plan.to_build]

    built_at = [each.built_at for each in warehouse.recorded.relations.values()]
    assert reasons(min(built_at)) == []
    assert reasons(max(built_at) + timedelta(seconds=1)) == [["restored"]] * 3


def test_what_nobody_has_read_after_its_build_is_built_again(warehouse: Warehouse) -> None:
    recorded = replace(warehouse.recorded, unread=frozenset([relation("b")]))
    plan = make_plan(CHAIN, recorded, warehouse.catalog, request(), {})

    found = {entry.node.unique_id: [reason.code.value for reason in entry.reasons] for entry in plan.to_build}
    assert found["model.shop.b"] == ["not-read"]
    assert "model.shop.a" not in found


def intent(identifier: str, status: str = "abandoned") -> OpenIntent:
    return OpenIntent(
        relation=relation(identifier),
        execution_id=UUID(int=7),
        execution_status=status,
        environment=str(HERE),
        unique_id=f"model.shop.{identifier}",
    )


def test_a_first_build_that_was_interrupted_is_new_and_interrupted() -> None:
    warehouse = Warehouse(intents={relation("a"): (intent("a"),)})

    assert kinds(warehouse, CHAIN, "model.shop.a") == ["new", "interrupted"]


def test_an_edit_reverted_after_a_killed_run_is_rebuilt(warehouse: Warehouse) -> None:
    warehouse.build(edited(CHAIN, "model.shop.b"), killed_after=1, unmarked=["model.shop.b"])

    assert warehouse.planned(CHAIN) == {"model.shop.b", "model.shop.c"}
    assert kinds(warehouse, CHAIN, "model.shop.b") == ["interrupted", "drifted"]


def test_an_edit_reverted_after_a_kill_is_rebuilt_even_where_the_relation_kept_its_identity() -> None:
    incremental = project(RAW, A, replace(B, materialized="incremental"), C)
    warehouse = built(incremental)

    warehouse.build(edited(incremental, "model.shop.b"), killed_after=1, unmarked=["model.shop.b"])

    assert kinds(warehouse, incremental, "model.shop.b") == ["interrupted"]
    assert warehouse.planned(incremental) == {"model.shop.b", "model.shop.c"}


def test_a_snapshot_that_was_interrupted_makes_run_rebuild_its_children_once() -> None:
    snapshot = node("snapshot.shop.s", ["source.shop.raw"])
    of = project(RAW, snapshot, node("model.shop.a", ["snapshot.shop.s"]))
    warehouse = built(of)

    warehouse.build(edited(of, "snapshot.shop.s"), request("snapshot"), failing=["snapshot.shop.s"])

    assert warehouse.build(of) == {"model.shop.a"}
    assert warehouse.planned(of) == set()
    assert warehouse.planned(of, BUILD) == {"snapshot.shop.s", "model.shop.a"}


@pytest.mark.parametrize("kind", ["seed", "snapshot"])
def test_a_seed_or_snapshot_is_not_built_by_run_but_its_later_build_is_seen(kind: str) -> None:
    parent = f"{kind}.shop.p"
    of = project(node(parent), node("model.shop.a", [parent]))
    warehouse = built(of)
    after = edited(of, parent)

    assert warehouse.planned(after) == set()
    assert warehouse.build(after, request(kind)) == {parent}
    assert warehouse.planned(after) == {"model.shop.a"}


@pytest.mark.parametrize("command", SCOPES)
def test_each_command_plans_its_own_kinds_of_nodes(command: str) -> None:
    names = ["model.shop.a", "seed.shop.b", "snapshot.shop.c", "test.shop.d", "unit_test.shop.a.e", "function.shop.f"]
    of = project(RAW, *(node(name) for name in names))

    planned = Warehouse().planned(of, request(command))

    assert planned == {name for name in names if name.split(".")[0] in SCOPES[command]}


def test_a_change_reaches_through_ephemeral_models_and_views() -> None:
    of = project(
        A,
        node("model.shop.v", ["model.shop.a"], materialized="view"),
        node("model.shop.e1", ["model.shop.v"], materialized="ephemeral"),
        node("model.shop.e2", ["model.shop.e1"], materialized="ephemeral"),
        node("model.shop.z", ["model.shop.e2"]),
    )
    warehouse = built(of)

    assert warehouse.planned(of) == set()
    assert warehouse.planned(edited(of, "model.shop.a")) == {"model.shop.a", "model.shop.v", "model.shop.z"}
    assert warehouse.planned(edited(of, "model.shop.e1")) == {"model.shop.z"}
    assert details(warehouse, edited(of, "model.shop.e1"), "model.shop.z") == ["changed"]


def test_an_ephemeral_model_is_never_an_entry() -> None:
    assert Warehouse().plan(project(node("model.shop.e", materialized="ephemeral"))).entries == ()


def functions() -> Project:
    reader = node("model.shop.a", ["function.shop.f"])
    return project(node("model.shop.t"), node("function.shop.f", ["model.shop.t"]), reader)


def test_an_edited_function_is_built_with_its_callers() -> None:
    warehouse = built(functions())
    after = edited(functions(), "function.shop.f")

    assert warehouse.planned(after, BUILD) == {"function.shop.f", "model.shop.a"}
    assert warehouse.build(after, BUILD) == {"function.shop.f", "model.shop.a"}
    assert warehouse.planned(after, BUILD) == set()


def test_a_caller_that_was_built_before_its_edited_function_is_built_again() -> None:
    after = edited(functions(), "function.shop.f")
    for early in (request("run", force=True), request("build", selected=["model.shop.a"])):
        warehouse = built(functions())
        warehouse.build(after, early)
        warehouse.build(after, request("build", selected=["function.shop.f"]))

        assert "model.shop.a" in warehouse.planned(after, BUILD), early


def test_what_a_function_reads_is_read_by_its_callers() -> None:
    warehouse = built(functions())

    assert warehouse.planned(edited(functions(), "model.shop.t")) == {"model.shop.t", "model.shop.a"}


def test_build_runs_the_tests_of_what_is_built_and_only_those() -> None:
    of = project(RAW, A, B, node("test.shop.on_a", ["model.shop.a"]), node("test.shop.on_b", ["model.shop.b"]))
    warehouse = built(of)

    assert warehouse.planned(of, BUILD) == set()
    assert warehouse.planned(edited(of, "model.shop.b"), BUILD) == {"model.shop.b", "test.shop.on_b"}
    assert warehouse.planned(edited(of, "test.shop.on_a"), BUILD) == {"test.shop.on_a"}


def test_a_test_that_failed_is_run_again() -> None:
    of = project(A, node("test.shop.on_a", ["model.shop.a"]))
    warehouse = built(of)
    warehouse.build(edited(of, "model.shop.a"), BUILD, failing=["test.shop.on_a"])

    assert kinds(warehouse, edited(of, "model.shop.a"), "test.shop.on_a", "build") == ["interrupted", "upstream"]


@pytest.mark.parametrize(("status", "kind"), [("fail", "failed"), ("error", "failed"), ("skipped", "interrupted")])
def test_a_test_that_did_not_pass_has_failed_and_one_that_was_skipped_has_not(status: str, kind: str) -> None:
    of = project(A, node("test.shop.on_a", ["model.shop.a"]))
    warehouse = built(of)
    key = record_key(of.nodes["test.shop.on_a"], of)
    failed = replace(intent("on_a", "failed"), relation=key, node_status=status)
    warehouse.intents[key] = (failed,)

    assert kinds(warehouse, of, "test.shop.on_a", "build") == [kind]
    del warehouse.records[key]
    assert kinds(warehouse, of, "test.shop.on_a", "build") == (["failed"] if kind == "failed" else ["new", kind])


def test_a_unit_test_follows_the_definition_of_its_model_and_not_its_rows() -> None:
    of = project(RAW, A, node("unit_test.shop.a.adds_up", ["model.shop.a"]))
    warehouse = built(of)

    changed = warehouse.planned(edited(of, "model.shop.a"), BUILD)
    warehouse.create(relation("raw"))

    assert changed == {"model.shop.a", "unit_test.shop.a.adds_up"}
    assert warehouse.planned(of, BUILD) == {"model.shop.a"}


def test_narrowing_reduces_what_runs_and_not_what_is_needed(warehouse: Warehouse) -> None:
    plan = warehouse.plan(edited(CHAIN, "model.shop.a"), request(selected=["model.shop.c"]))

    assert [entry.node.unique_id for entry in plan.to_build] == ["model.shop.c"]
    assert [entry.node.unique_id for entry in plan.waiting] == ["model.shop.a", "model.shop.b"]
    assert plan.is_narrowed


def test_a_child_that_was_built_before_its_dirty_parent_is_built_again(warehouse: Warehouse) -> None:
    after = edited(CHAIN, "model.shop.a")
    warehouse.build(after, request(selected=["model.shop.b"]))

    assert warehouse.planned(after) == ALL
    warehouse.build(after, request(selected=["model.shop.a"]))
    assert warehouse.planned(after) == {"model.shop.b", "model.shop.c"}


def test_a_selected_node_that_needs_nothing_is_left_alone(warehouse: Warehouse) -> None:
    plan = warehouse.plan(CHAIN, request(selected=["model.shop.a"]))

    assert (plan.to_build, plan.waiting) == ((), ())


def with_views() -> Project:
    return project(
        A,
        node("model.shop.v1", ["model.shop.a"], materialized="view"),
        node("model.shop.v2", ["model.shop.v1"], materialized="materialized_view"),
        node("model.shop.t", ["model.shop.v2"]),
    )


def test_views_on_a_narrowed_table_are_built_with_it() -> None:
    warehouse = built(with_views())
    after = edited(with_views(), "model.shop.a")

    planned = warehouse.planned(after, request(selected=["model.shop.a"]))

    assert planned == {"model.shop.a", "model.shop.v1", "model.shop.v2"}


def test_a_view_on_a_narrowed_table_is_built_though_the_catalog_does_not_know_it_yet() -> None:
    after = edited(with_views(), "model.shop.a")

    planned = Warehouse().planned(after, request(selected=["model.shop.a"]))

    assert planned == {"model.shop.a", "model.shop.v1", "model.shop.v2"}


def unconnected(*parents: tuple[str, str]) -> tuple[Project, Warehouse]:
    """Return views that dbt's graph does not connect with what they read, and the warehouse where they read it."""
    of = project(A, *(node(f"model.shop.{view}", materialized="view") for view, _ in parents))
    warehouse = built(of)
    for view, parent in parents:
        warehouse.depends[relation(view)] = {relation(parent)}
    return of, warehouse


def test_views_that_dbt_s_graph_does_not_connect_are_built_when_postgresql_drops_them() -> None:
    of, warehouse = unconnected(("v", "a"), ("w", "v"))
    after = edited(of, "model.shop.a")

    assert warehouse.planned(after) == {"model.shop.a", "model.shop.v", "model.shop.w"}
    assert warehouse.planned(after, request(selected=["model.shop.a"])) == {
        "model.shop.a",
        "model.shop.v",
        "model.shop.w",
    }
    assert details(warehouse, after, "model.shop.w") == ["PostgreSQL drops this view together with it"]


def test_what_reads_such_a_view_follows_it() -> None:
    of, warehouse = unconnected(("v", "a"))
    of = project(*of.nodes.values(), node("model.shop.t", ["model.shop.v"]))
    warehouse.build(of)

    assert warehouse.planned(edited(of, "model.shop.a")) == {"model.shop.a", "model.shop.v", "model.shop.t"}


def test_a_view_of_somebody_else_is_no_node_to_build() -> None:
    _, warehouse = unconnected(("foreign", "a"))
    of = project(A)

    assert warehouse.planned(edited(of, "model.shop.a")) == {"model.shop.a"}


def test_a_cascade_that_starts_at_a_narrowed_view_is_followed_to_its_end() -> None:
    v1 = node("model.shop.v1", ["model.shop.a"], materialized="view")
    of = project(A, v1, node("model.shop.v2", materialized="view"))
    warehouse = built(of)
    warehouse.depends = {relation("v2"): {relation("v1")}}  # v1 reads the table only since its latest edit

    planned = warehouse.planned(edited(of, "model.shop.a"), request(selected=["model.shop.a"]))

    assert planned == {"model.shop.a", "model.shop.v1", "model.shop.v2"}


def test_a_view_that_is_a_source_elsewhere_is_built_when_postgresql_drops_it() -> None:
    of, warehouse = unconnected(("v", "a"))
    of = project(*of.nodes.values(), node("source.shop.zz", relation=relation("v")))

    assert warehouse.planned(edited(of, "model.shop.a")) == {"model.shop.a", "model.shop.v"}


def test_a_reader_of_a_source_that_a_model_writes_is_built_again_after_the_model() -> None:
    source = node("source.shop.written", relation=relation("a"))
    of = project(RAW, A, source, node("model.shop.z", ["source.shop.written"]))
    warehouse = built(of)
    after = edited(edited(of, "model.shop.a"), "model.shop.z")  # both in one run: dbt may build z first

    assert warehouse.build(after) == {"model.shop.a", "model.shop.z"}

    assert warehouse.planned(after) == {"model.shop.z"}
    warehouse.build(after)
    assert warehouse.planned(after) == set()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (relation("orders"), relation("orders")),
        (relation("orders"), relation("Orders")),
        (relation("x", "main"), relation("x", "MAIN")),
    ],
)
def test_two_nodes_that_write_one_relation_are_refused(one: RelationName, other: RelationName) -> None:
    of = project(node("model.shop.a", relation=one), node("seed.shop.b", relation=other))

    with pytest.raises(ProjectError, match=r"model\.shop\.a and seed\.shop\.b both write the relation"):
        Warehouse().plan(of)


def test_names_that_only_differ_after_63_bytes_are_one_relation() -> None:
    names = ["é" * 40 + end for end in ("_new", "_old")]
    one, other = (relation(POSTGRES.stored_name(name, f'"{name}"')) for name in names)

    assert len(one.identifier.encode()) == 62
    with pytest.raises(ProjectError, match="both write the relation"):
        Warehouse().plan(project(node("model.shop.a", relation=one), node("model.shop.b", relation=other)))


def test_a_source_or_an_ephemeral_model_may_share_a_name_with_a_relation() -> None:
    of = project(
        node("model.shop.a"),
        node("source.shop.s", relation=relation("a")),
        node("model.shop.e", materialized="ephemeral", relation=relation("a")),
    )

    assert Warehouse().planned(of) == {"model.shop.a"}


def test_relations_of_removed_nodes_are_reported_and_nothing_else(warehouse: Warehouse) -> None:
    other = Environment(project="shop", target="prod", database="db", schema="main")
    foreign = record(node("model.shop.theirs"), environment=str(other))
    test = record(node("test.shop.old"))
    warehouse.records |= {foreign.relation: foreign, test.relation: test}

    plan = warehouse.plan(project(RAW, A))

    assert [gone.unique_id for gone in plan.removed] == ["model.shop.b", "model.shop.c"]


def test_a_relation_of_a_removed_node_that_is_not_in_the_catalog_is_gone(warehouse: Warehouse) -> None:
    del warehouse.identities[relation("c")]

    plan = warehouse.plan(project(RAW, A))

    assert [left.unique_id for left in plan.removed] == ["model.shop.b", "model.shop.c"]
    assert plan.gone == {relation("c")}


def test_a_table_whose_model_became_ephemeral_is_left_behind(warehouse: Warehouse) -> None:
    plan = warehouse.plan(project(RAW, A, replace(B, materialized="ephemeral"), C))

    assert [gone.unique_id for gone in plan.removed] == ["model.shop.b"]


def test_the_version_of_a_relation_tells_builds_and_identities_apart() -> None:
    one = Identity(object_id="1", storage_id="2", kind=RelationKind.TABLE)
    recorded = record(A, data_id=UUID(int=5), identity=one)

    versions = [
        relation_version(None, None),
        relation_version(None, one),
        relation_version(recorded, None),
        relation_version(recorded, one),
        relation_version(recorded, replace(one, object_id="9", storage_id="2")),
        relation_version(recorded, replace(one, object_id="1", storage_id="9")),
        relation_version(replace(recorded, data_id=UUID(int=6)), one),
    ]

    assert len(set(versions)) == 7


@pytest.mark.parametrize(("identity", "version"), [(None, "-/-/-/c1/t1"), ("7/8", "-/7/8/c1/t1")])
def test_the_version_of_a_source_is_kept_as_it_always_was(identity: str | None, version: str) -> None:
    key = relation("raw")
    identities = {} if identity is None else {key: Identity.from_text(identity, "table")}
    catalog = Catalog(identities=identities, data={key: SourceData(columns="c1", touched="t1")})

    assert relation_versions(project(replace(RAW, relation=key)), Recorded(), catalog) == {key: version}


def test_only_a_relation_that_is_not_there_is_nothing() -> None:
    one = Identity(object_id="1", storage_id="2", kind=RelationKind.TABLE)

    assert is_of_nothing(relation_version(record(A), None))
    assert not is_of_nothing(relation_version(record(A), one))


def test_another_build_of_the_same_data_is_the_same_version_of_a_relation() -> None:
    one, other = (Identity(object_id=name, storage_id=name, kind=RelationKind.TABLE) for name in "12")
    before = record(A, build_id=UUID(int=5), data_id=UUID(int=5), identity=one)

    after = replace(before, build_id=UUID(int=6), identity=other)

    assert relation_version(before, one) == relation_version(after, other)


def test_a_function_has_no_identity_and_its_data_say_its_version() -> None:
    function = record(node("function.shop.f"), identity=None, data_id=UUID(int=5))

    assert relation_version(function, None) == str(UUID(int=5))


def test_a_plan_of_an_empty_project_is_empty() -> None:
    plan = make_plan(project(), Recorded(), Catalog(), request())

    assert (plan.entries, plan.removed, plan.entry("model.shop.a")) == ((), (), None)


def test_the_decision_of_an_entry_follows_from_its_reasons(warehouse: Warehouse) -> None:
    plan = warehouse.plan(edited(CHAIN, "model.shop.b"), request(selected=["model.shop.b"]))

    assert {entry.node.name: (entry.decision, entry.outside_selection) for entry in plan.entries} == {
        "a": (Decision.SKIP, False),
        "b": (Decision.BUILD, False),
        "c": (Decision.SKIP, True),
    }


KINDS = [
    ("model", "table"),
    ("model", "view"),
    ("model", "materialized_view"),
    ("model", "ephemeral"),
    ("model", "incremental"),
    ("seed", "seed"),
    ("snapshot", "snapshot"),
    ("function", "function"),
]


@st.composite
def projects(draw: st.DrawFn, *, with_sources: bool = False) -> Project:
    """Draw a graph of up to seven nodes of every kind."""
    nodes: list[Node] = []
    kinds = [*KINDS, ("source", "")] if with_sources else KINDS
    for number in range(draw(st.integers(min_value=1, max_value=7))):
        resource_type, materialized = draw(st.sampled_from(kinds))
        known = [] if resource_type in ("seed", "source") else [item.unique_id for item in nodes]
        parents = draw(st.lists(st.sampled_from(known), max_size=3, unique=True)) if known else []
        keeps = materialized == "incremental" and draw(st.booleans())
        nodes.append(node(f"{resource_type}.shop.n{number}", parents, materialized=materialized, keeps_columns=keeps))
    return project(*nodes)


def sources(of: Project) -> list[RelationName]:
    return [record_key(item, of) for item in of.nodes.values() if item.resource_type == "source"]


def buildable(of: Project) -> set[str]:
    return {item.unique_id for item in of.nodes.values() if not item.is_ephemeral}


def assert_what_looks_clean_is_right(warehouse: Warehouse, of: Project) -> None:
    """Hold each node that a command leaves alone to what a build of it would leave now."""
    for command in SCOPES:
        plan = warehouse.plan(of, request(command))
        for item in (entry.node for entry in plan.skipped):
            assert item.relation is None or item.relation in warehouse.identities, item.unique_id
            assert warehouse.contents[record_key(item, of)] == warehouse.fresh(of, item), item.unique_id
            assert warehouse.grants[record_key(item, of)] == item.fingerprint.get("config", ""), item.unique_id


def test_a_snapshot_behind_a_view_is_clean_while_the_view_holds_an_ephemeral_model_as_it_was() -> None:
    ephemeral = node("model.shop.e", materialized="ephemeral")
    view = node("model.shop.v", ["model.shop.e"], materialized="view")
    of = project(ephemeral, view, node("snapshot.shop.s", ["model.shop.v"]))
    warehouse = built(of)
    after = edited(of, "model.shop.e")

    assert warehouse.planned(after, request("snapshot")) == set()
    assert_what_looks_clean_is_right(warehouse, after)
    assert warehouse.build(after) == {"model.shop.v"}
    assert warehouse.planned(after, request("snapshot")) == {"snapshot.shop.s"}


def test_a_source_that_was_dropped_and_is_loaded_again_has_new_data(warehouse: Warehouse) -> None:
    warehouse.drop(relation("raw"))
    warehouse.build(CHAIN)

    warehouse.load(relation("raw"))

    assert warehouse.planned(CHAIN) == ALL
    assert_what_looks_clean_is_right(warehouse, CHAIN)


@UNHURRIED
@given(projects())
def test_after_a_full_build_of_any_project_nothing_is_planned(of: Project) -> None:
    warehouse = Warehouse()

    assert warehouse.build(of, BUILD) == buildable(of)
    assert [warehouse.planned(of, request(command)) for command in SCOPES] == [set()] * len(SCOPES)


@UNHURRIED
@given(projects(), st.data())
def test_after_an_edit_exactly_the_node_and_all_that_follow_it_are_planned(of: Project, data: st.DataObject) -> None:
    warehouse = built(of)
    changed = data.draw(st.sampled_from(sorted(of.nodes)))

    planned = warehouse.planned(edited(of, changed), BUILD)

    assert planned == ({changed} | descendants(of, changed)) & buildable(of)


@UNHURRIED
@given(projects(), st.data())
def test_what_failed_or_never_ran_is_planned_with_all_that_follow_it(of: Project, data: st.DataObject) -> None:
    warehouse = Warehouse()
    failing = data.draw(st.sets(st.sampled_from(sorted(of.nodes))))
    killed_after = data.draw(st.one_of(st.none(), st.integers(min_value=0, max_value=len(of.nodes))))

    done = warehouse.build(of, BUILD, failing=failing, killed_after=killed_after)

    missing = buildable(of) - done
    assert warehouse.planned(of, BUILD) >= missing
    assert warehouse.planned(of, BUILD) == missing.union(*(descendants(of, node) for node in missing)) & buildable(of)


def happen(data: st.DataObject, warehouse: Warehouse, of: Project) -> Project:
    """Let something happen to a project and its warehouse, and return the project."""
    names = sorted(of.nodes)
    events = ["edit", "grant", "run", "run", "select", "select", "trouble", "drop", "replace", "forget"]
    kind = data.draw(st.sampled_from(events))
    chosen = data.draw(st.sampled_from(names))
    key = record_key(of.nodes[chosen], of)
    if chosen.startswith("source."):
        kind = "load" if kind in ("edit", "grant", "forget") else kind
    if kind == "load":
        warehouse.load(key)
    elif kind == "edit":
        return edited(of, chosen, data.draw(st.sampled_from(["1", "1 -- one", "2", "2 -- two", "random()"])))
    elif kind == "grant":
        return granted(of, chosen, data.draw(st.sampled_from(["reader", "writer"])))
    elif kind in ("run", "select", "trouble"):
        some = st.sets(st.sampled_from(names), min_size=1)
        asked = request(
            data.draw(st.sampled_from(["build", *SCOPES])),
            selected=data.draw(some) if kind == "select" else None,
            force=data.draw(st.booleans()),
        )
        trouble = [
            lambda: warehouse.build(of, asked, failing=data.draw(some)),
            lambda: warehouse.build(of, asked, killed_after=data.draw(st.integers(0, len(names)))),
            lambda: warehouse.build(of, asked, unmarked=data.draw(some), killed_after=data.draw(st.integers(1, 3))),
        ]
        (data.draw(st.sampled_from(trouble)) if kind == "trouble" else lambda: warehouse.build(of, asked))()
    elif kind == "forget":
        warehouse.records.pop(key, None)
    elif kind == "drop":
        warehouse.drop(key)
    elif key in warehouse.identities:
        warehouse.create(key)
        warehouse.contents[key] = "what somebody else put there"
    return of


@settings(UNHURRIED, max_examples=examples(300))
@given(projects(with_sources=True), st.data())
def test_no_history_of_edits_grants_loads_narrowed_runs_failures_kills_and_drops_makes_a_stale_node_look_clean(
    of: Project, data: st.DataObject
) -> None:
    warehouse = built(of)
    for _ in range(data.draw(st.integers(min_value=1, max_value=8))):
        of = happen(data, warehouse, of)
        assert_what_looks_clean_is_right(warehouse, of)

    warehouse.build(of, BUILD)
    assert_what_looks_clean_is_right(warehouse, of)

    scratch = Warehouse()
    scratch.contents |= {name: rows for name, rows in warehouse.contents.items() if name in sources(of)}
    scratch.build(of, BUILD)
    assert warehouse.planned(of, BUILD) == set()
    # Of what chance has a part in, each run sees something else; that parents and children fit is held to above.
    if "random()" not in {item.fingerprint.get("body") for item in of.nodes.values()}:
        assert {name: warehouse.contents.get(name) for name in scratch.contents} == scratch.contents
    assert {name: warehouse.grants.get(name) for name in scratch.grants} == scratch.grants


@settings(UNHURRIED, max_examples=examples(300))
@given(projects(with_sources=True), st.data())
def test_after_grants_edits_and_loads_of_many_nodes_at_once_no_stale_node_looks_clean(
    of: Project, data: st.DataObject
) -> None:
    names = sorted(item.unique_id for item in of.nodes.values() if item.resource_type != "source")
    assume(names)
    for name in names:
        of = edited(of, name, data.draw(st.sampled_from(["1", "random()"])))
    warehouse = built(of)
    for name in data.draw(st.sets(st.sampled_from(names), min_size=1)):
        of = granted(of, name)
    for name in data.draw(st.sets(st.sampled_from(names), max_size=2)):
        of = edited(of, name, data.draw(st.sampled_from(["1 -- one", "random() -- by chance", "2"])))
    for source in sources(of):
        if data.draw(st.booleans()):
            warehouse.load(source)

    warehouse.build(of, request(data.draw(st.sampled_from([*SCOPES, "build"]))))

    assert_what_looks_clean_is_right(warehouse, of)
