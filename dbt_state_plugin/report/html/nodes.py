"""Nodes of a report: state, reasons, inputs and history of each."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from dbt_state_plugin.core.decision.first_cause import first_cause
from dbt_state_plugin.core.undeclared import PREFIX, undeclared_inputs
from dbt_state_plugin.core.values.history import NodeResult
from dbt_state_plugin.core.values.overview import DifferingText, Overview
from dbt_state_plugin.core.values.plan import Plan, PlanEntry
from dbt_state_plugin.core.values.project import Exposure, Node
from dbt_state_plugin.core.values.results import CUT_OFF
from dbt_state_plugin.report.printable import printable, relation_shown
from dbt_state_plugin.report.reason_words import reason_words, short_name, undeclared_words
from dbt_state_plugin.report.states import (
    STATES,
    cut_off_words,
    plan_state,
    recorded_reason_words,
    result_state,
)
from dbt_state_plugin.report.text import first_message, if_words, more_words
from dbt_state_plugin.report.words import existence_words

_ORDER = {key: number for number, key in enumerate(STATES)}
_HISTORY = 8  # results that are shown of each node


@dataclass(frozen=True, slots=True, kw_only=True)
class PastBuild:
    """How an execution ended with a node; `duration_ms` and `rows` are None if dbt did not say."""

    execution: str
    started_at: datetime
    status: str
    is_success: bool
    duration_ms: int | None
    rows: int | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportNode:
    """One node as a report shows it.

    `parents` and `cause` are unique_ids; `cause` leads up to the first cause, without the node itself. `notes` say what
    else is to be known.
    """

    unique_id: str
    name: str
    resource_type: str
    state: str
    materialized: str = ""
    path: str = ""
    folder: str = ""
    relation: str = ""
    parents: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cause: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()
    built_at: datetime | None = None
    duration_ms: int | None = None
    history: tuple[PastBuild, ...] = ()
    texts: tuple[DifferingText, ...] = ()
    result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What nodes are looked up in."""

    entries: Mapping[str, PlanEntry]
    causes: Mapping[str, tuple[str, ...]]
    results: Mapping[str, NodeResult] | None
    history: Mapping[str, tuple[PastBuild, ...]]
    texts: Mapping[str, tuple[DifferingText, ...]] = field(default_factory=dict)


def report_nodes(overview: Overview) -> tuple[ReportNode, ...]:
    """Return all nodes of the project, its exposures and removed nodes: the most important state first, tests last."""
    plan, project = overview.plan, overview.project
    known = _Known(
        entries={entry.node.unique_id: entry for entry in plan.entries},
        causes=_causes(plan) if overview.execution is None else {},
        results={each.unique_id: each for each in overview.execution.results} if overview.execution else None,
        history=_history(overview),
        texts=overview.texts,
    )
    nodes = [_node(node, known) for node in project.nodes.values()]
    nodes += [_exposure(exposure) for exposure in project.exposures]
    nodes += _removed(overview, known)
    return tuple(sorted(nodes, key=_rank))


def _rank(node: ReportNode) -> tuple[bool, int, str, str, str]:
    is_test = node.resource_type in ("test", "unit_test")
    return is_test and node.state != "failed", _ORDER[node.state], node.folder, node.name, node.unique_id


