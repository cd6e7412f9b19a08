"""Relations that may be taken over as they are."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from support.values import HERE, node, project, record, relation, request

from dbt_state_plugin.core.comparison.adoption import (
    Adoption,
    Columns,
    Outcome,
    candidates,
    is_as_it_was,
    other_columns,
)
from dbt_state_plugin.core.decision.rule import make_plan
from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.records import OpenIntent, Recorded
from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationKind, SourceData
from dbt_state_plugin.operations.adoption import adopted_records
from dbt_state_plugin.report.cause_words import cause_words

TABLE = Identity(object_id="1", storage_id="1", kind=RelationKind.TABLE)
VIEW = Identity(object_id="2", storage_id="2", kind=RelationKind.VIEW)
A = node("model.shop.a", materialized="table")
INTENT = OpenIntent(
    relation=relation("a"), execution_id=UUID(int=1), execution_status="failed", environment=str(HERE), unique_id="a"
)


def outcome(item: Node, identity: Identity | None, *, again: bool = False, **recorded: object) -> list[str]:
    known = Recorded(**recorded)  # type: ignore[arg-type]
    catalog = Catalog(identities={relation("a"): identity} if identity else {}, columns={relation("a"): "[]"})
    (found,) = candidates([item], known, catalog, HERE, again=again)
    return [found.outcome.value, cause_words(found.why)]


@pytest.mark.parametrize("materialized", ["table", "incremental", "snapshot", "seed", "a_custom_one"])
def test_a_table_is_adopted_where_the_project_makes_one(materialized: str) -> None:
    assert outcome(replace(A, materialized=materialized), TABLE) == ["adopt", ""]


@pytest.mark.parametrize(
    ("materialized", "identity", "why"),
    [
        ("view", TABLE, "it is a table, and the project makes it a view"),
        ("incremental", VIEW, "it is a view, and the project makes it a table"),
        ("materialized_view", VIEW, "it is a view, and the project makes it a materialized view"),
        (
            "custom",
            replace(TABLE, kind=RelationKind.OTHER),
            "it is a relation of another kind, and the project makes it a custom",
        ),
    ],
)
def test_a_relation_of_another_kind_is_refused(materialized: str, identity: Identity, why: str) -> None:
    assert outcome(replace(A, materialized=materialized), identity) == ["refuse", why]


def test_the_counters_of_a_view_that_a_warehouse_tells_are_not_its_own() -> None:
    catalog = Catalog(identities={relation("a"): VIEW}, touched={relation("a"): "files"})
    view, external = (replace(A, materialized=each) for each in ("view", "external"))
    found = candidates([view, external], Recorded(), catalog, HERE, again=False)

    assert [each.touched for each in found] == [None, "files"]


def test_what_does_not_exist_is_left_to_be_built() -> None:
    assert outcome(A, None) == ["missing", "it does not exist"]


def test_what_an_interrupted_build_may_have_written_is_refused() -> None:
    refused = outcome(A, TABLE, again=True, intents={relation("a"): (INTENT,)})

    assert refused == ["refuse", "its last build was interrupted, so it may hold anything"]


def test_a_record_is_left_alone_unless_asked_again() -> None:
    ours, theirs = record(A), record(A, environment="shop/prod")

    assert outcome(A, TABLE, relations={relation("a"): ours})[0] == "known"
    assert outcome(A, TABLE, relations={relation("a"): theirs})[0] == "refuse"
    assert outcome(A, TABLE, again=True, relations={relation("a"): ours})[0] == "adopt"
    assert outcome(A, TABLE, again=True, relations={relation("a"): theirs})[0] == "adopt"


def test_nodes_without_a_relation_of_their_own_are_no_candidates() -> None:
    nodes = [node("source.shop.raw"), replace(A, materialized="ephemeral"), node("test.shop.t")]

    assert candidates(nodes, Recorded(), Catalog(), HERE, again=False) == ()


@pytest.mark.parametrize(
    ("expected", "actual", "more", "words"),
    [
        ([("a", 1), ("b", 2)], [("a", 1), ("b", 2)], False, ""),
        ([("a", 1)], [("a", 1), ("b", 2)], False, "it also has b"),
        ([("a", 1)], [("a", 1), ("b", 2)], True, ""),
        ([("a", 1), ("b", 2)], [("a", 1)], True, "it lacks b"),
        ([("a", 1)], [("a", 2)], False, "it has a different type for a"),
        ([("a", 1)], [("a", 2)], True, ""),
        ([("a", 1), ("b", 2)], [("b", 2), ("a", 1)], False, "its columns are in another order"),
        ([(name, 1) for name in "abcde"], [], False, "it lacks a, b, c and more"),
    ],
)
def test_other_columns_are_named(expected: Columns, actual: Columns, more: bool, words: str) -> None:
    found = other_columns(expected, actual, keeps_order=True, may_have_more=more)

    assert cause_words(found) == words


def test_a_contract_gives_the_order_of_the_columns() -> None:
    assert other_columns([("a", 1), ("b", 2)], [("b", 2), ("a", 1)], keeps_order=False, may_have_more=False) is None


def test_what_changed_since_it_was_shown_is_not_agreed_to() -> None:
    catalog = Catalog(identities={relation("a"): TABLE})
    (shown,) = candidates([A], Recorded(), catalog, HERE, again=False)

    assert is_as_it_was(shown, shown)
    assert not is_as_it_was(shown, replace(shown, identity=VIEW))
    assert not is_as_it_was(shown, replace(shown, columns="[]"))
    assert not is_as_it_was(shown, replace(shown, outcome=Outcome.REFUSE))


def test_an_adoption_lists_its_candidates_by_outcome() -> None:
    found = candidates([A], Recorded(), Catalog(), HERE, again=False)
    adoption = Adoption(environment=HERE, candidates=found, untouched=0)

    assert adoption.of(Outcome.MISSING) == found
    assert adoption.of(Outcome.ADOPT) == ()


def test_nothing_is_planned_after_all_was_adopted() -> None:
    chain = project(
        node("source.shop.raw"),
        node("model.shop.a", ["source.shop.raw"]),
        node("model.shop.b", ["model.shop.a"], materialized="ephemeral"),
        node("model.shop.c", ["model.shop.b"], materialized="table"),
        node("model.shop.d", ["model.shop.c", "source.shop.raw"], materialized="table"),
    )
    names = ["raw", "a", "c", "d"]
    catalog = Catalog(
        identities={
            relation(name): Identity(
                object_id=str(number),
                storage_id=str(number),
                kind=RelationKind.VIEW if name == "a" else RelationKind.TABLE,
            )
            for number, name in enumerate(names, 1)
        },
        data={relation("raw"): SourceData(columns="columns", touched="rows")},
        columns={relation(name): "[]" for name in names},
    )
    nodes = [replace(each, materialized="view") if each.name == "a" else each for each in chain.nodes.values()]
    chain = project(*nodes)
    found = candidates(nodes, Recorded(), catalog, HERE, again=False)
    numbers = iter(range(1, 100))

    records = adopted_records(chain, Recorded(), catalog, found, str(HERE), lambda: UUID(int=next(numbers)))

    after = Recorded(relations={each.relation: each for each in records})
    assert {each.outcome for each in found} == {Outcome.ADOPT}
    assert make_plan(chain, after, catalog, request()).to_build == ()
