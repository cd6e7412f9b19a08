"""Progress of a build, and the time left."""

from __future__ import annotations

from dataclasses import replace

from support.values import node, project, record, request

from dbt_state_plugin.core.estimate import with_estimate
from dbt_state_plugin.core.values.plan import Decision, Plan, PlanEntry
from dbt_state_plugin.core.values.progress import Stage, Step
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.operations.running.build_progress import BuildProgress

A, B, C = "model.shop.a", "model.shop.b", "model.shop.c"
OF = project(node(A), node(B), node(C))


def planned(**milliseconds: int | None) -> Plan:
    entries = tuple(
        PlanEntry(
            node=OF.nodes[f"model.shop.{name}"],
            decision=Decision.BUILD,
            record=None if took is None else replace(record(OF.nodes[f"model.shop.{name}"]), duration_ms=took),
        )
        for name, took in milliseconds.items()
    )
    return with_estimate(Plan(environment=request().environment, command="run", entries=entries), OF, 2)


def ended(unique_id: str, status: str = "success", took: int | None = 1000) -> NodeOutcome:
    return NodeOutcome(unique_id=unique_id, status=status, duration_ms=took)


def test_it_counts_what_is_done_running_and_failed() -> None:
    told: list[Step] = []
    progress = BuildProgress(told.append, planned(a=1000, b=3000, c=2000))
    progress.on_executing(A)
    progress.on_executing(B)
    progress.on_executing("operation.shop.hook")
    progress.on_finished(ended(A))
    progress.on_finished(ended("operation.shop.hook"))
    progress.on_finished(ended(B, "error"))
    progress.on_finished(ended(C, "skipped"))

    assert {step.stage for step in told} == {Stage.BUILD}
    assert {step.total for step in told} == {3}
    assert [(step.done, step.failed, step.running, step.left_ms) for step in told] == [
        (0, 0, (), 3000),
        (0, 0, (A,), 3000),
        (0, 0, (A, B), 3000),
        (0, 0, (A, B), 3000),
        (1, 0, (B,), 2500),
        (1, 0, (B,), 2500),
        (2, 1, (), 2000),
        (3, 1, (), 0),
    ]


def test_what_was_never_timed_takes_as_long_as_what_this_run_has_built() -> None:
    told: list[Step] = []
    progress = BuildProgress(told.append, planned(a=None, b=None, c=4000))
    progress.on_finished(ended(A, took=2000))

    assert [step.left_ms for step in told] == [None, 3000]


def test_whoever_listens_cannot_break_the_build() -> None:
    def fail(_step: Step) -> None:
        raise RuntimeError

    BuildProgress(fail, Plan(environment=request().environment, command="run", entries=())).on_executing(A)
