"""Runs that are stopped, killed or cut off from the database."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg2 import sql
from support import forkserver
from support.database import Database, fresh_database
from support.project import SCHEMA, Project, write_project

from dbt_state_plugin.testing.postgres_server import Server

ProjectFactory = Callable[[Mapping[str, str]], Project]

GATE = 7  # the advisory lock for which the model `gated` waits
TABLE = "{{ config(materialized='table') }}\n"
GATED = TABLE + f"select id from {{{{ ref('first') }}}}, pg_advisory_xact_lock_shared({GATE})"
FILES = {
    "models/first.sql": TABLE + "select 1 as id",
    "models/gated.sql": GATED,
    "models/slow.sql": TABLE + "select id from {{ ref('first') }}, pg_sleep((select seconds from public.pace))",
    "models/last.sql": TABLE + "select id from {{ ref('slow') }} join {{ ref('gated') }} using (id)",
    "models/last_view.sql": "select id from {{ ref('last') }}",
    "models/steady.sql": TABLE + "select 5 as id",
}
SLEEPS = "wait_event = 'PgSleep'"
WAITS_AT_THE_GATE = "wait_event_type = 'Lock' AND wait_event = 'advisory'"
IS_BLOCKED = "wait_event_type = 'Lock' AND application_name = 'dbt-state-plugin'"
CAUGHT = """
import sys
import dbt_state_plugin
try:
    dbt_state_plugin.run()
except dbt_state_plugin.InterruptedRun as error:
    print("Error:", error.what, file=sys.stderr)
    sys.exit(error.exit_code)
"""
HOLDS_THE_LOCK = "application_name = 'dbt-state-plugin'"
RELATIONS = """
    SELECT c.relname::text, c.oid::bigint, c.relkind::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relkind IN ('r', 'v', 'm')
"""


@pytest.fixture
def project(dbt_project: ProjectFactory, database: Database) -> Project:
    """Give a project whose model `gated` waits for GATE and whose model `slow` sleeps as long as public.pace says."""
    set_pace(database, 60)
    return dbt_project(FILES)


@pytest.fixture(scope="module")
def plain_warehouse(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give what a plain `dbt run` of the project leaves."""
    folder = tmp_path_factory.mktemp("plain")
    with fresh_database(postgres_server) as database:
        set_pace(database, 0)
        write_project(folder / "project", database, folder / "home", FILES).dbt("run", check=0)
        return warehouse(database)


def set_pace(database: Database, seconds: int) -> None:
    database.query(
        "DROP TABLE IF EXISTS public.pace; CREATE TABLE public.pace AS SELECT %s::float AS seconds", [seconds]
    )


def until(condition: Callable[[], Any], what: str, *, seconds: float = 120) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)  # each look is a session of its own


def sessions(database: Database, state: str) -> list[int]:
    """Return the pids of the other sessions in the database for which a condition on pg_stat_activity holds."""
    statement = sql.SQL(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND "
    ) + sql.SQL(state)
    return [row[0] for row in database.query(statement)]


def terminate(database: Database, state: str = "true") -> None:
    """End sessions, and wait until they are gone."""
    for pid in sessions(database, state):
        database.query("SELECT pg_terminate_backend(%s)", (pid,))
    until(lambda: not sessions(database, state), "the sessions are gone")


@contextmanager
def held(database: Database, statement: str) -> Iterator[Callable[[], None]]:
    """Hold what a statement locks in a transaction; yields a function that lets go of it."""
    with closing(database.connect()) as session:
        session.autocommit = False
        session.cursor().execute(statement)
        yield session.rollback


def closed_gate(database: Database) -> Any:
    return held(database, f"SELECT pg_advisory_xact_lock({GATE})")


@contextmanager
def started(project: Project) -> Iterator[forkserver.Process]:
    """Start a run in the background, and leave none behind."""
    process = project.plugin_process("run")
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def identities(database: Database) -> dict[str, int]:
    return {name: oid for name, oid, _ in database.query(RELATIONS, (SCHEMA,))}


