"""What can happen to a project, and what must hold afterwards."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
from support.values import edited

from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.core.values.results import RunResult
from dbt_state_plugin.errors import BusyError
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.sqlite.address import SqliteAddress
from dbt_state_plugin.sqlite.script import statements_of
from dbt_state_plugin.state.connection import connect
from dbt_state_plugin.state.lock import is_locked
from dbt_state_plugin.state.relations import forget_relations
from dbt_state_plugin.state.retention import Pruned, prune
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import State, open_state
from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse
from faults.run import STATE_SCHEMA, HeldRun, Run, write_model, write_project
from faults.tables import Tables, expected

if TYPE_CHECKING:
    from psycopg2.extensions import connection

_EMPTY = """
    DELETE FROM {0}.intent; DELETE FROM {0}.relation; DELETE FROM {0}.environment; DELETE FROM {0}.execution;
    DELETE FROM {0}.checksum_set; DELETE FROM {0}.definition
"""
_IS_GONE = "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %s)"
_HOLDERS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"


class World:
    """One warehouse with its state, and projects (by target) that write the same schema of it."""

    def __init__(self, url: str, state_file: Path | None = None) -> None:
        self.url = url
        self.state_file = state_file
        self.state_url = f"sqlite:///{state_file}" if state_file else ""
        self.plays_all_points = False  # of kills and signals, else some of them where few are asked for
        self.folder = tempfile.TemporaryDirectory(prefix="world-")
        self.admin: connection = _connect(url)
        self.database = self.admin.info.dbname
        self.books: Any = connect(SqliteAddress(path=state_file)) if state_file else self.admin
        self.warehouse = ""
        if state_file:
            self.warehouse = "/".join(reversed(PostgresWarehouse(self.admin).server_identity()))
        ensure_schema(self.books, STATE_SCHEMA)
        self.tables = Tables(self.admin)
        self.projects: dict[str, Project] = {}
        self.live: list[HeldRun] = []
        self.ended: list[Run] = []

    def end(self) -> None:
        for held in list(self.live):
            self.kill(held)
        self.books.close()
        self.admin.close()
        self.folder.cleanup()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let go of warehouse and state while something happens to their files."""
        self.books.close()
        self.admin.close()
        yield
        self.admin = _connect(self.url)
        self.tables.reconnect(self.admin)
        self.books = connect(SqliteAddress(path=self.state_file)) if self.state_file else self.admin

    @contextmanager
    def without_state(self) -> Iterator[None]:
        """Remove the state, and hold nothing of it."""
        if self.state_file is None:
            self.execute(f"DROP SCHEMA {STATE_SCHEMA} CASCADE")
            yield
            return
        with self.stopped():
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self.state_file}{suffix}").unlink(missing_ok=True)
            self._forget_locks()
            yield

    def _forget_locks(self) -> None:
        if self.state_file:
            shutil.rmtree(f"{self.state_file}-locks", ignore_errors=True)

    def begin(self, of: Project, targets: Iterable[str] = ("dev",)) -> None:
        """Start anew with an empty state and an empty warehouse."""
        self.execute(_EMPTY.format(STATE_SCHEMA))
        self._forget_locks()
        self.tables.reset()
        self.projects = dict.fromkeys(targets, of)
        self.live, self.ended = [], []
        for target in self.projects:
            write_project(self.directory(target), of, self._profile(target))

    def directory(self, target: str) -> Path:
        """Return where the working copy of a target lies."""
        return Path(self.folder.name) / target

    def _profile(self, target: str) -> str:
        settings = DatabaseSettings.from_url(self.url)
        output = {
            "type": "postgres",
            "host": settings.host,
            "port": settings.port or 5432,
            "user": settings.user,
            "password": settings.password or "",
            "dbname": settings.dbname,
            "schema": "wh",
        }
        return json.dumps({"shop": {"target": target, "outputs": {target: output}}})

    def environment(self, target: str) -> Environment:
        return Environment(project="shop", target=target, database=self.database, schema="wh", warehouse=self.warehouse)

    def edit(self, name: str, code: str, *, target: str = "dev") -> None:
        self.projects[target] = edited(self.projects[target], f"model.shop.{name}", code)
        write_model(self.directory(target), name, code)

    def new_run(
        self,
        target: str = "dev",
        *,
        select: Iterable[str] | None = None,
        failing: Iterable[str] = (),
        force: bool = False,
        at_point: Callable[[Run, str], None] = lambda _run, _where: None,
    ) -> Run:
        return Run(
            directory=self.directory(target),
            state_url=self.state_url,
            environment=self.environment(target),
            project=lambda: self.projects[target],
            tables=self.tables,
            selected=None if select is None else frozenset(f"model.shop.{name}" for name in select),
            failing=frozenset(failing),
            force=force,
            at_point=at_point,
        )

    def run(self, target: str = "dev", **options: Any) -> Run:
        """Carry out a run from its start to its end."""
        run = self.new_run(target, **options)
        run.carry_out()
        self._until_gone(run)
        self.ended.append(run)
        return run

    def start(self, target: str = "dev", **options: Any) -> HeldRun:
        """Start a run that stands at its first point."""
        held = HeldRun(self.new_run(target, **options))
        held.start()
        self.live.append(held)
        self._note_end(held)
        return held

    def advance(self, held: HeldRun, points: int) -> None:
        held.advance(points)
        self._note_end(held)

    def advance_to(self, held: HeldRun, where: str) -> None:
        """Go on until the run comes to a point whose name begins like this; fail when there is none."""
        self.advance_to_any(held, where)
        assert not held.is_over, f"the run never came to {where!r}: {held.run.result!r}"

    def advance_to_any(self, held: HeldRun, where: str) -> None:
        """Go on until the run comes to a point whose name begins like this, or to its end."""
        self.advance(held, 1)
        while not held.is_over and not held.run.where.startswith(where):
            self.advance(held, 1)

    def advance_until(self, held: HeldRun, condition: Callable[[], bool]) -> None:
        """Go on point by point until something is so; fail when the run ends before."""
        while not condition():
            assert not held.is_over, f"the run ended before: {held.run.result!r}"
            self.advance(held, 1)

    def advance_to_statement(self, held: HeldRun, part: str) -> None:
        """Go on to a statement with this in its text, be it inside a transaction that keeps others waiting."""
        while part not in held.run.statement:
            assert not held.is_over, f"the run never said {part!r}: {held.run.result!r}"
            held.advance_within_a_transaction()

    def finish(self, held: HeldRun) -> Run:
        held.finish()
        self._note_end(held)
        return held.run

    def kill(self, held: HeldRun, after: int = 0) -> None:
        held.kill(after)
        self._note_end(held)

    def cut(self, held: HeldRun) -> None:
        """Let the server lose the run's connection, which the run does not know yet."""
        self.cut_run(held.run)

    def cut_run(self, run: Run) -> None:
        if self.state_url and run.connection is not None:
            run.connection.close()
        self.execute("SELECT pg_terminate_backend(%s)", (run.backend,))
        self._until_gone(run)

    def unlock(self, held: HeldRun) -> None:
        """Let the run lose its lock while its connection lives, as behind a pooler."""
        if self.state_url:
            held.run.connection._real.unlock()
            return
        with held.run.connection._real.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")

    def forget(self, name: str, target: str = "dev") -> None:
        forget_relations(self.state(target), [f"model.shop.{name}"])

    def prune(self) -> Pruned:
        return prune(self.books, STATE_SCHEMA, keep_days=0)

    def state(self, target: str = "dev") -> State:
        return open_state(self.books, STATE_SCHEMA, self.environment(target))

    def to_build(self, target: str = "dev") -> set[str]:
        """Return the names of the nodes that a run would build now."""
        return {entry.node.name for entry in self.new_run(target).plan().to_build}

    def is_as_from_scratch(self, target: str = "dev") -> bool:
        return self.differing(target) == {}

    def differing(self, target: str = "dev") -> dict[str, tuple[str | None, str]]:
        """Return what differs from a build from scratch: what is there, and what should be."""
        wanted = expected(self.projects[target], self.tables.source)
        there = self.tables.contents(wanted)
        return {name: (there.get(name), text) for name, text in wanted.items() if there.get(name) != text}

    def statuses(self, target: str = "dev") -> list[str]:
        """Return how the executions ended, the oldest first."""
        return [
            row[0]
            for row in self.state(target).rows(
                "SELECT e.status FROM {state}.execution e WHERE environment_id = %s ORDER BY started_at",
                (self.state(target).environment_id,),
            )
        ]

    def intents(self) -> set[str]:
        return {row[0] for row in self.state().rows("SELECT identifier FROM {state}.intent")}

    def is_locked(self, target: str = "dev") -> bool:
        """Return whether somebody holds the lock of an environment."""
        return is_locked(self.books, STATE_SCHEMA, self.environment(target))

    def check_a_finished_run(self, run: Run, *, was_alone: bool) -> None:
        """Hold a run that has ended to the promise."""
        if run.is_success and run.selected is None and was_alone:
            assert self.differing(run.environment.target) == {}, "the run succeeded"
        if isinstance(run.result, RunResult) and was_alone:
            recorded = {entry.node.name for entry in run.result.plan.to_build} - self.intents()
            assert run.result.status == "failed" or recorded.issuperset(run.built)
        if was_alone:
            assert not isinstance(run.result, BusyError), f"nobody runs: {run.result}"

    def check_the_promise(self) -> None:
        """End all runs; after one more each target must be as from scratch, with nothing left to do."""
        for held in list(self.live):
            self.kill(held)
        for target in self.projects:
            run = self.run(target)
            assert run.is_success, f"{target}: {run.result!r}"
            assert self.differing(target) == {}
            assert self.to_build(target) == set()
            again = self.run(target)
            assert (again.is_success, again.built) == (True, [])
            assert "running" not in self.statuses(target)
        assert self.intents() == set()

    def _note_end(self, held: HeldRun) -> None:
        if held.is_over:
            self._until_gone(held.run)
            self.live = [other for other in self.live if other is not held]

    def _until_gone(self, run: Run) -> None:
        """Wait until the server has noticed that the connection is closed, which frees the lock."""
        if not run.backend:
            return
        deadline = time.monotonic() + 30
        with self.admin.cursor() as cursor:
            while True:
                cursor.execute(_IS_GONE, (run.backend,))
                if cursor.fetchall()[0][0]:
                    return
                assert time.monotonic() < deadline
                time.sleep(0.0005)

    def execute(self, statement: str, values: Any = None) -> None:
        if self.state_url and f"{STATE_SCHEMA}." in statement:
            with self.books.cursor() as cursor:
                cursor.execute(statements_of(statement.replace(f"{STATE_SCHEMA}.", "").replace(";", ";\n")), values)
            return
        with self.admin.cursor() as cursor:
            cursor.execute(statement, values)

    def query(self, statement: str) -> list[Any]:
        """Return rows of the warehouse."""
        with self.admin.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def refuse_records(self, allowed: str) -> None:
        """Let the state refuse each record of a relation for which this does not hold."""
        if self.state_url:
            for event in ("INSERT", "UPDATE"):
                self.execute(
                    f"CREATE TRIGGER dbt_state_plugin.refused_{event} BEFORE {event} ON relation"
                    f" WHEN NOT (new.{allowed}) BEGIN SELECT RAISE(ABORT, 'refused'); END"
                )
        else:
            self.execute(f"ALTER TABLE dbt_state_plugin.relation ADD CONSTRAINT refused CHECK ({allowed}) NOT VALID")

    def accept_records(self) -> None:
        """Let the state take every record again."""
        if self.state_url:
            self.execute("DROP TRIGGER dbt_state_plugin.refused_INSERT; DROP TRIGGER dbt_state_plugin.refused_UPDATE")
        else:
            self.execute("ALTER TABLE dbt_state_plugin.relation DROP CONSTRAINT refused")


def _connect(url: str) -> connection:
    opened = psycopg2.connect(url)
    opened.autocommit = True
    return opened


def lock_holders(url: str) -> int:
    with closing(_connect(url)) as opened, opened.cursor() as cursor:
        cursor.execute(_HOLDERS)
        return int(cursor.fetchall()[0][0])
