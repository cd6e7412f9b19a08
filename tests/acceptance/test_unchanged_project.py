"""Answers without dbt, while no input of the parse differs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from support.database import Database
from support.project import Project, ProjectWriter

FILES = {
    "models/orders.sql": 'select {{ cents(100) }} as amount, \'{{ env_var("SHOP_REGION", "eu") }}\' as region',
    "models/revenue.sql": "{{ config(materialized='table') }} select sum(amount) as amount from {{ ref('orders') }}",
    "macros/cents.sql": "{% macro cents(amount) %}{{ amount }} / 100.0{% endmacro %}",
    "seeds/countries.csv": "code,name\nat,Austria\n",
}


def plan(project: Project, *arguments: str, env: dict[str, str] | None = None) -> tuple[bool, str]:
    """Return whether dbt parsed the project for a plan, which writes how long it took, and the plan's summary."""
    times = project.directory / "target/dbt-state-plugin/perf_info.json"
    times.unlink(missing_ok=True)
    answer = project.plugin("plan", *arguments, env=env or {}, check=0)
    return times.exists(), answer.stdout.splitlines()[-1]


def test_an_unchanged_project_is_planned_and_run_without_dbt(dbt_project: ProjectWriter) -> None:
    project = dbt_project(FILES)
    project.plugin("build", check=0)

    again = project.plugin("build", env={"PYTHONPROFILEIMPORTTIME": "1"}, check=0)

    assert "Nothing to build: 3 skipped" in again.stderr
    for module in ("dbt.cli", "sqlalchemy", "alembic", "agate"):
        assert f" {module}" not in again.stderr
    assert plan(project) == (False, "Plan: nothing to build, 2 unchanged")


def rows_written(database: Database) -> int:
    """Return how many rows of the state were written, when all sessions of the tool have reported them.

    A file counts no rows: those that are there are counted.
    """
    if database.state_url:
        count = "SELECT count(*) FROM {{state}}.{}"
        return sum(database.state(count.format(table))[0][0] for table in database.state_tables)
    while database.query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'dbt-state-plugin'"):
        time.sleep(0.01)
    counters = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE schemaname = %s"
    return int(database.query(counters, ("dbt_state_plugin",))[0][0])


def last_execution(project: Project) -> dict[str, Any]:
    history = json.loads(project.plugin("history", "--limit", "1", "--output", "json", check=0).stdout)
    execution: dict[str, Any] = history["executions"][0]
    return execution


def test_while_nothing_at_all_differs_a_run_reads_neither_nodes_nor_records(
    dbt_project: ProjectWriter, database: Database
) -> None:
    project = dbt_project(FILES)
    project.plugin("run", check=0)
    check = project.plugin("run", check=0)
    earlier = last_execution(project)
    before = rows_written(database)

    again = project.plugin("run", env={"PYTHONPROFILEIMPORTTIME": "1"}, check=0)

    assert rows_written(database) - before <= 3
    for module in ("dbt_state_plugin.core.decision.rule", "dbt.cli", "jinja2", "sqlalchemy", "alembic"):
        assert f" {module}" not in again.stderr
    said = [line for line in again.stderr.splitlines() if not line.startswith("import time:")]
    assert said[0] == check.stderr.splitlines()[0] == "Plan: nothing to build, 2 unchanged"
    assert said[1].startswith("Nothing to build: 2 skipped (about ")
    changing = {"execution_id", "started_at", "finished_at", "steps"}
    last = last_execution(project)
    assert {name: last[name] for name in last.keys() - changing} == {
        name: earlier[name] for name in earlier.keys() - changing
    }
    assert [(step["name"], step["status"]) for step in last["steps"]] == [("TRANSFORM", "succeeded")]
    covered = "SELECT count(*), count(DISTINCT checksum_set_id) FROM {state}.execution_step"
    assert database.state(covered) == [(3, 1)]
    kept = "SELECT count(*), count(manifest_id), count(DISTINCT manifest_id) FROM {state}.execution"
    assert database.state(kept) == [(3, 3, 1)]

    database.query("DROP TABLE analytics.revenue")
    project.write("models/orders.sql", FILES["models/orders.sql"] + " -- a comment")
    assert "Plan: 1 repaired, 1 unchanged" in project.plugin("run", check=0).stderr


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


def test_a_package_that_was_fetched_with_git_is_not_parsed_by_each_run(
    dbt_project: ProjectWriter, tmp_path: Path
) -> None:
    tiny = tmp_path / "tiny"
    (tiny / "macros").mkdir(parents=True)
    (tiny / "dbt_project.yml").write_text("name: tiny\nversion: 1.0.0\nconfig-version: 2\n")
    (tiny / "macros/one.sql").write_text("{% macro one() %}1{% endmacro %}")
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    for arguments in (("init", "-q"), ("add", "."), (*author, "commit", "-q", "-m", "one"), ("tag", "v1")):
        subprocess.run(["git", *arguments], cwd=tiny, check=True)
    project = dbt_project(
        {
            "models/a.sql": "select {{ tiny.one() }} as id",
            "packages.yml": f"packages: [{{git: '{tiny.as_uri()}', revision: v1}}]",
        }
    )
    project.dbt("deps", check=0)
    package = project.directory / "dbt_packages/tiny"
    assert (package / ".git/HEAD").exists()
    project.plugin("run", check=0)

    assert plan(project) == (False, "Plan: nothing to build, 1 unchanged")
    (package / "macros/one.sql").write_text("{% macro one() %}2{% endmacro %}")
    assert plan(project) == (True, "Plan: 1 changed, 0 unchanged")


