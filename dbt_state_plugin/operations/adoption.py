"""Adoption of a warehouse that dbt has built, without building."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from dbt_state_plugin.core.changes.categorize import compiled_document
from dbt_state_plugin.core.comparison.adoption import (
    Adoption,
    Candidate,
    Outcome,
    candidates,
    is_as_it_was,
    other_columns,
)
from dbt_state_plugin.core.decision.seen_versions import relation_versions
from dbt_state_plugin.core.decision.shared_relations import refuse_shared_relations
from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.core.lineage import build_order, lineages, trace_of
from dbt_state_plugin.core.values.causes import Cause, CauseCode
from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.core.values.progress import Stage, Step
from dbt_state_plugin.core.values.project import CompiledNode, Node, Project
from dbt_state_plugin.core.values.records import Recorded, RecordedDefinition, RecordedRelation, Trace
from dbt_state_plugin.core.values.relations import Catalog, RelationName
from dbt_state_plugin.errors import StateError
from dbt_state_plugin.operations.execution_record import begin_transform, recorded_execution
from dbt_state_plugin.operations.manifests import keep_manifest
from dbt_state_plugin.operations.options import RunOptions, rendered_flags
from dbt_state_plugin.operations.parsed_project import files_before_parsing, places_of, record_project
from dbt_state_plugin.operations.planning.inputs import Planned, seen_now, selected_nodes
from dbt_state_plugin.operations.planning.names_in_sql import NamesInSql
from dbt_state_plugin.operations.planning.volatile_calls import COMPILED, VolatileCalls
from dbt_state_plugin.operations.session import lock_environment, open_session
from dbt_state_plugin.operations.session_of_dbt import session_of_dbt, session_settings
from dbt_state_plugin.operations.target import invocation_of
from dbt_state_plugin.state.adoptions import Adopted, record_adopted
from dbt_state_plugin.state.executions import finish_execution
from dbt_state_plugin.state.relations import installation_key
from dbt_state_plugin.warehouse.answers import QueryRefused

if TYPE_CHECKING:
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
    from dbt_state_plugin.core.lineage import Lineage
    from dbt_state_plugin.dbt_runner.invocation import Invocation
    from dbt_state_plugin.dbt_runner.parse import Parsed
    from dbt_state_plugin.operations.ports import Ports
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.operations.target import Target

_SQL = frozenset({"view", "table", "incremental", "materialized_view", "snapshot"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """The parsed project with what was compiled of it, and the digests of its files from before the parse."""

    options: RunOptions
    parsed: Parsed
    invocation: Invocation
    compiled: Mapping[str, CompiledNode]
    selected: frozenset[str] | None
    files: dict[str, str]
    again: bool

    def statements(self, unique_id: str) -> tuple[str, ...]:
        """Return the forms of a node's SQL, none where it has none or could not be compiled."""
        compiled = self.compiled.get(unique_id)
        return tuple(compiled.forms.values()) if compiled is not None and compiled.language == "sql" else ()


def find_adoptable(
    target: Target, options: RunOptions, *, again: bool = False, ports: Ports | None = None
) -> tuple[Adoption, Inspected]:
    """Return what `adopt` would do, and what that takes, without writing anything; raises the errors of a plan."""
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter

    with open_session(target, create=False, ports=ports) as session:
        invocation = invocation_of(target)
        files = files_before_parsing(session)
        dbt = session.ports.dbt
        parsed = dbt.parse(invocation)
        project = Fingerprinter(parsed.definition, key=os.urandom(32)).project
        refuse_shared_relations(project)
        selected = selected_nodes(dbt, parsed, invocation, options)
        found = _candidates(session, project, seen_now(session, project, options), selected, again=again)
        wanted = [each.node.unique_id for each in found if each.outcome is Outcome.ADOPT]
        compiled = dbt.compile(parsed, wanted, flags=rendered_flags(options), asks_database=False)
        found = _Comparison(session, parsed, compiled).compared(found)
        inspected = Inspected(
            options=options,
            parsed=parsed,
            invocation=invocation,
            compiled=compiled,
            selected=selected,
            files=files,
            again=again,
        )
        untouched = [node for node in project.nodes.values() if node.resource_type in ("test", "unit_test", "function")]
        adoption = Adoption(environment=session.state.environment, candidates=found, untouched=len(untouched))
        return adoption, inspected


def _candidates(
    session: Session,
    project: Project,
    seen: tuple[Recorded, Catalog],
    selected: frozenset[str] | None,
    *,
    again: bool,
) -> tuple[Candidate, ...]:
    nodes = [project.nodes[node] for node in build_order(project) if selected is None or node in selected]
    return candidates(nodes, *seen, session.state.environment, again=again)


