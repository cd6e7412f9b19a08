"""A node's own reasons, whatever else is built."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from dbt_state_plugin.core.changes.differences import differing_parts
from dbt_state_plugin.core.config.node_config import is_strict
from dbt_state_plugin.core.config.source_config import max_age_hours
from dbt_state_plugin.core.decision.behind_views import behind_views
from dbt_state_plugin.core.decision.dropped_views import DroppedViews
from dbt_state_plugin.core.decision.known import Known
from dbt_state_plugin.core.decision.logic_change import (
    holds_rows,
    is_written_in_place,
    older_rows_reason,
    wants_rebuild,
)
from dbt_state_plugin.core.decision.volatile_reasons import volatile_reasons
from dbt_state_plugin.core.fingerprint.hashing import fingerprint_digest
from dbt_state_plugin.core.lineage import record_key, trace_of
from dbt_state_plugin.core.values.invocations import UNKNOWN
from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind, kind_of_part
from dbt_state_plugin.core.values.records import OpenIntent, RecordedRelation, was_removed_by_hook
from dbt_state_plugin.core.values.things import Thing, ThingChange
from dbt_state_plugin.core.versions.drift import find_drift
from dbt_state_plugin.core.versions.session import differing_settings
from dbt_state_plugin.core.versions.shape import shape_changes
from dbt_state_plugin.core.versions.source_version import data_change


def own_reasons(known: Known, dropped: DroppedViews, node: Node) -> tuple[Reason, ...]:
    """Return a node's own reasons: request, records, definition, relation, age and inputs."""
    record = known.record_of(node)
    reasons = [*_forced(known, node), *_interrupted(known, node)]
    if record is None:
        has_failed = any(reason.code is ReasonCode.TEST_FAILED for reason in reasons)
        return tuple(reasons) if has_failed else (_reason(ReasonKind.NEW, ReasonCode.NOT_RECORDED), *reasons)
    category = known.categories.get(node.unique_id)
    if known.recorded.is_in_doubt(record):
        reasons.append(_reason(ReasonKind.INTERRUPTED, ReasonCode.RESTORED))
    if record_key(node, known.project) in known.recorded.unread:
        reasons.append(_reason(ReasonKind.INTERRUPTED, ReasonCode.NOT_READ))
    reasons += _changed_parts(known, node, record) if category is None else category.reasons
    reasons += _earlier_logic(known, node, record)
    reasons += _drift(known, node, record)
    reasons += _session(known, record)
    reasons += _volatile(known, node, record)
    reasons += _age(known, node, record)
    reasons += _upstream_builds(known, dropped, node, record)
    return tuple(reasons)


def asks_to_rebuild(known: Known, node: Node) -> bool:
    """Return whether `--full-refresh-changed` was given for a node."""
    selected = known.request.selected
    return known.request.full_refresh_changed and (selected is None or node.unique_id in selected)


def _reason(kind: ReasonKind, code: ReasonCode, node: str = "", **values: Any) -> Reason:
    return Reason(kind=kind, code=code, node=node, values=values)


def _forced(known: Known, node: Node) -> list[Reason]:
    request = known.request
    if request.selected is not None and node.unique_id not in request.selected:
        return []
    if request.full_refresh:
        return [_reason(ReasonKind.FORCED, ReasonCode.FULL_REFRESH)]
    return [_reason(ReasonKind.FORCED, ReasonCode.FORCE)] if request.force else []


def _interrupted(known: Known, node: Node) -> list[Reason]:
    intents = known.recorded.intents.get(record_key(node, known.project), ())
    return [_interruption(intents[0], node)] if intents else []


def _interruption(intent: OpenIntent, node: Node) -> Reason:
    execution = str(intent.execution_id)
    if node.is_test and intent.node_status in ("fail", "error"):  # it has written nothing
        return _reason(ReasonKind.FAILED, ReasonCode.TEST_FAILED, execution=execution)
    if intent.execution_status == "failed":
        return _failure(intent.node_status, execution)
    if intent.execution_status == "running":
        return _reason(ReasonKind.INTERRUPTED, ReasonCode.BEING_WRITTEN, execution=execution)
    status = intent.execution_status
    return _reason(ReasonKind.INTERRUPTED, ReasonCode.MAY_BE_WRITTEN, execution=execution, status=status)


