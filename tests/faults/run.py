"""How does one run of the tool go, statement by statement, with a stand-in for dbt and nothing else replaced?

The run is the real `run_tracked` on a real connection to the real state. Parsing gives a project of values, and dbt's
part is `Tables.build`. Before each statement on the state's connection and around each build the run comes to a *point*
where it can be held, killed, or cut off from the server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from support.values import KEY, compiled, definition_of, items_of

import dbt_state_plugin.dbt_runner.execute as engine
from dbt_state_plugin.core.changes.categorize import ChangeInputs, categorize, wants_compiled
from dbt_state_plugin.core.decision.rule import differences_in_scope, make_plan
from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.core.lineage import build_order, record_key
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.core.values.results import NodeOutcome, RunResult
from dbt_state_plugin.dbt_runner.execute import EngineOutcome
from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.operations.execution_record import Listener
from dbt_state_plugin.operations.options import RunOptions
from dbt_state_plugin.operations.planning.categorize import CategorizedChanges
from dbt_state_plugin.operations.planning.inputs import Planned, request_of, seen_now
from dbt_state_plugin.operations.running import heartbeat
from dbt_state_plugin.operations.running import run as tracked
from dbt_state_plugin.operations.running.run import run_tracked
from dbt_state_plugin.operations.session import Session
from dbt_state_plugin.operations.settings import Settings
from dbt_state_plugin.state.relations import read_definitions
from dbt_state_plugin.state.state import State, open_state
from faults.tables import Tables

STATE_SCHEMA = "dbt_state_plugin"


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, as after SIGKILL."""


@dataclass
class Run:
    """One run that is to be: what it is asked for, and what shall happen to it."""

    url: str
    environment: Environment
    project: Callable[[], Project]
    tables: Tables
    selected: frozenset[str] | None = None
    failing: frozenset[str] = frozenset()
    force: bool = False
    at_point: Callable[[Run, str], None] = lambda _run, _where: None
    connection: Any = None
    backend: int = 0
    planned: Planned | None = None
    result: RunResult | BaseException | None = None
    points: int = 0
    where: str = ""
    statement: str = ""
    built: list[str] = field(default_factory=list)

    @property
    def is_held_safely(self) -> bool:
        """Tell whether the run has no transaction open, so that others need not wait for it."""
        if self.connection is None or self.connection.closed:
            return True
        return bool(self.connection.info.transaction_status == TRANSACTION_STATUS_IDLE)

    @property
    def is_success(self) -> bool:
        return isinstance(self.result, RunResult) and self.result.status == "succeeded"

    def point(self, where: str) -> None:
        self.points += 1
        self.where = where
        self.at_point(self, where)

    def kill(self) -> None:
        """End the process at the point where it is; called by itself."""
        if self.connection is not None:
            self.connection.close()
        raise Killed

    def carry_out(self) -> RunResult | BaseException:
        """Run to the end, whatever that is."""
        before = getattr(_RUNNING, "run", None)
        _RUNNING.run = self
        try:
            self.result = run_tracked(Settings(lock_timeout=0), RunOptions(force=self.force), Listener())
        except (PluginError, Killed) as error:
            self.result = error
        finally:
            _RUNNING.run = before
        return self.result


_RUNNING = threading.local()


def _running() -> Run:
    run: Run = _RUNNING.run
    return run


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
        self._run.statement = statement if isinstance(statement, str) else str(statement.as_string(self._real))
        self._run.point("statement")
        self._real.execute(statement, values)

    def __enter__(self) -> _WatchedCursor:
        return self

    def __exit__(self, *error: object) -> None:
        self._real.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextmanager
