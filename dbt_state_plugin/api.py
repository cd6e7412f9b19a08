"""Entry point of the command line, Meltano, Python programs and fault tests.

What is defined below is this package's Python API. The other names are re-exported for the command line and for
Meltano, and imported on first use: `--help` must not pay for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.errors import NotFoundError, UsageError, did_you_mean

if TYPE_CHECKING:
    from dbt_state_plugin.core.comparison.adoption import Adoption as Adoption
    from dbt_state_plugin.core.comparison.adoption import Outcome as Outcome
    from dbt_state_plugin.core.comparison.baseline import Compared as Compared
    from dbt_state_plugin.core.config.node_config import CUTOFF as CUTOFF
    from dbt_state_plugin.core.config.node_config import DRIFT as DRIFT
    from dbt_state_plugin.core.config.node_config import ON_LOGIC_CHANGE as ON_LOGIC_CHANGE
    from dbt_state_plugin.core.config.node_config import VOLATILE as VOLATILE
    from dbt_state_plugin.core.values.bookkeeping_rules import TOLERANT as TOLERANT
    from dbt_state_plugin.core.values.findings import Finding as Finding
    from dbt_state_plugin.core.values.findings import Severity as Severity
    from dbt_state_plugin.core.values.findings import has_errors as has_errors
    from dbt_state_plugin.core.values.history import ExecutionSummary as ExecutionSummary
    from dbt_state_plugin.core.values.history import Failure as Failure
    from dbt_state_plugin.core.values.invocations import RecordedNode as RecordedNode
    from dbt_state_plugin.core.values.invocations import Recording as Recording
    from dbt_state_plugin.core.values.invocations import RecordResult as RecordResult
    from dbt_state_plugin.core.values.orphans import Action as Action
    from dbt_state_plugin.core.values.orphans import Orphan as Orphan
    from dbt_state_plugin.core.values.orphans import Orphans as Orphans
    from dbt_state_plugin.core.values.overview import Executed as Executed
    from dbt_state_plugin.core.values.overview import Overview as Overview
    from dbt_state_plugin.core.values.plan import Plan as Plan
    from dbt_state_plugin.core.values.plan import PlanEntry as PlanEntry
    from dbt_state_plugin.core.values.progress import Progress as Progress
    from dbt_state_plugin.core.values.progress import Stage as Stage
    from dbt_state_plugin.core.values.progress import Step as Step
    from dbt_state_plugin.core.values.results import RunResult as RunResult
    from dbt_state_plugin.core.values.results import StepItem as StepItem
    from dbt_state_plugin.core.version import VERSION as VERSION
    from dbt_state_plugin.dbt_runner.arguments import DECIDED as DECIDED
    from dbt_state_plugin.dbt_runner.arguments import FLAGS_OF_DBT as FLAGS_OF_DBT
    from dbt_state_plugin.dbt_runner.selection_folder import write_folder as write_folder
    from dbt_state_plugin.operations.adoption import Inspected as Inspected
    from dbt_state_plugin.operations.adoption import find_adoptable as find_adoptable
    from dbt_state_plugin.operations.adoption import record_adoption as record_adoption
    from dbt_state_plugin.operations.bookkeeping.bookkeeping import compare_step_models as compare_step_models
    from dbt_state_plugin.operations.bookkeeping.bookkeeping import complete_execution as complete_execution
    from dbt_state_plugin.operations.bookkeeping.bookkeeping import complete_step as complete_step
    from dbt_state_plugin.operations.bookkeeping.bookkeeping import completion_time as completion_time
    from dbt_state_plugin.operations.bookkeeping.bookkeeping import fail_execution as fail_execution
    from dbt_state_plugin.operations.bookkeeping.bookkeeping import files_covered as files_covered
    from dbt_state_plugin.operations.bookkeeping.bookkeeping import init_execution as init_execution
    from dbt_state_plugin.operations.bookkeeping.bookkeeping import init_step as init_step
    from dbt_state_plugin.operations.bookkeeping.bookkeeping import (
        last_successful_execution as last_successful_execution,
    )
    from dbt_state_plugin.operations.bookkeeping.bookkeeping import manifest_covered as manifest_covered
    from dbt_state_plugin.operations.bookkeeping.bookkeeping import present_time as present_time
    from dbt_state_plugin.operations.bookkeeping.dpo_import import ImportedHistory as ImportedHistory
    from dbt_state_plugin.operations.bookkeeping.dpo_import import import_dpo as import_dpo
    from dbt_state_plugin.operations.bookkeeping.steps import ComparedStep as ComparedStep
    from dbt_state_plugin.operations.bookkeeping.steps import Covered as Covered
    from dbt_state_plugin.operations.bookkeeping.steps import Earlier as Earlier
    from dbt_state_plugin.operations.bookkeeping.steps import RecordedStep as RecordedStep
    from dbt_state_plugin.operations.bookkeeping.steps import compare_step as compare_step
    from dbt_state_plugin.operations.bookkeeping.steps import record_apart as record_apart
    from dbt_state_plugin.operations.comparing.environment import PlannedAgainst as PlannedAgainst
    from dbt_state_plugin.operations.comparing.manifest import selects_by_artifacts as selects_by_artifacts
    from dbt_state_plugin.operations.execution_record import Listener as Listener
    from dbt_state_plugin.operations.execution_record import interruptible as interruptible
    from dbt_state_plugin.operations.manifests import exported_manifest as exported_manifest
    from dbt_state_plugin.operations.manifests import write_manifest_file as write_manifest_file
    from dbt_state_plugin.operations.options import RunOptions as RunOptions
    from dbt_state_plugin.operations.orphans import drop_orphans as drop_orphans
    from dbt_state_plugin.operations.orphans import find_orphans as find_orphans
    from dbt_state_plugin.operations.overview import plan_with_texts as plan_with_texts
    from dbt_state_plugin.operations.planning.explain import Explanation as Explanation
    from dbt_state_plugin.operations.ports import Ports as Ports
    from dbt_state_plugin.operations.recording.handing_out import hand_out as hand_out
    from dbt_state_plugin.operations.running.run import plan_project as plan_project
    from dbt_state_plugin.operations.running.run import run_project as run_project
    from dbt_state_plugin.operations.settings import DEFAULT_LOCK_TIMEOUT as DEFAULT_LOCK_TIMEOUT
    from dbt_state_plugin.operations.settings import Settings as Settings
    from dbt_state_plugin.operations.settings import parse_variables as parse_variables
    from dbt_state_plugin.operations.state_administration import DEFAULT_KEEP_DAYS as DEFAULT_KEEP_DAYS
    from dbt_state_plugin.operations.state_administration import check_state as check_state
    from dbt_state_plugin.operations.state_administration import current_version as current_version
    from dbt_state_plugin.operations.state_administration import downgrade_script as downgrade_script
    from dbt_state_plugin.operations.state_administration import downgrade_state as downgrade_state
    from dbt_state_plugin.operations.state_administration import known_versions as known_versions
    from dbt_state_plugin.operations.state_administration import prune_environment as prune_environment
    from dbt_state_plugin.operations.state_administration import prune_state as prune_state
    from dbt_state_plugin.operations.state_administration import rehearse_upgrade as rehearse_upgrade
    from dbt_state_plugin.operations.state_administration import roles_script as roles_script
    from dbt_state_plugin.operations.state_administration import sources_yaml as sources_yaml
    from dbt_state_plugin.operations.state_administration import upgrade_script as upgrade_script
    from dbt_state_plugin.operations.state_administration import upgrade_state as upgrade_state
    from dbt_state_plugin.operations.target import StateAddress as StateAddress
    from dbt_state_plugin.operations.target import Target as Target
    from dbt_state_plugin.operations.target import keeps_state_in_file as keeps_state_in_file
    from dbt_state_plugin.operations.target import resolve_state as resolve_state
    from dbt_state_plugin.operations.target import resolve_target as resolve_target
    from dbt_state_plugin.operations.target import resolve_target_beside as resolve_target_beside
    from dbt_state_plugin.postgres.settings import MAX_IDENTIFIER_BYTES as MAX_IDENTIFIER_BYTES
    from dbt_state_plugin.project.yaml_values import load_yaml as load_yaml
    from dbt_state_plugin.state.bookkeeping import Ended as Ended
    from dbt_state_plugin.state.recorded_steps import StepRecord as StepRecord

DEFAULT_EXECUTIONS = 50  # that a report shows

_HOMES = {
    "core.comparison.adoption": "Adoption Outcome",
    "core.comparison.baseline": "Compared",
    "core.config.node_config": "CUTOFF DRIFT ON_LOGIC_CHANGE VOLATILE",
    "core.values.bookkeeping_rules": "TOLERANT",
    "core.values.findings": "Finding Severity has_errors",
    "core.values.history": "ExecutionSummary Failure",
    "core.values.invocations": "RecordedNode Recording RecordResult",
    "core.values.orphans": "Action Orphan Orphans",
    "core.values.overview": "Executed Overview",
    "core.values.plan": "Plan PlanEntry",
    "core.values.progress": "Progress Stage Step",
    "core.values.results": "RunResult StepItem",
    "core.version": "VERSION",
    "dbt_runner.arguments": "DECIDED FLAGS_OF_DBT",
    "dbt_runner.selection_folder": "write_folder",
    "operations.adoption": "Inspected find_adoptable record_adoption",
    "operations.bookkeeping.bookkeeping": (
        "complete_execution complete_step completion_time fail_execution files_covered init_execution "
        "init_step last_successful_execution manifest_covered compare_step_models present_time"
    ),
    "operations.bookkeeping.dpo_import": "ImportedHistory import_dpo",
    "operations.bookkeeping.steps": "ComparedStep Covered Earlier RecordedStep compare_step record_apart",
    "operations.comparing.environment": "PlannedAgainst",
    "operations.comparing.manifest": "selects_by_artifacts",
    "operations.execution_record": "Listener interruptible",
    "operations.manifests": "exported_manifest write_manifest_file",
    "operations.options": "RunOptions",
    "operations.orphans": "drop_orphans find_orphans",
    "operations.overview": "plan_with_texts",
    "operations.planning.explain": "Explanation",
    "operations.recording.handing_out": "hand_out",
    "operations.running.run": "plan_project run_project",
    "operations.ports": "Ports",
    "operations.settings": "DEFAULT_LOCK_TIMEOUT Settings parse_variables",
    "operations.state_administration": (
        "DEFAULT_KEEP_DAYS check_state current_version downgrade_script downgrade_state known_versions "
        "prune_environment prune_state rehearse_upgrade roles_script sources_yaml upgrade_script upgrade_state"
    ),
    "operations.target": "StateAddress Target keeps_state_in_file resolve_state resolve_target resolve_target_beside",
    "postgres.settings": "MAX_IDENTIFIER_BYTES",
    "project.yaml_values": "load_yaml",
    "state.bookkeeping": "Ended",
    "state.recorded_steps": "StepRecord",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import a re-exported name on first use (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"dbt_state_plugin.{_HOME_OF[name]}"), name)
    return value


def plan(
    settings: Settings | None = None, *, command: str = "run", progress: Progress | None = None, **options: Any
) -> Plan:
    """Return what `command` (run, build, seed, snapshot) would build and why, without writing anything.

    `progress` is called with each step, often and from any thread; it must return at once and never raise.

    `options` takes the other fields of `RunOptions`: select, exclude, selector, selection_state, full_refresh,
    full_refresh_changed, on_logic_change, volatile, drift, cutoff, code_only, force, defer_to.
    Raises the errors of `dbt_state_plugin.errors`.
    """
    from dbt_state_plugin.operations.running.run import plan_project

    return plan_project(_target(settings), _options(command, options), lists_all=True, ports=_ports(progress))


def run(
    settings: Settings | None = None,
    *,
    command: str = "run",
    listener: Listener | None = None,
    steps: Iterable[RecordedStep] = (),
    progress: Progress | None = None,
    **options: Any,
) -> RunResult:
    """Build what needs to be built with dbt in this process, record it, and return the result.

    `progress` is as for `plan`. `steps` are external steps that ran before, such as loading; they are recorded in the
    same execution. A result whose status is `failed` is returned, not raised; `InterruptedRun` and `BusyError` are
    raised, as are the other errors of `dbt_state_plugin.errors`. Call it from the main thread: dbt needs it to cancel
    its queries.
    """
    from dbt_state_plugin.operations.execution_record import Listener, interruptible
    from dbt_state_plugin.operations.running.run import run_project

    given, ports = _options(command, options), _ports(progress)
    with interruptible():
        return run_project(_target(settings), given, listener or Listener(), tuple(steps), lists_all=True, ports=ports)


def adopt(settings: Settings | None = None, *, again: bool = False, **options: Any) -> Adoption:
    """Record existing relations as built by the project as it is now, without building anything.

    `options` takes select, exclude and selector; with `again` recorded relations are adopted, too. Returns the outcome
    for each relation: what is missing or was refused is built by the next run. Raises the errors of a plan, BusyError
    and StateError.
    """
    from dbt_state_plugin.operations.adoption import find_adoptable, record_adoption

    target = _target(settings)
    found, inspected = find_adoptable(target, _options("build", options), again=again)
    return record_adoption(target, found, inspected)


def record(
    settings: Settings | None = None,
    *,
    target_path: str | None = None,
    plan: str | None = None,
    on_wait: Callable[[str], None] = lambda _holder: None,
    progress: Progress | None = None,
) -> RecordResult:
    """Record what dbt built by itself in its last invocation, from its run_results.json and manifest.json.

    `target_path` is the folder that holds both, by default the project's target path; `plan` is the id, or a prefix of
    the id, of the plan that dbt was given. What is uncertain stays due, and the result says so. Raises UsageError for
    files that cannot be used, and the errors of a plan, BusyError and StateError.
    """
    from dbt_state_plugin.dbt_runner.results_file import read_invocation
    from dbt_state_plugin.operations.recording.record import record_invocation, results_folder
    from dbt_state_plugin.operations.settings import Settings
    from dbt_state_plugin.operations.target import as_invoked, resolve_target

    settings = settings or Settings()
    folder = results_folder(resolve_target(settings), target_path)
    ran = read_invocation(folder)
    target = resolve_target(as_invoked(settings, ran))
    return record_invocation(target, ran, folder, plan_id=plan, on_wait=on_wait, ports=_ports(progress))


def compared(
    target: Target,
    options: RunOptions,
    *,
    against: str | None = None,
    folder: str | None = None,
    progress: Progress | None = None,
    with_texts: bool = False,
) -> PlannedAgainst:
    """Return what the code would change, compared with an environment or execution, or the manifest in a folder.

    `with_texts` adds the texts that differ from those of an environment. Nothing is written; for a manifest no database
    is asked. Raises UsageError, NotFoundError and the errors of a plan.
    """
    from dbt_state_plugin.operations.comparing.environment import plan_against
    from dbt_state_plugin.operations.comparing.manifest import plan_against_manifest

    ports = _ports(progress)
    if folder is not None:
        return plan_against_manifest(target, options, folder, ports.dbt)
    return plan_against(target, options, against or "", ports, with_texts=with_texts)


def explain(
    node: str, settings: Settings | None = None, *, command: str = "build", progress: Progress | None = None
) -> Explanation:
    """Return the decision about one node, the path to its first cause, and the texts that differ there.

    `node` is a unique_id, a name or a dotted fqn. Raises NotFoundError when it matches no node or several.
    """
    from dbt_state_plugin.core.decision.first_cause import first_cause
    from dbt_state_plugin.operations.options import RunOptions
    from dbt_state_plugin.operations.planning.explain import Explanation, differing_texts, last_cut_off
    from dbt_state_plugin.operations.planning.planning import plan_in
    from dbt_state_plugin.operations.session import open_session

    with open_session(_target(settings), create=False, ports=_ports(progress)) as session:
        found = plan_in(session, RunOptions(command=command), needs_manifest=True)
        entry = _find(found.plan, node)
        path = first_cause(found.plan, entry)
        texts = differing_texts(session, found, path[-1])
        return Explanation(planned=found, entry=entry, path=path, texts=texts, cut_off=last_cut_off(session, entry))


def history(
    settings: Settings | None = None, *, limit: int = 20, only_failed: bool = False
) -> tuple[ExecutionSummary, ...]:
    """Return the latest executions of the environment, newest first; with `only_failed` only unsuccessful ones."""
    from dbt_state_plugin.operations.session import open_session
    from dbt_state_plugin.state.executions import read_history

    with open_session(_target(settings), create=False) as session:
        return read_history(session.state, limit=limit, only_failed=only_failed) if session.has_state else ()


def failures(settings: Settings | None = None) -> tuple[Failure, ...]:
    """Return the nodes of the environment that are currently failing, the longest-failing first."""
    from dbt_state_plugin.operations.session import open_session
    from dbt_state_plugin.state.failures import read_failures

    with open_session(_target(settings), create=False) as session:
        return read_failures(session.state) if session.has_state else ()


def execution(settings: Settings, execution_id: str) -> ExecutionSummary:
    """Return one execution with its steps and nodes; `execution_id` is its id or a prefix of it.

    Raises UsageError if it is not an id, and NotFoundError.
    """
    from dbt_state_plugin.operations.session import open_session
    from dbt_state_plugin.state.executions import read_execution

    _check_execution_id(execution_id)
    with open_session(_target(settings), create=False) as session:
        if not session.has_state:
            raise NotFoundError("Nothing is recorded yet.", "Run `dbt-state-plugin run` first.")
        return read_execution(session.state, execution_id.lower())


def executed(settings: Settings, execution_id: str, *, progress: Progress | None = None) -> Executed:
    """Return one execution as `execution` does, with the code that it changed and the project that was parsed last.

    `progress` is as for `plan`. Raises UsageError if it is not an id, and NotFoundError.
    """
    from dbt_state_plugin.operations.overview import executed as read_executed

    _check_execution_id(execution_id)
    return read_executed(_target(settings), execution_id.lower(), ports=_ports(progress))


def report(
    target: Target,
    *,
    execution_id: str | None = None,
    command: str = "build",
    limit: int = DEFAULT_EXECUTIONS,
    progress: Progress | None = None,
) -> Overview:
    """Return what `command` would build now, or what one execution built, with lineage and the newest executions.

    `execution_id` is an execution's id or a prefix of it. `report.html.page` renders the result as a page. Nothing is
    written. `progress` is as for `plan`. Raises UsageError for what is not an id, NotFoundError, and a plan's errors.
    """
    from dbt_state_plugin.operations.overview import read_overview

    if execution_id is not None:
        _check_execution_id(execution_id)
        execution_id = execution_id.lower()
    return read_overview(target, execution_id=execution_id, command=command, limit=limit, ports=_ports(progress))


def look_over(settings: Settings | None = None, *, progress: Progress | None = None) -> tuple[Finding, ...]:
    """Check what a first run needs and return the findings; nothing is written. `progress` is as for `plan`."""
    from dbt_state_plugin.operations import doctor

    return doctor.look_over(lambda: _target(settings), _ports(progress))


def forget(
    settings: Settings,
    names: Iterable[str] | None,
    *,
    on_wait: Callable[[str], None] = lambda _holder: None,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Forget the recorded builds of these nodes (None: of the whole environment), so that they are built again.

    `names` are unique_ids or the last part of one. Returns the unique_ids that were forgotten. Raises NotFoundError
    when one of them is not recorded, BusyError while a run is in progress. `on_wait` is called once with the holder of
    the lock; `progress` is as for `plan`.
    """
    from dbt_state_plugin.operations.session import lock_environment, open_session
    from dbt_state_plugin.state.relations import forget_relations, recorded_ids

    with open_session(_target(settings), ports=_ports(progress)) as session:
        lock_environment(session, on_wait)
        if names is None:
            return forget_relations(session.state, None)
        wanted = tuple(names)
        recorded = recorded_ids(session.state)
        chosen = {name: {node for node in recorded if name == node or node.split(".")[-1] == name} for name in wanted}
        missing = [name for name in wanted if not chosen[name]]
        if missing:
            raise NotFoundError(
                f"No build of {', '.join(missing)} is recorded for {session.state.environment}.",
                f"{did_you_mean(missing[0], [node.split('.')[-1] for node in recorded])}"
                "Name a model as in dbt, or its unique_id (see `plan --all`).",
            )
        return forget_relations(session.state, set().union(*chosen.values()))


