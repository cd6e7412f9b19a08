"""Traced reads that give another value or answer today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.decision.request import is_in_scope
from dbt_state_plugin.core.lineage import record_key
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.reads import Question
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import Recorded, TracedReads
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.operations.options import RunOptions, rendered_flags
from dbt_state_plugin.operations.planning.source_versions import Answers
from dbt_state_plugin.operations.questions import answered_today
from dbt_state_plugin.state.relations import installation_key

if TYPE_CHECKING:
    from dbt_state_plugin.operations.session import Session

_SHOWN = 200  # characters of a query in a reason


def with_other_reads(
    session: Session, project: Project, recorded: Recorded, options: RunOptions, answers: Answers
) -> Recorded:
    """Return the records with what their builds have read and what gives something else today; raises StateError.

    Each question is asked once, read-only, and not again where `answers` holds it. Nothing is asked where no record
    holds a question.
    """
    traced: dict[RelationName, TracedReads] = {}
    for node in project.nodes.values():
        key = record_key(node, project)
        record = recorded.relations.get(key)
        if record is not None and record.trace.reads is not None and is_in_scope(node, options.command):
            traced[key] = record.trace.reads
    questions = {question for reads in traced.values() for question in reads.questions if not question.problem}
    if unasked := questions - answers.questions.keys():
        answers.questions.update(answered_today(session, unasked, installation_key(session.state)))
    flags = rendered_flags(options)
    found = {
        key: (*_other_flags(reads, flags), *_other_sources(reads, project), *_other_answers(reads, answers.questions))
        for key, reads in traced.items()
    }
    return replace(recorded, other_reads={key: reasons for key, reasons in found.items() if reasons})


def _other_flags(reads: TracedReads, flags: Mapping[str, Any]) -> list[Reason]:
    items = [
        {"name": f"flags.{name}", "change": "set", "before": before, "after": str(flags[name])}
        for name, before in reads.flags.items()
        if name in flags and str(flags[name]) != before
    ]
    return [_reason(ReasonKind.VARIABLES, ReasonCode.ITEMS_CHANGED, part="variables", items=items)] if items else []


def _other_sources(reads: TracedReads, project: Project) -> list[Reason]:
    items = []
    for unique_id, before in reads.sources.items():
        source = project.nodes.get(unique_id)
        now = str(source.relation) if source is not None else ""
        if now != before:
            items.append({"name": unique_id, "change": "set", "before": before, "after": now})
    return [_reason(ReasonKind.REFERENCES, ReasonCode.ITEMS_CHANGED, part="references", items=items)] if items else []


def _other_answers(reads: TracedReads, answers: Mapping[Question, Question]) -> list[Reason]:
    found = []
    for question in reads.questions:
        now = answers.get(question, question)
        if now.problem:
            code, why = ReasonCode.QUESTION_NOT_REPEATED, now.problem
            found.append(_reason(ReasonKind.DATA, code, query=_shown(question), why=why))
        elif now.answer != question.answer:
            found.append(_reason(ReasonKind.DATA, ReasonCode.QUESTION_ANSWER_CHANGED, query=_shown(question)))
    return found


def _shown(question: Question) -> str:
    """Return what was asked, as a text for people."""
    if question.sql:
        text = " ".join(question.sql.split())
        return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    _, schema, identifier = question.relation
    return f"{schema}.{identifier}" if identifier else f"all of {schema}"


def _reason(kind: ReasonKind, code: ReasonCode, **values: Any) -> Reason:
    return Reason(kind=kind, code=code, values=values)
