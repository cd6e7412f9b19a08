"""Races for the same environment, relation or state.

`DBT_STATE_PLUGIN_FAULTS=full` runs 200 rounds with 8 and with 16 processes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from typing import Any

import pytest
import yaml
from support import forkserver
from support.database import Database
from support.project import NAME, Project, profiles, with_state_in

from faults.racer import MODELS, field_of
from faults.size import is_small, size
from faults.tables import graph
from faults.world import World

ProjectFactory = Callable[[Mapping[str, str]], Project]

PLUGIN = "dbt-state-plugin"
GATE = 7
GATED = "{{ config(materialized='table') }} " + f"select 1 as id from pg_advisory_xact_lock_shared({GATE})"
AT_THE_GATE = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'
    AND application_name <> 'dbt-state-plugin'
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
KINDS = ["postgres", "sqlite"]
PROCESSES = [8] if is_small() else [8, 16]


@pytest.fixture
def built(world: World) -> World:
    """Give a world whose four models are built."""
    world.begin(graph(world.database, MODELS), ["dev", "prod"])
    assert world.run("dev").is_success
    return world


def start(target: str = "dev", timeout: float = 0) -> dict[str, Any]:
    return {"name": "start", "with": {"target": target, "timeout": timeout}}


def finish() -> dict[str, Any]:
    return {"name": "finish"}


def is_named(holder: dict[str, Any], what: str, world: World) -> bool:
    """Return whether a message names the holder of the lock, as far as could be known when it was asked for."""
    where = f"process {holder['pid']} on {holder['host']}"
    before_it_is_recorded = f"{where}." if world.state_url else "database session"
    return f"execution {holder['execution']} (`run`, {where}" in what or before_it_is_recorded in what


def winners(answers: list[dict[str, Any]]) -> list[int]:
    return [number for number, answer in enumerate(answers) if "error" not in answer]


@pytest.mark.parametrize("processes", PROCESSES)
@pytest.mark.parametrize("world", KINDS, indirect=True)
def test_of_many_that_start_at_once_one_wins_and_the_others_are_told_who(built: World, processes: int) -> None:
    rounds = size(small=3, full=200)
    with field_of(processes, built) as field:
        for _ in range(rounds):
            answers = field.all_at_once([start()] * processes)

            won = winners(answers)
            assert len(won) == 1, answers
            holder = answers[won[0]]
            for answer in (answer for answer in answers if "error" in answer):
                assert answer["error"] == "BusyError", answer
                assert is_named(holder, answer["what"], built), answer
            assert "error" not in field.tell(won[0], finish())
    assert_all_ended_well(built, rounds + 1)


@pytest.mark.parametrize("world", KINDS, indirect=True)
def test_those_who_wait_run_one_after_the_other(built: World) -> None:
    built.execute("CREATE TABLE public.counter AS SELECT 0 AS value")
    processes, rounds = (4, 1) if is_small() else (16, 5)
    with field_of(processes, built) as field:
        for _ in range(rounds):
            whole = {"name": "whole", "with": {"target": "dev", "timeout": 300}}
            assert len(winners(field.all_at_once([whole] * processes))) == processes
    with built.admin.cursor() as cursor:
        cursor.execute("SELECT value FROM public.counter")
        assert cursor.fetchall() == [(processes * rounds,)]
    assert_all_ended_well(built, processes * rounds + 1)


@pytest.mark.parametrize("world", KINDS, indirect=True)
def test_two_targets_on_one_schema_never_write_it_at_the_same_time(built: World) -> None:
    rounds = size(small=3, full=200)
    both = 0
    with field_of(2, built) as field:
        for _ in range(rounds):
            answers = field.all_at_once([start("dev"), start("prod")])

            won = winners(answers)
            assert len(won) == 1, answers
            loser = answers[1 - won[0]]
            assert loser["error"] == "BusyError"
            assert "is writing" in loser["what"]
            field.tell(won[0], finish())
            both += 1
    assert both == rounds
    assert deadlocks(built) == 0


@pytest.mark.parametrize("world", KINDS, indirect=True)
def test_runs_go_on_while_others_prune_and_upgrade_the_state(built: World) -> None:
    rounds = size(small=3, full=200)
    with field_of(6, built) as field:
        for _ in range(rounds):
            others = [{"name": "prune"}, {"name": "prune"}, {"name": "upgrade"}]
            answers = field.all_at_once([start(), start(), start(), *others])
            won = winners(answers[:3])
            assert len(won) == 1, answers
            assert [answer for answer in answers[3:] if "error" in answer] == []
            commands = [finish() if number == won[0] else {"name": "prune"} for number in range(6)]
            assert [answer for answer in field.all_at_once(commands) if "error" in answer] == []
    assert built.intents() == set()
    assert deadlocks(built) == 0


@pytest.mark.parametrize("world", KINDS, indirect=True)
def test_many_that_find_no_state_create_it_once(built: World) -> None:
    processes = 4 if is_small() and built.state_url else 8  # each reads how a file is created
    with field_of(processes, built) as field:
        for _ in range(size(small=2, full=50)):
            with built.without_state():
                answers = field.all_at_once([start(), {"name": "upgrade"}] * (processes // 2))
            won = winners(answers)
            beginners = [number for number in won if number % 2 == 0]
            assert len(beginners) == 1, answers
            assert len(won) == 1 + processes // 2, answers
            assert "error" not in field.tell(beginners[0], finish())
            assert built.state().rows("SELECT count(*) FROM {state}.installation") == [(1,)]
            assert built.state().rows("SELECT count(*) FROM {state}.environment") == [(1,)]
            assert_all_ended_well(built, 1)


def assert_all_ended_well(world: World, executions: int) -> None:
    assert world.intents() == set()
    assert world.statuses() == ["succeeded"] * executions
    assert deadlocks(world) == 0


def deadlocks(world: World) -> int:
    with world.admin.cursor() as cursor:
        cursor.execute(DEADLOCKS)
        return int(cursor.fetchall()[0][0])


@pytest.mark.parametrize("kind", KINDS)
def test_of_real_runs_at_once_one_builds_and_what_must_not_interfere_does_not(
    dbt_project: ProjectFactory, database: Database, kind: str
) -> None:
    profile = yaml.safe_load(profiles(database))
    profile[NAME]["outputs"]["prod"] = profile[NAME]["outputs"]["dev"]
    project = dbt_project({"profiles.yml": json.dumps(profile), "models/gated.sql": GATED})
    project = with_state_in(kind, project)
    where: dict[str, Any] = {"cwd": project.directory, "environment": project.environment}
    runs = size(small=3, full=16) if is_small() else 16

    database.query("CREATE SCHEMA analytics; CREATE TABLE analytics.gated AS SELECT 1 AS id")  # that adopt would take
    with ExitStack() as stack:
        gate = stack.enter_context(closing(database.connect()))
        gate.cursor().execute("SELECT pg_advisory_lock(%s)", (GATE,))
        children = [
            forkserver.start(PLUGIN, ["run", "--lock-timeout", "0"], **where, is_stopped=True) for _ in range(runs)
        ]
        for child in children:
            child.resume()
        until(lambda: database.query(AT_THE_GATE), "a run stands at the gate")
        holder = project.state("SELECT process_id FROM {state}.execution WHERE status = 'running'")[0][0]
        losers = [child.wait() for child in children if child.pid != holder]
        meanwhile = {
            "forget": forkserver.run(PLUGIN, ["forget", "--all", "--lock-timeout", "0"], **where),
            "adopt": forkserver.run(PLUGIN, ["adopt", "--yes", "--lock-timeout", "0"], **where),
            "prune": forkserver.run(PLUGIN, ["state", "prune", "--keep-days", "0"], **where),
            "upgrade": forkserver.run(PLUGIN, ["state", "upgrade"], **where),
            "plan": forkserver.run(PLUGIN, ["plan"], **where),
            "prod": forkserver.run(PLUGIN, ["run", "--target", "prod"], **where),
        }
        recorded = project.state("SELECT unique_id FROM {state}.relation")
        project.state("UPDATE {state}.alembic_version SET version_num = '9999'")
        newer = forkserver.run(PLUGIN, ["run"], **where)
        project.state("UPDATE {state}.alembic_version SET version_num = %s", (expected_version(),))
        gate.cursor().execute("SELECT pg_advisory_unlock(%s)", (GATE,))
        winner = next(child for child in children if child.pid == holder).wait()

    assert [loser.code for loser in losers] == [3] * (runs - 1)
    assert all(f"process {holder} on " in loser.stderr or "database session" in loser.stderr for loser in losers)
    codes = {name: ended.code for name, ended in meanwhile.items()}
    assert codes.pop("adopt") in (2, 3), "what a run may be writing is nothing to adopt"
    assert recorded == []
    assert codes == {"forget": 3, "prune": 0, "upgrade": 0, "plan": 0, "prod": 3}, meanwhile
    assert newer.code == 2
    assert "which is newer than this tool knows" in newer.stderr
    assert winner.code == 0, winner.stderr
    assert project.state("SELECT status FROM {state}.execution ORDER BY started_at")[0] == ("succeeded",)
    after = forkserver.run(PLUGIN, ["run"], **where)
    assert "nothing to build" in after.stderr


def expected_version() -> str:
    from dbt_state_plugin.state.version import EXPECTED_VERSION

    return EXPECTED_VERSION


def until(condition: Callable[[], Any], what: str, *, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
