"""Overviews of projects for tests of reports, small and large."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from dbt_state_plugin.core.values.history import ExecutionSummary, NodeResult
from dbt_state_plugin.core.values.overview import DifferingText, NodeBuilds, Overview, Tally
from dbt_state_plugin.core.values.plan import Decision, Plan, PlanEntry
from dbt_state_plugin.core.values.project import Exposure, Node
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import RemovedNode
from dbt_state_plugin.core.values.results import CUT_OFF
from support.values import HERE, THEN, node, project, record, relation

CHANGED = Reason(kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values={"part": "body"})
NEW = Reason(kind=ReasonKind.NEW, code=ReasonCode.NOT_RECORDED)
MISSING = Reason(kind=ReasonKind.MISSING, code=ReasonCode.RELATION_MISSING, values={"relation": "db.main.lost"})
FAILED = Reason(kind=ReasonKind.FAILED, code=ReasonCode.BUILD_FAILED, values={"execution": str(UUID(int=1))})


def upstream(parent: str) -> Reason:
    return Reason(kind=ReasonKind.UPSTREAM, code=ReasonCode.IS_BUILT, node=parent)


def entry(item: Node, *reasons: Reason, **fields: Any) -> PlanEntry:
    decision = Decision.BUILD if reasons else Decision.SKIP
    return PlanEntry(node=item, decision=decision, reasons=reasons, **({"record": record(item)} | fields))


def result(unique_id: str, status: str = "success", *reasons: dict[str, Any], **fields: Any) -> NodeResult:
    values: dict[str, Any] = {
        "resource_type": unique_id.split(".", 1)[0],
        "rows_affected": 10,
        "duration_ms": 1200,
        "message": "",
    }
    given = reasons or ({"kind": "body", "detail": "its code changed", "code": "part-changed", "values": {}},)
    return NodeResult(unique_id=unique_id, status=status, reasons=given, **(values | fields))


def execution(number: int, *results: NodeResult, **fields: Any) -> ExecutionSummary:
    good = sum(each.is_success for each in results)
    started = THEN + timedelta(hours=number)
    values: dict[str, Any] = {
        "command": "build",
        "status": "succeeded" if good == len(results) else "failed",
        "started_at": started,
        "finished_at": started + timedelta(seconds=5 + number % 7),
        "caller": "cli",
        "host": "here",
        "git_commit": "",
        "meltano_run_id": "",
        "tool_version": "0.1.0",
        "dbt_version": "1.11.16",
        "message": "",
        "planned": len(results),
        "succeeded": good,
        "cut_off": sum(each.status == CUT_OFF for each in results),
        "results": results,
    }
    return ExecutionSummary(execution_id=UUID(int=number << 96), **(values | fields))


def overview(*entries: PlanEntry, sources: tuple[Node, ...] = (), **fields: Any) -> Overview:
    """Return an overview of these entries; `removed` and `exposures` are the plan's and the project's."""
    removed, exposures = fields.pop("removed", ()), fields.pop("exposures", ())
    plan = Plan(environment=HERE, command="build", entries=entries, removed=removed)
    whole = replace(project(*(each.node for each in entries), *sources), exposures=exposures)
    return Overview(**({"plan": plan, "project": whole, "made_at": THEN} | fields))


def small_overview(**fields: Any) -> Overview:
    """Return a project with a node in nearly every state, two executions and a text that differs."""
    raw = node("source.shop.raw.orders")
    staged = node("model.shop.stg_orders", [raw.unique_id], path="models/staging/stg_orders.sql", materialized="view")
    orders = node("model.shop.orders", [staged.unique_id], path="models/marts/orders.sql")
    lost = node("model.shop.lost", [staged.unique_id], path="models/marts/lost.sql")
    broken = node("model.shop.broken", [orders.unique_id], path="models/marts/broken.sql")
    fresh = node("model.shop.fresh", [], path="models/marts/fresh.sql")
    quiet = node("model.shop.quiet", [], path="models/marts/quiet.sql")
    test = node("test.shop.unique_orders.1a2b", [orders.unique_id], path="models/marts/marts.yml")
    runs = (
        execution(2, result(orders.unique_id), result(broken.unique_id, "error", message="column x does not exist")),
        execution(1, result(orders.unique_id), result(quiet.unique_id)),
    )
    values: dict[str, Any] = {
        "sources": (raw,),
        "removed": (RemovedNode(unique_id="model.shop.old", relation=relation("old")),),
        "exposures": (
            Exposure(
                unique_id="exposure.shop.board",
                name="board",
                kind="dashboard",
                owner="Ann",
                parents=(orders.unique_id,),
            ),
        ),
        "texts": {
            staged.unique_id: (DifferingText(title="code of stg_orders", before="select 1\n", now="select 2\n"),)
        },
        "executions": runs,
        "results": {each.execution_id: each.results for each in runs},
        "builds": (
            NodeBuilds(unique_id=orders.unique_id, builds=2, kinds={"body": 2}),
            NodeBuilds(unique_id=quiet.unique_id, builds=1, kinds={"body": 1}),
            NodeBuilds(unique_id=broken.unique_id, failures=1),
        ),
        "tallies": {
            runs[0].execution_id: Tally(skipped=5, saved_ms=2500),
            runs[1].execution_id: Tally(skipped=5, saved_ms=0),
        },
    }
    return overview(
        entry(staged, CHANGED),
        entry(orders, upstream(staged.unique_id), record=record(orders, duration_ms=1500)),
        entry(lost, MISSING),
        entry(broken, FAILED),
        entry(fresh, NEW, record=None),
        entry(quiet, record=record(quiet, duration_ms=2500)),
        entry(test, NEW, record=None),
        **(values | fields),
    )


def large_overview(models: int = 2000, folders: int = 60) -> Overview:
    """Return a project of layers of models in folders, of which some are due, with fifty executions."""
    random = Random(4)
    nodes: list[Node] = [node(f"source.shop.raw.table_{number}") for number in range(40)]
    for number in range(models):
        parents = random.sample(nodes[-250:], k=random.randint(1, 3))
        layer = ("staging", "intermediate", "marts")[min(number * 3 // models, 2)]
        folder = f"models/{layer}/area_{number * folders // models}"
        path = f"{folder}/model_number_{number}.sql"
        nodes.append(node(f"model.shop.model_number_{number}", [each.unique_id for each in parents], path=path))
    due: dict[str, tuple[Reason, ...]] = {}
    for each in nodes[40:]:
        above = [parent for parent in each.parents if parent in due]
        if random.random() < 0.01:
            due[each.unique_id] = (random.choice((CHANGED, NEW, MISSING, FAILED)),)
        elif above and random.random() < 0.3:
            due[each.unique_id] = (upstream(above[0]),)
    entries = [
        entry(each, *due.get(each.unique_id, ()), record=record(each, duration_ms=random.randint(50, 9000)))
        for each in nodes[40:]
    ]
    runs = []
    for number in range(50, 0, -1):
        built = random.sample(nodes[40:], k=random.choice((0, 0, 3, 12, 80)))
        runs.append(
            execution(number, *(result(each.unique_id, duration_ms=random.randint(50, 9000)) for each in built))
        )
    texts = {
        unique_id: (DifferingText(title=f"code of {unique_id}", before="select 1\n" * 30, now="select 2\n" * 30),)
        for unique_id, reasons in due.items()
        if CHANGED in reasons
    }
    builds = [
        NodeBuilds(unique_id=each.unique_id, builds=2, total_ms=random.randint(50, 9000), kinds={"body": 2})
        for each in nodes[40:]
    ]
    return overview(
        *entries,
        sources=tuple(nodes[:40]),
        texts=texts,
        executions=tuple(runs),
        results={each.execution_id: each.results for each in runs},
        builds=tuple(builds),
        tallies={each.execution_id: Tally(skipped=models - each.planned, saved_ms=9000) for each in runs},
    )
