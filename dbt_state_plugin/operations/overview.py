"""Read-only overview of a project: plan or execution, lineage and history."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from dbt_state_plugin.core.decision.request import SCOPES
from dbt_state_plugin.core.values.overview import DifferingText, Executed, Overview
from dbt_state_plugin.core.values.progress import Stage, Step
from dbt_state_plugin.errors import NotFoundError
from dbt_state_plugin.operations.comparing.defer import plan_as_asked
from dbt_state_plugin.operations.options import RunOptions
from dbt_state_plugin.operations.parsed_project import last_project
from dbt_state_plugin.operations.planning.explain import differing_code, texts_by_node
from dbt_state_plugin.operations.planning.planning import plan_in
from dbt_state_plugin.operations.session import open_session
from dbt_state_plugin.state.executed_code import read_edited_code
from dbt_state_plugin.state.executions import read_execution, read_history
from dbt_state_plugin.state.node_history import read_builds, read_newest_results, read_tallies
from dbt_state_plugin.state.relations import server_time

MOST_RESULTS_OF_EACH = 8  # as many as a report shows of a node
MOST_RESULTS = 16_000  # of all nodes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from dbt_state_plugin.core.values.history import ExecutionSummary
    from dbt_state_plugin.core.values.overview import Tally
    from dbt_state_plugin.core.values.project import Project
    from dbt_state_plugin.operations.planning.inputs import Planned
    from dbt_state_plugin.operations.ports import Ports
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.operations.target import Target


def read_overview(
    target: Target, *, execution_id: str | None = None, command: str, limit: int, ports: Ports | None = None
) -> Overview:
    """Return what `command` would build now, or what one execution built, with the newest `limit` executions.

    The lineage is that of the project as it is now. Raises NotFoundError and the errors of a plan.
    """
    with open_session(target, create=False, ports=ports) as session:
        execution = _execution(session, execution_id)
        if execution is not None:
            command = execution.command if execution.command in SCOPES else "build"
        planned = plan_in(session, RunOptions(command=command), needs_manifest=execution is None)
        if not session.has_state:
            return Overview(plan=planned.plan, project=planned.project, made_at=datetime.now(timezone.utc))
        session.ports.progress(Step(stage=Stage.STATE, detail="Reading the newest executions"))
        executions = read_history(session.state, limit=limit)
        ids = [each.execution_id for each in executions]
        return Overview(
            plan=planned.plan,
            project=planned.project,
            made_at=server_time(session.state),
            texts=texts_by_node(session, planned) if execution is None else _texts_of(session, execution),
            executions=executions,
            results=read_newest_results(session.state, ids, of_each=_results_of_each(planned.project)),
            builds=read_builds(session.state, ids),
            tallies=_tallies(session, planned, executions),
            execution=execution,
        )


def _results_of_each(project: Project) -> int:
    """Return how many results are read of each node, so that those of all are no more than can be read at once."""
    return max(1, min(MOST_RESULTS_OF_EACH, MOST_RESULTS // max(1, len(project.nodes))))


def _tallies(session: Session, planned: Planned, executions: tuple[ExecutionSummary, ...]) -> Mapping[UUID, Tally]:
    scopes = {each.execution_id: frozenset(SCOPES.get(each.command, ())) for each in executions}
    recorded = ((each.node.unique_id, each.record.duration_ms) for each in planned.plan.entries if each.record)
    durations = {node: took for node, took in recorded if took}
    inlined = [node.unique_id for node in planned.project.nodes.values() if node.is_ephemeral]
    return read_tallies(session.state, scopes, durations, inlined)


def plan_with_texts(target: Target, options: RunOptions, *, ports: Ports | None = None) -> Overview:
    """Return a plan, deferred where the options say so, with its project and the texts that differ; without history."""
    with open_session(target, create=False, ports=ports) as session:
        planned = plan_as_asked(session, options, needs_manifest=True)
        made_at = server_time(session.state) if session.has_state else datetime.now(timezone.utc)
        texts = texts_by_node(session, planned)
        return Overview(plan=planned.plan, project=planned.project, made_at=made_at, texts=texts)


def executed(target: Target, execution_id: str, *, ports: Ports | None = None) -> Executed:
    """Return one execution with the project that was parsed last, however long ago, and the code that was new to it."""
    with open_session(target, create=False, ports=ports) as session:
        execution = _recorded_execution(session, execution_id)
        return Executed(execution=execution, project=last_project(session), texts=_texts_of(session, execution))


def _texts_of(session: Session, execution: ExecutionSummary) -> dict[str, tuple[DifferingText, ...]]:
    """Return the code that was new to an execution; none if no SQL may be stored."""
    return _texts(read_edited_code(session.state, execution.execution_id)) if session.target.stores_sql else {}


def _texts(edited: Mapping[str, tuple[str, str]]) -> dict[str, tuple[DifferingText, ...]]:
    return {node: (differing_code(node, before, now),) for node, (before, now) in edited.items()}


def _execution(session: Session, execution_id: str | None) -> ExecutionSummary | None:
    return None if execution_id is None else _recorded_execution(session, execution_id)


def _recorded_execution(session: Session, execution_id: str) -> ExecutionSummary:
    if not session.has_state:
        raise NotFoundError("Nothing is recorded yet.", "Run `dbt-state-plugin run` first.")
    return read_execution(session.state, execution_id)
