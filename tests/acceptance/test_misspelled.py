"""What does a person read who misspelled a setting of ours, or a selection?"""

from __future__ import annotations

import pytest
from support.project import Project, ProjectWriter

META = "{{ config(meta={'dbt_state_plugin': {%s}}) }} select 1 as id"


@pytest.fixture
def project(dbt_project: ProjectWriter) -> Project:
    return dbt_project({"models/orders.sql": "select 1 as id", "models/s.yml": "models: [{name: orders}]\n"})


def test_a_misspelled_setting_is_an_error_that_names_node_file_and_the_right_one(project: Project) -> None:
    project.write("models/orders.sql", META % "'on_logic_chnage': 'fail'")

    key = project.plugin("run", check=2).stderr.splitlines()
    project.write("models/orders.sql", META % "'volatile': 'dayly'")
    value = project.plugin("plan", check=2).stderr.splitlines()

    of = "meta.dbt_state_plugin of model.shop.orders (models/orders.sql) cannot be used"
    assert key[0] == f"Error: {of}: there is no setting 'on_logic_chnage'."
    assert key[1].startswith("  Did you mean on_logic_change?")
    assert value == [f"Error: {of}: volatile is 'dayly'.", "  Did you mean daily? Use one of always, daily, never."]


def test_a_selection_that_matches_nothing_warns_as_dbt_does(project: Project) -> None:
    said = "The selection criterion 'ordres' does not match any enabled nodes"

    for command in (("plan", "--select", "ordres"), ("run", "--select", "ordres orders"), ("run", "-s", "ordres")):
        assert f"dbt: {said}" in project.plugin(*command, check=0).stderr
    assert "selection criterion" not in project.plugin("plan", "--select", "orders", check=0).stderr
    assert said in project.dbt("run", "--select", "ordres", check=0).stdout