def _failure(node_status: str, execution: str) -> Reason:
    """Return what became of a node in an execution that failed."""
    if node_status == "skipped":
        return _reason(ReasonKind.INTERRUPTED, ReasonCode.NOT_REACHED, execution=execution)
    kind = ReasonKind.FAILED if node_status in ("error", "partial success") else ReasonKind.INTERRUPTED
    return _reason(kind, ReasonCode.BUILD_FAILED, execution=execution)


def _changed_parts(known: Known, node: Node, record: RecordedRelation) -> list[Reason]:
    """Return a reason for each part of the fingerprint that differs, and for what was read and is another today."""
    parts = []
    for part in differing_parts(node, record):
        seed = {"resource_type": "seed"} if part == "body" and node.resource_type == "seed" else {}
        parts.append(_reason(kind_of_part(part), ReasonCode.PART_CHANGED, part=part, **seed))
    return [*parts, *known.recorded.other_reads.get(record.relation, ())]


def _earlier_logic(known: Known, node: Node, record: RecordedRelation) -> list[Reason]:
    """Return the reason to build from scratch what holds rows of earlier logic, where that is wanted."""
    if not record.trace.older_logic or not holds_rows(node, record, ()):
        return []
    request = known.request
    is_wanted = wants_rebuild(node, is_asked=asks_to_rebuild(known, node), default=request.on_logic_change)
    return [older_rows_reason(record)] if is_wanted else []


def _drift(known: Known, node: Node, record: RecordedRelation) -> list[Reason]:
    reasons = []
    if record.environment != str(known.request.environment) and not _would_be_the_same(known, node, record):
        reasons.append(_reason(ReasonKind.DRIFTED, ReasonCode.BUILT_ELSEWHERE, environment=record.environment))
    if node.relation is None:
        return reasons
    catalog, relation = known.catalog, node.relation
    identity = catalog.identities.get(relation)
    if identity is None:
        if not was_removed_by_hook(record):
            reasons.append(_reason(ReasonKind.MISSING, ReasonCode.RELATION_MISSING, relation=str(relation)))
    elif drift := find_drift(record, identity, catalog.columns.get(relation), catalog.touched.get(relation)):
        reasons.append(drift)
    else:
        reasons += _drift_of_shape(known, node, record)
    return reasons


def _would_be_the_same(known: Known, node: Node, record: RecordedRelation) -> bool:
    """Return whether this environment would build the very relation that another one has built.

    Only observations prove it: everything that rendering read, the relations that the SQL names, and the session's
    settings with the user who owns what is built.
    """
    session, trace = known.catalog.session, record.trace
    return (
        node.relation is not None
        and node.unique_id == record.unique_id
        and trace.reads is not None
        and trace.named == ()
        and bool(session.get("user"))
        and trace.session is not None
        and trace.session.get("user") == session["user"]
        and not differing_settings(trace.session, session)
        and not differing_parts(node, record)
        and record.relation not in known.recorded.other_reads
    )


def _session(known: Known, record: RecordedRelation) -> list[Reason]:
    """Return the settings of the session that say what a statement means and are others than those of the build."""
    before, now = record.trace.session, known.catalog.session
    if before is None or not now:
        return []
    items = [
        {"name": name, "change": "set", "before": before.get(name, ""), "after": now.get(name, "")}
        for name in differing_settings(before, now)
    ]
    return [_reason(ReasonKind.SESSION, ReasonCode.ITEMS_CHANGED, part="session", items=items)] if items else []


def _drift_of_shape(known: Known, node: Node, record: RecordedRelation) -> list[Reason]:
    changes = shape_changes(record.shape, known.catalog.shapes.get(record.relation))
    in_place: dict[str, Any] = {}
    if is_written_in_place(node) and not known.request.full_refresh:
        in_place = {"in_place": True}
    return [
        _reason(
            ReasonKind.DRIFTED,
            ReasonCode.SHAPE_CHANGED,
            thing=thing.kind,
            name=thing.name,
            change=change.value,
            **in_place,
        )
        for thing, change in changes
        if change is not ThingChange.ADDED or is_strict(node, known.request.drift)
    ]