def _check_execution_id(execution_id: str) -> None:
    from dbt_state_plugin.core.values.history import is_execution_id

    if not is_execution_id(execution_id):
        raise UsageError(
            f"{execution_id!r} is not an execution's id (a UUID) or the beginning of one.",
            "See `dbt-state-plugin history` for the ids.",
        )


def _target(settings: Settings | None) -> Target:
    from dbt_state_plugin.operations.settings import Settings
    from dbt_state_plugin.operations.target import resolve_target

    return resolve_target(settings or Settings())


def _ports(progress: Progress | None) -> Ports:
    from dbt_state_plugin.operations.ports import Ports

    return Ports() if progress is None else Ports.reporting_to(progress)


def _options(command: str, fields: Mapping[str, Any]) -> RunOptions:
    from dbt_state_plugin.core.decision.request import SCOPES
    from dbt_state_plugin.operations.options import RunOptions

    if command not in SCOPES:
        raise UsageError(f"{command!r} is not a command that builds nodes.", f"Use one of {', '.join(SCOPES)}.")
    known = {name: value for name, value in fields.items() if value is not None}
    for name in ("select", "exclude"):
        if isinstance(known.get(name), str):
            known[name] = tuple(known[name].split())
    return replace(RunOptions(command=command), **known)


def _find(plan: Plan, name: str) -> PlanEntry:
    found = [
        entry
        for entry in plan.entries
        if name
        in (entry.node.unique_id, entry.node.name, ".".join(entry.node.fqn), f"{entry.node.name}.v{entry.node.version}")
    ]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(entry.node.unique_id for entry in found)
        raise NotFoundError(f"{name!r} matches several nodes: {ids}.", "Name one of them by its unique_id.")
    raise NotFoundError(
        f"The project has no node {name!r} that dbt builds.",
        f"{did_you_mean(name, [entry.node.name for entry in plan.entries])}"
        "Name a model as in dbt, or its unique_id (see `plan --all`).",
    )
