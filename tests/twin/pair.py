"""A warehouse of ours and its twin of plain dbt, compared.

Both are databases of one server with equal schemas, and both see the same statements, edits and runs at the same
points, so that incremental models and snapshots have the same history. After a run of ours that was killed or
narrowed there is nothing that plain dbt could do alike: then the twin becomes a copy of our warehouse, and what the
next whole run of either makes of it has to be the same.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
from accuracy import warehouse
from accuracy.relations import Relation, differing, differing_names, observed
from support.project import NAME, PROJECT_FILE, SCHEMA, clean_environment

from dbt_state_plugin.testing import postgres_server
from dbt_state_plugin.testing.postgres_server import Server
from twin.steps import Ended, Kill, run_dbt, run_plugin

OURS, TWIN = "ours", "twin"
CUTOFF_VARIABLE = "DBT_STATE_PLUGIN_TWIN_CUTOFF"
QUIET = ("--log-level-file", "none")
# What a whole run of a command must leave alike; the rest is as it was before, which may be an unfinished run.
COMPARED: Mapping[str, tuple[str, ...]] = {"seed": ("seed_",), "snapshot": ("snap_",), "run": ("",), "build": ("",)}


class Difference(AssertionError):
    """The two warehouses are not the same where they have to be, or one run failed and the other did not."""


@dataclass(kw_only=True)
class Pair:
    """Two warehouses and the one project that is run in both; `bug` is planted in each run of ours.

    `cutoff` is what runs of ours are asked for that are not asked otherwise.
    """

    server: Server
    directory: Path
    databases: Mapping[str, str]
    bug: str = ""
    cutoff: str = field(default_factory=lambda: os.environ.get(CUTOFF_VARIABLE, "auto"))
    done: list[str] = field(default_factory=list)

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        self._note(f"write {path}: {' '.join(text.split())}")
        self._write(path, text)

    def execute(self, statements: str) -> None:
        """Run SQL in both warehouses, as a loader or somebody's hand would."""
        self._note(f"execute {statements}")
        for name in self.databases.values():
            _execute(self.server, name, statements)

    def run(self, command: str = "run", *arguments: str, env: Mapping[str, str] | None = None) -> bool:
        """Run ours, then plain dbt; compare when both succeeded. Returns whether they did."""
        ours = self._plugin(command, arguments, env)
        twin = self._dbt(TWIN, command, arguments, env)
        if (ours.code == 0) is not (twin.code == 0):
            raise Difference(f"dbt {command} ended with {twin.code}, ours with {ours.code}\n{self._told(ours, twin)}")
        if ours.code == 0:
            self.compare(COMPARED[command], ours)
        return ours.code == 0

    def run_narrowed(self, selection: str, command: str = "run") -> bool:
        """Run ours on a part of the project."""
        ended = self._plugin(command, ("--select", selection), None)
        self._copy_ours()
        return ended.code == 0

    def run_killed(self, kill: Kill, command: str = "run") -> bool:
        """Run ours until the kill; return whether it came to that."""
        ended = self._plugin(command, (), None, kill)
        self._copy_ours()
        return ended.code is None

    def run_by_dbt(
        self, command: str = "run", *arguments: str, env: Mapping[str, str] | None = None, meanwhile: str = ""
    ) -> bool:
        """Select, and run plain dbt on that in our warehouse and on everything in the other one.

        `meanwhile` is SQL for both, between the selection and dbt. Nothing is recorded, and nothing compared: where dbt
        is given a part of the project it keeps the old query of a materialized view.
        """
        selected = self._plugin("select", ("--for", command, *arguments), env)
        assert selected.code == 0, selected.said
        if meanwhile:
            self.execute(meanwhile)
        indirect = ("--indirect-selection", "empty") if command == "build" else ()
        ours = self._dbt(OURS, command, (*arguments, *indirect, "--select", *selected.answer.split()), env)
        twin = self._dbt(TWIN, command, arguments, env)
        if (ours.code == 0) is not (twin.code == 0):
            raise Difference(f"dbt {command} ended with {twin.code}, ours with {ours.code}\n{self._told(ours, twin)}")
        return ours.code == 0

    def record(
        self, *arguments: str, env: Mapping[str, str] | None = None, kill: Kill | None = None, refused: bool = False
    ) -> Ended:
        """Record what plain dbt did last in our warehouse, which must be `refused` or not."""
        ended = self._plugin("record", ("--target-path", str(self.directory / f"{OURS}.dbt"), *arguments), env, kill)
        if (ended.code == 2) is not refused:
            raise Difference(f"record ended with {ended.code}\n{self._told(ended)}")
        return ended

    def compare_if_done(self, command: str, *arguments: str, env: Mapping[str, str] | None = None) -> bool:
        """Compare when a plan finds nothing that is left to do. Returns whether that is so."""
        left = self._plugin("plan", ("--for", command, "--exit-code", *arguments), env)
        if left.code == 0:
            self.compare(COMPARED[command], left)
        return left.code == 0

    def parse_by_hand(self) -> None:
        """Let plain dbt write another manifest where the results of the last one are."""
        self._dbt(OURS, "parse", (), None)

    def run_by_hand(self, command: str = "run") -> None:
        """Run plain dbt in our warehouse too, behind our back."""
        for which in (OURS, TWIN):
            self._dbt(which, command, (), None)

    def compare(self, prefixes: tuple[str, ...], ours: Ended | None = None) -> None:
        """Raise Difference when a relation whose name begins so differs."""
        found = {which: self._relations(which, prefixes) for which in (OURS, TWIN)}
        differences = [
            f"{name}: {_told(found[OURS].get(name), found[TWIN].get(name))}"
            for name in sorted(differing_names(found[OURS], found[TWIN]))
        ]
        if differences:
            raise Difference("\n".join([*differences, self._told(ours)]))

    def _relations(self, which: str, prefixes: tuple[str, ...]) -> dict[str, Relation]:
        relations = observed(self.server.url(self.databases[which]))
        return {n: each for n, each in relations.items() if n.startswith(tuple(f"{SCHEMA}.{p}" for p in prefixes))}

    def _plugin(
        self, command: str, arguments: tuple[str, ...], env: Mapping[str, str] | None, kill: Kill | None = None
    ) -> Ended:
        self._note(" ".join(["dbt-state-plugin", command, *arguments, *_words(env), *([str(kill)] if kill else [])]))
        options = ["--profiles-dir", str(self.directory / OURS)]
        env = {"DBT_STATE_PLUGIN_CUTOFF": self.cutoff, **(env or {})}
        return run_plugin([command, *options, *arguments], **self._where(env), bug=self.bug, kill=kill)

    def _dbt(self, which: str, command: str, arguments: tuple[str, ...], env: Mapping[str, str] | None) -> Ended:
        self._note(" ".join(["dbt", command, *arguments, f"in {which}"]))
        options = ["--profiles-dir", str(self.directory / which), "--target-path", str(self.directory / f"{which}.dbt")]
        return run_dbt([*QUIET, command, *options, *arguments], **self._where(env))

    def _where(self, env: Mapping[str, str] | None) -> dict[str, Any]:
        environment = {**clean_environment(self.directory), **(env or {})}
        return {"cwd": self.directory / "project", "environment": environment}

    def _copy_ours(self) -> None:
        """Make the twin a copy of our warehouse, once no session of a dead run works there any more."""
        self._note("the twin becomes a copy of our warehouse")
        with closing(postgres_server.connect(self.server)) as connection, connection.cursor() as cursor:
            name = self.databases[OURS]
            cursor.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
            _wait(cursor, "select 1 from pg_stat_activity where datname = %s", name)
        warehouse.copy(self.server, self.databases[OURS], self.databases[TWIN])

    def _write(self, path: str, text: str) -> None:
        file = self.directory / "project" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def _note(self, what: str) -> None:
        self.done.append(what)

    def _told(self, *ended: Ended | None) -> str:
        texts = [each.said for each in ended if each is not None]
        return "\n".join(["--- what was done", *self.done, "--- what was said", *texts])


