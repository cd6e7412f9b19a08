"""Project and database of real runs, and what must remain.

The project has eight models and three versions. The rows of one model are the same in all of them, so that what reads
it is cut off. A play begins with the first version built, in a database that is copied for each play under the same
name, so that the state takes it for the same warehouse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql
from support.database import Database, database_on
from support.forkserver import Child, Ended, start
from support.project import Project, profiles, write_project

from dbt_state_plugin.testing import postgres_server
from dbt_state_plugin.testing.postgres_server import Server
from faults.proxy import DBT, STATE, RemoteProxy, proxy_to

STAGED, ORIGINAL = "faults_staged", "faults_original"
ONE, TWO, THREE = "one", "two", "three"
RELATIONS = """
    SELECT c.relname::text, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'analytics' AND c.relkind IN ('r', 'v', 'm')
"""
# `filled` is built in its place and must not keep rows of another version, `grown` must not get a row twice.
_TEXTS = {
    "base": "{{{{ config(materialized='table') }}}} select id, {base} as value from generate_series(1, 3) as id",
    "shown": "{{{{ config(materialized='view') }}}} select id, value * 10 as value from {{{{ ref('base') }}}}",
    "filled": "{{{{ config(materialized='incremental', unique_key='id') }}}} "
    "select id, value + {filled} as value from {{{{ ref('shown') }}}}",
    "grown": "{{{{ config(materialized='incremental') }}}} select id from {{{{ ref('base') }}}} "
    "{{% if is_incremental() %}} where id > (select max(id) from {{{{ this }}}}) {{% endif %}}",
    "mart": "{{{{ config(materialized='table') }}}} "
    "select f.id, f.value, s.value as shown from {{{{ ref('filled') }}}} f join {{{{ ref('shown') }}}} s using (id) "
    "join {{{{ ref('grown') }}}} using (id)",
    "steady": "{{{{ config(materialized='table') }}}} select {steady} as id",
    "spared": "{{{{ config(materialized='table') }}}} select id from {{{{ ref('steady') }}}}",
    "report": "{{{{ config(materialized='view') }}}} select sum(value) as value from {{{{ ref('mart') }}}}",
}
_VERSIONS = {
    ONE: {"base": 1, "filled": 1, "steady": "1"},
    TWO: {"base": 2, "filled": 2, "steady": "0 + 1"},
    THREE: {"base": 2, "filled": 3, "steady": "1 + 0"},
}


def files(version: str) -> dict[str, str]:
    return {f"models/{name}.sql": text.format(**_VERSIONS[version]) for name, text in _TEXTS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The project, its database behind a proxy, and what each version leaves there when it is built from scratch."""

    server: Server
    direct: Database
    project: Project
    proxy: RemoteProxy
    expected: Mapping[str, Mapping[str, Any]]

    def begin(self) -> None:
        """Bring the database back to where the first version has just been built."""
        copy_database(self.server, ORIGINAL, STAGED)
        self.direct.forget_counters()

    def write(self, version: str) -> None:
        for path, text in files(version).items():
            self.project.write(path, text)

    def stopped(self, *arguments: str) -> Child:
        """Start the command line, which stands still before it does anything."""
        environment = {**self.project.environment, "DBT_STATE_PLUGIN_CUTOFF": "always"}
        where: dict[str, Any] = {"cwd": self.project.directory, "environment": environment}
        return start("dbt-state-plugin", arguments, **where, is_stopped=True)

    def run(self, *arguments: str) -> Ended:
        """Run without a fault; a lock that is held for longer than 25 seconds is an error of its own."""
        self.proxy.arm(STATE, 0, 0, 0)
        return self.stopped(*(arguments or ("run", "--lock-timeout", "25"))).resume().wait()

    def run_with(self, kind: str, at: int, action: str | int, *arguments: str) -> tuple[Ended, bool]:
        """Run with a fault at a message; tell how it ended and whether it came to that message."""
        child = self.stopped(*(arguments or ("run", "--threads", "2")))
        self.proxy.arm(kind, at, action, child.pid)
        ended = child.resume().wait()
        return ended, bool(self.proxy.tell(name="report")["fired"])

    def messages(self) -> dict[str, int]:
        """Return how many messages the state's and dbt's connections exchange in a run of the second version."""
        self.begin()
        self.write(TWO)
        ended, _ = self.run_with(STATE, 0, 0)
        assert ended.code == 0, ended.stderr
        counts: dict[str, int] = self.proxy.tell(name="report")["counts"]
        return counts

    def warehouse(self) -> dict[str, Any]:
        return contents(self.direct)

    def must_be(self, version: str, told: str = "") -> None:
        """Run once more without a fault, after which everything is as built from scratch and nothing is left to do."""
        self.write(version)
        ended = self.run()
        assert ended.code == 0, f"{told}\n{ended.stderr}"
        assert self.warehouse() == self.expected[version], told
        assert self.direct.query("SELECT count(*) FROM dbt_state_plugin.intent") == [(0,)], told
        assert self.direct.query("SELECT count(*) FROM dbt_state_plugin.execution WHERE status = 'running'") == [
            (0,)
        ], told


def contents(database: Database) -> dict[str, Any]:
    """Return the kind and the rows of each relation."""
    rows = sql.SQL("SELECT to_jsonb(t)::text FROM analytics.{} t ORDER BY 1")
    return {name: (kind, database.query(rows.format(sql.Identifier(name)))) for name, kind in database.query(RELATIONS)}


def copy_database(server: Server, source: str, target: str) -> None:
    with closing(psycopg2.connect(server.url())) as opened, opened.cursor() as cursor:
        opened.autocommit = True
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(target)))
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            (source,),
        )
        cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(target), sql.Identifier(source)))


@contextmanager
def staged(server: Server, directory: Path) -> Iterator[Stage]:
    """Build each version from scratch, then give the stage with the first version built by the tool."""
    with ExitStack() as stack:
        proxy = stack.enter_context(proxy_to(server.host, server.port))
        for name in (STAGED, ORIGINAL):
            stack.callback(postgres_server.drop_database, server, name)
        direct = database_on(server, STAGED)
        through_proxy = replace(direct, host="127.0.0.1", port=proxy.port)
        project = write_project(directory / "project", through_proxy, directory / "home", files(ONE))
        stage = Stage(server=server, direct=direct, project=project, proxy=proxy, expected={})
        expected = {}
        for version in (THREE, TWO, ONE):
            copy_database(server, "template0", STAGED)
            stage.write(version)
            ended = stage.run("run")
            assert ended.code == 0, ended.stderr
            expected[version] = contents(direct)
        assert len({str(found) for found in expected.values()}) == 3, "the versions differ"
        copy_database(server, STAGED, ORIGINAL)
        yield replace(stage, expected=expected)


__all__ = ["DBT", "ONE", "STATE", "THREE", "TWO", "Stage", "profiles", "staged"]
