"""What a pull request builds, and what it reads elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from support.values import HERE, node, project, record, relation

from dbt_state_plugin.core.comparison.defer import Deferral, deferred_project, explained, find_deferral
from dbt_state_plugin.core.values.plan import Decision, Plan, PlanEntry
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.errors import UsageError

A, B, C, D = (f"model.shop.{name}" for name in "abcd")
SEED = "seed.shop.s"
SHOP = project(
    node("source.shop.raw"),
    node(SEED),
    node(A, ["source.shop.raw", "model.gone.x"]),
    node("model.shop.inside", [A, SEED], materialized="ephemeral"),
    node(B, ["model.shop.inside"]),
    node(C, [B]),
    node(D, [A]),
)
THERE = {unique_id: relation(unique_id, schema="prod") for unique_id in (SEED, A, B, C, D)}


def found(
    *changed: str,
    command: str = "build",
    selected: Iterable[str] | None = None,
    here: Iterable[str] = (),
    lacking: Iterable[str] = (),
) -> Deferral:
    return find_deferral(
        SHOP,
        set(changed),
        elsewhere={name: each for name, each in THERE.items() if name not in set(lacking)},
        here={SHOP.nodes[name].relation for name in here},  # type: ignore[misc]
        selected=None if selected is None else set(selected),
        command=command,
    )


def test_changed_nodes_are_built_and_their_unchanged_parents_read_there() -> None:
    deferral = found(B, C)

    assert deferral.built == {B, C}
    assert deferral.relations == {A: THERE[A], SEED: THERE[SEED]}


def test_what_the_other_environment_lacks_is_built_with_what_it_reads() -> None:
    deferral = found(C, lacking=[B, A])

    assert deferral.built == {C, B, A}
    assert deferral.relations == {SEED: THERE[SEED]}


def test_a_changed_parent_outside_the_selection_is_read_where_it_is() -> None:
    assert found(B, C, selected=[C], here=[B]) == Deferral(built=frozenset({C}), relations={})
    assert found(B, C, selected=[C]).relations == {B: THERE[B]}
    assert found(B, C, selected=[C], lacking=[B]).built == {B, C}


def test_an_unchanged_relation_that_stands_here_is_read_there_all_the_same() -> None:
    assert found(C, here=[B]).relations == {B: THERE[B]}


def test_a_changed_seed_has_to_be_loaded_first() -> None:
    assert SEED in found(SEED, B).built
    with pytest.raises(UsageError, match="reads seed"):
        found(SEED, B, command="run")
    with pytest.raises(UsageError, match="reads seed"):
        found(B, command="run", lacking=[SEED])


def test_a_changed_ephemeral_model_is_not_built_itself() -> None:
    assert found("model.shop.inside", B).built == {B}


def test_the_build_sees_what_is_read_there_as_sources_and_nothing_else() -> None:
    seen = deferred_project(SHOP, found(B, C), {B, C})

    assert {name: each.resource_type for name, each in seen.nodes.items()} == {
        "source.shop.raw": "source",
        "model.shop.inside": "model",
        SEED: "source",
        A: "source",
        B: "model",
        C: "model",
    }
    assert seen.nodes[A].relation == THERE[A]


def test_what_is_read_there_is_never_hidden_by_a_setting_for_data() -> None:
    shop = replace(SHOP, nodes={**SHOP.nodes, A: replace(SHOP.nodes[A], settings={"data_version": "never"})})

    assert deferred_project(shop, found(B, C), {B, C}).nodes[A].settings == {"data_version": "touched"}


def test_what_was_never_built_here_is_explained_by_what_differs_there() -> None:
    new, why = (
        Reason(kind=ReasonKind.NEW, code=ReasonCode.NOT_RECORDED),
        Reason(kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values={"part": "body"}),
    )
    entries = (
        PlanEntry(node=SHOP.nodes[A], decision=Decision.BUILD, reasons=(new,)),
        PlanEntry(node=SHOP.nodes[B], decision=Decision.BUILD, reasons=(new,)),
        PlanEntry(node=SHOP.nodes[C], decision=Decision.BUILD, reasons=(replace(why, node="here"),)),
        PlanEntry(node=SHOP.nodes[D], decision=Decision.SKIP),
    )
    plan = Plan(environment=HERE, command="run", entries=entries, removed=(record(SHOP.nodes[D]),))

    told = explained(plan, {A: (why,), B: (), C: (why,), D: (why,)})

    assert [entry.reasons for entry in told.entries] == [(why,), (new,), entries[2].reasons, ()]
    assert (told.removed, told.is_narrowed) == ((), True)