class _Comparison:
    """Compare the columns of relations with those that their SQL would give, and seeds with their files."""

    def __init__(self, session: Session, parsed: Parsed, compiled: Mapping[str, CompiledNode]) -> None:
        self.session = session
        self.parsed = parsed
        self.compiled = compiled
        self.configs = {node.unique_id: node.attributes.get("config") or {} for node in parsed.definition.nodes}
        self.session_of_dbt = session_of_dbt(session)

    def compared(self, found: Iterable[Candidate]) -> tuple[Candidate, ...]:
        """Return the candidates, those that differ as refused."""
        found = tuple(found)
        adopted = [each.relation for each in found if each.outcome is Outcome.ADOPT]
        actual = self.session.warehouse.columns(adopted)
        number = {relation: number for number, relation in enumerate(adopted, start=1)}
        answered = []
        with self.session.warehouse.kept_open():
            for each in found:
                if each.outcome is Outcome.ADOPT:
                    self._tell(each, number[each.relation], len(adopted))
                    each = self._compared(each, actual.get((each.relation.schema, each.relation.identifier), ()))
                answered.append(each)
        return tuple(answered)

    def _tell(self, candidate: Candidate, number: int, total: int) -> None:
        name = candidate.node.unique_id
        self.session.ports.progress(Step(stage=Stage.INSPECT, done=number, total=total, detail=name))

    def _compared(self, candidate: Candidate, actual: Any) -> Candidate:
        node = candidate.node
        try:
            if node.resource_type == "seed":
                return _answered(candidate, self._other_rows(candidate, actual))
            compiled = self.compiled.get(node.unique_id)
            if node.materialized not in _SQL or compiled is None or compiled.language != "sql" or not compiled.forms:
                return candidate
            expected = self.session.warehouse.describe(compiled.forms["sql"], **self.session_of_dbt)
        except QueryRefused as refused:
            why = Cause(code=CauseCode.SQL_REFUSED, values={"message": refused.why})
            return _answered(candidate, why) if refused.is_certain else candidate
        config = self.configs[node.unique_id]
        if node.materialized == "incremental" and config.get("on_schema_change") in (None, "ignore"):
            return replace(candidate, is_compared=True)  # dbt itself leaves the columns as they are
        grows = node.materialized in ("incremental", "snapshot")
        has_contract = bool((config.get("contract") or {}).get("enforced"))  # then its columns give the order
        return _answered(candidate, other_columns(expected, actual, keeps_order=not has_contract, may_have_more=grows))

    def _other_rows(self, candidate: Candidate, actual: Any) -> Cause | None:
        from dbt_state_plugin.dbt_runner.seed_file import seed_size

        node = candidate.node
        delimiter = str(self.configs[node.unique_id].get("delimiter") or ",")
        size = seed_size(self.parsed.seed_files[node.unique_id], delimiter)
        if size is None:
            return Cause(code=CauseCode.SEED_UNREADABLE)
        columns, rows = size
        if columns != len(actual):
            values = {"found": len(actual), "expected": columns}
            return Cause(code=CauseCode.COLUMN_COUNT_DIFFERS, values=values)
        found = self.session.warehouse.count_rows(candidate.relation)
        values = {"found": found, "expected": rows}
        return None if found == rows else Cause(code=CauseCode.ROW_COUNT_DIFFERS, values=values)


def _answered(candidate: Candidate, why: Cause | None) -> Candidate:
    return replace(candidate, outcome=Outcome.REFUSE if why else candidate.outcome, why=why, is_compared=True)


def record_adoption(
    target: Target,
    shown: Adoption,
    inspected: Inspected,
    *,
    on_wait: Callable[[str], None] = lambda _holder: None,
    ports: Ports | None = None,
) -> Adoption:
    """Record what was shown to be adopted, under the environment's lock; return what was done.

    What changed since it was shown is refused. Raises BusyError, StateError and ConfigurationError.
    """
    with open_session(target, ports=ports) as session:
        lock_environment(session, on_wait)
        execution_id = uuid4()
        with recorded_execution(session, execution_id, command="adopt"):
            done = _record(session, shown, inspected, execution_id)
        finish_execution(session.state, execution_id, status="succeeded")
        return done


def _record(session: Session, shown: Adoption, inspected: Inspected, execution_id: UUID) -> Adoption:
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter

    state = session.state
    parsed, key = inspected.parsed, installation_key(state)
    fingerprinter = Fingerprinter(parsed.definition, key=key, seed_rows=partial(session.ports.dbt.seed_rows, parsed))
    project = fingerprinter.project
    seen = seen_now(session, project, inspected.options)
    now = {
        each.relation: each for each in _candidates(session, project, seen, inspected.selected, again=inspected.again)
    }
    agreed = tuple(_agreed(each, now[each.relation]) for each in shown.candidates)
    begin_transform(state, execution_id, project)
    wanted = [each for each in agreed if each.outcome is Outcome.ADOPT]
    lineage, versions = lineages(project, build_order(project)), relation_versions(project, *seen)
    records = adopted_records(project, *seen, wanted, str(state.environment), uuid4)
    digest = None if session.target.stores_sql else keyed_digest(key)
    details = {
        each.node.unique_id: _definition(fingerprinter, inspected, each.node.unique_id, digest) for each in wanted
    }
    records = _with_volatile_calls(session, project, inspected, records, lineage)
    records = _with_session(session, project, inspected, records, lineage, versions)
    adopted = [
        Adopted(record=record, node=project.nodes[record.unique_id], detail=details[record.unique_id])
        for record in records
    ]
    if not record_adopted(state, execution_id, adopted, store_code=session.target.stores_sql):
        raise StateError(
            "Another run has begun to write one of the relations.", "Run the command again when that run has ended."
        )
    _remember_project(session, inspected, fingerprinter, execution_id, key)
    return replace(shown, candidates=agreed, execution_id=execution_id)


