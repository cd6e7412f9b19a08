"""Record of an empty plan for the next up-to-date check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from dbt_state_plugin.core.config.source_config import max_age_hours
from dbt_state_plugin.core.lineage import record_key
from dbt_state_plugin.core.undeclared import undeclared_relation
from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.reads import Question
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.core.versions.source_version import parse_version
from dbt_state_plugin.operations.up_to_date.check import (
    Scope,
    UpToDatePlan,
    document_of,
    inputs_fingerprint,
    may_be_up_to_date,
)
from dbt_state_plugin.state.up_to_date import read_up_to_date, recorded_names, recorded_schemas, write_up_to_date

if TYPE_CHECKING:
    from dbt_state_plugin.operations.options import RunOptions
    from dbt_state_plugin.operations.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class UpToDateInputs:
    """What a plan is going to read, and its state before any of it was read."""

    scope: Scope
    evidence: str


def up_to_date_inputs_of(session: Session, options: RunOptions, project: Project) -> UpToDateInputs | None:
    """Return the inputs as they are before a plan, or None if an empty plan could not be kept."""
    if not may_be_up_to_date(session, options):
        return None
    keys = [record_key(node, project) for node in project.nodes.values()]
    named = [undeclared_relation(name, project) for name in recorded_names(session.state)]
    scope = Scope(
        schemas=tuple(sorted({key.schema for key in keys if key.schema}.union(recorded_schemas(session.state)))),
        beginning=f"{project.schema}.",
        sources=tuple(sorted({*_sources(project), *named, *session.warehouse.files_of(keys)})),
    )
    evidence = inputs_fingerprint(session, options, scope)
    return UpToDateInputs(scope=scope, evidence=evidence) if evidence is not None else None


def record_up_to_date(
    session: Session, options: RunOptions, up_to_date_inputs: UpToDateInputs, plan: Plan, project: Project, covered: str
) -> None:
    """Keep an empty plan, if everything that it depends on can be checked from outside.

    What was there before the plan read anything must still be there after all that the run has written.
    """
    questions = _questions(plan)
    is_empty = not (plan.to_build or plan.waiting or plan.is_narrowed)
    if not is_empty or any(each.problem for each in questions) or not _are_counted(plan, project):
        return
    kept = read_up_to_date(session.state, options.command)
    scope = replace(up_to_date_inputs.scope, until=_until(plan), covered=covered)
    if kept is None or inputs_fingerprint(session, options, scope) != up_to_date_inputs.evidence:
        return
    up_to_date = UpToDatePlan(
        plan=plan,
        saved_ms=saved_ms(plan),
        covered=covered,
        questions=questions,
        dbt_version=project.dbt_version,
        adapter_version=project.adapter_version,
    )
    document = document_of(scope, up_to_date, up_to_date_inputs.evidence)
    write_up_to_date(session.state, options.command, kept, document)


def saved_ms(plan: Plan) -> int:
    """Return the sum of the last durations of the skipped nodes."""
    return sum((entry.record.duration_ms or 0) for entry in plan.skipped if entry.record)


def _sources(project: Project) -> Iterable[RelationName]:
    return (node.relation for node in project.nodes.values() if node.is_source and node.relation)


def _are_counted(plan: Plan, project: Project) -> bool:
    """Return whether the counters of all sources say when their rows change, so that nobody need ask the rows."""
    for relation in _sources(project):
        version = parse_version(plan.parent_versions.get(relation, ""))
        if version is None:  # a node of the project writes it: that is recorded
            continue
        if version.is_blind or "?" in version.answer or version.answer.startswith("query:"):
            return False
    return True


def _questions(plan: Plan) -> tuple[Question, ...]:
    """Return what dbt asked the database while the nodes compiled, each once; no counter answers that."""
    reads = (entry.record.trace.reads for entry in plan.entries if entry.record is not None)
    return tuple(dict.fromkeys(question for each in reads if each is not None for question in each.questions))


def _until(plan: Plan) -> str | None:
    """Return when the first of the builds becomes too old."""
    ends = [
        entry.record.built_at + timedelta(hours=hours)
        for entry in plan.entries
        if entry.record is not None and (hours := max_age_hours(entry.node)) is not None
    ]
    return min(ends).isoformat() if ends else None
