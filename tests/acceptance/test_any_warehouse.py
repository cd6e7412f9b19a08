"""Changes of code where the product cannot ask the warehouse.

DuckDB's file would lie in a folder that does not exist, so whatever connects to it fails. `plain` is an adapter of the
tests of which the product knows no more than of any other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.database import Database, fresh_database
from support.project import Project, profiles, write_project

from dbt_state_plugin.testing.postgres_server import Server

PLAIN_ADAPTER = Path(__file__).parents[1] / "support" / "plain_adapter"
FILES = {
    "models/orders.sql": "select 1 as id, {{ var('rate', 2) }} as rate",
    "models/large_orders.sql": "select id from {{ ref('orders') }} where id > 0",
    "models/customers.sql": "select 1 as id",
}
EDITS = {
    "models/orders.sql": "select 1 as Id, {{ var('rate', 2) }} as rate",
    "models/customers.sql": "select 1  as id -- the customer's",
    "models/large_orders.sql": "select id from {{ ref('orders') }} where id > 1",
}


def profile_of(kind: str) -> str:
    return f"    {kind}: {{type: {kind}, path: /nowhere/at/all/shop.duckdb, schema: analytics}}\n"


@pytest.fixture(scope="module")
def database(postgres_server: Server) -> Iterator[Database]:
    with fresh_database(postgres_server) as created:
        yield created


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Project:
    """Give a project that was built for `dev` in PostgreSQL, with a manifest of that, and then edited."""
    folder = tmp_path_factory.mktemp("any")
    targets = profiles(database) + profile_of("duckdb") + profile_of("plain")
    written = write_project(folder / "project", database, folder / "home", {**FILES, "profiles.yml": targets})
    written.plugin("run", check=0)
    written.dbt("parse", "--target", "duckdb", "--target-path", "base", check=0)
    for path, text in EDITS.items():
        written.write(path, text)
    return written


@pytest.fixture(params=["duckdb", "plain"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def environment(kind: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(PLAIN_ADAPTER), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path} if kind == "plain" else {}


def test_a_manifest_in_a_folder_is_compared_without_any_database(
    project: Project, kind: str, environment: dict[str, str]
) -> None:
    selected = project.plugin("select", "--state", "base", "--target", kind, env=environment, check=0)
    planned = project.plugin("plan", "--state", "base", "--target", kind, env=environment, check=0)

    assert selected.stdout.split() == ["shop.orders", "shop.large_orders"]
    assert "customers  body: its code changed, but only comments or layout differ" in planned.stdout


@pytest.mark.state_in_postgres("its projects are built once, with their state there")
def test_an_environment_of_the_state_is_compared_without_the_warehouse(
    project: Project, database: Database, kind: str, environment: dict[str, str]
) -> None:
    state = {**environment, "DBT_STATE_PLUGIN_DATABASE_URL": database.url}

    planned = project.plugin("plan", "--against", "dev", "--target", kind, "--output", "json", env=state, check=0)
    (execution,) = database.query("SELECT execution_id::text FROM dbt_state_plugin.execution")
    since = project.plugin("select", "--against", execution[0], "--target", kind, env=state, check=0)

    nodes = json.loads(planned.stdout)["nodes"]
    # It was built in PostgreSQL, for which another letter case of a column is none.
    assert [each["name"] for each in nodes if each["decision"] == "build"] == ["large_orders"]
    assert since.stdout.split() == ["shop.large_orders"]


def test_whoever_names_no_place_for_the_state_has_it_in_a_file_that_a_plan_does_not_create(
    project: Project, kind: str, environment: dict[str, str]
) -> None:
    planned = project.plugin("plan", "--target", kind, env=environment)

    assert "DBT_STATE_PLUGIN_DATABASE_URL" not in planned.stderr
    assert not list(project.directory.rglob("*.sqlite"))
    if kind == "duckdb":
        assert "Plan: 3 new, 0 unchanged" in planned.stdout
    else:  # that one opens the file, which is not there
        assert "/nowhere/at/all/shop.duckdb" in planned.stderr


def test_an_adapter_that_is_not_installed_is_named_with_its_package(project: Project, database: Database) -> None:
    project.write("profiles.yml", project.read("profiles.yml") + profile_of("absent"))

    refused = project.plugin("plan", "--target", "absent", env={"DBT_STATE_PLUGIN_DATABASE_URL": database.url}, check=2)

    assert "Could not find adapter type absent!" in refused.stderr
    assert "  Run `pip install dbt-absent` in the same environment, then run the command again.\n" in refused.stderr
