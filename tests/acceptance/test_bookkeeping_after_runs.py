"""Books of a script after runs: files with files, nodes with nodes."""

from __future__ import annotations

import pytest
from support.project import Project, ProjectWriter

FILES = {
    "models/customers.sql": "{{ config(materialized='table') }}\nselect 1 as id\n",
    "models/staging/orders.sql": "\nselect 2 as id",
    "seeds/countries.csv": "id\n1\n",
}
MODELS = ("models", "**/*.sql")
BY_PATH = (".", "models/**/*.sql", "--by-path")
NODES = ("--manifest", "target/manifest.json")


@pytest.fixture
def project(dbt_project: ProjectWriter) -> Project:
    return dbt_project(FILES)


def last(project: Project) -> str:
    return project.plugin("get-last-successful-execution", check=0).stdout.strip()


def changed(project: Project, since: str, *covered: str, name: str = "TRANSFORM") -> tuple[str, str]:
    """Start an execution with a step and compare it; return the names, and what is said."""
    if covered == NODES:
        project.dbt("parse", "--quiet", check=0)
    execution = project.plugin("init-execution", check=0).stdout.strip()
    step = project.plugin("init-step", execution, name, *covered, check=0).stdout.strip()
    compared = project.plugin("compare-step-models", step, since, check=0)
    return compared.stdout.rstrip("\n"), compared.stderr


def test_after_a_build_only_what_was_edited_is_changed(project: Project) -> None:
    project.plugin("build", check=0)
    built = last(project)

    for covered in (MODELS, BY_PATH, NODES):
        assert changed(project, built, *covered) == ("", "")

    project.write("models/customers.sql", "{{ config(materialized='table') }}\nselect 1 as id, 2 as other\n")
    project.write("models/new.sql", "select 3 as id\n")
    assert changed(project, built, *MODELS) == ("customers new", "")
    assert changed(project, built, *BY_PATH) == ("models/customers.sql models/new.sql", "")
    assert changed(project, built, *NODES) == ("customers new", "")

    project.plugin("build", check=0)
    assert last(project) != built
    assert changed(project, last(project), *MODELS) == ("", "")
    assert changed(project, last(project), *MODELS, name="LOAD")[0] == "customers new orders"

    project.plugin("build", check=0)  # nothing to build, which is another way to be recorded
    assert changed(project, last(project), *MODELS) == ("", "")


def test_what_a_run_does_not_build_stays_changed(project: Project) -> None:
    project.plugin("run", check=0)

    assert changed(project, last(project), *MODELS) == ("", "")
    assert changed(project, last(project), *NODES) == ("countries", "")


def test_a_run_of_a_part_or_one_that_failed_means_everything(project: Project) -> None:
    project.plugin("run", check=0)
    project.plugin("run", "--force", "--select", "customers", check=0)
    narrowed = last(project)

    names, said = changed(project, narrowed, *MODELS)

    assert names == "customers orders"
    assert f"Execution {narrowed} keeps no manifest" in said
    project.write("models/customers.sql", "select 1 / 0 as id, * from nowhere\n")
    failed = project.plugin("run", check=1).stderr.rpartition("Execution ")[2].split(".")[0]
    assert last(project) == narrowed
    names, said = changed(project, failed, *MODELS)
    assert names == "customers orders"
    assert f"Execution {failed} did not succeed; it is failed, so everything counts as changed." in said


def test_what_adopt_recorded_means_everything_and_what_is_gone_cannot_be_told(project: Project) -> None:
    project.dbt("build", "--quiet", check=0)
    project.plugin("adopt", "--yes", check=0)
    adopted = last(project)
    execution = project.plugin("init-execution", check=0).stdout.strip()
    step = project.plugin("init-step", execution, "TRANSFORM", *MODELS, check=0).stdout.strip()

    compared = project.plugin("compare-step-models", step, adopted, check=0)
    removed = project.plugin("compare-step-models", step, adopted, "--removed", check=0)

    assert compared.stdout == "customers orders\n"
    assert f"Execution {adopted} is a `adopt`, which does not build the models, so" in compared.stderr
    assert removed.stdout == "\n"
    assert "Compared with a run, a step cannot tell what was removed" in removed.stderr