def added_by_hand(known: Known, node: Node) -> tuple[Thing, ...]:
    """Return what was added by hand to the relation that the last build left."""
    record, relation = known.record_of(node), node.relation
    if record is None or relation is None or known.catalog.identities.get(relation) != record.identity:
        return ()
    changes = shape_changes(record.shape, known.catalog.shapes.get(relation))
    return tuple(thing for thing, change in changes if change is ThingChange.ADDED)


def _volatile(known: Known, node: Node, record: RecordedRelation) -> list[Reason]:
    parents = [known.project.nodes[parent] for parent in known.lineage[node.unique_id].parents]
    read = [(parent, known.record_of(parent)) for parent in parents]
    return volatile_reasons(node, record, read, default=known.request.volatile)


def _age(known: Known, node: Node, record: RecordedRelation) -> list[Reason]:
    most = max_age_hours(node)
    if most is None or known.request.now is None:
        return []
    age = (known.request.now - record.built_at) / timedelta(hours=1)
    return [] if age < most else [_reason(ReasonKind.AGE, ReasonCode.TOO_OLD, hours=age, max_age=most)]


def _upstream_builds(known: Known, dropped: DroppedViews, node: Node, record: RecordedRelation) -> list[Reason]:
    lineage = known.lineage[node.unique_id]
    now = trace_of(known.project, lineage, known.versions)
    reasons = []
    for parent in () if known.category_of(node.unique_id).inlined_is_same else lineage.inlined:
        seen = record.trace.inlined.get(parent)
        if seen != now.inlined[parent] and not _is_laid_out(known, node, parent, seen):
            reasons.append(_parent_changed(known, node, parent))
    later: dict[str, Reason] = {}
    for parent in lineage.parents:
        relation = str(record_key(known.project.nodes[parent], known.project))
        version = record.trace.parents.get(relation)
        if reason := _change_of(known, dropped, node, parent, version, now.parents[relation]):
            later[parent] = reason
    behind = behind_views(known, node.unique_id, later)
    return [*reasons, *(reason for parent, reason in later.items() if parent not in behind)]


def _is_laid_out(known: Known, node: Node, parent: str, seen: str | None) -> bool:
    """Return whether nothing but comments and layout differs in the model of a unit test, since the test has seen it.

    The SQL that the model compiles to does not tell: a unit test may override vars and macros.
    """
    model = known.project.nodes[parent]
    record, category = known.record_of(model), known.category_of(parent)
    if node.resource_type != "unit_test" or model.is_ephemeral or record is None or category.reasons:
        return False
    settled = {reason.values.get("equal") for reason in category.cosmetic}
    return seen == fingerprint_digest(record.fingerprint) and bool(settled) and settled <= {"layout", "undescribed"}


def _parent_changed(known: Known, node: Node, parent: str) -> Reason:
    """Return that the definition of a node inside differs; of an ephemeral model, what in it does."""
    if not known.project.nodes[parent].is_ephemeral:
        return _reason(ReasonKind.UPSTREAM, ReasonCode.PARENT_CHANGED, parent)
    items = list(known.category_of(node.unique_id).inlined_items)
    values = {"ephemeral": True, **({"items": items} if items else {})}
    return _reason(ReasonKind.UPSTREAM, ReasonCode.PARENT_CHANGED, parent, **values)


def _change_of(
    known: Known, dropped: DroppedViews, node: Node, parent: str, seen: str | None, now: str
) -> Reason | None:
    if known.project.nodes[parent].resource_type != "source":
        if seen == now or (seen is not None and dropped.stands_on(node.unique_id, parent)):
            return None
        record = known.record_of(known.project.nodes[parent])
        if seen is not None and record is not None and record.trace.written_by:
            return _reason(ReasonKind.UPSTREAM, ReasonCode.WRITTEN_BY_HOOK, parent, writer=record.trace.written_by)
        codes = {None: ReasonCode.NEW_PARENT, UNKNOWN: ReasonCode.NOT_SEEN}
        code = codes.get(seen, ReasonCode.BUILT_SINCE)
        return _reason(ReasonKind.UPSTREAM, code, parent)
    change = data_change(
        seen, now, by_rows=node.materialized != "view", by_touch=node.unique_id in known.loader_column_readers
    )
    return replace(change, node=parent) if change is not None else None
