"""Recordable results of a dbt invocation outside this tool; doubt means due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from dbt_state_plugin.core.comparison.adoption import other_kind
from dbt_state_plugin.core.lineage import record_key
from dbt_state_plugin.core.values.causes import Cause, CauseCode, told
from dbt_state_plugin.core.values.dialect import SqlDialect
from dbt_state_plugin.core.values.invocations import (
    UNKNOWN,
    DbtResult,
    HandedPlan,
    RecordedNode,
    Recording,
)
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation
from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationName
from dbt_state_plugin.core.versions.source_version import names_identity, parse_version

# dbt builds these from nothing and puts them in the place of what is there.
_REPLACED = frozenset({"table", "view"})
_NOT_RUN = frozenset({"skipped", "no-op"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingInputs:
    """Everything that decides what is recorded.

    `lag` is what the server's clock is ahead of the one by which dbt's times are: where the two do not say the same,
    both count. `intended` maps what other executions have begun to write since dbt began to the execution. `doubts`
    maps nodes whose definition at that time is not certain to the reason. The materializations of the nodes in `custom`
    are not dbt's own. `tells_replaced` says whether what dbt puts in the place of a relation has another identity.
    """

    project: Project
    dialect: SqlDialect
    recorded: Recorded
    catalog: Catalog
    lag: timedelta
    intended: Mapping[RelationName, str] = field(default_factory=dict)
    doubts: Mapping[str, Cause] = field(default_factory=dict)
    custom: frozenset[str] = frozenset()
    tells_replaced: bool = True

    def record_of(self, node: Node) -> RecordedRelation | None:
        """Return what is recorded about a node's relation."""
        return self.recorded.relations.get(record_key(node, self.project))

    def identity_of(self, node: Node) -> Identity | None:
        """Return the relation of a node that is there now."""
        return self.catalog.identities.get(node.relation) if node.relation is not None else None


def earliest(time: datetime, lag: timedelta) -> datetime:
    """Return the earliest time on the server's clock that a time reported by dbt may correspond to."""
    return min(time, time + lag)


def is_later(plan: HandedPlan, inputs: RecordingInputs, results: Iterable[DbtResult]) -> bool:
    """Return whether a plan has seen what dbt built, whatever the clocks say."""
    for result in results:
        node = inputs.project.nodes.get(result.outcome.unique_id)
        identity = inputs.identity_of(node) if node is not None else None
        if node is None or identity is None or not result.outcome.is_success:
            continue
        if _is_replaced(node, inputs) and names_identity(plan.versions.get(str(node.relation), UNKNOWN), identity):
            return True
    return False


def versions_before(
    recorded: Recorded, plans: Iterable[HandedPlan], began: datetime, written: Iterable[str]
) -> dict[str, str]:
    """Return the newest known version from before dbt began of each relation, as text.

    It comes from the plans that were handed out and from what builds have seen. What dbt has `written` itself (names of
    relations) has none. An older version than the one that dbt read is safe: the reader is built once more.
    """
    seen = [(plan.handed_at, plan.versions) for plan in plans]
    seen += [(record.built_at, _at_the_build(record)) for record in recorded.relations.values()]
    found: dict[str, str] = {}
    for _, versions in sorted((each for each in seen if each[0] < began), key=lambda each: each[0]):
        found.update((name, version) for name, version in versions.items() if version != UNKNOWN)
    return found | dict.fromkeys(written, UNKNOWN)


def _at_the_build(record: RecordedRelation) -> dict[str, str]:
    """Return the versions of parents without what was found to be equal later."""
    parsed = {name: (text, parse_version(text)) for name, text in record.trace.parents.items()}
    return {name: str(replace(each, checked="")) if each is not None else text for name, (text, each) in parsed.items()}


def why_unrecorded(result: DbtResult, inputs: RecordingInputs) -> RecordedNode | None:
    """Return the outcome of a node that is not recorded as built, None for one that is."""
    outcome, node = result.outcome, inputs.project.nodes[result.outcome.unique_id]
    if outcome.status in _NOT_RUN:
        return _is(node, Recording.SKIPPED, told(outcome.message) if outcome.message else Cause(code=CauseCode.NOT_RUN))
    if known := _known(result, node, inputs):
        return _is(node, Recording.KNOWN, known)
    if not outcome.is_success:
        return _is(node, Recording.FAILED, told(outcome.message or outcome.status))
    doubt = _doubt(result, node, inputs)
    return _is(node, Recording.DUE, doubt) if doubt else None


def keeps_rows(node: Node, record: RecordedRelation | None, inputs: RecordingInputs) -> bool:
    """Return whether rows may still be there that were in the relation when it was recorded: it is the same object."""
    identity = inputs.identity_of(node)
    if record is None or record.identity is None or identity is None or node.unique_id in inputs.custom:
        return True
    return identity.is_same_object_as(record.identity)


def _is(node: Node, recording: Recording, why: Cause) -> RecordedNode:
    return RecordedNode(unique_id=node.unique_id, recording=recording, why=why)


def _known(result: DbtResult, node: Node, inputs: RecordingInputs) -> Cause | None:
    """Return why nothing of a node has happened that is not recorded, None if something has."""
    record = inputs.record_of(node)
    if record is None:
        return None
    if record.built_at >= max(result.completed_at, result.completed_at + inputs.lag):
        return _by(CauseCode.BUILT_LATER, record)
    is_success = result.outcome.is_success and _is_replaced(node, inputs)
    if is_success and record.identity is not None and inputs.identity_of(node) == record.identity:
        return _by(CauseCode.STILL_AS_LEFT, record)
    return None


def _doubt(result: DbtResult, node: Node, inputs: RecordingInputs) -> Cause | None:
    """Return why it is not certain what stands there, None if it is."""
    record, identity = inputs.record_of(node), inputs.identity_of(node)
    if record is not None and record.built_at >= earliest(result.completed_at, inputs.lag):
        return _by(CauseCode.CLOCKS_DISAGREE, record)
    if execution := inputs.intended.get(record_key(node, inputs.project)):
        return Cause(code=CauseCode.WRITTEN_SINCE, values={"execution": execution})
    if node.writes_relation and identity is None:
        return Cause(code=CauseCode.DOES_NOT_EXIST)
    kind = other_kind(node, identity) if node.writes_relation and identity is not None else None
    if not kind and _keeps_old_query(result, node, inputs):
        kind = Cause(code=CauseCode.ONLY_REFRESHED)
    return kind or inputs.doubts.get(node.unique_id)


def _keeps_old_query(result: DbtResult, node: Node, inputs: RecordingInputs) -> bool:
    """Return whether dbt merely refreshed a materialized view that is not known to be defined as it is now."""
    if node.materialized != "materialized_view" or inputs.dialect.was_created(result.outcome.message):
        return False
    record, identity = inputs.record_of(node), inputs.identity_of(node)
    if record is None or record.identity is None or identity is None:
        return True
    return record.fingerprint != node.fingerprint or not identity.is_same_object_as(record.identity)


def _is_replaced(node: Node, inputs: RecordingInputs) -> bool:
    """Return whether a build of a node leaves a relation that can be told from the one before."""
    if not inputs.tells_replaced:
        return False
    return node.materialized in _REPLACED and node.resource_type == "model" and node.unique_id not in inputs.custom


def _by(code: CauseCode, record: RecordedRelation) -> Cause:
    return Cause(code=code, values={"execution": str(record.execution_id or "unknown")})
