"""Output formats of a plan, and what holds for each."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from support import forkserver
from support.project import Project

ProjectFactory = Callable[[Mapping[str, str]], Project]

TABLE = "{{ config(materialized='table') }}\n"
MODELS = {
    "models/staging/stg_orders.sql": "select 1 as id, 10 as amount",
    "models/staging/stg_customers.sql": "select 1 as id",
    "models/marts/orders.sql": TABLE + "select * from {{ ref('stg_orders') }}",
    "models/marts/orders_by_day.sql": "select count(*) as n from {{ ref('orders') }}",
    "models/marts/customers.sql": TABLE + "select * from {{ ref('stg_customers') }}",
}
CHANGED = {"model.shop.orders", "model.shop.orders_by_day"}  # by an edit of `orders`
NODE_KEYS = {
    *("unique_id", "resource_type", "name", "path", "relation", "decision", "outside_selection", "reasons"),
    *("cosmetic", "change", "old_rows", "extra", "undeclared_inputs", "built_at", "hangs_on"),
}


def built_by_dbt(project: Project, *selection: str, check: int = 0) -> set[str]:
    """Run the real `dbt run` and return the unique_ids of the nodes that it built."""
    results = project.directory / "target" / "run_results.json"
    results.unlink(missing_ok=True)
    project.dbt("run", *selection, check=check)
    return built(results)


def built(results: Path) -> set[str]:
    if not results.exists():
        return set()
    return {result["unique_id"] for result in json.loads(results.read_text())["results"]}


def shell(project: Project, script: str, *, check: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a script in a real shell that finds dbt and dbt-state-plugin, which are forks, on its PATH."""
    scripts = str(forkserver.programs())
    environment = {**project.environment, "PATH": f"{scripts}:{project.environment['PATH']}"}
    finished = subprocess.run(
        ["sh", "-c", script], cwd=project.directory, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == check, f"{script}: {finished.stdout}{finished.stderr}"
    return finished


def answer(project: Project, command: str, *output: str) -> str:
    """Return what a command prints to stdout; on stderr are the summary and how to record what dbt builds by itself."""
    finished = project.plugin(command, "--output", *output, check=0)
    summary, *handed = finished.stderr.splitlines()
    assert summary.startswith("Plan: ")
    assert all(line.startswith("`dbt-state-plugin record` after dbt records it: plan ") for line in handed)
    assert len(handed) <= 1
    return finished.stdout


def test_each_form_makes_the_real_dbt_build_exactly_the_planned_nodes(dbt_project: ProjectFactory) -> None:
    project = dbt_project(MODELS)
    project.plugin("run", check=0)
    project.write("models/marts/orders.sql", TABLE + "select *, 2 as version from {{ ref('stg_orders') }}")

    text = project.plugin("plan", check=0)
    document = json.loads(answer(project, "plan", "json"))

    assert text.stdout.splitlines() == [
        "  build  orders         body: its code changed",
        "  build  orders_by_day  upstream: orders is built",
        "Plan: 1 changed, 1 downstream, 3 unchanged",
    ]
    assert text.stderr == ""
    assert_documented(document)
    assert decided(document, "build") == CHANGED

    # A relation that dbt has built by itself still needs its build to be recorded, so the plan stays what it is.
    names = answer(project, "plan", "name").split()
    assert names == ["orders", "orders_by_day"]
    assert built_by_dbt(project, "--select", *names) == CHANGED

    paths = answer(project, "plan", "path").split()
    assert paths == ["models/marts/orders.sql", "models/marts/orders_by_day.sql"]
    assert built_by_dbt(project, "--select", *paths) == CHANGED

    project.write("selectors.yml", answer(project, "plan", "selectors"))
    assert built_by_dbt(project, "--selector", "dbt_state_plugin") == CHANGED
    project.delete("selectors.yml")

    folder = answer(project, "plan", "state-dir", "to build").rstrip("\n")
    assert built_by_dbt(project, "--select", "result:error", "--state", folder) == CHANGED

    (project.directory / "target" / "run_results.json").unlink()
    shell(project, "dbt run --select $(dbt-state-plugin select)")
    assert built(project.directory / "target" / "run_results.json") == CHANGED


def test_nothing_to_do_makes_the_real_dbt_build_nothing_in_every_form(dbt_project: ProjectFactory) -> None:
    project = dbt_project(MODELS)
    project.plugin("run", check=0)

    text = project.plugin("select", "--output", "text", "--exit-code", check=0)
    document = json.loads(answer(project, "select", "json"))

    assert text.stdout == "Plan: nothing to build, 5 unchanged\n"
    assert_documented(document)
    assert decided(document, "build") == set()
    assert document["summary"]["build"] == 0

    assert answer(project, "select", "name") == answer(project, "select", "path") == ""
    assert built_by_dbt(project, "--select", check=2) == set(), "an empty list is an error of dbt's, not everything"

    project.write("selectors.yml", answer(project, "select", "selectors"))
    assert built_by_dbt(project, "--selector", "dbt_state_plugin") == set()
    project.delete("selectors.yml")

    folder = answer(project, "select", "state-dir", "selection").rstrip("\n")
    assert built_by_dbt(project, "--select", "result:error", "--state", folder) == set()

    refused = project.plugin("select", "--output", "state-dir", "target", check=2)
    assert "manifest.json" in refused.stderr
    assert "dbt's own target folder" in refused.stderr

    assert answer(project, "select", "select") == "dbt-state-plugin.nothing-to-build\n"
    (project.directory / "target" / "run_results.json").unlink(missing_ok=True)
    shell(project, "dbt run --select $(dbt-state-plugin plan --output select)")
    assert built(project.directory / "target" / "run_results.json") == set()


def decided(document: Mapping[str, Sequence[Mapping[str, str]]], decision: str) -> set[str]:
    return {node["unique_id"] for node in document["nodes"] if node["decision"] == decision}


_SINCE = ("hooks", "exposures", "estimate", "savings", "untold")  # keys that version 1 has gained


def assert_documented(document: Mapping[str, object]) -> None:
    """Hold the document to the shape that version 1 promises."""
    assert list(document) == ["version", "environment", "command", "summary", "nodes", "removed", *_SINCE]
    assert document["version"] == 1
    environment, nodes = document["environment"], document["nodes"]
    assert isinstance(environment, dict)
    assert list(environment) == ["project", "target", "database", "schema"]
    assert isinstance(nodes, list)
    assert len(nodes) == 5
    for node in nodes:
        assert set(node) == NODE_KEYS
        assert node["decision"] in ("build", "skip")
        assert bool(node["reasons"]) == (node["decision"] == "build")
        keys = {"kind", "detail", "code", "values"}
        assert all(keys <= set(reason) <= {*keys, "node"} for reason in node["reasons"])
