"""Checks of what the first run needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, TypeVar

from dbt_state_plugin.core.values.findings import Finding, Severity
from dbt_state_plugin.core.values.progress import Stage, Step
from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.operations.ports import Ports
from dbt_state_plugin.operations.session import warehouse_of
from dbt_state_plugin.project.packages import missing_packages
from dbt_state_plugin.state import migration
from dbt_state_plugin.state.rights import missing_rights
from dbt_state_plugin.state.version import EXPECTED_VERSION, place_of, refuse_newer

if TYPE_CHECKING:
    from dbt_state_plugin.operations.target import Target

Answer = TypeVar("Answer")
LEAST_DBT, FIRST_UNKNOWN_DBT = (1, 10), (1, 13)


def look_over(resolve: Callable[[], Target], ports: Ports | None = None) -> tuple[Finding, ...]:
    """Return a finding for everything that a run needs, except for what depends on a fault; nothing is written.

    `resolve` reads the project and the profile. An older state, or none, is upgraded and rolled back.
    """
    ports = ports or Ports()
    found: list[Finding] = []
    ports.progress(Step(stage=Stage.LOOK, detail="the project and its profile"))
    target = _tried("project", resolve, found)
    found.insert(0, _dbt(target.workplace.profile.type if target and target.workplace else "postgres"))
    if target is not None:
        found += _project(target)
        ports.progress(Step(stage=Stage.LOOK, detail="the state"))
        found += _state(target, ports)
        ports.progress(Step(stage=Stage.LOOK, detail="the warehouse"))
        found += [each for each in _warehouse(target, ports) if not _is_said(each, found)]
    return tuple(found)


def _is_said(finding: Finding, found: Iterable[Finding]) -> bool:
    """Return whether an error has been found before, as of a server that holds both the state and the warehouse."""
    said = [(each.what, each.do) for each in found]
    return finding.severity is Severity.ERROR and (finding.what, finding.do) in said


def _dbt(adapter_type: str) -> Finding:
    try:
        core, adapter = version("dbt-core"), version(f"dbt-{adapter_type}")
    except PackageNotFoundError as error:
        return Finding(
            check="dbt",
            severity=Severity.ERROR,
            what=f"{error.name} is not installed beside dbt-state-plugin.",
            do=f"Run `pip install dbt-core dbt-{adapter_type}` in the same environment.",
        )
    number = tuple(int(part) for part in core.split(".")[:2])
    if LEAST_DBT <= number < FIRST_UNKNOWN_DBT:
        return Finding(check="dbt", severity=Severity.OK, what=f"dbt-core {core}, dbt-{adapter_type} {adapter}")
    return Finding(
        check="dbt",
        severity=Severity.ERROR,
        what=f"dbt-core {core} is not supported by this version (1.10, 1.11 and 1.12 are).",
        do="Run `pip install 'dbt-core>=1.10,<1.13'` in the same environment.",
    )


def _project(target: Target) -> Iterator[Finding]:
    place = target.workplace
    if place is None:
        yield Finding(check="project", severity=Severity.OK, what=f"{target.environment}, without a dbt project")
        return
    what = f"{place.project_name} in {place.project_dir}, target {place.profile.target_name} of {place.profiles_dir}"
    yield Finding(check="project", severity=Severity.OK, what=what)
    if missing := missing_packages(place.project_dir):
        what = f"{missing} of the packages that the project names {'is' if missing == 1 else 'are'} not installed."
        yield Finding(check="packages", severity=Severity.ERROR, what=what, do="Run `dbt deps` in the project.")


def _state(target: Target, ports: Ports) -> Iterator[Finding]:
    """Look whether a run can keep the state: a direct connection that may write, and the rights for the schema."""
    found: list[Finding] = []
    connection = _tried("database", lambda: ports.connect(target.state.database, writes=True), found)
    if connection is not None:
        with closing(connection):
            yield Finding(check="database", severity=Severity.OK, what=f"{target.state.database.display()} may be used")
            finding = _tried("state", lambda: _version_of(connection, target.state.schema), found)
            found += [finding] if finding else []
    yield from found


def _version_of(connection: object, schema: str) -> Finding:
    place = place_of(connection, schema)  # type: ignore[arg-type]
    recorded = migration.current(connection, schema)  # type: ignore[arg-type] # a port's
    refuse_newer(recorded, place)
    if recorded == EXPECTED_VERSION:
        missing = missing_rights(connection, schema)  # type: ignore[arg-type]
        if missing:
            what = f'The role may not write the state in schema "{schema}".'
            return Finding(check="state", severity=Severity.ERROR, what=what, do=missing)
        return Finding(check="state", severity=Severity.OK, what=f"version {recorded} in {place}")
    migration.rehearse(connection, schema, timeout=0)  # type: ignore[arg-type]
    what = f"version {recorded} in {place}" if recorded else f"there is none yet in {place}"
    do = f"the first run {'upgrades' if recorded else 'creates'} it, and may do so"
    return Finding(check="state", severity=Severity.OK, what=f"{what}; {do}")


def _warehouse(target: Target, ports: Ports) -> Iterator[Finding]:
    if target.workplace is None:
        return
    profile = target.workplace.profile
    found: list[Finding] = []
    warehouse = _tried("warehouse", lambda: warehouse_of(profile, ports), found)
    if warehouse is not None:
        with closing(warehouse):
            found += _tried("warehouse", lambda: warehouse.look_over(profile.schema), found) or ()
    yield from found


def _tried(check: str, ask: Callable[[], Answer], found: list[Finding]) -> Answer | None:
    """Return the answer, or None after the error has become a finding."""
    try:
        return ask()
    except PluginError as error:
        found.append(Finding(check=check, severity=Severity.ERROR, what=error.what, do=error.do))
        return None
