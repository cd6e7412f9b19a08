"""Target: what the settings of one invocation name, resolved once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.dbt_runner.arguments import read_extra_arguments
from dbt_state_plugin.dbt_runner.invocation import Invocation
from dbt_state_plugin.errors import ConfigurationError, UsageError
from dbt_state_plugin.operations.ports import Ports
from dbt_state_plugin.operations.settings import DEFAULT_LOCK_TIMEOUT, Settings
from dbt_state_plugin.project.credentials import is_duckdb_elsewhere
from dbt_state_plugin.sqlite.address import SqliteAddress, default_address, is_sqlite_url
from dbt_state_plugin.state.connection import StateDatabase, database_of_url
from dbt_state_plugin.warehouse.adapters import dialect_of

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.invocations import DbtInvocation
    from dbt_state_plugin.project.profile import Profile

T = TypeVar("T")

PRIVATE_TARGET = "dbt-state-plugin"  # below the project's target path, so that dbt's own artifacts stay as they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """The paths of dbt's files and the profile, read without importing dbt."""

    project_dir: Path
    profiles_dir: Path
    project_name: str
    target_path: Path
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class StateAddress:
    """Where the state is kept; `is_given` says that its database is not that of the profile."""

    database: StateDatabase
    schema: str
    is_given: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What one invocation works on, and how; nothing below this layer reads settings again.

    `workplace` is None if a pipeline is recorded beside no project. `environment` names no warehouse yet: only its
    server can tell which one it is. `data_version` is for the sources that say nothing themselves, and without
    `stores_sql` only hashes are stored.
    """

    state: StateAddress
    environment: Environment
    workplace: Workplace | None = None
    invocation: Invocation | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    data_version: str = ""
    stores_sql: bool = True
    lock_timeout: float = DEFAULT_LOCK_TIMEOUT
    caller: str = "api"
    meltano_run_id: str = ""


def resolve_target(settings: Settings, ports: Ports | None = None) -> Target:
    """Resolve these settings; reads the project's and the profile's files, and connects to nothing.

    Raises ConfigurationError, and UsageError for flags after `--` that have to stand before.
    """
    fields: dict[str, Any] = {
        "variables": settings.variables,
        "data_version": settings.data_version,
        "stores_sql": settings.store_sql == "text",
        "lock_timeout": settings.lock_timeout,
        "caller": settings.caller,
        "meltano_run_id": settings.meltano_run_id,
    }
    pipeline = Environment(pipeline=settings.pipeline)
    if settings.pipeline and settings.database_url:
        return Target(state=_given_address(settings), environment=pipeline, **fields)
    if settings.pipeline and not _has_project(settings):
        raise ConfigurationError(
            f"Nothing says where the state of the pipeline {settings.pipeline} is: there is no dbt_project.yml in"
            f" {Path.cwd()} or in a directory above it.",
            "Set DBT_STATE_PLUGIN_DATABASE_URL (postgresql://... or sqlite:///...), or change to a dbt project.",
        )
    workplace = resolve_workplace(settings, ports)
    return Target(
        state=_given_address(settings) if settings.database_url else _address_in(workplace, settings),
        environment=pipeline if settings.pipeline else environment_of(workplace),
        workplace=workplace,
        invocation=_invocation(settings, workplace),
        **fields,
    )


def as_invoked(settings: Settings, ran: DbtInvocation, ports: Ports | None = None) -> Settings:
    """Return the settings with the vars that an invocation of dbt was given.

    Raises UsageError where these settings name another target, profile or vars than dbt ran with.
    """
    if settings.variables and dict(settings.variables) != ran.variables:
        raise UsageError(
            f"dbt ran with other vars than these: {ran.variables or 'none'}.",
            "Leave --vars out: those of dbt are used.",
        )
    settings = replace(settings, variables=ran.variables)
    given: dict[str, Any] = {name: ran.arguments.get(name) or None for name in ("profile", "target")}
    theirs = resolve_workplace(replace(settings, **given), ports).profile
    ours = resolve_workplace(settings, ports).profile
    if (theirs.name, theirs.target_name) != (ours.name, ours.target_name):
        raise UsageError(
            f"dbt ran with the target {theirs.target_name} of the profile {theirs.name}, and this is "
            f"{ours.target_name} of {ours.name}.",
            f"Pass --profile {theirs.name} --target {theirs.target_name}.",
        )
    return settings


def resolve_target_beside(url: str, pipeline: str, settings: Settings, ports: Ports | None = None) -> Target:
    """Return what these settings name; without a dbt project what they do not say is in this database and pipeline.

    Raises the errors of `resolve_target`.
    """
    if not _has_project(settings):
        settings = replace(settings, pipeline=settings.pipeline or pipeline)
        if not settings.database_url:
            settings = replace(settings, database_url=url, database_url_name="URL")
    return resolve_target(settings, ports)


def _has_project(settings: Settings) -> bool:
    from dbt_state_plugin.project.project_file import find_project_dir

    try:
        find_project_dir(settings.project_dir, Path.cwd())
    except ConfigurationError:
        return bool(settings.project_dir)  # one that was named has to be there
    return True


def resolve_state(settings: Settings, ports: Ports | None = None) -> StateAddress:
    """Return where the state is kept, for commands about all environments; raises ConfigurationError."""
    if settings.database_url:
        return _given_address(settings)
    return _address_in(resolve_workplace(settings, ports), settings)


def keeps_state_in_file(settings: Settings) -> bool:
    """Return whether the state is in an SQLite file; False if no settings can be read."""
    if settings.database_url:
        return is_sqlite_url(settings.database_url)
    try:
        return isinstance(resolve_state(settings).database, SqliteAddress)
    except ConfigurationError:
        return False


def resolve_workplace(settings: Settings, ports: Ports | None = None) -> Workplace:
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


def environment_of(workplace: Workplace) -> Environment:
    """Return the environment of a project with its profile."""
    profile = workplace.profile
    return Environment(
        project=workplace.project_name,
        target=profile.target_name,
        database=profile.database,
        schema=profile.schema,
    )


def workplace_of(target: Target) -> Workplace:
    """Return the project's place; raises ConfigurationError where there is no project."""
    return _of_project(target.workplace)


