"""What is failing now, since when, how often and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from support.project import Project

ProjectFactory = Callable[[Mapping[str, str]], Project]
BROKEN = "{{ config(materialized='table') }} select 1 / {{ var('divisor') }} as n"


def test_failing_nodes_are_listed_until_they_are_built(dbt_project: ProjectFactory) -> None:
    project = dbt_project({"models/orders.sql": BROKEN, "models/report.sql": "select * from {{ ref('orders') }}"})
    assert project.plugin("show", "--failures", check=0).stderr == "No node of this environment is failing.\n"
    for _ in range(2):
        project.plugin("run", "--vars", "{divisor: 0}", check=1)

    shown = project.plugin("show", "--failures", check=0).stdout
    (failure,) = json.loads(project.plugin("show", "--failures", "-o", "json", check=0).stdout)["failures"]
    listed = project.plugin("history", "--failed", check=0).stdout.splitlines()
    newest, first = json.loads(project.plugin("history", "--failed", "-o", "json", check=0).stdout)["executions"]

    assert (failure["unique_id"], failure["status"], failure["times"]) == ("model.shop.orders", "error", 2)
    assert (failure["since"], failure["execution_id"]) == (first["started_at"], newest["execution_id"])
    assert "division by zero" in failure["message"]
    lines = shown.splitlines()
    assert lines[0].startswith("model.shop.orders  error since 20")
    assert lines[0].endswith(f", 2 times in a row, last in execution {newest['execution_id']}")
    assert "division by zero" in lines[1]
    assert listed[2::2] == ["  orders: division by zero"] * 2
    of_one = project.plugin("show", first["execution_id"][:8], "--failures", check=0).stdout
    assert "model.shop.orders  error" in of_one
    assert "model.shop.report  skipped" in of_one

    project.plugin("run", "--vars", "{divisor: 1}", check=0)

    assert json.loads(project.plugin("show", "--failures", "-o", "json", check=0).stdout)["failures"] == []
    assert project.plugin("history", "--failed", check=0).stdout.splitlines() == listed
    refused = project.plugin("show", check=2).stderr
    assert refused.startswith("Error: `show` needs an EXECUTION, or --failures.\n")
