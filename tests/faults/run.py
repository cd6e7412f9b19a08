"""One run, statement by statement, with a dbt of its own.

The run comes in by the door like everybody: its settings name a project in files, with a profile for a real
PostgreSQL. The up-to-date check, the cache of the parsed project, planning, fingerprints and the recorder are those
that users run. Handed in are a dbt that builds tables of one row (`OneRowDbt`), and connections that come to a *point*
before each statement, where the run can be held, killed, or cut off from the server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from support.values import compiled, definition, project_definition

from dbt_state_plugin import api
from dbt_state_plugin.core.changes.seed_shape import SeedColumn
from dbt_state_plugin.core.lineage import build_order
from dbt_state_plugin.core.values.definition import NodeDefinition
from dbt_state_plugin.core.values.project import CompiledNode, Node, Project
from dbt_state_plugin.core.values.relations import Environment, RelationName
from dbt_state_plugin.core.values.results import NodeOutcome, RunResult
from dbt_state_plugin.dbt_runner.execute import DbtOutcome
from dbt_state_plugin.dbt_runner.invocation import Invocation
from dbt_state_plugin.dbt_runner.parse import Parsed
from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.state.connection import connect
from dbt_state_plugin.state.dialect import is_sqlite
from faults.tables import Tables

Answer = TypeVar("Answer")
STATE_SCHEMA = "dbt_state_plugin"
_SQL = "select "  # what stands before the code of a model in its file


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, as after SIGKILL."""


@dataclass
class Run:
    """One run that is to be: what it is asked for, and what shall happen to it."""

    directory: Path
    environment: Environment
    project: Callable[[], Project]
    tables: Tables
    selected: frozenset[str] | None = None
    failing: frozenset[str] = frozenset()
    force: bool = False
    cutoff: str = "always"
    at_point: Callable[[Run, str], None] = lambda _run, _where: None
    state_url: str = ""
    connection: Any = None
    others: list[Any] = field(default_factory=list)  # what is opened beside the connection of the state
    backend: int = 0
    result: RunResult | BaseException | None = None
    points: int = 0
    where: str = ""
    statement: str = ""
    built: list[str] = field(default_factory=list)
    cut_off: list[str] = field(default_factory=list)
    parsed: int = 0

    @property
    def is_held_safely(self) -> bool:
        """Return whether the run has no transaction open, so that others need not wait for it."""
        return all(_is_idle(each) for each in (self.connection, *self.others) if each is not None and not each.closed)

    @property
    def is_success(self) -> bool:
        return isinstance(self.result, RunResult) and self.result.status == "succeeded"

    @property
    def took_the_shortcut(self) -> bool:
        """Return whether the run was over because the empty plan of an earlier one was still up to date."""
        return isinstance(self.result, RunResult) and self.result.plan.unlisted > 0

    def point(self, where: str) -> None:
        self.points += 1
        self.where = where
        self.at_point(self, where)

    def kill(self) -> None:
        """End the process at the point where it is; called by itself."""
        for opened in (self.connection, *self.others):
            if opened is not None:
                opened.close()
        raise Killed

    def carry_out(self) -> RunResult | BaseException:
        """Run to the end, whatever that is."""
        ports = api.Ports(dbt=OneRowDbt(self), connect=self._connect, heartbeat_seconds=3600)
        select = () if self.selected is None else (*sorted(self.selected), "nothing_else")
        options = api.RunOptions(force=self.force, select=select, cutoff=self.cutoff)
        try:
            self.result = api.run_project(self.target, options, api.Listener(), ports=ports)
        except (PluginError, Killed) as error:
            self.result = error
        return self.result

    def plan(self) -> api.Plan:
        """Return what a run would do now; this comes to no point."""
        options = api.RunOptions(force=self.force)
        return api.plan_project(self.target, options, lists_all=True, ports=api.Ports(dbt=OneRowDbt(self)))

    @property
    def target(self) -> api.Target:
        """What the files of the project name now."""
        directory, name = str(self.directory), self.environment.target
        settings = api.Settings(
            project_dir=directory, profiles_dir=directory, target=name, lock_timeout=0, database_url=self.state_url
        )
        return api.resolve_target(settings, api.Ports(dbt=OneRowDbt(self)))

    def _connect(self, *arguments: Any, **names: Any) -> _Watched:
        real = connect(*arguments, **names)
        watched = _Watched(real, self)
        if not is_sqlite(real) and not self.backend:
            self.backend = real.info.backend_pid
        if self.connection is None:
            self.connection = watched
        else:
            self.others.append(watched)
        return watched


def _is_idle(opened: Any) -> bool:
    if is_sqlite(opened):
        return bool(opened.is_idle)
    return bool(opened.info.transaction_status == TRANSACTION_STATUS_IDLE)


