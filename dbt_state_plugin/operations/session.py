"""Session: the open connections of one invocation to its target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.progress import Stage, Step
from dbt_state_plugin.operations.ports import Ports
from dbt_state_plugin.state.dialect import is_sqlite
from dbt_state_plugin.state.lock import acquire_lock
from dbt_state_plugin.state.past import note_past, note_position, times_noted, went_back
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import State, open_state
from dbt_state_plugin.state.version import require_schema
from dbt_state_plugin.warehouse.interface import Warehouse

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.relations import Environment
    from dbt_state_plugin.operations.target import Target
    from dbt_state_plugin.project.profile import Profile

SERVER_KIND = "postgres"  # the type of a server that keeps the state, and so may be the warehouse, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The warehouse's position, how often a file says that the environment was locked, and what follows from both."""

    position: str | None = None
    times_noted: int = 0
    is_restored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The open connections of one invocation.

    `state.connection` carries the lock and the records of builds; `warehouse` asks on the same connection when the
    state is kept in the warehouse itself. `has_state` is False when nothing was ever recorded and `open_session` was
    not to create it. `past` tells whether one of the two is an older copy. `open_another` opens the same warehouse on a
    connection of its own, for the caller to close; None where one session has it all.
    """

    target: Target
    state: State
    warehouse: Warehouse
    ports: Ports = field(default_factory=Ports)
    has_state: bool = True
    past: Past = field(default_factory=Past)
    open_another: Callable[[], Warehouse] | None = None

    @property
    def restored_at(self) -> datetime | None:
        """Return the time before which builds are in doubt because the warehouse or the state is an older copy."""
        return datetime.max.replace(tzinfo=timezone.utc) if self.past.is_restored else self.state.restored_at


@contextmanager
def open_session(target: Target, *, create: bool = True, ports: Ports | None = None) -> Iterator[Session]:
    """Open the state of the target's environment and close it at the end.

    With `create` the state's schema and the environment's row are made on first use; without it nothing is written.
    Raises ConfigurationError and StateError.
    """
    ports = ports or Ports()
    ports.progress(Step(stage=Stage.CONNECT))
    environment = target.environment
    connection = ports.connect(target.state.database, writes=create)
    warehouse = home = ports.open_warehouse(_kind_of(connection), connection)
    try:
        if target.workplace and target.state.is_given and not environment.pipeline:
            warehouse = warehouse_of(target.workplace.profile, ports)
            away = warehouse.server_identity()
            if target.workplace.profile.type != SERVER_KIND or home.server_identity() != away:
                environment = replace(environment, warehouse=f"{away[1]}/{away[0]}")
        session = _session(target, connection, environment, warehouse, ports, create=create)
        yield replace(session, open_another=_opening(target, ports, is_home=warehouse is home))
    finally:
        connection.close()
        if warehouse is not home:
            warehouse.close()


@contextmanager
def open_state_alone(target: Target, *, ports: Ports | None = None) -> Iterator[Session]:
    """Open the state for reading, without connecting to the warehouse."""
    ports = ports or Ports()
    ports.progress(Step(stage=Stage.CONNECT))
    connection = ports.connect(target.state.database, writes=False)
    try:
        home = ports.open_warehouse(_kind_of(connection), connection)
        yield _session(target, connection, target.environment, home, ports, create=False)
    finally:
        connection.close()


def _kind_of(connection: object) -> str:
    return "sqlite" if is_sqlite(connection) else SERVER_KIND


def _opening(target: Target, ports: Ports, *, is_home: bool) -> Callable[[], Warehouse] | None:
    """Return what opens the warehouse once more where it is a server, None for any other."""
    settings = target.workplace.profile.settings if target.workplace else None
    if settings is None:
        return None
    database = target.state.database if is_home else settings
    return lambda: ports.open_warehouse(SERVER_KIND, ports.connect(database, writes=False))


def warehouse_of(profile: Profile, ports: Ports) -> Warehouse:
    """Return the warehouse that a profile names, of PostgreSQL connected to; raises ConfigurationError, StateError."""
    if profile.settings is not None:
        return ports.open_warehouse(profile.type, ports.connect(profile.settings, writes=False))
    from dbt_state_plugin.dbt_runner.adapter_questions import AdapterQuestions
    from dbt_state_plugin.warehouse.adapters import AdapterLink

    link = AdapterLink(credentials=profile.credentials, questions=AdapterQuestions())
    return ports.open_warehouse(profile.type, link)


def _session(
    target: Target, connection: Any, environment: Environment, warehouse: Warehouse, ports: Ports, *, create: bool
) -> Session:
    schema = target.state.schema
    if create:
        ensure_schema(connection, schema)
    has_state = create or require_schema(connection, schema)
    if not has_state:
        state = State(connection=connection, schema=schema, environment=environment, environment_id=0)
        return Session(target=target, state=state, warehouse=warehouse, ports=ports, has_state=False)
    noted = times_noted(connection, schema, environment)  # before what a run writes first
    state = open_state(connection, schema, environment, create=create)
    past = _past(state, warehouse, noted)
    return Session(target=target, state=state, warehouse=warehouse, ports=ports, past=past)


def _past(state: State, warehouse: Warehouse, noted: int) -> Past:
    """Return what there is to tell an older copy by; a warehouse that holds the state is restored along with it."""
    position = warehouse.position() if state.environment.warehouse else None
    is_back = position is not None and bool(state.warehouse_position) and went_back(state.warehouse_position, position)
    return Past(position=position, times_noted=noted, is_restored=is_back or state.times_locked < noted)


def lock_environment(session: Session, on_wait: Callable[[str], None] = lambda _holder: None) -> None:
    """Take the environment's lock; `on_wait` is called once with its holder. Raises BusyError."""

    def tell(holder: str) -> None:
        session.ports.progress(Step(stage=Stage.WAIT, detail=holder))
        on_wait(holder)

    acquire_lock(session.state, timeout=session.target.lock_timeout, on_wait=tell)
    past = session.past
    if past.position is not None or is_sqlite(session.state.connection):
        note_past(session.state, noted=past.times_noted, position=past.position, is_restored=past.is_restored)


def note_end(session: Session) -> None:
    """Record the position of a warehouse that does not hold the state, after a build."""
    position = session.past.position and session.warehouse.position()
    if position:
        note_position(session.state, position)
