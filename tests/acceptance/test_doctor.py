"""`doctor`: what would stop a first run, and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from psycopg2 import sql
from support.database import Database
from support.project import SCHEMA, Project, profiles
from support.roles import Logins, execute, logins

from dbt_state_plugin.state.version import EXPECTED_VERSION

ProjectFactory = Callable[[Mapping[str, str]], Project]
MODEL = {"models/orders.sql": "select 1 as id"}


@pytest.fixture
def login(database: Database) -> Iterator[Logins]:
    with logins(database) as made:
        yield made


def examined(project: Project, check: int, **options: Any) -> dict[str, list[tuple[str, str, str]]]:
    """Return what was found by check."""
    answer = json.loads(project.plugin("doctor", "-o", "json", check=check, **options).stdout)
    assert answer["ok"] is (check == 0)
    found: dict[str, list[tuple[str, str, str]]] = {}
    for each in answer["findings"]:
        found.setdefault(each["check"], []).append((each["severity"], each["what"], each["do"]))
    return found


def test_a_project_that_can_be_run_is_fit_and_nothing_is_written(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(MODEL)

    told = project.plugin("doctor", check=0)

    assert [line.split()[:2] for line in told.stdout.splitlines()] == [
        ["ok", f"{check}:"] for check in ("dbt", "project", "database", "state", "warehouse", "rights", "counters")
    ]
    assert "there is none yet" in told.stdout
    assert told.stderr == "Ready for `dbt-state-plugin run`: 0 errors, 0 notes.\n"
    assert database.query("SELECT 1 FROM pg_namespace WHERE nspname IN ('dbt_state_plugin', %s)", (SCHEMA,)) == []


def test_packages_that_are_not_installed_are_found_before_dbt_misses_them(dbt_project: ProjectFactory) -> None:
    project = dbt_project({**MODEL, "packages.yml": "packages:\n  - local: packages/calendar\n"})

    found = examined(project, 1)
    failed = project.plugin("plan", check=2).stderr

    missing = "1 of the packages that the project names is not installed."
    assert found["packages"] == [("error", missing, "Run `dbt deps` in the project.")]
    assert failed.endswith("\n  Run `dbt deps` in the project, then run the command again.\n")
    project.write("dbt_packages/calendar/dbt_project.yml", "name: calendar")
    assert "packages" not in examined(project, 0)


@pytest.mark.state_in_postgres("roles and the server are examined")
def test_missing_rights_are_found_with_the_grants_that_mend_them(
    dbt_project: ProjectFactory, database: Database, login: Logins
) -> None:
    name = sql.Identifier(database.dbname)
    execute(database, "REVOKE CREATE, TEMPORARY ON DATABASE {} FROM PUBLIC", name)
    execute(database, "CREATE SCHEMA {}", sql.Identifier(SCHEMA))
    project = dbt_project({**MODEL, "profiles.yml": profiles(login("me"))})

    found = examined(project, 1)

    assert found["state"][0][0] == "error"
    errors = {do for each in found.values() for severity, _, do in each if severity == "error"}
    assert {severity for severity, _, _ in found["rights"]} == {"error", "note"}
    for do in errors:
        database.query(do.removeprefix("Ask a database administrator to run: "))
    assert [severity for severity, _, _ in examined(project, 0)["rights"]] == ["ok", "note"]


@pytest.mark.state_in_postgres("roles and the server are examined")
def test_a_server_that_counts_nothing_and_a_reader_of_the_state_are_not_fit(
    dbt_project: ProjectFactory, database: Database, login: Logins
) -> None:
    project = dbt_project(MODEL)
    project.plugin("state", "upgrade", check=0)
    execute(database, "ALTER DATABASE {} SET track_counts = off", sql.Identifier(database.dbname))
    reader = login("reader")
    execute(database, "GRANT USAGE ON SCHEMA dbt_state_plugin TO {}", sql.Identifier(reader.user))
    execute(database, "GRANT SELECT ON ALL TABLES IN SCHEMA dbt_state_plugin TO {}", sql.Identifier(reader.user))
    project.write("profiles.yml", profiles(reader))

    found = examined(project, 1)

    assert found["counters"][0][0] == "error"
    assert "track_counts" in found["counters"][0][2]
    ((severity, what, do),) = found["state"]
    assert (severity, what) == ("error", 'The role may not write the state in schema "dbt_state_plugin".')
    database.query(do.removeprefix("Ask a database administrator to run: "))
    assert examined(project, 1)["state"] == [("ok", f'version {EXPECTED_VERSION} in schema "dbt_state_plugin"', "")]


@pytest.mark.state_in_postgres("roles and the server are examined")
def test_what_cannot_be_reached_or_read_is_one_finding(dbt_project: ProjectFactory, database: Database) -> None:
    project = dbt_project({**MODEL, "profiles.yml": profiles(database).replace(database.dbname, "nowhere")})

    found = examined(project, 1)

    assert [each[0] for each in found["database"]] == ["error"]
    assert "warehouse" not in found  # it is the same server, which has been said
    assert 'database "nowhere" does not exist' in found["database"][0][1]
    project.write("profiles.yml", "")
    told = project.plugin("doctor", check=1)
    assert "  error  project: " in told.stdout
    assert told.stderr == "Not ready: 1 error, 0 notes.\n"