def touched(before: Mapping[str, int], after: Mapping[str, int]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def warehouse(database: Database) -> dict[str, Any]:
    """Return the kind and the rows of each relation."""
    rows = sql.SQL("SELECT to_jsonb(t)::text FROM {} t ORDER BY 1")
    return {
        name: (kind, database.query(rows.format(sql.Identifier(SCHEMA, name))))
        for name, _, kind in database.query(RELATIONS, (SCHEMA,))
    }


def recorded(database: Database) -> set[str]:
    names = database.state("SELECT identifier FROM {state}.relation") if "relation" in database.state_tables else []
    return {row[0] for row in names}


def planned(stderr: str) -> set[str]:
    return {line.split()[1] for line in stderr.splitlines() if line.startswith(("  build ", "  build? "))}


def statuses(project: Project) -> list[str]:
    document = json.loads(project.plugin("history", "--output", "json", check=0).stdout)
    return [execution["status"] for execution in document["executions"]]


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)],
    ids=["SIGTERM", "SIGINT", "SIGHUP"],
)
def test_a_signal_cancels_the_query_keeps_what_is_finished_and_leaves_the_rest_for_the_next_run(
    project: Project, database: Database, plain_warehouse: dict[str, Any], number: signal.Signals, exit_code: int
) -> None:
    with started(project) as process:
        until(lambda: sessions(database, SLEEPS), "slow is being built")
        until(lambda: recorded(database) == {"first", "gated", "steady"}, "the others are recorded")

        process.send_signal(number)

        until(lambda: not sessions(database, SLEEPS), "the query is gone", seconds=10)
        _, stderr = process.communicate(timeout=120)
    assert process.returncode == exit_code
    assert f"Error: Stopped by {number.name} after 3 of 6 nodes\n" in stderr.replace(".\n", "\n")
    assert statuses(project) == ["cancelled"]
    before = identities(database)

    set_pace(database, 0)
    following = project.plugin("run", check=0)

    assert planned(following.stderr) == {"slow", "last", "last_view"}
    assert touched(before, identities(database)) == {"slow", "last", "last_view"}
    assert warehouse(database) == plain_warehouse


def test_what_a_killed_run_was_building_is_built_again(
    project: Project, database: Database, plain_warehouse: dict[str, Any]
) -> None:
    with started(project) as process:
        until(lambda: sessions(database, SLEEPS), "slow is being built")
        until(lambda: recorded(database) == {"first", "gated", "steady"}, "the others are recorded")

        process.kill()
        process.wait()
    assert statuses(project) == ["running"]
    terminate(database)  # the server notices that dbt is gone only when the query ends
    before = identities(database)

    set_pace(database, 0)
    following = project.plugin("run", check=0)

    assert planned(following.stderr) == {"slow", "last", "last_view"}
    assert touched(before, identities(database)) == {"slow", "last", "last_view"}
    assert warehouse(database) == plain_warehouse
    assert statuses(project) == ["succeeded", "abandoned"]


@pytest.mark.state_in_postgres("a lock of its tables or its session is taken away")
def test_a_reverted_model_is_rebuilt_after_a_run_was_killed_between_its_commit_and_its_mark(
    project: Project, database: Database, plain_warehouse: dict[str, Any]
) -> None:
    set_pace(database, 0)
    project.plugin("run", check=0)
    project.write("models/gated.sql", GATED.replace("select id", "select id + 1 as id"))

    with closed_gate(database) as open_gate, started(project) as process:
        until(lambda: sessions(database, WAITS_AT_THE_GATE), "gated is being built")
        with held(database, "LOCK TABLE dbt_state_plugin.intent IN EXCLUSIVE MODE"):
            open_gate()
            until(lambda: sessions(database, IS_BLOCKED), "gated is committed and about to be recorded")
            assert warehouse(database)["gated"] == ("r", [('{"id": 2}',)])
            process.kill()
            process.wait()
            terminate(database, IS_BLOCKED)  # as the server does by itself within ten seconds
    terminate(database)
    before = identities(database)

    project.write("models/gated.sql", GATED)
    foreseen = project.plugin("plan", check=0)
    following = project.plugin("run", check=0)

    assert planned(following.stderr) == {"gated", "last", "last_view"}
    for told in (foreseen.stdout, following.stderr):
        assert re.search(r"  build  gated +interrupted: execution [0-9a-f]{8} was killed before it ended", told)
    assert touched(before, identities(database)) == {"gated", "last", "last_view"}
    assert warehouse(database) == plain_warehouse
    assert statuses(project) == ["succeeded", "abandoned", "succeeded"]