def test_what_lies_in_git_is_seen_where_dbt_searches_it(dbt_project: ProjectWriter) -> None:
    project = dbt_project(
        {"models/a.sql": "select 1 as id", "local/dbt_project.yml": "name: local\nmacro-paths: ['.']\n"}
    )
    project.write("packages.yml", "packages: [{local: local}]")
    project.write("local/.git/two.sql", "{% macro two() %}2{% endmacro %}")
    project.write("models/b.sql", "select {{ local.two() }} as id")
    project.dbt("deps", check=0)
    project.plugin("run", check=0)

    project.write("local/.git/two.sql", "{% macro two() %}3{% endmacro %}")

    assert plan(project) == (True, "Plan: 1 changed, 1 unchanged")


def test_a_computed_env_var_makes_dbt_parse_every_time(dbt_project: ProjectWriter) -> None:
    project = dbt_project({"models/a.sql": 'select \'{{ env_var("SHOP_" ~ "REGION", "eu") }}\' as region'})
    environment = {"SHOP_REGION": "eu"}
    project.plugin("run", env=environment, check=0)

    assert plan(project, env=environment) == (True, "Plan: nothing to build, 1 unchanged")
    assert plan(project, env={"SHOP_REGION": "us"}) == (True, "Plan: 1 changed, 0 unchanged")


def test_a_hand_edited_record_of_the_project_is_not_believed(dbt_project: ProjectWriter, database: object) -> None:
    project = dbt_project(FILES)
    project.plugin("run", check=0)

    database.state("update {state}.project_snapshot set project = 'no zlib'")  # type: ignore[attr-defined]

    assert plan(project) == (True, "Plan: nothing to build, 2 unchanged")


def test_a_run_that_finds_nothing_changed_imports_nothing_heavy(
    dbt_project: ProjectWriter,
) -> None:
    project = dbt_project({"models/one.sql": "select 1 as id"})
    for _ in range(2):  # the second keeps the empty plan for the third
        project.plugin("run", check=0)
    code = (
        "import sys; from dbt_state_plugin.cli.entry import main\n"
        "sys.argv[1:] = ['run']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'dbt', 'alembic', 'sqlalchemy', 'jinja2', 'agate', 'sqlglot', 'rich'}\n"
        "lexer = {'dbt_state_plugin.warehouse.postgres.same_statement'} & set(sys.modules)\n"
        "print(*sorted(heavy & {name.split('.')[0] for name in sys.modules} | lexer), sep=',')"
    )

    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.directory,
        env=dict(project.environment),
        capture_output=True,
        text=True,
        check=True,
    )

    assert "Nothing to build" in answer.stderr
    assert answer.stdout.strip() == ""


ASKING = {
    "models/flags.sql": "{{ config(materialized='table') }}"
    "{% set q = 'select flag from apart.flags where is_on order by 1' %}"
    "{% set found = run_query(q).columns[0].values() if execute else [] %}"
    "select 1 as id{% for flag in found %}, true as {{ flag }}{% endfor %}",
    "models/looks.sql": "{% set other = adapter.get_relation(target.database, 'apart', 'other') %}"
    "select {{ 1 if other else 0 }} as is_there",
}


def test_questions_are_asked_again_without_a_plan(dbt_project: ProjectWriter, database: Database) -> None:
    database.load("create schema apart; create table apart.flags (flag text, is_on boolean)")
    database.load("insert into apart.flags values ('beta', true), ('legacy', false)")
    project = dbt_project(ASKING)
    for _ in range(2):  # the second keeps the empty plan for the third
        project.plugin("run", check=0)

    assert is_planned(project) == (False, "Plan: nothing to build, 2 unchanged")
    database.query("UPDATE apart.flags SET is_on = true")
    assert is_planned(project) == (True, "Plan: 1 data, 1 unchanged")
    assert is_planned(project) == (True, "Plan: nothing to build, 2 unchanged")
    assert is_planned(project) == (False, "Plan: nothing to build, 2 unchanged")
    database.query("CREATE TABLE apart.other (id int)")
    assert is_planned(project) == (True, "Plan: 1 data, 1 unchanged")
    assert database.query("SELECT * FROM analytics.looks") == [(1,)]


def test_what_cannot_be_asked_again_keeps_no_empty_plan(dbt_project: ProjectWriter, database: Database) -> None:
    database.load("create schema apart; create sequence apart.numbers")
    project = dbt_project(
        {"models/n.sql": "{% set n = run_query(\"select nextval('apart.numbers')\") %}select 1 as id"}
    )
    for _ in range(2):
        project.plugin("run", check=0)

    assert database.state("SELECT up_to_date FROM {state}.project_snapshot") == [({},)]


def is_planned(project: Project) -> tuple[bool, str]:
    """Run; return whether a plan had to be made, and its summary."""
    answer = project.plugin("--log-level", "debug", "run", check=0)
    said = next(line for line in answer.stderr.splitlines() if line.startswith("Plan: "))
    return "nothing is planned" not in answer.stderr, said