def invocation_of(target: Target) -> Invocation:
    """Return what all invocations of dbt share; raises ConfigurationError where there is no project."""
    return _of_project(target.invocation)


def _of_project(found: T | None) -> T:
    if found is None:
        raise ConfigurationError("There is no dbt project here.", "Pass --project-dir DIR.")
    return found


def _given_address(settings: Settings) -> StateAddress:
    database = database_of_url(settings.database_url, named=settings.database_url_name)
    return StateAddress(database=database, schema=settings.state_schema, is_given=True)


def _address_in(workplace: Workplace, settings: Settings) -> StateAddress:
    profile = workplace.profile
    if profile.settings is None:
        beside = default_address(workplace.project_dir, _file_of(profile))
        return StateAddress(database=beside, schema=settings.state_schema, is_given=True)
    return StateAddress(database=profile.settings, schema=settings.state_schema)


def _file_of(profile: Profile) -> Path | None:
    """Return the file that a warehouse is, None for any other and for one that is no file of this machine."""
    path = str(profile.credentials.get("path") or ":memory:")
    if profile.type != "duckdb" or path == ":memory:" or is_duckdb_elsewhere(profile.credentials):
        return None
    return Path.cwd() / os.path.expanduser(path)  # noqa: PTH111 - no error where there is no such user


def _invocation(settings: Settings, workplace: Workplace) -> Invocation:
    return Invocation(
        project_dir=workplace.project_dir,
        profiles_dir=workplace.profiles_dir,
        target_path=workplace.target_path / PRIVATE_TARGET,
        profile=settings.profile,
        target=settings.target,
        threads=settings.threads,
        variables=settings.variables,
        extra=read_extra_arguments(settings.extra_arguments, os.environ),
        dialect=dialect_of(workplace.profile.type),
    )
