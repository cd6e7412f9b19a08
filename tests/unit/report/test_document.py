"""Plans and executions as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from support.values import HERE, THEN, Warehouse, edited, granted, node, project, request

from dbt_state_plugin.core.values.history import ExecutionSummary, NodeResult, StepSummary
from dbt_state_plugin.core.values.records import Trace, TracedReads
from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.report.document import environment_document, execution_document, plan_document, rendered

OF = project(node("model.shop.a"), node("model.shop.b", ["model.shop.a"]), node("test.shop.t", ["model.shop.b"]))


def test_a_plan_lists_every_node_with_its_decision_and_reasons() -> None:
    warehouse = Warehouse()
    warehouse.build(OF, request("build"))
    after = edited(OF, "model.shop.a")
    gone = project(after.nodes["model.shop.a"], after.nodes["test.shop.t"])

    document = plan_document(warehouse.plan(gone, request("build", selected=["test.shop.t"])))

    assert document == {
        "version": 1,
        "environment": {"project": "shop", "target": "dev", "database": "db", "schema": "main"},
        "command": "build",
        "summary": {
            "build": 0,
            "new": 0,
            "changed": 0,
            "downstream": 0,
            "data": 0,
            "repaired": 0,
            "volatile": 0,
            "forced": 0,
            "unchanged": 1,
            "outside_selection": 1,
            "removed": 1,
        },
        "nodes": [
            {
                "unique_id": "model.shop.a",
                "resource_type": "model",
                "name": "a",
                "path": "models/a.sql",
                "relation": '"db"."main"."a"',
                "decision": "skip",
                "outside_selection": True,
                "reasons": [
                    {"kind": "body", "detail": "its code changed", "code": "part-changed", "values": {"part": "body"}}
                ],
                "cosmetic": [],
                "change": "data",
                "old_rows": None,
                "extra": [],
                "undeclared_inputs": [],
                "hangs_on": [],
                "built_at": THEN.isoformat(),
            },
            {
                "unique_id": "test.shop.t",
                "resource_type": "test",
                "name": "t",
                "path": "models/t.sql",
                "relation": None,
                "decision": "skip",
                "outside_selection": False,
                "reasons": [],
                "cosmetic": [],
                "change": None,
                "old_rows": None,
                "extra": [],
                "undeclared_inputs": [],
                "hangs_on": [],
                "built_at": THEN.isoformat(),
            },
        ],
        "removed": [{"unique_id": "model.shop.b", "relation": '"db"."main"."b"', "exists": True}],
        "hooks": [],
        "exposures": [],
        "estimate": None,
        "savings": None,
        "untold": [],
    }


def test_inputs_that_the_graph_of_dbt_lacks_are_listed() -> None:
    warehouse = Warehouse()
    warehouse.build(OF, request("build"))
    plan = warehouse.plan(OF, request("build"))
    entry = next(each for each in plan.entries if each.node.unique_id == "model.shop.a")
    assert entry.record is not None
    reads = TracedReads(sources={"source.shop.raw.flags": '"db"."raw"."flags"'})
    record = replace(entry.record, trace=Trace(named=(("raw", "h"),), reads=reads))

    [document] = plan_document(replace(plan, entries=(replace(entry, record=record),)))["nodes"]

    assert document["undeclared_inputs"] == [
        {"relation": '"db"."raw"."h"', "source": None},
        {"relation": '"db"."raw"."flags"', "source": "source.shop.raw.flags"},
    ]


def test_a_node_says_what_differs_in_nothing_real_and_what_kind_of_change_it_is() -> None:
    warehouse = Warehouse()
    warehouse.build(OF, request("build"))

    edit, grants = (
        plan_document(warehouse.plan(after, request("build")))["nodes"]
        for after in (edited(OF, "model.shop.a", "1 -- one"), granted(OF, "model.shop.a"))
    )

    assert [(item["change"], [reason["kind"] for reason in item["cosmetic"]]) for item in edit] == [
        (None, ["body"]),
        (None, []),
        (None, []),
    ]
    assert [item["change"] for item in grants] == ["physical", None, None]


def test_a_reason_names_the_node_that_it_comes_from() -> None:
    document = plan_document(Warehouse().plan(OF))

    assert document["nodes"][1]["reasons"][1] == {
        "kind": "upstream",
        "detail": "is built",
        "node": "model.shop.a",
        "code": "is-built",
        "values": {},
    }
    assert document["nodes"][1]["built_at"] is None
    assert document["summary"]["build"] == 2


def test_a_pipeline_of_scripts_has_no_target() -> None:
    assert environment_document(Environment(pipeline="nightly")) == {"pipeline": "nightly"}
    assert str(Environment(pipeline="nightly")) == "pipeline nightly"
    assert environment_document(HERE)["target"] == "dev"


def summary(**fields: object) -> ExecutionSummary:
    values: dict[str, object] = {
        "execution_id": UUID(int=7),
        "command": "run",
        "status": "succeeded",
        "started_at": THEN,
        "finished_at": THEN + timedelta(seconds=1),
        "caller": "cli",
        "host": "laptop",
        "git_commit": "abc",
        "meltano_run_id": "",
        "tool_version": "0.1.0",
        "dbt_version": "1.11.16",
        "message": "",
        "planned": 1,
        "succeeded": 1,
        "cut_off": 0,
    }
    return ExecutionSummary(**(values | fields))  # type: ignore[arg-type]


def test_an_execution_is_a_document_with_its_steps() -> None:
    steps = (
        StepSummary(
            step_id=UUID(int=8), name="LOAD", status="succeeded", started_at=THEN, finished_at=THEN, rows_processed=5
        ),
        StepSummary(
            step_id=UUID(int=9), name="T", status="running", started_at=THEN, finished_at=None, rows_processed=None
        ),
    )

    document = execution_document(summary(steps=steps, uncommitted="12", cut_off=1), with_nodes=False)

    assert document["execution_id"] == str(UUID(int=7))
    assert (document["git_commit"], document["uncommitted_changes"]) == ("abc", "12")
    assert document["finished_at"] == "2026-01-02T03:04:06+00:00"
    assert [step["finished_at"] for step in document["steps"]] == [THEN.isoformat(), None]
    assert (document["planned"], document["succeeded"], document["cut_off"]) == (1, 1, 1)
    assert "nodes" not in document


def test_an_execution_is_a_document_with_its_nodes_where_they_are_wanted() -> None:
    result = NodeResult(
        unique_id="model.shop.a",
        resource_type="model",
        reasons=({"kind": "body"},),
        status="success",
        rows_affected=3,
        duration_ms=40,
        message="SELECT 3",
    )

    document = execution_document(summary(results=(result,), finished_at=None), with_nodes=True)

    assert document["finished_at"] is None
    assert document["nodes"] == [
        {
            "unique_id": "model.shop.a",
            "resource_type": "model",
            "reasons": [{"kind": "body"}],
            "status": "success",
            "rows_affected": 3,
            "duration_ms": 40,
            "message": "SELECT 3",
        }
    ]


def test_a_document_is_readable_json_that_keeps_its_letters() -> None:
    text = rendered(plan_document(Warehouse().plan(project(node("model.shop.größe")))))

    assert "größe" in text
    assert json.loads(text)["nodes"][0]["name"] == "größe"
