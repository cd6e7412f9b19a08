"""Estimates: duration, critical path and savings."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import Warehouse, edited, node, project, record, request

from dbt_state_plugin.core.estimate import (
    critical_path,
    estimated,
    makespan,
    saved,
    waits_for,
    with_cut_off,
    with_estimate,
)
from dbt_state_plugin.core.values.estimates import Estimate, Saved
from dbt_state_plugin.core.values.plan import Decision, Plan, PlanEntry
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.reasons import Reason

DIAMOND = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
TIMES = {"a": 10, "b": 30, "c": 20, "d": 5}


def test_nodes_that_wait_for_each_other_come_one_after_the_other() -> None:
    assert makespan(TIMES, DIAMOND, 4) == 45
    assert makespan(TIMES, DIAMOND, 1) == 65


def test_a_node_waits_for_a_free_thread() -> None:
    apart: dict[str, tuple[str, ...]] = {"a": (), "b": (), "c": ()}

    assert makespan({"a": 10, "b": 10, "c": 10}, apart, 2) == 20


def test_nothing_takes_no_time() -> None:
    assert makespan({}, {}, 4) == 0
    assert critical_path({}, {}) == ()
    assert critical_path({"a": 0}, {"a": ()}) == ()


def test_the_critical_path_is_the_chain_that_takes_longest() -> None:
    assert critical_path(TIMES, DIAMOND) == ("a", "b", "d")
    assert critical_path({**TIMES, "c": 31}, DIAMOND) == ("a", "c", "d")
    assert critical_path({**TIMES, "d": 0, "e": 50}, {**DIAMOND, "e": ()}) == ("e",)


def test_what_was_never_timed_is_named_and_counts_nothing() -> None:
    assert estimated({**TIMES, "b": None}, DIAMOND, 2) == Estimate(
        threads=2, wall_ms=35, work_ms=35, critical_path=("a", "c", "d"), critical_ms=35, unknown=("b",)
    )


CHAIN = project(
    node("model.shop.a"),
    node("model.shop.between", ["model.shop.a"], materialized="ephemeral"),
    node("model.shop.b", ["model.shop.between", "model.shop.gone"]),
    node("test.shop.t", ["model.shop.a"]),
    node("test.shop.both", ["model.shop.a", "model.shop.b"]),
)


def test_a_node_waits_through_what_is_not_built() -> None:
    wanted = ["model.shop.a", "model.shop.b"]

    assert waits_for(CHAIN, wanted, blocks_on_tests=False) == {"model.shop.a": (), "model.shop.b": ("model.shop.a",)}


def test_a_build_waits_for_the_tests_of_a_parent() -> None:
    wanted = [each for each in CHAIN.nodes if each != "model.shop.between"]

    graph = waits_for(CHAIN, wanted, blocks_on_tests=True)

    assert graph["model.shop.b"] == ("model.shop.a", "test.shop.t")
    assert graph["test.shop.t"] == ("model.shop.a",)
    assert graph["test.shop.both"] == ("model.shop.a", "model.shop.b")
    assert list(graph).index("test.shop.t") < list(graph).index("model.shop.b")


def entry(item: Node, milliseconds: int | None, *, builds: bool, cosmetic: tuple[Reason, ...] = ()) -> PlanEntry:
    known = replace(record(item), duration_ms=milliseconds)
    return PlanEntry(node=item, decision=Decision.BUILD if builds else Decision.SKIP, record=known, cosmetic=cosmetic)


def planned(of: Project, *entries: PlanEntry) -> Plan:
    return Plan(environment=request().environment, command="run", entries=entries)


def test_a_plan_says_how_long_it_takes_and_what_it_saves() -> None:
    of = project(node("model.shop.a"), node("model.shop.b", ["model.shop.a"]), node("model.shop.c", ["model.shop.b"]))
    a, b, c = of.nodes.values()
    plan = planned(of, entry(a, 100, builds=True), entry(b, 1000, builds=False), entry(c, 10, builds=True))

    found = with_estimate(plan, of, 4)

    assert found.estimate is not None
    assert (found.estimate.wall_ms, found.estimate.critical_path) == (110, ("model.shop.a", "model.shop.c"))
    assert found.savings is not None
    assert (found.savings.work_ms, found.savings.wall_ms) == (1000, 1000)
    assert found.savings.by_reason == {Saved.UNCHANGED: 1000}


def test_a_first_plan_knows_no_duration() -> None:
    of = project(node("model.shop.a"))

    found = with_estimate(Warehouse().plan(of), of, 4)

    assert found.estimate == Estimate(threads=4, unknown=("model.shop.a",))
    assert found.savings is not None
    assert found.savings.work_ms == found.savings.wall_ms == 0


def test_what_was_edited_without_effect_is_saved_for_a_reason_of_its_own() -> None:
    of = project(node("model.shop.a"), node("model.shop.b"))
    warehouse = Warehouse()
    warehouse.build(of, request())
    reason = warehouse.plan(edited(of, "model.shop.a")).to_build[0].reasons[0]
    a, b = of.nodes.values()

    found = saved(planned(of, entry(a, 5, builds=False, cosmetic=(reason,)), entry(b, None, builds=False)), 4)

    assert found.by_reason == {Saved.WITHOUT_EFFECT: 5}
    assert (found.work_ms, found.wall_ms) == (5, 4)
    assert saved(planned(of, entry(b, None, builds=False)), 4).wall_ms == 0


def test_what_a_run_cuts_off_is_saved_too() -> None:
    of = project(node("model.shop.a"), node("model.shop.b"))
    a, b = of.nodes.values()
    plan = planned(of, entry(a, 5, builds=False), entry(b, 7, builds=True))

    found = with_cut_off(with_estimate(plan, of, 4), ["model.shop.b"]).savings

    assert found is not None
    assert (found.work_ms, found.by_reason) == (12, {Saved.UNCHANGED: 5, Saved.CUT_OFF: 7})
    assert with_cut_off(plan, ["model.shop.b"]) is plan
    known = with_estimate(plan, of, 4)
    assert with_cut_off(known, []) is known


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, int], dict[str, tuple[str, ...]]]:
    names = [f"n{number}" for number in range(draw(st.integers(1, 12)))]
    graph = {
        name: tuple(draw(st.lists(st.sampled_from(names[:at]), max_size=3))) if at else ()
        for at, name in enumerate(names)
    }
    return {name: draw(st.integers(0, 50)) for name in names}, graph


@given(graphs(), st.integers(1, 6))
def test_a_schedule_keeps_within_the_bounds_of_list_scheduling(
    given_graph: tuple[dict[str, int], dict[str, tuple[str, ...]]], threads: int
) -> None:
    durations, graph = given_graph
    path = critical_path(durations, graph)
    work, longest = sum(durations.values()), sum(durations[each] for each in path)

    wall = makespan(durations, graph, threads)

    assert max(longest, -(-work // threads)) <= wall
    assert wall * threads <= work + longest * (threads - 1)
    assert makespan(durations, graph, len(durations)) == longest
    assert makespan(durations, graph, 1) == work
    assert all(before in graph[after] for before, after in pairwise(path))


@given(graphs())
def test_no_chain_takes_longer_than_the_critical_path(
    given_graph: tuple[dict[str, int], dict[str, tuple[str, ...]]],
) -> None:
    durations, graph = given_graph
    ends: dict[str, int] = {}
    for name, parents in graph.items():
        ends[name] = durations[name] + max((ends[parent] for parent in parents), default=0)

    assert sum(durations[each] for each in critical_path(durations, graph)) == max(ends.values())


@pytest.mark.parametrize("threads", [1, 4])
def test_an_estimate_says_the_threads_it_is_for(threads: int) -> None:
    assert estimated({}, {}, threads) == Estimate(threads=threads)
