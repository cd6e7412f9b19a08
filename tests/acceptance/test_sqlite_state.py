"""Commands on a state in an SQLite file."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from support.database import Database
from support.duckdb_project import DuckDBProject, write_duckdb_project
from support.project import Project

from dbt_state_plugin.state.version import EXPECTED_VERSION

ProjectFactory = Callable[[Mapping[str, str]], Project]

MODELS = {
    "models/orders.sql": "{{ config(materialized='table') }} select 1 as id",
    "models/report.sql": "select * from {{ ref('orders') }}",
}
DUCKDB = {
    "models/sources.yml": "sources: [{name: main, schema: main, tables: [{name: src}]}]",
    "models/a.sql": "select n from {{ source('main', 'src') }}",
    "models/b.sql": "select n * 10 as n from {{ ref('a') }}",
}
URL = "DBT_STATE_PLUGIN_DATABASE_URL"
ROWS_OF_VIEWS = (
    "SELECT (SELECT count(*) FROM executions), (SELECT count(*) FROM node_history WHERE reason = 'new'),"
    " (SELECT count(*) FROM current_nodes), (SELECT count(*) FROM savings)"
)


@pytest.fixture
def project(dbt_project: ProjectFactory, tmp_path: Path) -> Project:
    found = dbt_project(MODELS)
    return Project(directory=found.directory, environment={**found.environment, URL: f"sqlite:///{tmp_path}/s.sqlite"})


@pytest.fixture
def scripts(tmp_path: Path, dbt_project: ProjectFactory) -> Project:
    """Give a folder without a dbt project, as a cron script has it; no server is named anywhere."""
    folder = tmp_path / "scripts"
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "a.sql").write_text("select 1")
    environment = dict(dbt_project({}).environment) | {
        URL: f"sqlite:///{tmp_path}/s.sqlite",
        "DBT_STATE_PLUGIN_PIPELINE": "nightly",
    }
    return Project(directory=folder, environment=environment)


def rows_of_views(project: Project) -> tuple[int, ...]:
    """Return how many rows the views have for whoever opens the file with nothing but SQLite."""
    path = project.environment[URL].removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
        counted: tuple[int, ...] = opened.execute(ROWS_OF_VIEWS).fetchone()
        return counted


def test_a_project_is_built_once_and_again_where_it_changed(project: Project, database: Database) -> None:
    project.plugin("run", check=0)
    assert "nothing to build" in project.plugin("run", check=0).stderr
    project.write("models/report.sql", "select id + 1 as id from {{ ref('orders') }}")
    assert list(project.planned()) == ["report"]
    project.plugin("run", check=0)
    assert database.query("SELECT id FROM analytics.report") == [(2,)]
    assert database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'dbt_state_plugin'") == []

    database.query("DROP TABLE analytics.orders CASCADE")
    assert set(project.planned()) == {"orders", "report"}
    project.plugin("run", check=0)

    history = json.loads(project.plugin("history", "--output", "json", check=0).stdout)
    assert [each["status"] for each in history["executions"]].count("succeeded") >= 3
    assert "orders" in project.plugin("explain", "orders", check=0).stdout
    assert "The state is consistent." in project.plugin("state", "check", check=0).stderr
    findings = project.plugin("doctor", check=0).stdout
    assert "s.sqlite may be used" in findings
    assert f"version {EXPECTED_VERSION} in this file" in findings


def test_another_warehouse_is_another_environment(project: Project, tmp_path: Path) -> None:
    project.plugin("run", check=0)
    with closing(sqlite3.connect(tmp_path / "s.sqlite")) as opened:
        ((warehouse,),) = opened.execute("SELECT warehouse FROM environment").fetchall()
        assert re.fullmatch(r"\d+/\w+", warehouse)
        opened.execute("UPDATE environment SET warehouse = 'another'")
        opened.execute("UPDATE relation SET warehouse = 'another'")
        opened.commit()
    assert set(project.planned()) == {"orders", "report"}


def test_a_state_is_administered_in_its_file(project: Project) -> None:
    assert project.plugin("state", "current", check=0).stdout == "\n"
    rehearsed = project.plugin("state", "upgrade", "--dry-run", check=0)
    assert "nothing was changed" in rehearsed.stderr
    assert project.plugin("state", "current", check=0).stdout == "\n"
    project.plugin("state", "upgrade", check=0)
    assert re.fullmatch(r"\d{4}\n", project.plugin("state", "current", check=0).stdout)
    project.plugin("run", check=0)
    assert "Removed 0 executions" in project.plugin("state", "prune", "--keep-days", "0", check=0).stdout
    for command in (("roles",), ("upgrade", "--sql"), ("downgrade", "base", "--sql")):
        assert "in an SQLite file" in project.plugin("state", *command, check=2).stderr
    declared = project.plugin("state", "sources", check=0)
    assert 'schema: "main"\n' in declared.stdout
    assert "only where its target attaches that file" in declared.stderr
    assert rows_of_views(project) == (1, 2, 2, 1)
    assert "at least version 0009" in project.plugin("state", "downgrade", "0003", "--yes", check=2).stderr
    project.plugin("state", "downgrade", "base", "--yes", check=0)
    assert project.plugin("state", "current", check=0).stdout == "\n"


def test_sql_for_a_server_is_refused_where_the_state_lies_beside_a_duckdb_file(dbt_project: ProjectFactory) -> None:
    profile = "{shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, schema: main}}}}"
    project = dbt_project({"profiles.yml": profile})

    for command in (("roles",), ("downgrade", "base", "--sql")):
        refused = project.plugin("state", *command, env={URL: ""}, check=2)
        assert (refused.stdout, "in an SQLite file" in refused.stderr) == ("", True)
    project.delete("profiles.yml")
    assert "CREATE ROLE" in project.plugin("state", "roles", env={URL: ""}, check=0).stdout  # an administrator's


def test_scripts_keep_their_books_without_a_server(scripts: Project) -> None:
    def answer(*arguments: str) -> str:
        return scripts.plugin(*arguments, check=0).stdout.strip()

    assert answer("get-last-successful-execution") == ""
    first = answer("init-execution")
    step = answer("init-step", first, "CLEAN", "files", "*.sql")
    assert answer("compare-step-models", step, "") == "a"
    answer("complete-step", step, "--rows-processed", "3")
    answer("complete-execution", first)
    assert answer("get-last-successful-execution") == first
    assert answer("get-execution-completion-timestamp", first).endswith("+00:00")

    scripts.write("files/b.sql", "select 2")
    second = answer("init-execution")
    step = answer("init-step", second, "CLEAN", "files", "*.sql")
    assert answer("compare-step-models", step, first) == "b"
    answer("fail-execution", second)
    assert answer("get-last-successful-execution") == first
    refused = scripts.plugin("complete-execution", second, check=2).stderr
    assert "has ended: it failed at" in refused


def test_a_duckdb_project_that_is_copied_moved_or_restored_is_built_where_it_must_be(
    tmp_path: Path,
) -> None:
    state = f"sqlite:///{tmp_path}/one/s.sqlite"
    shop = write_duckdb_project(
        tmp_path / "one", tmp_path / "home", state, DUCKDB, ("CREATE TABLE src AS SELECT 1 AS n",)
    )
    shop.run()
    old = tmp_path / "old"
    shutil.copytree(tmp_path / "one", old)
    assert shop.reasons() == {}

    def at(folder: Path) -> DuckDBProject:
        environment = {**shop.project.environment, URL: f"sqlite:///{folder}/s.sqlite"}
        return DuckDBProject(project=Project(directory=folder, environment=environment), file=folder / "shop.duckdb")

    # A copy, which is a project with a warehouse of its own from now on.
    copy = at(tmp_path / "two")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert set(copy.reasons()) == {"a", "b"}
    copy.query("UPDATE src SET n = 2")
    copy.run()
    assert copy.query("SELECT n FROM b") == [(20,)]
    assert shop.reasons() == {}

    # Each with the state of the other.
    for here, there in (("one", "spare"), ("two", "one"), ("spare", "two")):
        (tmp_path / there).mkdir(exist_ok=True)
        (tmp_path / here / "s.sqlite").replace(tmp_path / there / "s.sqlite")
    assert set(copy.reasons()) == {"a", "b"}  # the state of the other knows it not at all
    copy.run()
    assert copy.reasons() == {}

    # An older warehouse, which then gets as many commits as the lost one had.
    shop.run()
    shop.query("UPDATE src SET n = 3")
    shop.run()
    shutil.copy2(old / "shop.duckdb", shop.file)
    assert set(shop.reasons()) == {"a", "b"}
    shop.query("UPDATE src SET n = 4")
    shop.run()
    assert shop.query("SELECT n FROM b") == [(40,)]

    # An older project as a whole, in the same place: it knows what it holds; moved elsewhere it is another one.
    shutil.rmtree(tmp_path / "one")
    old.rename(tmp_path / "one")
    assert shop.reasons() == {}
    (tmp_path / "one").rename(tmp_path / "moved")
    assert set(at(tmp_path / "moved").reasons()) == {"a", "b"}
