"""Nodes that dbt keeps in its manifest although it never runs them."""

from __future__ import annotations

import json

import pytest
from support.project import Project, ProjectWriter


@pytest.fixture
def project(dbt_project: ProjectWriter) -> Project:
    return dbt_project(
        {
            "models/off.sql": "{{ config(enabled=var('on', false)) }} select 1 as id",
            "models/on.sql": "select 1 as id",
            "models/s.yml": """
models:
  - {name: "off", columns: [{name: id, data_tests: [not_null]}]}
  - {name: "on", columns: [{name: id, data_tests: [not_null]}]}
""",
        }
    )


def planned(project: Project) -> set[str]:
    answer = json.loads(project.plugin("plan", "--for", "build", "--output", "json", check=0).stdout)
    return {entry["name"] for entry in answer["nodes"]}


def test_a_test_of_a_disabled_model_is_not_in_the_plan_of_a_build(project: Project) -> None:
    after_a_full_parse = planned(project)

    built = project.plugin("build", check=0)

    assert "Succeeded: 2 nodes built" in built.stderr
    assert after_a_full_parse == {"on", "not_null_on_id"}
    assert planned(project) == after_a_full_parse
    project.plugin("build", "--force", check=0)


def test_a_test_that_its_own_config_disables_is_not_in_the_plan(project: Project) -> None:
    project.write(
        "models/s.yml",
        "models:\n  - name: 'on'\n    columns: [{name: id, data_tests: [{not_null: {config: {enabled: false}}}]}]\n",
    )

    project.plugin("build", check=0)

    assert planned(project) == {"on"}