@contextmanager
def paired(server: Server, directory: Path, files: Mapping[str, str], loaded: str, *, bug: str = "") -> Iterator[Pair]:
    """Give two warehouses that hold the loaded tables and the project as we built it from nothing."""
    suffix = secrets.token_hex(6)
    pair = Pair(
        server=server,
        directory=directory,
        databases={which: f"twin_{suffix}_{which}" for which in (OURS, TWIN)},
        bug=bug,
    )
    directory.mkdir(parents=True, exist_ok=True)
    for path, text in {"dbt_project.yml": PROJECT_FILE, **files}.items():
        pair._write(path, text)
    for which, name in pair.databases.items():
        (directory / which).mkdir()
        (directory / which / "profiles.yml").write_text(_profiles(server, name))
    try:
        postgres_server.create_database(server, pair.databases[OURS])
        _execute(server, pair.databases[OURS], loaded)
        first = pair._plugin("build", (), None)
        assert first.code == 0, first.said
        pair._copy_ours()
        yield pair
    finally:
        for name in pair.databases.values():
            postgres_server.drop_database(server, name)
        shutil.rmtree(directory, ignore_errors=True)


def _execute(server: Server, name: str, statements: str) -> None:
    """Run SQL on a connection of its own; PostgreSQL has counted the rows when that connection is gone."""
    with closing(psycopg2.connect(server.url(name))) as connection:
        pid = connection.info.backend_pid
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statements)
    with closing(postgres_server.connect(server)) as connection, connection.cursor() as cursor:
        _wait(cursor, "select 1 from pg_stat_activity where pid = %s", pid)


def _wait(cursor: Any, statement: str, value: Any) -> None:
    deadline = time.monotonic() + 60
    while True:
        cursor.execute(statement, [value])
        if cursor.fetchone() is None:
            return
        assert time.monotonic() < deadline, f"not within a minute: no row of {statement!r} for {value!r}"
        time.sleep(0.005)


def _profiles(server: Server, dbname: str) -> str:
    output = {
        "type": "postgres",
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": server.password,
        "dbname": dbname,
        "schema": SCHEMA,
        "threads": 4,
    }
    return json.dumps({NAME: {"target": "dev", "outputs": {"dev": output, "other": output}}})  # YAML reads JSON


def _words(env: Mapping[str, str] | None) -> list[str]:
    return [f"{name}={value}" for name, value in (env or {}).items()]


def _told(ours: Relation | None, twin: Relation | None) -> str:
    if ours is None or twin is None:
        return "dbt has none here" if twin is None else "ours is missing"
    return "; ".join(f"{key} are {ours[key]}, by dbt {twin[key]}" for key in sorted(differing(ours, twin)))
