"""Up-to-date check: skip planning when nothing has changed.

A plan depends on the inputs of the parse, the records, the catalog, the counters of sources, the options and the clock,
and on nothing else. If a plan was empty and none of these has changed, it is empty again: then neither the project nor
the records are read, only digests that the server computes of all of them, and what dbt asked the database while
compiling is asked again. Any change, or anything that cannot be checked this way, leads to an ordinary plan.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.core.values.reads import Question
from dbt_state_plugin.core.values.records import RemovedNode
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.operations.options import RunOptions, narrows
from dbt_state_plugin.operations.parsed_project import inputs_are_unchanged
from dbt_state_plugin.operations.questions import are_answered_alike
from dbt_state_plugin.operations.session_of_dbt import session_settings
from dbt_state_plugin.project.inputs import places_from_document
from dbt_state_plugin.state.up_to_date import read_up_to_date, records_evidence

if TYPE_CHECKING:
    from dbt_state_plugin.dbt_runner.arguments import ExtraArguments
    from dbt_state_plugin.operations.session import Session

_LOG = logging.getLogger(__name__)
VERSION = 2  # another number where what was kept before must not count


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a plan looks at, in the terms of the catalog.

    `beginning` is that of the identifiers under which tests and functions are recorded. `until` is when a build
    becomes too old (ISO 8601), None when none does. `covered` names the checksums that a run records.
    """

    schemas: tuple[str, ...]
    beginning: str
    sources: tuple[RelationName, ...]
    until: str | None = None
    covered: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpToDatePlan:
    """An empty plan that is valid while `questions` have the same answers, and what a run records of it.

    `saved_ms` is that of a RunResult.
    """

    plan: Plan
    saved_ms: int
    covered: str
    questions: tuple[Question, ...]
    dbt_version: str
    adapter_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpToDateCheck:
    """The result of checking the last empty plan: the plan if it is up to date, and the digest of equal inputs.

    The digest is empty if the inputs differ, and None if that was not checked at them.
    """

    up_to_date: UpToDatePlan | None = None
    known_inputs: str | None = None


def check_up_to_date(session: Session, options: RunOptions, extra: ExtraArguments) -> UpToDateCheck:
    """Return the empty plan of the last run if it is still up to date; raises StateError."""
    if not may_be_up_to_date(session, options):
        return UpToDateCheck()
    kept = read_up_to_date(session.state, options.command)
    if kept is None or kept.empty_plan is None:
        return UpToDateCheck()
    try:
        places = places_from_document(kept.places)
        scope, up_to_date = _scope(kept.empty_plan), _up_to_date_plan(session, options, kept.empty_plan)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return UpToDateCheck()  # a row that was edited by hand
    stands: list[bool] = []
    # The server looks at its catalog while the files are hashed here.
    hashing = threading.Thread(
        target=lambda: stands.append(inputs_are_unchanged(session, kept.key, extra, places, kept.inputs_digest)),
        daemon=True,
    )
    hashing.start()
    try:
        evidence = inputs_fingerprint(session, options, scope)
    finally:
        hashing.join()
    is_same = evidence is not None and evidence == kept.empty_plan.get("evidence") and stands == [True]
    is_same = is_same and are_answered_alike(session, up_to_date.questions, kept.key)
    if is_same:
        _LOG.debug("Nothing that decides has changed since the last empty plan: nothing is planned.")
    known = kept.inputs_digest if stands == [True] else ""
    return UpToDateCheck(up_to_date=up_to_date if is_same else None, known_inputs=known)


def may_be_up_to_date(session: Session, options: RunOptions) -> bool:
    """Return whether an empty plan can apply to these options: nothing is forced, excluded or deferred."""
    is_plain = not (
        options.force or options.full_refresh or options.code_only or options.defer_to is not None or narrows(options)
    )
    return is_plain and session.has_state


def inputs_fingerprint(session: Session, options: RunOptions, scope: Scope) -> str | None:
    """Return a hash of everything that decides besides the inputs of the parse, None if something always builds."""
    records = records_evidence(
        session.state, schemas=scope.schemas, beginning=scope.beginning, until=scope.until, covered=scope.covered
    )
    if records is None:
        return None
    catalog = session.warehouse.change_evidence(scope.schemas)
    if catalog is None:
        return None
    seen = session.warehouse.source_evidence(scope.sources)
    restored_at = session.restored_at and session.restored_at.isoformat()
    environment = str(session.state.environment)
    settings = sorted(session_settings(session).items())
    everything = [
        *(VERSION, repr(options), environment, session.target.data_version, records, catalog, seen, settings),
        *([restored_at] if restored_at else []),
    ]
    return hashlib.sha256(json.dumps(everything).encode("utf-8", "surrogatepass")).hexdigest()


def document_of(scope: Scope, up_to_date: UpToDatePlan, evidence: str) -> dict[str, Any]:
    """Return an empty plan as a value of JSON's kind."""
    return {
        "evidence": evidence,
        "schemas": list(scope.schemas),
        "beginning": scope.beginning,
        "sources": [_names(source) for source in scope.sources],
        "until": scope.until,
        "covered": up_to_date.covered,
        "saved_ms": up_to_date.saved_ms,
        "left_alone": up_to_date.plan.left_alone,
        "questions": [[each.sql, list(each.relation), each.answer] for each in up_to_date.questions],
        "outdated": list(up_to_date.plan.outdated_seeds),
        "removed": [[each.unique_id, _names(each.relation)] for each in up_to_date.plan.removed],
        "gone": [_names(relation) for relation in sorted(up_to_date.plan.gone)],
        "dbt_version": up_to_date.dbt_version,
        "adapter_version": up_to_date.adapter_version,
    }


def _names(relation: RelationName) -> list[str]:
    return [relation.database, relation.schema, relation.identifier]


def _relation(names: list[str]) -> RelationName:
    database, schema, identifier = names
    return RelationName(database=database, schema=schema, identifier=identifier)


def _question(sql: str, relation: list[str], answer: str) -> Question:
    database, schema, identifier = relation
    return Question(sql=sql, relation=(database, schema, identifier), answer=answer)


def _scope(document: Mapping[str, Any]) -> Scope:
    return Scope(
        schemas=tuple(document["schemas"]),
        beginning=document["beginning"],
        sources=tuple(_relation(names) for names in document["sources"]),
        until=document["until"],
        covered=document["covered"],
    )


def _up_to_date_plan(session: Session, options: RunOptions, document: Mapping[str, Any]) -> UpToDatePlan:
    removed = (RemovedNode(unique_id=each[0], relation=_relation(each[1])) for each in document["removed"])
    return UpToDatePlan(
        plan=Plan(
            environment=session.state.environment,
            command=options.command,
            entries=(),
            removed=tuple(removed),
            gone=frozenset(map(_relation, document["gone"])),
            unlisted=int(document["left_alone"]),
            unlisted_outdated=tuple(map(str, document.get("outdated", ()))),
        ),
        saved_ms=int(document["saved_ms"]),
        covered=document["covered"],
        questions=tuple(_question(*each) for each in document["questions"]),
        dbt_version=document["dbt_version"],
        adapter_version=document["adapter_version"],
    )