@pytest.mark.state_in_postgres("a lock of its tables or its session is taken away")
def test_a_run_that_was_killed_before_its_intents_leaves_nothing_to_build(project: Project, database: Database) -> None:
    set_pace(database, 0)
    project.plugin("run", check=0)
    before = identities(database)
    project.write("models/gated.sql", GATED.replace("select id", "select id + 1 as id"))

    # Reading is allowed, so that the run plans and then stands before the write.
    with held(database, "LOCK TABLE dbt_state_plugin.intent IN SHARE MODE"), started(project) as process:
        until(lambda: sessions(database, IS_BLOCKED), "the intents are about to be written")
        process.kill()
        process.wait()
        terminate(database, IS_BLOCKED)
    project.write("models/gated.sql", GATED)
    following = project.plugin("run", check=0)

    assert (following.stdout, planned(following.stderr)) == ("", set())
    assert identities(database) == before
    assert statuses(project) == ["succeeded", "abandoned", "succeeded"]


@pytest.mark.state_in_postgres("a lock of its tables or its session is taken away")
def test_a_run_that_lost_its_lock_records_nothing_more_and_cancels_dbt(
    project: Project, database: Database, plain_warehouse: dict[str, Any]
) -> None:
    with closed_gate(database) as open_gate, started(project) as process:
        until(lambda: sessions(database, WAITS_AT_THE_GATE), "gated is being built")
        until(lambda: sessions(database, SLEEPS), "slow is being built")
        until(lambda: recorded(database) == {"first", "steady"}, "the others are recorded")

        terminate(database, HOLDS_THE_LOCK)
        open_gate()

        until(lambda: not sessions(database, SLEEPS), "the query is gone", seconds=20)
        _, stderr = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "Error: The connection that holds the environment's lock is lost: " in stderr
    assert recorded(database) == {"first", "steady"}
    assert statuses(project) == ["running"]
    before = identities(database)

    set_pace(database, 0)
    following = project.plugin("run", check=0)

    assert planned(following.stderr) == {"gated", "slow", "last", "last_view"}
    assert touched(before, identities(database)) == {"gated", "slow", "last", "last_view"}
    assert warehouse(database) == plain_warehouse
    assert statuses(project) == ["succeeded", "abandoned"]


@pytest.mark.state_in_postgres("a lock of its tables or its session is taken away")
def test_a_run_that_lost_its_lock_learns_it_during_a_long_query_and_cancels_it(
    project: Project, database: Database
) -> None:
    with started(project) as process:
        until(lambda: sessions(database, SLEEPS), "slow is being built")
        until(lambda: recorded(database) == {"first", "gated", "steady"}, "the others are recorded")

        terminate(database, HOLDS_THE_LOCK)

        until(lambda: not sessions(database, SLEEPS), "the query is gone", seconds=30)
        _, stderr = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "Error: The connection that holds the environment's lock is lost: " in stderr
    assert recorded(database) == {"first", "gated", "steady"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("program", ["command line", "Python"])
def test_a_signal_that_arrives_while_the_project_file_is_read_ends_the_run_like_any_other(
    program: str, number: signal.Signals, tmp_path: Path
) -> None:
    project_file = tmp_path / "dbt_project.yml"
    os.mkfifo(project_file)  # whoever reads it waits for what is written there
    arguments = ["-m", "dbt_state_plugin", "run"] if program == "command line" else ["-c", CAUGHT]

    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)}, stderr=subprocess.PIPE
    )
    writer = opened_for_writing(project_file, process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    os.close(writer)

    assert process.returncode == 128 + number
    assert said.decode().splitlines()[0] == f"Error: Stopped by {number.name}."
    assert b"Traceback" not in said


def opened_for_writing(fifo: Path, process: subprocess.Popen[bytes]) -> int:
    """Open a named pipe as soon as the process reads it, and not before."""
    while process.poll() is None:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.01)
    raise AssertionError("it ended before it read the file")
