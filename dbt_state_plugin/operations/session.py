"""Session: the project's files, environment and open connections."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.errors import ConfigurationError, StateError
from dbt_state_plugin.operations.ports import Ports
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import State, open_state
from dbt_state_plugin.state.version import require_schema
from dbt_state_plugin.warehouse.interface import Warehouse

if TYPE_CHECKING:
    from dbt_state_plugin.operations.settings import Settings
    from dbt_state_plugin.project.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where dbt's files are and what the profile holds, without importing dbt."""

    project_dir: Path
    profiles_dir: Path
    project_name: str
    target_path: Path
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The open connections of one invocation.

    `state.connection` carries the lock and the records of builds; `warehouse` asks on the same connection when the
    state is kept in the warehouse itself. `has_state` is False when nothing was ever recorded and `open_session` was
    not to create it.
    """

    settings: Settings
    workplace: Workplace | None
    state: State
    warehouse: Warehouse
    ports: Ports = field(default_factory=Ports)
    has_state: bool = True


def read_workplace(settings: Settings, ports: Ports | None = None) -> Workplace:
    """Return the project's folder, name and profile; raises ConfigurationError."""
    from dbt_state_plugin.project.profile import find_profiles_dir, load_profile
    from dbt_state_plugin.project.project_file import find_project_dir, read_project_file

    cwd = Path.cwd()
    project_dir = find_project_dir(settings.project_dir, cwd)
    ask_dbt = (ports or Ports()).dbt.render_yaml_value
    project_file = read_project_file(project_dir, environ=os.environ, cli_vars=settings.variables, ask_dbt=ask_dbt)
    profiles_dir = find_profiles_dir(settings.profiles_dir, cwd, Path.home())
    profile_name = settings.profile or project_file.profile
    if not profile_name:
        raise ConfigurationError(
            f"The project in {project_dir} names no profile.", "Add `profile:` to dbt_project.yml or pass --profile."
        )
    profile = load_profile(
        profiles_dir=profiles_dir,
        profile_name=profile_name,
        target=settings.target,
        threads=settings.threads,
        cli_vars=settings.variables,
        environ=os.environ,
        ask_dbt=ask_dbt,
    )
    if project_file.awaits_target:
        project_file = read_project_file(
            project_dir,
            environ=os.environ,
            cli_vars=settings.variables,
            target=profile.target_context,
            ask_dbt=ask_dbt,
        )
    return Workplace(
        project_dir=project_dir,
        profiles_dir=profiles_dir,
        project_name=project_file.name,
        target_path=project_dir / (settings.target_path or project_file.target_path),
        profile=profile,
    )


@contextmanager
def open_session(settings: Settings, *, create: bool = True, ports: Ports | None = None) -> Iterator[Session]:
    """Open the state of the environment (a dbt target, or `settings.pipeline`) and close it at the end.

    With `create` the state's schema and the environment's row are made on first use; without it nothing is written.
    Raises ConfigurationError and StateError.
    """
    ports = ports or Ports()
    workplace = None if settings.pipeline and settings.database_url else read_workplace(settings, ports)
    state_settings = _state_settings(settings, workplace)
    kind = workplace.profile.type if workplace else "postgres"
    connection = ports.connect(state_settings, writes=create)
    warehouse = home = ports.open_warehouse(kind, connection)
    try:
        name = ""
        if workplace and settings.database_url and not settings.pipeline:
            warehouse = ports.open_warehouse(kind, ports.connect(workplace.profile.settings, writes=False))
            away = warehouse.server_identity()
            name = "" if home.server_identity() == away else f"{away[1]}/{away[0]}"
        environment = _environment(settings, workplace, name)
        if create:
            ensure_schema(connection, settings.state_schema)
        has_state = create or require_schema(connection, settings.state_schema)
        if has_state:
            state = open_state(connection, settings.state_schema, environment, create=create)
        else:
            state = State(
                connection=connection, schema=settings.state_schema, environment=environment, environment_id=0
            )
        yield Session(
            settings=settings,
            workplace=workplace,
            state=state,
            warehouse=warehouse,
            ports=ports,
            has_state=has_state,
        )
    finally:
        connection.close()
        if warehouse is not home:
            warehouse.close()


def _state_settings(settings: Settings, workplace: Workplace | None) -> DatabaseSettings:
    if settings.database_url:
        return DatabaseSettings.from_url(settings.database_url)
    if workplace is None:
        raise StateError(
            "No database is known for the state.", "Set DBT_STATE_PLUGIN_DATABASE_URL or run in a dbt project."
        )
    return workplace.profile.settings


def _environment(settings: Settings, workplace: Workplace | None, warehouse: str) -> Environment:
    if settings.pipeline:
        return Environment(warehouse=warehouse, pipeline=settings.pipeline)
    if workplace is None:
        raise ConfigurationError("There is no dbt project here.", "Pass --project-dir, or --pipeline NAME for scripts.")
    profile = workplace.profile
    return Environment(
        warehouse=warehouse,
        project=workplace.project_name,
        target=profile.target_name,
        database=profile.database,
        schema=profile.schema,
    )