def _causes(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {
        entry.node.unique_id: tuple(step.node.unique_id for step in first_cause(plan, entry)[1:])
        for entry in plan.entries
        if entry.reasons
    }


def _node(node: Node, known: _Known) -> ReportNode:
    entry = known.entries.get(node.unique_id)
    record = entry.record if entry else None
    result = known.results.get(node.unique_id) if known.results is not None else None
    return ReportNode(
        unique_id=printable(node.unique_id),
        name=printable(node.name if node.is_source and node.unique_id.startswith(PREFIX) else _name(node)),
        resource_type=node.resource_type,
        state=_state(node, entry, result, is_execution=known.results is not None),
        materialized=printable(node.materialized),
        path=printable(node.path),
        folder=_folder(node),
        relation=printable(relation_shown(node.relation)) if node.writes_relation or node.is_source else "",
        parents=tuple(dict.fromkeys(node.parents)),
        reasons=_reasons(entry, result, is_execution=known.results is not None),
        notes=_notes(entry) if known.results is None else (),
        cause=known.causes.get(node.unique_id, ()),
        undeclared=tuple(undeclared_words(each) for each in undeclared_inputs(node, record)),
        built_at=record.built_at if record else None,
        duration_ms=record.duration_ms if record else None,
        history=known.history.get(node.unique_id, ()),
        texts=known.texts.get(node.unique_id, ()),
        result=_message(result) if result else "",
    )


def _name(node: Node) -> str:
    if node.is_source:
        return short_name(node.unique_id)
    return f"{node.name}.v{node.version}" if node.version else node.name


def _folder(node: Node) -> str:
    """Return the folder under which a node is folded; those of packages stand under the package."""
    if node.is_source:
        return printable("undeclared" if node.unique_id.startswith(PREFIX) else "sources")
    return printable(posixpath.dirname(node.path.replace("\\", "/")) or node.package)


def _state(node: Node, entry: PlanEntry | None, result: NodeResult | None, *, is_execution: bool) -> str:
    if result is not None:
        return result_state(result)
    if node.is_source:
        return "source"
    if node.is_ephemeral:
        return "inlined"
    return plan_state(entry) if entry and not is_execution else "skipped"


def _reasons(entry: PlanEntry | None, result: NodeResult | None, *, is_execution: bool) -> tuple[str, ...]:
    if is_execution:
        return tuple(recorded_reason_words(reason) for reason in result.reasons) if result else ()
    if entry is None:
        return ()
    hanging = (f"only {if_words(entry)}",) if entry.hangs_on else ()
    return (*(reason_words(reason) for reason in entry.reasons), *hanging)


def _notes(entry: PlanEntry | None) -> tuple[str, ...]:
    if entry is None:
        return ()
    cosmetic = [f"without effect: {reason_words(reason)}" for reason in entry.cosmetic]
    kept = ["its rows and columns stay as they are: what reads it need not be built"] if entry.keeps_data else []
    old = [f"rows of earlier logic are {entry.old_rows.value}"] if entry.old_rows else []
    return (*cosmetic, *kept, *old, *(words for words in more_words(entry) if not words.startswith("undeclared")))


def _message(result: NodeResult) -> str:
    if result.status == CUT_OFF:
        return cut_off_words(result)
    message = first_message(result.message)
    return printable(f"{result.status}: {message}" if message and not result.is_success else result.status)


def _exposure(exposure: Exposure) -> ReportNode:
    notes = [f"of {exposure.owner}"] if exposure.owner else []
    notes += [f"at {exposure.url}"] if exposure.url else []
    return ReportNode(
        unique_id=printable(exposure.unique_id),
        name=printable(exposure.name),
        resource_type=printable(exposure.kind or "exposure"),
        state="exposure",
        folder="exposures",
        parents=exposure.parents,
        notes=tuple(map(printable, notes)),
    )


def _removed(overview: Overview, known: _Known) -> list[ReportNode]:
    """Return what was built and is no node any more: relations that are left, or results of the execution."""
    plan = overview.plan
    if known.results is None:
        left = {
            each.unique_id: (relation_shown(each.relation), f"its relation {existence_words(plan, each.relation)}")
            for each in plan.removed
        }
    else:
        left = {node: ("", "") for node in known.results if node not in overview.project.nodes}
    return [
        ReportNode(
            unique_id=printable(node),
            name=printable(short_name(node)),
            resource_type=node.split(".", 1)[0],
            state="removed",
            folder="removed",
            relation=printable(relation),
            notes=(note,) if note else (),
            reasons=_reasons(None, (known.results or {}).get(node), is_execution=True),
            history=known.history.get(node, ()),
        )
        for node, (relation, note) in left.items()
    ]


def _history(overview: Overview) -> dict[str, tuple[PastBuild, ...]]:
    """Return the newest results of each node, newest first."""
    found: dict[str, list[PastBuild]] = {}
    for execution in overview.executions:
        for result in _results(overview, execution.execution_id):
            builds = found.setdefault(result.unique_id, [])
            if len(builds) < _HISTORY:
                builds.append(_past(result, execution.execution_id, execution.started_at))
    return {node: tuple(builds) for node, builds in found.items()}


def _results(overview: Overview, execution: UUID) -> Iterable[NodeResult]:
    return overview.results.get(execution, ())


def _past(result: NodeResult, execution: UUID, started_at: datetime) -> PastBuild:
    why = recorded_reason_words(result.reasons[0]) if result.reasons else ""
    return PastBuild(
        execution=str(execution)[:8],
        started_at=started_at,
        status=printable(result.status),
        is_success=result.is_success,
        duration_ms=result.duration_ms,
        rows=result.rows_affected,
        why=why,
    )