def without_dbt() -> Iterator[None]:
    """Put the stand-ins in the place of what needs dbt and a project in files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracked, "open_session", _open_session)
        patch.setattr(tracked, "plan_in", _plan_in)
        patch.setattr(tracked, "DefinitionRecorder", _BuildDetail)
        patch.setattr(tracked, "keep_manifest", lambda *_arguments, **_names: None)
        patch.setattr(engine, "check_flags", lambda *_arguments, **_names: None)
        patch.setattr(engine, "execute", _execute)
        patch.setattr(heartbeat, "SECONDS", 3600)  # a thread of its own would come to points of its own
        yield


@contextmanager
def _open_session(settings: Settings, **_names: Any) -> Iterator[Session]:
    run = _running()
    real = psycopg2.connect(run.url, application_name="dbt-state-plugin", options="-c search_path= -c lock_timeout=30s")
    real.autocommit = True
    run.backend = real.info.backend_pid
    run.connection = _Watched(real, run)
    try:
        state = open_state(run.connection, STATE_SCHEMA, run.environment)
        yield session_of(state, run.connection)
    finally:
        real.close()


def _plan_in(session: Session, options: RunOptions, **_names: Any) -> Planned:
    run = _running()
    of = run.project()
    run.planned = planned(session, of, run.selected, force=options.force)
    return run.planned


def session_of(state: State, warehouse: Any) -> Session:
    return Session(settings=Settings(lock_timeout=0), workplace=None, state=state, warehouse=warehouse)


def planned(session: Session, of: Project, selected: frozenset[str] | None = None, *, force: bool = False) -> Planned:
    """Decide as a run does, from the real state and the real catalog."""
    options = RunOptions(force=force)
    recorded, catalog = seen_now(session, of, options)
    request = request_of(session, options, selected, of)
    categories, forms = {}, {}
    differences = differences_in_scope(of, recorded, "run")
    keys = {name: record_key(of.nodes[name], of) for name in differences}
    details = read_definitions(session.state, keys.values()) if keys else {}
    for name, difference in differences.items():
        item = of.nodes[name]
        inputs = ChangeInputs(
            node=item,
            difference=difference,
            recorded=details[keys[name]],
            items=items_of(item),
            macro_paths={},
        )
        if wants_compiled(inputs):
            forms[name] = compiled(of, item)
            inputs = replace(inputs, compiled=forms[name])
        categories[name] = categorize(inputs, keyed_digest(KEY))
    return Planned(
        plan=make_plan(of, recorded, catalog, request, categories),
        project=of,
        invocation=SimpleNamespace(),  # type: ignore[arg-type] - only dbt reads it
        parsed=SimpleNamespace(  # type: ignore[arg-type]
            microbatch=frozenset(), seed_files={}, definition=SimpleNamespace(nodes=())
        ),
        fingerprinter=SimpleNamespace(  # type: ignore[arg-type]
            project=of, items=lambda name: items_of(of.nodes[name])
        ),
        categorized=CategorizedChanges(categories=categories, compiled=forms),
    )


class _BuildDetail:
    def __init__(self, planned: Planned, *_arguments: Any) -> None:
        self._project = planned.project

    def of(self, unique_id: str) -> Any:
        return definition_of(self._project, self._project.nodes[unique_id])

    def statements(self, unique_id: str) -> tuple[str, ...]:
        return tuple(compiled(self._project, self._project.nodes[unique_id]).forms.values())


def _execute(
    parsed: Any,
    invocation: Any,
    *,
    unique_ids: Iterable[str],
    on_finished: Callable[[NodeOutcome], None],
    should_stop: Callable[[], bool],
    refusal: Callable[[], str],
    **_names: Any,
) -> EngineOutcome:
    """Build as dbt does with one thread: parents first, nothing below a failure, an end at an interrupt."""
    run = _running()
    assert run.planned is not None
    of, wanted = run.planned.project, set(unique_ids)
    outcomes: dict[str, NodeOutcome] = {}
    bad: set[str] = set()
    try:
        for name in build_order(of):
            if bad.intersection(of.nodes[name].parents):
                bad.add(name)
            if name not in wanted:
                continue
            if should_stop() and threading.current_thread() is not threading.main_thread():
                return EngineOutcome(nodes=outcomes, was_interrupted=True)  # as the signal does in the main thread
            status = "skipped" if name in bad else _build(run, of, of.nodes[name], refusal)
            if status != "success":
                bad.add(name)
            outcomes[name] = NodeOutcome(unique_id=name, status=status, duration_ms=1)
            on_finished(outcomes[name])
    except KeyboardInterrupt:
        return EngineOutcome(nodes=outcomes, was_interrupted=True)
    return EngineOutcome(nodes=outcomes)


def _build(run: Run, of: Project, item: Node, refusal: Callable[[], str]) -> str:
    run.point(f"starting {item.name}")
    if refusal() or item.name in run.failing:
        return "error"
    try:
        run.tables.build(of, item.unique_id)
    except psycopg2.Error:  # a parent that somebody has dropped
        return "error"
    run.built.append(item.name)
    run.point(f"committed {item.name}")
    return "success"


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
