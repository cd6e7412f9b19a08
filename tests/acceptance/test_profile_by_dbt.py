"""Profiles and project files with values that only dbt itself can render."""

from __future__ import annotations

from datetime import date, timezone
from datetime import datetime as clock

import pytest
from support.database import Database
from support.project import PROJECT_FILE, SCHEMA, Project, ProjectWriter, profiles

OF_TODAY = "{{ 'dev_' ~ modules.datetime.date.today().year }}{{ '_' ~ dbt_version[:1] }}"


@pytest.fixture
def project(dbt_project: ProjectWriter, database: Database) -> Project:
    return dbt_project(
        {
            "models/one.sql": "select '{{ target.schema }}' as named",
            "profiles.yml": profiles(database).replace(SCHEMA, OF_TODAY),
            "dbt_project.yml": PROJECT_FILE + "target-path: \"{{ 'target_' ~ dbt_version[:1] }}\"\n",
        }
    )


def test_names_that_only_dbt_knows_are_rendered_by_dbt(project: Project, database: Database) -> None:
    project.plugin("run", check=0)

    years = {clock.now(timezone.utc).year, date.today().year}
    built = database.query("SELECT table_schema, table_name FROM information_schema.views WHERE table_name = 'one'")
    assert built in [[(f"dev_{year}_1", "one")] for year in years]
    assert project.dbt("run", check=0).stdout.count("OK created sql view model") == 1
    assert database.query("SELECT count(*) FROM information_schema.views WHERE table_name = 'one'") == [(1,)]
    assert (project.directory / "target_1" / "dbt-state-plugin" / "run_results.json").is_file()


def test_they_cost_no_rebuild(project: Project) -> None:
    project.plugin("run", check=0)

    assert "Nothing to build: 1 skipped" in project.plugin("run", check=0).stderr


def test_what_dbt_cannot_render_either_is_an_error_of_two_lines(project: Project, database: Database) -> None:
    project.write("profiles.yml", profiles(database).replace(SCHEMA, "{{ dbt_version.nothing.at_all }}"))

    refused = project.plugin("plan", check=2)

    assert refused.stderr.splitlines()[0].startswith(
        "Error: dbt cannot render `schema` of target 'dev' of profile 'shop'"
    )
    assert len(refused.stderr.splitlines()) == 2