class _Watched:
    """A connection whose run comes to a point before each statement."""

    def __init__(self, real: Any, run: Run) -> None:
        self._real = real
        self._run = run

    def cursor(self, *arguments: Any, **names: Any) -> _WatchedCursor:
        return _WatchedCursor(self._real.cursor(*arguments, **names), self._run)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _WatchedCursor:
    def __init__(self, real: Any, run: Run) -> None:
        self._real = real
        self._run = run

    def execute(self, statement: Any, values: Any = None) -> None:
        if isinstance(statement, tuple):  # of SQLite's: there is a point before each of them
            with self._real.connection.together():
                self._real.execute((), values)
                for each in statement:
                    self._comes_to(each)
                    self._real._execute(each, values)
            return
        self._comes_to(statement)
        self._real.execute(statement, values)

    def _comes_to(self, statement: Any) -> None:
        self._run.statement = _text(statement, self._real)
        self._run.point("statement")

    def __enter__(self) -> _WatchedCursor:
        return self

    def __exit__(self, *error: object) -> None:
        self._real.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _text(statement: Any, cursor: Any) -> str:
    text = statement if isinstance(statement, str) else str(statement.as_string(cursor))
    return text.replace("{state}", f'"{STATE_SCHEMA}"')


def write_project(directory: Path, of: Project, profile: str) -> None:
    """Write a project of values to files; what a model reads stays with the values."""
    models = directory / "models"
    models.mkdir(parents=True, exist_ok=True)
    for stale in models.iterdir():
        stale.unlink()
    (directory / "dbt_project.yml").write_text("name: shop\nversion: '1.0'\nprofile: shop\n", encoding="utf-8")
    (directory / "profiles.yml").write_text(profile, encoding="utf-8")
    for item in of.nodes.values():
        if item.resource_type == "model":
            write_model(directory, item.name, item.raw_code)


def write_model(directory: Path, name: str, code: str) -> None:
    (directory / "models" / f"{name}.sql").write_text(f"{_SQL}{code}", encoding="utf-8")


class OneRowDbt:
    """A dbt that reads the models' files and builds tables of one row, with one thread."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def render_yaml_value(self, text: str, **_known: Any) -> Any:
        raise AssertionError(f"no file of these projects holds {text!r}")

    def parse(self, invocation: Invocation) -> Parsed:
        self._run.parsed += 1
        of = _as_in_files(self._run.project(), invocation.project_dir)
        environment = self._run.environment
        found = project_definition(
            *(_definition(of, item) for item in of.nodes.values()),
            target_name=environment.target,
            database=environment.database,
            schema=environment.schema,
        )
        folder = str(invocation.project_dir)
        return Parsed(definition=found, manifest=of, input_folders=(f"{folder}/models",), input_roots=(folder,))

    def seed_rows(self, parsed: Parsed, unique_id: str) -> str:
        raise AssertionError(f"{unique_id} is no seed")

    def seed_columns(self, parsed: Parsed, unique_id: str) -> tuple[SeedColumn, ...]:
        raise AssertionError(f"{unique_id} is no seed")

    def list_selected(self, parsed: Parsed, invocation: Invocation, **selection: Any) -> frozenset[str]:
        return self._run.selected or frozenset()

    def compile(
        self,
        parsed: Parsed,
        unique_ids: Iterable[str],
        ddl_of: Collection[str] = (),
        *,
        flags: Mapping[str, Any],
        asks_database: bool = True,
    ) -> dict[str, CompiledNode]:
        return {name: compiled(parsed.manifest, parsed.manifest.nodes[name]) for name in unique_ids}

    def needs_compiling(self, parsed: Parsed, unique_id: str) -> bool:
        return bool(parsed.manifest.nodes[unique_id].materialized == "incremental")

    def executed_form(self, parsed: Parsed, unique_id: str) -> CompiledNode | None:
        return compiled(parsed.manifest, parsed.manifest.nodes[unique_id])

    def check_flags(self, invocation: Invocation, *, command: str) -> None:
        """There are none."""

    def kept_manifest(self, parsed: Parsed, *values: Any) -> str:
        return '{"metadata": {}, "nodes": {}}'

    def write_deferral(self, folder: Path, parsed: Parsed, relations: Mapping[str, RelationName]) -> None:
        raise AssertionError("no run of these tests defers")

    def execute(
        self,
        parsed: Parsed,
        invocation: Invocation,
        *,
        unique_ids: Iterable[str],
        on_finished: Callable[[NodeOutcome], None],
        should_stop: Callable[[], bool],
        refusal: Callable[[], str],
        on_executing: Callable[[str, str], None],
        skip: Callable[[str], str],
        **_names: Any,
    ) -> DbtOutcome:
        """Build as dbt does with one thread: parents first, nothing below a failure, an end at an interrupt."""
        of, wanted = parsed.manifest, set(unique_ids)
        outcomes: dict[str, NodeOutcome] = {}
        bad: set[str] = set()
        try:
            for name in build_order(of):
                if bad.intersection(of.nodes[name].parents):
                    bad.add(name)
                if name not in wanted:
                    continue
                if should_stop() and threading.current_thread() is not threading.main_thread():
                    return DbtOutcome(nodes=outcomes, was_interrupted=True)  # as the signal does in the main thread
                status = "skipped" if name in bad else self._build(of, of.nodes[name], refusal, on_executing, skip)
                if status not in ("success", "no-op"):
                    bad.add(name)
                outcomes[name] = NodeOutcome(unique_id=name, status=status, duration_ms=1)
                on_finished(outcomes[name])
        except KeyboardInterrupt:
            return DbtOutcome(nodes=outcomes, was_interrupted=True)
        return DbtOutcome(nodes=outcomes)

    def _build(
        self,
        of: Project,
        item: Node,
        refusal: Callable[[], str],
        on_executing: Callable[[str, str], None],
        skip: Callable[[str], str],
    ) -> str:
        run = self._run
        run.point(f"starting {item.name}")
        if _in_a_thread(lambda: skip(item.unique_id)):
            run.cut_off.append(item.name)
            run.point(f"cut off {item.name}")
            return "no-op"
        _in_a_thread(lambda: on_executing(item.unique_id, run.tables.query(of, item)))
        if refusal() or item.name in run.failing:
            return "error"
        try:
            run.tables.build(of, item.unique_id)
        except psycopg2.Error:  # a parent that somebody has dropped
            return "error"
        run.built.append(item.name)
        run.point(f"committed {item.name}")
        return "success"


def _in_a_thread(ask: Callable[[], Answer]) -> Answer:
    """Ask as dbt's workers do: a signal is met in the main thread, and what is asked comes to its end."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ask).result()


