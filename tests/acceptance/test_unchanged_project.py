"""When may the answer be given without dbt, and is every input of the parse seen?"""

from __future__ import annotations

import os

from support.project import Project, ProjectWriter

FILES = {
    "models/orders.sql": 'select {{ cents(100) }} as amount, \'{{ env_var("SHOP_REGION", "eu") }}\' as region',
    "models/revenue.sql": "{{ config(materialized='table') }} select sum(amount) as amount from {{ ref('orders') }}",
    "macros/cents.sql": "{% macro cents(amount) %}{{ amount }} / 100.0{% endmacro %}",
    "seeds/countries.csv": "code,name\nat,Austria\n",
}


def plan(project: Project, *arguments: str, env: dict[str, str] | None = None) -> tuple[bool, str]:
    """Return whether dbt was imported for a plan, and the plan's summary."""
    answer = project.plugin("plan", *arguments, env={"PYTHONPROFILEIMPORTTIME": "1", **(env or {})}, check=0)
    return "dbt.cli.main" in answer.stderr, answer.stdout.splitlines()[-1]


def test_an_unchanged_project_is_planned_and_run_without_dbt(dbt_project: ProjectWriter) -> None:
    project = dbt_project(FILES)
    project.plugin("build", check=0)

    again = project.plugin("build", env={"PYTHONPROFILEIMPORTTIME": "1"}, check=0)

    assert "Nothing to build: 3 left alone" in again.stderr
    for module in ("dbt.cli", "sqlalchemy", "alembic", "agate"):
        assert f" {module}" not in again.stderr
    assert plan(project) == (False, "Plan: nothing to build, 2 unchanged")


def test_a_change_is_seen_though_the_file_keeps_its_size_and_time(dbt_project: ProjectWriter) -> None:
    project = dbt_project(FILES)
    project.plugin("run", check=0)
    path = project.directory / "models/orders.sql"
    times = path.stat()

    project.write("models/orders.sql", FILES["models/orders.sql"].replace("100", "200"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert plan(project) == (True, "Plan: 1 changed, 1 downstream, 0 unchanged")


def test_a_touched_file_is_not_a_change(dbt_project: ProjectWriter) -> None:
    project = dbt_project(FILES)
    project.plugin("run", check=0)

    for path in sorted(project.directory.rglob("*.sql")):
        if "target" not in path.parts:
            os.utime(path)

    assert plan(project) == (False, "Plan: nothing to build, 2 unchanged")


def test_every_kind_of_input_is_seen(dbt_project: ProjectWriter) -> None:
    project = dbt_project(FILES)
    project.plugin("run", check=0)

    assert plan(project, env={"SHOP_REGION": "us"}) == (True, "Plan: 1 changed, 1 downstream, 0 unchanged")
    assert plan(project, "--vars", "{unread: 1}") == (True, "Plan: nothing to build, 2 unchanged")
    assert plan(project, env={"SHOP_OTHER": "us"}) == (False, "Plan: nothing to build, 2 unchanged")
    project.write("macros/cents.sql", FILES["macros/cents.sql"].replace("100.0", "1000.0"))
    assert plan(project) == (True, "Plan: 1 changed, 1 downstream, 0 unchanged")
    project.write("macros/cents.sql", FILES["macros/cents.sql"])
    assert plan(project) == (False, "Plan: nothing to build, 2 unchanged")
    project.write("models/more/new.sql", "select 1 as id")
    assert plan(project) == (True, "Plan: 1 new, 2 unchanged")
    project.delete("models/more/new.sql")
    project.write("dbt_project.yml", project.read("dbt_project.yml") + "\nmodels: {+materialized: table}\n")
    assert plan(project) == (True, "Plan: 1 changed, 1 downstream, 0 unchanged")


def test_a_computed_env_var_makes_dbt_parse_every_time(dbt_project: ProjectWriter) -> None:
    project = dbt_project({"models/a.sql": 'select \'{{ env_var("SHOP_" ~ "REGION", "eu") }}\' as region'})
    environment = {"SHOP_REGION": "eu"}
    project.plugin("run", env={"PYTHONPROFILEIMPORTTIME": "1", **environment}, check=0)  # the whole environment counts

    assert plan(project, env=environment) == (True, "Plan: nothing to build, 1 unchanged")
    assert plan(project, env={"SHOP_REGION": "us"}) == (True, "Plan: 1 changed, 0 unchanged")


def test_a_hand_edited_record_of_the_project_is_not_believed(dbt_project: ProjectWriter, database: object) -> None:
    project = dbt_project(FILES)
    project.plugin("run", check=0)

    database.query("update dbt_state_plugin.project_snapshot set project = 'no zlib'")  # type: ignore[attr-defined]

    assert plan(project) == (True, "Plan: nothing to build, 2 unchanged")
