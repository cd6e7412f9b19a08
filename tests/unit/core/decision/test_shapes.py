"""Indexes, privileges and foreign keys that are gone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from support.values import HERE, node, project, record, relation, request

from dbt_state_plugin.core.decision.rule import make_plan, may_keep_rows
from dbt_state_plugin.core.values.plan import ChangeCategory, Plan
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation, Trace
from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationKind
from dbt_state_plugin.core.values.things import Thing
from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.report.reason_words import detail

A, B, C = "model.shop.a", "model.shop.b", "model.shop.c"
TABLE = Identity(object_id="1", storage_id="1", kind=RelationKind.TABLE)
INDEX = ("index", "a_id", "i1")
KEY = ("foreign key", "b_fkey", "f1")
OF_A = Reason(kind=ReasonKind.CONFIG, code=ReasonCode.PART_CHANGED, values={"part": "config"})


def shape(*things: tuple[str, str, str]) -> str:
    return json.dumps([("server", "", "15"), *things])


def recorded_as(item: Node, seen: dict[str, str], **fields: Any) -> RecordedRelation:
    return record(item, trace=Trace(parents=seen), **({"shape": shape()} | fields))


def chain(**of_a: Any) -> Project:
    """Return a table, one that reads it, and one that reads that."""
    return project(node(A, **of_a), node(B, [A]), node(C, [B]))


def planned(
    of: Project,
    *,
    now: dict[str, str],
    then: dict[str, str],
    keys: dict[str, list[tuple[str, str]]] | None = None,
    categories: dict[str, ChangeCategory] | None = None,
    same: frozenset[str] = frozenset(),
    **asked: Any,
) -> Plan:
    """Plan where all is as it was recorded but for these shapes; `keys` are tables with foreign keys, by parent."""
    records = {}
    for item in of.nodes.values():
        assert item.relation is not None
        seen = {str(of.nodes[parent].relation): "00000000-0000-0000-0000-000000000001" for parent in item.parents}
        records[item.relation] = recorded_as(item, seen, shape=then.get(item.name, shape()))
    catalog = Catalog(
        identities=dict.fromkeys(records, TABLE),
        shapes={
            relation(name): each for name, each in ({item.name: shape() for item in of.nodes.values()} | now).items()
        },
        foreign_keys={
            relation(parent): tuple((relation(child), key) for child, key in children)
            for parent, children in (keys or {}).items()
        },
    )
    return make_plan(of, Recorded(relations=records), catalog, request(**asked), categories, same)


def built(plan: Plan) -> dict[str, list[str]]:
    return {entry.node.name: [reason.code.value for reason in entry.reasons] for entry in plan.to_build}


def test_what_the_build_left_and_is_gone_is_drift_that_leaves_readers_alone_where_the_rows_come_out_alike() -> None:
    unsure = planned(chain(), then={"a": shape(INDEX)}, now={})
    sure = planned(chain(), then={"a": shape(INDEX)}, now={}, same=frozenset({A}))

    assert built(unsure) == {"a": ["shape-changed"], "b": ["is-built"], "c": ["is-built"]}
    assert may_keep_rows(unsure) == {A}
    assert built(sure) == {"a": ["shape-changed"]}
    assert may_keep_rows(sure) == frozenset()
    (entry,) = sure.to_build
    assert entry.keeps_data
    (reason,) = entry.reasons
    assert (reason.kind, dict(reason.values)) == (
        ReasonKind.DRIFTED,
        {"thing": "index", "name": "a_id", "change": "gone"},
    )
    assert detail(reason) == "its index a_id was dropped since we built it"


def test_what_reads_views_may_come_out_otherwise() -> None:
    of = project(node(A, materialized="view"), node(B, [A]), node(C, [B]))

    plan = planned(of, then={"b": shape(INDEX)}, now={}, same=frozenset({B}))

    assert set(built(plan)) == {"b", "c"}


def test_a_view_that_lost_a_privilege_is_built_alone() -> None:
    of = project(node(A, materialized="view"), node(B, [A]))

    plan = planned(of, then={"a": shape(("privilege", "SELECT to x", "1"))}, now={})

    assert built(plan) == {"a": ["shape-changed"]}


def test_an_incremental_model_says_that_dbt_sees_to_it_only_from_scratch() -> None:
    of = chain(materialized="incremental")

    (reason,) = planned(of, then={"a": shape(INDEX)}, now={}).to_build[0].reasons
    rebuilt = planned(of, then={"a": shape(INDEX)}, now={}, full_refresh=True).to_build[0].reasons

    assert detail(reason).endswith("since we built it; dbt restores it only with --full-refresh")
    assert [detail(each) for each in rebuilt] == ["--full-refresh", "its index a_id was dropped since we built it"]


def test_what_was_added_by_hand_is_told_and_is_drift_only_where_that_is_strict() -> None:
    strict = chain(settings={"drift": "strict"})
    wrong = chain(settings={"drift": "never"})
    now = {"a": shape(INDEX)}

    plan = planned(chain(), then={}, now=now)

    assert built(plan) == {}
    entry = plan.entry(A)
    assert entry is not None
    assert entry.extra == (Thing(kind="index", name="a_id"),)
    assert "a" in built(planned(strict, then={}, now=now))
    assert "a" in built(planned(chain(), then={}, now=now, drift="strict"))
    with pytest.raises(ConfigurationError, match="drift"):
        planned(wrong, then={}, now=now)


def test_an_unknown_shape_says_nothing() -> None:
    of = chain()
    a = record(of.nodes[A], shape=None)
    catalog = Catalog(identities={relation("a"): TABLE}, shapes={relation("a"): shape(INDEX)})
    unseen = Catalog(identities={relation("a"): TABLE})

    for record_of_a, seen in ((a, catalog), (replace(a, shape=shape(INDEX)), unseen)):
        plan = make_plan(project(of.nodes[A]), Recorded(relations={relation("a"): record_of_a}), seen, request())
        assert plan.to_build == ()
        assert plan.entries[0].extra == ()


PHYSICAL = {A: ChangeCategory(reasons=(OF_A,), is_physical=True)}


@pytest.mark.parametrize("selected", [None, {A}])
def test_tables_that_lose_a_foreign_key_are_built_with_what_drops_it(selected: set[str] | None) -> None:
    keys = {"a": [("b", "f1")]}
    things = {"b": shape(KEY)}

    plan = planned(
        chain(), then=things, now=things, keys=keys, categories=PHYSICAL, same=frozenset({B}), selected=selected
    )

    assert built(plan) == {"a": ["part-changed"], "b": ["foreign-key-dropped"]}
    assert all(entry.keeps_data for entry in plan.to_build)
    words = detail(plan.to_build[1].reasons[0])
    assert words == "is built, and PostgreSQL drops the foreign key that points at it"
    unsure = planned(chain(), then=things, now=things, keys=keys, categories=PHYSICAL)
    assert set(built(unsure)) == {"a", "b", "c"}
    assert may_keep_rows(unsure) == {B}


def test_a_foreign_key_of_an_unknown_build_counts_and_one_that_was_added_by_hand_does_not() -> None:
    keys = {"a": [("b", "f1"), ("a", "f2"), ("elsewhere", "f3")]}
    now = {"b": shape(KEY)}

    by_hand = planned(chain(), then={}, now=now, keys=keys, categories=PHYSICAL)
    unknown = planned(chain(), then={"b": ""}, now=now, keys=keys, categories=PHYSICAL)

    assert set(built(by_hand)) == {"a"}
    assert set(built(unknown)) == {"a"}
    of = project(node(A), node(B))
    records = {relation("a"): record(of.nodes[A], shape=shape())}
    catalog = Catalog(
        identities=dict.fromkeys((relation("a"), relation("b")), TABLE),
        foreign_keys={relation("a"): ((relation("b"), "f1"),)},
    )
    for of_b in (None, record(of.nodes[B], shape=None)):
        recorded = Recorded(relations=records | ({relation("b"): of_b} if of_b else {}))
        plan = make_plan(of, recorded, catalog, request(), PHYSICAL)
        assert set(built(plan)) == {"a", "b"}


@pytest.mark.parametrize(
    ("fields", "asked", "reasons", "is_replaced"),
    [
        ({"materialized": "table"}, {}, OF_A, True),
        ({"materialized": "incremental"}, {}, OF_A, False),
        ({"materialized": "incremental"}, {"full_refresh": True}, OF_A, True),
        ({"materialized": "incremental", "full_refresh": False}, {"full_refresh": True}, OF_A, False),
        ({"materialized": "incremental", "full_refresh": True}, {}, OF_A, True),
        ({"materialized": "incremental"}, {"on_logic_change": "full_refresh"}, OF_A, True),
        ({"resource_type": "seed", "materialized": "seed"}, {}, OF_A, False),
        ({"resource_type": "seed", "materialized": "seed"}, {"full_refresh": True}, OF_A, True),
        ({"resource_type": "seed", "materialized": "seed", "full_refresh": True}, {}, OF_A, True),
        ({"resource_type": "snapshot", "materialized": "snapshot"}, {"full_refresh": True}, OF_A, False),
    ],
)
def test_only_a_table_that_is_replaced_takes_foreign_keys_down(
    fields: dict[str, Any], asked: dict[str, Any], reasons: Reason, *, is_replaced: bool
) -> None:
    of = project(node(A, **fields), node(B))
    things = {"b": shape(KEY)}
    categories = {A: ChangeCategory(reasons=(reasons,))}
    selected = {"selected": {A}} if asked.get("full_refresh") else {}

    plan = planned(
        of,
        then=things,
        now=things,
        keys={"a": [("b", "f1")]},
        categories=categories,
        command="build",
        **asked,
        **selected,
    )

    assert ("b" in built(plan)) == is_replaced


def test_what_an_own_hook_removed_is_not_missing_and_what_comes_back_is_drift() -> None:
    of = project(node(A))
    gone = record(of.nodes[A], identity=None, trace=Trace(has_hooks=True))
    hookless = record(of.nodes[A], identity=None)

    def codes(built_before: RecordedRelation, catalog: Catalog) -> dict[str, list[str]]:
        return built(make_plan(of, Recorded(relations={relation("a"): built_before}), catalog, request()))

    assert codes(gone, Catalog()) == {}
    assert codes(hookless, Catalog()) == {"a": ["relation-missing"]}
    assert codes(gone, Catalog(identities={relation("a"): TABLE})) == {"a": ["replaced"]}
    assert str(HERE) == gone.environment