def _as_in_files(of: Project, directory: Path) -> Project:
    """Return the project with the code that the files hold now."""
    nodes = dict(of.nodes)
    for unique_id, item in of.nodes.items():
        if item.resource_type == "model":
            code = (directory / "models" / f"{item.name}.sql").read_text(encoding="utf-8").removeprefix(_SQL)
            nodes[unique_id] = replace(item, fingerprint={**item.fingerprint, "body": code}, raw_code=code)
    return replace(of, nodes=nodes)


def _definition(of: Project, item: Node) -> NodeDefinition:
    references = tuple((parent, str(of.nodes[parent].relation)) for parent in item.parents)
    found = definition(
        "" if item.resource_type == "source" else f"{_SQL}{item.raw_code}",
        unique_id=item.unique_id,
        config={"materialized": item.materialized} if item.materialized else {},
        references=references,
        relation_name=str(item.relation),
    )
    return replace(found, relation=None if item.is_ephemeral else item.relation)


class HeldRun:
    """A run in a thread of its own that stands still at a point until it is told to go on."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._steps = 0
        self._is_killed = False
        self._go = threading.Semaphore(0)
        self._stands = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._carry_out, daemon=True)
        self._crash: BaseException | None = None
        run.at_point = self._at_point
        self.is_over = False

    def start(self) -> None:
        self._thread.start()
        self._stands.acquire()

    def advance(self, points: int) -> None:
        """Go on for so many points, and further to where no transaction is open."""
        self._continue(points)
        while not self.is_over and not self.run.is_held_safely:
            self._continue(1)

    def advance_within_a_transaction(self) -> None:
        """Go on to the next point, where the run may keep others waiting."""
        self._continue(1)

    def finish(self) -> None:
        self._continue(1_000_000)

    def kill(self, after: int) -> None:
        """Go on for so many points, and die there, be it inside a transaction."""
        if after:
            self._continue(after)
        self._is_killed = True
        if not self.is_over:
            self._continue(1)

    def _continue(self, points: int) -> None:
        if self.is_over:
            return
        self._steps = points
        self._go.release()
        self._stands.acquire()
        if self._crash is not None:
            raise self._crash

    def _at_point(self, run: Run, where: str) -> None:
        self._steps -= 1
        if self._steps <= 0 and not self._is_killed:
            self._stands.release()
            self._go.acquire()
        if self._is_killed:
            run.kill()

    def _carry_out(self) -> None:
        self._steps = 1
        try:
            self.run.carry_out()
        except BaseException as error:
            self._crash = error  # a bug of the tool or of this model: told to who advances
        self.is_over = True
        self._stands.release()
