"""Many nodes with similar names, planned and selected exactly.

There are 50 of them, and 500 with `DBT_STATE_PLUGIN_FAULTS=full`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from faults.size import is_small
from support.project import Project

ProjectFactory = Callable[[Mapping[str, str]], Project]

MODELS = 50 if is_small() else 500
ROOTS = MODELS // 25
LEAVES = MODELS - ROOTS
CHANGED = [number for number in range(LEAVES) if number * 7919 % LEAVES < MODELS // 2]  # scattered: 7919 is a prime


def leaf(number: int, version: int) -> tuple[str, str]:
    """Return the path and the code of a leaf; `leaf_1` is the beginning of many other names."""
    name = f"leaf_{number}"
    return (
        f"models/group_{number % 10}/{name}.sql",
        f"select id + {version} as id from {{{{ ref('root_{number % ROOTS}') }}}}",
    )


def listed_by_dbt(project: Project, *selection: str) -> list[str]:
    """Return the unique_ids that the real dbt selects."""
    listed = project.dbt("--quiet", "ls", "--output", "json", "--output-keys", "unique_id", *selection, check=0)
    return sorted(json.loads(line)["unique_id"] for line in listed.stdout.splitlines() if line.startswith("{"))


def test_of_many_models_exactly_the_half_that_changed_is_planned_and_selected(dbt_project: ProjectFactory) -> None:
    roots = {f"models/roots/root_{number}.sql": "select 1 as id" for number in range(ROOTS)}
    project = dbt_project(roots | dict(leaf(number, 1) for number in range(LEAVES)))
    project.plugin("run", "--threads", "8", check=0)

    for number in CHANGED:
        project.write(*leaf(number, 2))
    changed = sorted(f"model.shop.leaf_{number}" for number in CHANGED)
    assert len(changed) == MODELS // 2

    document = json.loads(project.plugin("plan", "--output", "json", check=0).stdout)
    assert len(document["nodes"]) == MODELS
    assert sorted(node["unique_id"] for node in document["nodes"] if node["decision"] == "build") == changed

    line = project.plugin("select", check=0).stdout.split()
    assert listed_by_dbt(project, "--select", *line) == changed

    folder = project.plugin("select", "--output", "state-dir", "selection", check=0).stdout.rstrip("\n")
    assert listed_by_dbt(project, "--select", "result:error", "--state", folder) == changed
