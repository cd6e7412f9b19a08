"""Servers that restart, are full or refuse, amid a run."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

import pytest
from psycopg2 import sql
from support.database import Database, database_on, fresh_database
from support.forkserver import Child, Ended, start
from support.project import Project, write_project

from dbt_state_plugin.testing import postgres_server
from dbt_state_plugin.testing.postgres_server import Server, start_server

GATE = 7
TABLE = "{{ config(materialized='table') }} "
FILES = {
    "models/first.sql": TABLE + "select 1 as id",
    "models/gated.sql": TABLE + f"select id from {{{{ ref('first') }}}}, pg_advisory_xact_lock_shared({GATE})",
    "models/last.sql": TABLE + "select id + 1 as id from {{ ref('gated') }}",
}
AT_THE_GATE = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'advisory'"


class Play:
    """A project in a database, run by the real command line."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._where: dict[str, Any] = {"cwd": project.directory, "environment": project.environment}

    def run(self, *arguments: str) -> Ended:
        return self.started(*arguments).wait()

    def started(self, *arguments: str) -> Child:
        return start("dbt-state-plugin", arguments or ("run",), **self._where)


@pytest.fixture
def play(tmp_path: Path, database: Database) -> Play:
    return Play(write_project(tmp_path / "project", database, tmp_path / "home", FILES))


def until(condition: Callable[[], Any], what: str, *, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@contextmanager
def closed_gate(database: Database) -> Iterator[Callable[[], None]]:
    with closing(database.connect()) as session:
        session.autocommit = False
        session.cursor().execute("SELECT pg_advisory_xact_lock(%s)", (GATE,))
        yield session.rollback


def recorded(database: Database) -> set[str]:
    return {row[0] for row in database.query("SELECT identifier FROM dbt_state_plugin.relation")}


def assert_nothing_is_lost(play: Play, database: Database, *, code: int) -> None:
    """The next run repairs everything and the one after it has nothing to do."""
    repaired = play.run()
    assert repaired.code == code, repaired.stderr
    assert database.query("SELECT id FROM analytics.last") == [(2,)]
    assert "nothing to build" in play.run().stderr


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_the_server_in_the_middle_of_a_run_loses_nothing(
    mode: Literal["fast", "immediate"], tmp_path: Path
) -> None:
    with start_server(prefer="local") as server:
        database = database_on(server, server.dbname)
        play = Play(write_project(tmp_path / "project", database, tmp_path / "home", FILES))
        with closed_gate(database):
            child = play.started()
            until(lambda: database.query(AT_THE_GATE), "gated is being built")
            until(lambda: recorded(database) == {"first"}, "first is recorded")
            postgres_server.stop(server, mode)
            postgres_server.start(server)
        ended = child.wait()

        assert ended.code in (1, 2), ended.stderr
        assert "Traceback" not in ended.stderr
        assert recorded(database) == {"first"}
        assert_nothing_is_lost(play, database, code=0)


def test_a_full_disk_fails_the_node_and_loses_nothing(tmp_path: Path) -> None:
    many = "select id, repeat('x', 1000) as pad from {{ ref('first') }}, generate_series(1, 40000)"
    files = {**FILES, "models/big.sql": TABLE + many}
    with start_server(prefer="local") as server:
        database = database_on(server, server.dbname)
        play = Play(write_project(tmp_path / "project", database, tmp_path / "home", files))
        restart_with_files_up_to(server, 20 << 20)
        ended = play.run()

        assert ended.code == 1, ended.stderr
        assert "could not extend file" in ended.stdout + ended.stderr
        assert recorded(database) == {"first", "gated", "last"}
        restart_with_files_up_to(server, resource.RLIM_INFINITY)
        assert_nothing_is_lost(play, database, code=0)
        assert database.query("SELECT count(*) FROM analytics.big") == [(40000,)]


def restart_with_files_up_to(server: Server, size: int) -> None:
    """Do what a quota does, without being root: no file of the server may grow beyond (its log's have 16 MiB)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    postgres_server.stop(server)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))  # the server inherits it
    try:
        postgres_server.start(server)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_lost_connection_of_dbt_fails_the_node_and_nothing_is_lost(play: Play, database: Database) -> None:
    with closed_gate(database):
        child = play.started()
        until(lambda: database.query(AT_THE_GATE), "gated is being built")
        database.query(AT_THE_GATE.replace("SELECT 1", "SELECT pg_terminate_backend(pid)"))
        ended = child.wait()

    assert ended.code == 1, ended.stderr
    assert recorded(database) == {"first"}
    assert_nothing_is_lost(play, database, code=0)


def test_a_statement_timeout_of_the_role_fails_dbt_s_nodes_and_never_the_state(play: Play, database: Database) -> None:
    name = sql.Identifier(database.dbname)
    database.query(sql.SQL("ALTER DATABASE {} SET statement_timeout = '2s'").format(name))
    with closed_gate(database):
        ended = play.run()

    assert ended.code == 1, ended.stderr
    assert "statement timeout" in ended.stdout + ended.stderr
    assert recorded(database) == {"first"}
    database.query(sql.SQL("ALTER DATABASE {} RESET statement_timeout").format(name))
    assert_nothing_is_lost(play, database, code=0)


def test_a_limit_of_one_connection_is_told_and_loses_nothing(tmp_path: Path, postgres_server: Server) -> None:
    with fresh_database(postgres_server) as database, limited_role(database, connections=1) as limited:
        play = Play(write_project(tmp_path / "project", limited, tmp_path / "home", FILES))
        ended = play.run()  # the state has the one connection, dbt gets none
        assert ended.code in (1, 2), ended.stderr
        assert "too many connections" in ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr

        database.query(sql.SQL("ALTER ROLE {} CONNECTION LIMIT -1").format(sql.Identifier(limited.user)))
        assert_nothing_is_lost(play, limited, code=0)


@contextmanager
def limited_role(database: Database, *, connections: int) -> Iterator[Database]:
    name = f"limited_{token_hex(4)}"
    identifier = sql.Identifier(name)
    database.query(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'limited'").format(identifier))
    database.query(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(identifier, sql.Literal(connections)))
    database.query(sql.SQL("GRANT ALL ON DATABASE {} TO {}").format(sql.Identifier(database.dbname), identifier))
    at = f"postgresql://{name}:limited@{database.host}:{database.port}/{database.dbname}"
    try:
        yield replace(database, user=name, password="limited", url=at)
    finally:
        database.query(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(identifier))
