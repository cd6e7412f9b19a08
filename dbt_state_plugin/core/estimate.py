"""Durations of plans: list scheduling on the graph, and the critical path."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from graphlib import TopologicalSorter

from dbt_state_plugin.core.lineage import build_order
from dbt_state_plugin.core.values.estimates import Estimate, Saved, Savings
from dbt_state_plugin.core.values.plan import Plan, PlanEntry
from dbt_state_plugin.core.values.project import Project

Graph = Mapping[str, Collection[str]]
"""What each node waits for; every node is a key, parents before their children."""


def with_estimate(plan: Plan, project: Project, threads: int) -> Plan:
    """Return the plan with how long it takes on so many threads, and what it saves."""
    everything = [*plan.to_build, *plan.skipped]
    durations = {entry.node.unique_id: _duration(entry) for entry in everything}
    graph = waits_for(project, durations, blocks_on_tests=plan.command == "build")
    estimate = estimated(durations, _narrowed(graph, [entry.node.unique_id for entry in plan.to_build]), threads)
    whole = makespan({node: each or 0 for node, each in durations.items()}, graph, threads) if plan.skipped else 0
    return replace(plan, estimate=estimate, savings=saved(plan, max(0, whole - estimate.wall_ms)))


def saved(plan: Plan, wall_ms: int = 0) -> Savings:
    """Return what skipping saves; `wall_ms` is elapsed time."""
    by_reason: Counter[Saved] = Counter()
    for entry in plan.skipped:
        by_reason[Saved.WITHOUT_EFFECT if entry.cosmetic else Saved.UNCHANGED] += _duration(entry) or 0
    known = {reason: spent for reason, spent in by_reason.items() if spent}
    return Savings(work_ms=sum(known.values()), wall_ms=wall_ms if known else 0, by_reason=known)


def with_cut_off(plan: Plan, cut_off: Collection[str]) -> Plan:
    """Return the plan of a run with what it saved by these nodes, which needed no build after all."""
    spent = sum(_duration(entry) or 0 for entry in plan.to_build if entry.node.unique_id in cut_off)
    if plan.savings is None or not spent:
        return plan
    by_reason = {**plan.savings.by_reason, Saved.CUT_OFF: spent}
    return replace(plan, savings=replace(plan.savings, work_ms=plan.savings.work_ms + spent, by_reason=by_reason))


def _duration(entry: PlanEntry) -> int | None:
    return entry.record.duration_ms if entry.record is not None else None


def estimated(durations: Mapping[str, int | None], graph: Graph, threads: int) -> Estimate:
    """Return how long the nodes of the graph take; `durations` in milliseconds, None if none is known."""
    known = {node: durations[node] or 0 for node in graph}
    path = critical_path(known, graph)
    return Estimate(
        threads=threads,
        wall_ms=makespan(known, graph, threads),
        work_ms=sum(known.values()),
        critical_path=path,
        critical_ms=sum(known[node] for node in path),
        unknown=tuple(node for node in graph if durations[node] is None),
    )


def waits_for(project: Project, wanted: Collection[str], *, blocks_on_tests: bool) -> dict[str, tuple[str, ...]]:
    """Return which of the wanted nodes each of them waits for, also through nodes that are not wanted.

    With `blocks_on_tests`, as in `dbt build`, the children of a node wait for the tests that read nothing else.
    """
    nearest: dict[str, set[str]] = {}
    for node in build_order(project):
        parents = [parent for parent in project.nodes[node].parents if parent in project.nodes]
        nearest[node] = set().union(*({each} if each in wanted else nearest[each] for each in parents))
    graph = {node: nearest[node] for node in nearest if node in wanted}
    if blocks_on_tests:
        graph = _with_tests(project, graph)
    return {node: tuple(sorted(parents)) for node, parents in graph.items()}


def _with_tests(project: Project, graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the graph in which tests of one node stand before what reads it, parents first."""
    tests: dict[str, set[str]] = {}
    for node, parents in graph.items():
        if project.nodes[node].is_test and len(parents) == 1:
            tests.setdefault(next(iter(parents)), set()).add(node)
    found = {
        node: parents if project.nodes[node].is_test else parents.union(*(tests.get(each, set()) for each in parents))
        for node, parents in graph.items()
    }
    order = TopologicalSorter({node: sorted(parents) for node, parents in found.items()}).static_order()
    return {node: found[node] for node in order}


def _narrowed(graph: Graph, wanted: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the graph of some of its nodes, with what they wait for through the others."""
    kept = set(wanted)
    nearest: dict[str, set[str]] = {}
    for node, parents in graph.items():
        nearest[node] = set().union(*({each} if each in kept else nearest[each] for each in parents))
    return {node: tuple(sorted(nearest[node])) for node in graph if node in kept}


def makespan(durations: Mapping[str, int], graph: Graph, threads: int) -> int:
    """Return when the last node ends if each starts, in graph order, once its parents are done and a thread is free.

    That is how dbt works through its queue, except for the order of those that are ready at the same time.
    """
    position = {node: number for number, node in enumerate(graph)}
    left = {node: len(set(parents)) for node, parents in graph.items()}
    children: dict[str, list[str]] = {node: [] for node in graph}
    for node, parents in graph.items():
        for parent in set(parents):
            children[parent].append(node)
    ready = [(position[node], node) for node in graph if not left[node]]
    running: list[tuple[int, int, str]] = []
    now = 0
    while ready or running:
        while ready and len(running) < threads:
            number, node = heapq.heappop(ready)
            heapq.heappush(running, (now + durations[node], number, node))
        now, _, ended = heapq.heappop(running)
        for child in children[ended]:
            left[child] -= 1
            if not left[child]:
                heapq.heappush(ready, (position[child], child))
    return now


def critical_path(durations: Mapping[str, int], graph: Graph) -> tuple[str, ...]:
    """Return the chain of nodes that takes longest, parents first; nothing if all take no time."""
    ends: dict[str, int] = {}
    before: dict[str, str | None] = {}
    for node, parents in graph.items():
        last = before[node] = max(sorted(parents), key=ends.__getitem__, default=None)
        ends[node] = durations[node] + (0 if last is None else ends[last])
    path: list[str] = []
    last = max(ends, key=ends.__getitem__, default=None)
    while last is not None and ends[last]:
        path.append(last)
        last = before[last]
    return tuple(reversed(path))
