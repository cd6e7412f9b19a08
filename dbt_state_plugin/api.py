"""Public functions: plan, run, explain, history, adopt and what they return."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.errors import NotFoundError, UsageError
from dbt_state_plugin.operations.options import RunOptions
from dbt_state_plugin.operations.session import open_session
from dbt_state_plugin.operations.settings import Settings

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.history import ExecutionSummary
    from dbt_state_plugin.core.values.plan import Plan, PlanEntry
    from dbt_state_plugin.core.values.results import RunResult
    from dbt_state_plugin.operations.bookkeeping.steps import RecordedStep
    from dbt_state_plugin.operations.comparing.environment import PlannedAgainst
    from dbt_state_plugin.operations.execution_record import Listener
    from dbt_state_plugin.operations.planning.explain import Explanation
    from dbt_state_plugin.operations.planning.inputs import Planned

_ID_OR_BEGINNING = re.compile(r"[0-9a-fA-F]{4,8}|[0-9a-fA-F]{8}-[0-9a-fA-F-]{0,27}")


def plan(settings: Settings | None = None, *, command: str = "run", **options: Any) -> Plan:
    """Return what `command` (run, build, seed, snapshot) would build and why, without writing anything.

    `options` takes the other fields of `RunOptions`: select, exclude, selector, selection_state, full_refresh,
    full_refresh_changed, on_logic_change, volatile, code_only, force, defer_to.
    Raises the errors of `dbt_state_plugin.errors`.
    """
    return planned(settings or Settings(), _options(command, options)).plan


def run(
    settings: Settings | None = None,
    *,
    command: str = "run",
    listener: Listener | None = None,
    steps: Iterable[RecordedStep] = (),
    **options: Any,
) -> RunResult:
    """Build what has to be built with dbt in this process, record it, and return how it ended.

    `steps` are what somebody else did before, such as loading: they are recorded in the same execution.
    A result whose status is `failed` is returned, not raised; `InterruptedRun` and `BusyError` are raised, as are the
    other errors of `dbt_state_plugin.errors`. Call it from the main thread: dbt needs it to cancel its queries.
    """
    from dbt_state_plugin.operations.execution_record import Listener
    from dbt_state_plugin.operations.running.run import run_tracked

    return run_tracked(settings or Settings(), _options(command, options), listener or Listener(), tuple(steps))


def planned(settings: Settings, options: RunOptions) -> Planned:
    """Return a plan together with the parsed project."""
    from dbt_state_plugin.operations.planning.planning import plan_in

    with open_session(settings, create=False) as session:
        return plan_in(session, options)


def compared(
    settings: Settings, options: RunOptions, *, against: str | None = None, folder: str | None = None
) -> PlannedAgainst:
    """Return what the code would change, compared with an environment or execution, or the manifest in a folder.

    Nothing is written; for a manifest no database is asked. Raises UsageError, NotFoundError and the errors of a plan.
    """
    from dbt_state_plugin.operations.comparing.environment import plan_against
    from dbt_state_plugin.operations.comparing.manifest import plan_against_manifest

    if folder is not None:
        return plan_against_manifest(settings, options, folder)
    return plan_against(settings, options, against or "")


def explain(settings: Settings, node: str, *, command: str = "build") -> Explanation:
    """Return the decision about one node, the way to its first cause, and the texts that differ there.

    `node` is a unique_id, a name or a dotted fqn. Raises NotFoundError when it fits none or several nodes.
    """
    from dbt_state_plugin.core.decision.first_cause import first_cause
    from dbt_state_plugin.operations.planning.explain import Explanation, differing_texts
    from dbt_state_plugin.operations.planning.planning import plan_in

    with open_session(settings, create=False) as session:
        found = plan_in(session, RunOptions(command=command), needs_manifest=True)
        entry = _find(found.plan, node)
        path = first_cause(found.plan, entry)
        return Explanation(planned=found, entry=entry, path=path, texts=differing_texts(session, found, path[-1]))


def history(settings: Settings, *, limit: int = 20) -> tuple[ExecutionSummary, ...]:
    """Return the newest executions of the environment, newest first."""
    from dbt_state_plugin.state.executions import read_history

    with open_session(settings, create=False) as session:
        return read_history(session.state, limit=limit) if session.has_state else ()


def execution(settings: Settings, execution_id: str) -> ExecutionSummary:
    """Return one execution with its steps and nodes; `execution_id` is its id or the beginning of it.

    Raises UsageError for what is no id, and NotFoundError.
    """
    from dbt_state_plugin.state.executions import read_execution

    if not _ID_OR_BEGINNING.fullmatch(execution_id):
        raise UsageError(
            f"{execution_id!r} is not an execution's id (a UUID) or the beginning of one.",
            "See `dbt-state-plugin history` for the ids.",
        )
    with open_session(settings, create=False) as session:
        if not session.has_state:
            raise NotFoundError("Nothing is recorded yet.", "Run `dbt-state-plugin run` first.")
        return read_execution(session.state, execution_id.lower())


def forget(settings: Settings, names: Iterable[str] | None) -> tuple[str, ...]:
    """Forget the recorded builds of these nodes (None: of the whole environment), so that they are built again.

    `names` are unique_ids or the last part of one. Returns the unique_ids that were forgotten. Raises NotFoundError
    when one of them is not recorded, BusyError while a run is going on.
    """
    from dbt_state_plugin.state.lock import acquire_lock
    from dbt_state_plugin.state.relations import forget_relations

    with open_session(settings) as session:
        acquire_lock(session.state, timeout=settings.lock_timeout)
        if names is None:
            return forget_relations(session.state, None)
        wanted = tuple(names)
        recorded = _recorded_ids(session.state)
        chosen = {name: {node for node in recorded if name == node or node.split(".")[-1] == name} for name in wanted}
        missing = [name for name in wanted if not chosen[name]]
        if missing:
            raise NotFoundError(
                f"No build of {', '.join(missing)} is recorded for {session.state.environment}.",
                "Name a model as in dbt, or its unique_id; `dbt-state-plugin plan --all` lists them.",
            )
        return forget_relations(session.state, set().union(*chosen.values()))


def _recorded_ids(state: Any) -> list[str]:
    rows = state.rows("SELECT unique_id FROM {state}.relation WHERE environment_id = %s", (state.environment_id,))
    return [row[0] for row in rows]


def _options(command: str, fields: Mapping[str, Any]) -> RunOptions:
    from dbt_state_plugin.core.decision.request import SCOPES

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
        raise NotFoundError(f"{name!r} fits several nodes: {ids}.", "Name one of them by its unique_id.")
    raise NotFoundError(
        f"The project has no node {name!r} that dbt builds.",
        "Name a model as in dbt, or its unique_id (see `plan --all`).",
    )
