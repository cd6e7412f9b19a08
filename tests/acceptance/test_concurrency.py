"""Two runs that want the same environment or relation."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import pytest
import yaml
from support import forkserver
from support.database import Database
from support.project import NAME, SCHEMA, Project, profiles

ProjectFactory = Callable[[Mapping[str, str]], Project]

GATE = 7  # the advisory lock for which the model `gated` waits
TABLE = "{{ config(materialized='table') }}\n"
WAITS_AT_THE_GATE = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'
"""
OPEN_INTENTS = "SELECT unique_id FROM {state}.intent"
OIDS = """
    SELECT c.relname::text, c.oid::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relkind = 'r'
"""


@pytest.fixture
def project(dbt_project: ProjectFactory, database: Database) -> Project:
    """Give a project whose model `gated` waits for GATE, and whose targets dev and prod share one schema."""
    profile = yaml.safe_load(profiles(database))
    outputs = profile[NAME]["outputs"]
    outputs["prod"] = outputs["dev"]
    return dbt_project(
        {
            "profiles.yml": json.dumps(profile),
            "models/gated.sql": TABLE + f"select 1 as id from pg_advisory_xact_lock_shared({GATE})",
            "models/steady.sql": TABLE + "select 1 as id",
        }
    )


@contextmanager
def closed_gate(database: Database) -> Iterator[Callable[[], None]]:
    """Close the gate; yields a function that opens it."""
    with closing(database.connect()) as session:
        session.autocommit = False
        session.cursor().execute("SELECT pg_advisory_xact_lock(%s)", (GATE,))
        yield session.rollback


@contextmanager
def started(project: Project, *arguments: str) -> Iterator[forkserver.Process]:
    """Start a command in the background, and leave none behind."""
    process = project.plugin_process(*arguments)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], Any], what: str, *, seconds: float = 120) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)  # each look is a session of its own


def wait_at_the_gate(database: Database) -> None:
    until(lambda: database.query(WAITS_AT_THE_GATE), "gated is being built")
    until(lambda: database.state(OPEN_INTENTS) == [("model.shop.gated",)], "steady is recorded")


def first_line(process: forkserver.Process) -> str:
    """Return the first line that a process says on stderr."""
    assert process.stderr is not None
    ready, _, _ = select.select([process.stderr], [], [], 120)
    assert ready, "the process says nothing"
    return process.stderr.readline()


def oids(database: Database) -> dict[str, int]:
    return dict(database.query(OIDS, (SCHEMA,)))


def executions(project: Project, *arguments: str) -> list[dict[str, Any]]:
    """Return the executions of the environment, the newest first."""
    answer = project.plugin("history", "--output", "json", *arguments, check=0)
    found: list[dict[str, Any]] = json.loads(answer.stdout)["executions"]
    return found


def test_a_second_run_waits_and_then_finds_nothing_to_build(project: Project, database: Database) -> None:
    with closed_gate(database) as open_gate, started(project, "run") as first:
        wait_at_the_gate(database)
        running = executions(project)[0]
        with started(project, "run") as second:
            waiting = first_line(second)
            open_gate()
            first.communicate(timeout=120)
            built = oids(database)
            stdout, stderr = second.communicate(timeout=120)

    assert waiting.startswith(
        f"Waiting for another run: execution {running['execution_id']} (`run`, process {first.pid}"
    )
    assert (first.returncode, second.returncode) == (0, 0)
    assert stdout == ""
    assert "Plan: nothing to build, 2 unchanged\n" in stderr
    assert oids(database) == built
    assert [execution["status"] for execution in executions(project)] == ["succeeded", "succeeded"]


def test_a_second_run_gives_up_in_time_and_takes_over_at_once_when_the_first_was_killed(
    project: Project, database: Database
) -> None:
    with closed_gate(database) as open_gate, started(project, "run") as first:
        wait_at_the_gate(database)
        running = executions(project)[0]
        busy = project.plugin("run", "--lock-timeout", "1", check=3)
        with started(project, "run") as successor:
            first_line(successor)
            first.kill()
            open_gate()
            _, stderr = successor.communicate(timeout=120)

    assert busy.stdout == ""
    environment = f"shop/dev ({database.dbname}.analytics)"
    holder = f"execution {running['execution_id']} (`run`, process {first.pid} on {socket.gethostname()}"
    user = "" if database.state_url else f", database user {database.user}"
    assert f"Error: Another run of {environment} is in progress: {holder}{user}, since " in busy.stderr
    assert "give it more time with --lock-timeout SECONDS.\n" in busy.stderr
    assert successor.returncode == 0
    assert "Succeeded: 1 node built" in stderr  # steady was recorded by the first
    assert oids(database).keys() == {"gated", "steady"}
    assert [execution["status"] for execution in executions(project)] == ["succeeded", "abandoned"]


def test_a_relation_of_another_target_is_built_again_but_never_while_that_target_writes_it(
    project: Project, database: Database
) -> None:
    project.write("models/gated.sql", project.read("models/gated.sql").replace("1 as id", "'{{ target.name }}' as id"))
    project.write("models/steady.sql", TABLE + "select '{{ target.name }}' as id")
    project.plugin("run", check=0)
    built_by_dev = oids(database)

    taken = project.plugin("run", "--target", "prod", check=0)

    other = "variables: target.name changed (+1 more)"
    assert f"  build  gated   {other}\n  build  steady  {other}\n" in taken.stderr
    built_by_prod = oids(database)
    assert all(built_by_prod[name] != built_by_dev[name] for name in ("gated", "steady"))

    with closed_gate(database) as open_gate, started(project, "run") as dev:
        wait_at_the_gate(database)
        running = executions(project)[0]
        refused = project.plugin("run", "--target", "prod", check=3)
        open_gate()
        dev.communicate(timeout=120)

    assert refused.stdout == ""
    writing = f"Error: Execution {running['execution_id']} of shop/dev ({database.dbname}.analytics) is writing "
    assert f'{writing}"{database.dbname}"."analytics"."gated" (model.shop.gated) right now' in refused.stderr
    assert dev.returncode == 0
    assert [execution["status"] for execution in executions(project, "--target", "prod")] == ["failed", "succeeded"]