def _agreed(shown: Candidate, now: Candidate) -> Candidate:
    """Return what was shown, with today's definition; refused where something happened meanwhile."""
    if shown.outcome is Outcome.ADOPT and not is_as_it_was(shown, now):
        return replace(shown, outcome=Outcome.REFUSE, why=Cause(code=CauseCode.CHANGED_SINCE_SHOWN))
    return replace(shown, node=now.node)


def adopted_records(
    project: Project,
    recorded: Recorded,
    catalog: Catalog,
    wanted: Iterable[Candidate],
    environment: str,
    new_id: Callable[[], UUID],
) -> tuple[RecordedRelation, ...]:
    """Return the records that builds of these relations would leave now, with what they would have seen.

    The versions of parents are those that the next plan finds, with all of these records in place.
    """
    records = {
        each.relation: RecordedRelation(
            relation=each.relation,
            unique_id=each.node.unique_id,
            environment=environment,
            resource_type=each.node.resource_type,
            materialized=each.node.materialized,
            fingerprint=project.nodes[each.node.unique_id].fingerprint,
            trace=Trace(),
            identity=each.identity,
            columns=each.columns,
            touched=each.touched,
            shape=each.shape,
            build_id=new_id(),
            data_id=new_id(),
            built_at=datetime.now(timezone.utc),
        )
        for each in wanted
    }
    after = replace(recorded, relations={**recorded.relations, **records})
    versions = relation_versions(project, after, catalog)
    lineage = lineages(project, build_order(project))
    return tuple(
        replace(record, trace=trace_of(project, lineage[record.unique_id], versions)) for record in records.values()
    )


def _with_volatile_calls(
    session: Session,
    project: Project,
    inspected: Inspected,
    records: Iterable[RecordedRelation],
    lineage: Mapping[str, Lineage],
) -> tuple[RecordedRelation, ...]:
    """Return the records with the volatile calls of the SQL that was compiled, which may be kept as a hash only."""
    calls = VolatileCalls(session.warehouse, project)
    found = []
    with session.warehouse.kept_open():
        for record in records:
            compiled = inspected.compiled.get(record.unique_id)
            statements = inspected.statements(record.unique_id)
            if compiled is not None or record.resource_type not in COMPILED:
                names = calls.of(project.nodes[record.unique_id], lineage[record.unique_id], statements)
                record = replace(record, trace=replace(record.trace, volatile=names))
            found.append(record)
    return tuple(found)


def _with_session(
    session: Session,
    project: Project,
    inspected: Inspected,
    records: Iterable[RecordedRelation],
    lineage: Mapping[str, Lineage],
    versions: Mapping[RelationName, str],
) -> tuple[RecordedRelation, ...]:
    """Return the records with the session that dbt would have now, and with what their SQL names undeclared in it.

    What views name counts for what reads them. `versions` are those of the project's own relations.
    """
    records = tuple(records)
    names = NamesInSql(session, project, lineage, versions, is_later=False)
    with session.warehouse.kept_open():
        for record in records:
            for statement in inspected.statements(record.unique_id):
                names.see(project.nodes[record.unique_id], statement)
    settings = session_settings(session) or None
    return tuple(
        replace(record, trace=_seen(record.trace, project.nodes[record.unique_id], names, settings))
        for record in records
    )


def _seen(trace: Trace, node: Node, names: NamesInSql, settings: Mapping[str, str] | None) -> Trace:
    parents = names.seen_with(node, trace.parents)
    return replace(trace, named=names.of(node.unique_id), parents=parents, session=settings)


def _definition(fingerprinter: Fingerprinter, inspected: Inspected, unique_id: str, digest: Any) -> RecordedDefinition:
    compiled = inspected.compiled.get(unique_id)
    return RecordedDefinition(
        items=fingerprinter.items(unique_id),
        compiled=compiled_document(compiled, fingerprinter.dialect, digest) if compiled else {},
    )


def _remember_project(
    session: Session, inspected: Inspected, fingerprinter: Fingerprinter, execution_id: UUID, key: bytes
) -> None:
    """Record what was parsed, so that the next run need not parse, and its manifest."""
    parsed, extra = inspected.parsed, inspected.invocation.extra
    is_recorded = not parsed.has_plugins and record_project(
        session, key, extra, fingerprinter, places_of(parsed), inspected.files
    )
    plan = Plan(
        environment=session.state.environment, command="build", entries=(), is_narrowed=inspected.selected is not None
    )
    planned = Planned(
        plan=plan,
        project=fingerprinter.project,
        invocation=inspected.invocation,
        parsed=parsed,
        is_recorded=is_recorded,
    )
    keep_manifest(session, planned, execution_id, command="adopt")
