"""Session: the open connections of one invocation to its target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbt_state_plugin.operations.ports import Ports
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import State, open_state
from dbt_state_plugin.state.version import require_schema
from dbt_state_plugin.warehouse.interface import Warehouse

if TYPE_CHECKING:
    from dbt_state_plugin.operations.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The open connections of one invocation.

    `state.connection` carries the lock and the records of builds; `warehouse` asks on the same connection when the
    state is kept in the warehouse itself. `has_state` is False when nothing was ever recorded and `open_session` was
    not to create it.
    """

    target: Target
    state: State
    warehouse: Warehouse
    ports: Ports = field(default_factory=Ports)
    has_state: bool = True


@contextmanager
def open_session(target: Target, *, create: bool = True, ports: Ports | None = None) -> Iterator[Session]:
    """Open the state of the target's environment and close it at the end.

    With `create` the state's schema and the environment's row are made on first use; without it nothing is written.
    Raises ConfigurationError and StateError.
    """
    ports = ports or Ports()
    workplace, schema, environment = target.workplace, target.state.schema, target.environment
    kind = workplace.profile.type if workplace else "postgres"
    connection = ports.connect(target.state.database, writes=create)
    warehouse = home = ports.open_warehouse(kind, connection)
    try:
        if workplace and target.state.is_given and not environment.pipeline:
            warehouse = ports.open_warehouse(kind, ports.connect(workplace.profile.settings, writes=False))
            away = warehouse.server_identity()
            if home.server_identity() != away:
                environment = replace(environment, warehouse=f"{away[1]}/{away[0]}")
        if create:
            ensure_schema(connection, schema)
        has_state = create or require_schema(connection, schema)
        if has_state:
            state = open_state(connection, schema, environment, create=create)
        else:
            state = State(connection=connection, schema=schema, environment=environment, environment_id=0)
        yield Session(target=target, state=state, warehouse=warehouse, ports=ports, has_state=has_state)
    finally:
        connection.close()
        if warehouse is not home:
            warehouse.close()
