"""Words of plans and runs on the real command line."""

from __future__ import annotations

import json

from support.database import Database
from support.project import PROJECT_FILE, Project, ProjectWriter

TABLE = "{{ config(materialized='table') }} "
FILES = {
    "dbt_project.yml": PROJECT_FILE + "vars: {min_amount: 5}\n",
    "models/raw_orders.sql": TABLE + "select * from (values (1, 10), (2, 20)) as v (id, amount)",
    "models/large.sql": (
        "{{ config(materialized='ephemeral') }} "
        "select * from {{ ref('raw_orders') }} where amount > {{ var('min_amount') }}"
    ),
    "models/orders.sql": TABLE + "select id, amount from {{ ref('large') }}",
    "models/report.sql": "select sum(amount) as total from {{ ref('orders') }}",
    "models/s.yml": "models: [{name: orders, columns: [{name: id, data_tests: [unique, not_null]}]}]\n",
    "seeds/countries.csv": "id,name\n1,a\n2,b\n",
}


def executions(project: Project) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(project.plugin("history", "-o", "json").stdout)["executions"]
    return found


def test_what_changed_in_an_ephemeral_model_and_in_a_seed_is_said_and_counted(dbt_project: ProjectWriter) -> None:
    project = dbt_project(FILES)
    project.plugin("build", check=0)
    steps = executions(project)[0]["steps"]
    project.write("dbt_project.yml", PROJECT_FILE + "vars: {min_amount: 15}\n")
    project.write("seeds/countries.csv", FILES["seeds/countries.csv"] + "3,c\n")

    planned = project.plugin("plan", "--for", "build", check=0).stdout

    assert isinstance(steps, list)
    assert steps[0]["rows_processed"] == 6  # of two tables and a seed; that two tests passed is no row
    assert planned.splitlines() == [
        "  build  seed countries           body: its rows changed",
        "  build  orders                   upstream: large changed (variables: var min_amount)",
        "  build  report                   upstream: orders is built",
        "  build? test not_null_orders_id  if orders comes out different",
        "  build? test unique_orders_id    if orders comes out different",
        "Plan: 2 changed, 3 downstream, 1 unchanged",
    ]


def test_a_test_that_did_not_pass_is_shown_as_failed_until_it_passes(
    dbt_project: ProjectWriter, database: Database
) -> None:
    project = dbt_project({**FILES, "tests/none.sql": "select * from {{ ref('orders') }} where id > 1"})
    project.delete("models/report.sql")  # dbt would skip it for the test
    project.plugin("build", check=1)
    execution = str(executions(project)[0]["execution_id"])

    plan = project.plugin("plan", "--for", "build", check=0).stdout
    again = project.plugin("build", check=1).stderr

    assert plan == (
        f"  build  test none  failed: it did not pass the last time (execution {execution[:8]})\n"
        "Plan: 1 repaired, 5 unchanged\n"
    )
    assert "Failed: 0 nodes built, 1 node to be built again next time" in again
    project.write("tests/none.sql", "select * from {{ ref('orders') }} where id > 2")
    project.plugin("build", check=0)
    assert project.planned("build") == {}


def test_new_rows_are_counted_apart_and_a_source_that_is_gone_is_named(
    dbt_project: ProjectWriter, database: Database
) -> None:
    database.query("create schema raw; create table raw.h (id int)")
    sources = "sources: [{name: raw, schema: raw, tables: [{name: h}]}]\n"
    files = {"models/a.sql": TABLE + "select * from {{ source('raw', 'h') }}", "models/s.yml": sources}
    project = dbt_project({**files, "models/b.sql": TABLE + "select * from {{ ref('a') }}"})
    project.plugin("run", check=0)
    database.load("insert into raw.h values (1)")

    inserted = project.plugin("plan", check=0).stdout
    summary = json.loads(project.plugin("plan", "-o", "json", check=0).stdout)["summary"]
    database.query("drop table raw.h")
    dropped = project.plugin("plan", check=0).stdout

    assert inserted.splitlines() == [
        "  build  a  data: raw.h rows changed",
        "  build? b  if a comes out different",
        "Plan: 1 downstream, 1 data, 0 unchanged",
    ]
    assert (summary["build"], summary["downstream"], summary["data"]) == (2, 1, 1)
    assert dropped.splitlines()[0] == "  build  a  data: raw.h does not exist"


def test_an_error_of_the_database_keeps_its_line_and_caret_and_is_said_once_for_all_that_it_failed(
    dbt_project: ProjectWriter,
) -> None:
    broken = {f"models/bad{number}.sql": f"select * from raw.gone as t{number}" for number in (1, 2, 3)}
    project = dbt_project({**broken, "models/child.sql": "select * from {{ ref('bad1') }}"})

    told = project.plugin("run", "--", "--quiet", check=1)
    failed = project.plugin("run", "--", "--log-level", "none", check=1)
    lines = failed.stderr.splitlines()
    at = lines.index('  again  bad1, bad2, bad3  error: relation "raw.gone" does not exist')
    history = project.plugin("history", check=0).stdout.splitlines()
    shown = project.plugin("show", history[1].split()[2], check=0).stdout.splitlines()

    assert "LINE " not in told.stderr  # dbt prints it, and once is enough
    assert told.stdout.count("^") == 3
    assert '  again  bad1, bad2, bad3  error: relation "raw.gone" does not exist\n  again  child' in told.stderr
    line, caret = lines[at + 1], lines[at + 2]
    assert line.startswith("         LINE ")
    assert line.endswith("select * from raw.gone as t1")
    assert (caret.strip(), caret.index("^")) == ("^", line.index("raw.gone"))
    assert lines[at + 3] == "  again  child  skipped"
    assert [line.strip() for line in shown].count("^") == 3  # of each node, beside it
    assert all(len(line) <= 80 for line in history)


def test_a_run_that_finds_only_cosmetic_changes_says_so(dbt_project: ProjectWriter) -> None:
    project = dbt_project({"models/a.sql": "select 1 as id", "models/b.sql": "select 2 as id"})
    project.plugin("run", check=0)
    project.write("models/a.sql", "select 1 as id -- the first")

    assert "Plan: nothing to build, 2 unchanged (1 edited without effect)\n" in project.plugin("run", check=0).stderr
    assert "Plan: nothing to build, 2 unchanged\n" in project.plugin("run", check=0).stderr
