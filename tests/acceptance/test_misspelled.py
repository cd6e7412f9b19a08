"""What does a person read who misspelled a selection?"""

from __future__ import annotations

import pytest
from support.project import Project, ProjectWriter


@pytest.fixture
def project(dbt_project: ProjectWriter) -> Project:
    return dbt_project({"models/orders.sql": "select 1 as id", "models/s.yml": "models: [{name: orders}]\n"})


def test_a_selection_that_matches_nothing_warns_as_dbt_does(project: Project) -> None:
    said = "The selection criterion 'ordres' does not match any enabled nodes"

    for command in (("plan", "--select", "ordres"), ("run", "--select", "ordres orders"), ("run", "-s", "ordres")):
        assert f"dbt: {said}" in project.plugin(*command, check=0).stderr
    assert "selection criterion" not in project.plugin("plan", "--select", "orders", check=0).stderr
    assert said in project.dbt("run", "--select", "ordres", check=0).stdout
