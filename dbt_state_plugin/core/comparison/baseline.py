"""Changes against another baseline than the environment's own records.

A baseline is an environment, an execution, or a manifest in a folder. Its nodes are matched by unique_id. Only code
counts: rows, missing relations and drift are not differences, nor are the user or the version of dbt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dbt_state_plugin.core.decision.exposures import affected_exposures
from dbt_state_plugin.core.decision.request import SCOPES, is_in_scope
from dbt_state_plugin.core.fingerprint.hashing import definition_digest
from dbt_state_plugin.core.lineage import Lineage, build_order, lineages, record_key
from dbt_state_plugin.core.values.plan import NO_CHANGE, ChangeCategory, Decision, Plan, PlanEntry
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation
from dbt_state_plugin.core.values.relations import Environment

# What differs from machine to machine, whatever the code says: the profile's search_path and role, flags, versions.
_CIRCUMSTANCES = ("session", "flags", "engine")

Reasons = Mapping[str, tuple[Reason, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The baseline of a comparison: `kind` is environment, execution or manifest, `name` is for display.

    `details` are values for JSON.
    """

    kind: str
    name: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """A node of the baseline that the project no longer has; `relation` is empty if unknown."""

    unique_id: str
    relation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the code would change: the decisions as a plan, removed nodes, and how many nodes read unseen values."""

    baseline: Baseline
    plan: Plan
    removed: tuple[Removed, ...] = ()
    unseen_values: int = 0


def records_by_node(records: Iterable[RecordedRelation], project: Project) -> dict[str, RecordedRelation]:
    """Return one record for each unique_id: that of its present relation, else the newest.

    A node has several if it was renamed and the old relation still exists.
    """
    found: dict[str, RecordedRelation] = {}
    for record in sorted(records, key=lambda record: record.built_at):
        node = project.nodes.get(record.unique_id)
        known = found.get(record.unique_id)
        if known is None or node is None or known.relation != record_key(node, project):
            found[record.unique_id] = record
    return found


def comparable(project: Project, records: Mapping[str, RecordedRelation]) -> Recorded:
    """Return the records under the keys of the present nodes, with equal circumstances.

    What an ephemeral model inside of a node looked like is kept; of the model that a unit test judges the model's own
    record says more.
    """
    lineage = lineages(project, build_order(project))
    found = {}
    for unique_id, record in records.items():
        node = project.nodes.get(unique_id)
        if node is not None and is_in_scope(node, "build"):
            found[record_key(node, project)] = _in_equal_circumstances(record, node, project, lineage[unique_id])
    return Recorded(relations=found)


def _in_equal_circumstances(
    record: RecordedRelation, node: Node, project: Project, lineage: Lineage
) -> RecordedRelation:
    now = {part: node.fingerprint[part] for part in _CIRCUMSTANCES if part in node.fingerprint}
    kept = {part: value for part, value in record.fingerprint.items() if part not in _CIRCUMSTANCES}
    inlined = {
        inside: record.trace.inlined.get(inside, "")
        if project.nodes[inside].is_ephemeral
        else definition_digest(project.nodes[inside])
        for inside in lineage.inlined
    }
    return replace(record, fingerprint=kept | now, trace=replace(record.trace, inlined=inlined))


def reasons_by_records(
    project: Project, recorded: Recorded, categories: Mapping[str, ChangeCategory], where: str
) -> Reasons:
    """Return why each node is new or changed, compared with records; `where` says where a new one is not built."""
    lineage = lineages(project, build_order(project))
    found: dict[str, tuple[Reason, ...]] = {}
    for unique_id, node in project.nodes.items():
        if not is_in_scope(node, "build"):
            continue
        record = recorded.relations.get(record_key(node, project))
        if record is None:
            found[unique_id] = (Reason(kind=ReasonKind.NEW, code=ReasonCode.NOT_IN_BASELINE, values={"where": where}),)
            continue
        category = categories.get(unique_id, NO_CHANGE)
        inside = [] if category.inlined_is_same else _changed_inside(project, lineage[unique_id], record.trace.inlined)
        found[unique_id] = (*category.reasons, *inside)
    return found


def _changed_inside(project: Project, lineage: Lineage, known: Mapping[str, str]) -> list[Reason]:
    """Return a reason for each ephemeral model inside of a node that has another definition."""
    return [
        Reason(kind=ReasonKind.UPSTREAM, code=ReasonCode.PARENT_CHANGED, node=inside)
        for inside in lineage.inlined
        if project.nodes[inside].is_ephemeral and known.get(inside) != definition_digest(project.nodes[inside])
    ]


def describing(
    project: Project, records: Mapping[str, RecordedRelation], digests: Mapping[str, str]
) -> dict[str, RecordedRelation]:
    """Return the records that still say of what an execution covered: they are of the very definitions.

    `digests` maps each unique_id that the execution covered to the hash of its definition.
    """
    return {
        unique_id: record
        for unique_id, record in records.items()
        if unique_id in project.nodes
        and definition_digest(replace(project.nodes[unique_id], fingerprint=record.fingerprint))
        == digests.get(unique_id)
        and all(digests.get(inside) == digest for inside, digest in record.trace.inlined.items())
    }


def reasons_by_digests(
    project: Project, digests: Mapping[str, str], changed_code: Mapping[str, bool], execution: str
) -> Reasons:
    """Return why each node is new or changed, compared with the hashes that an execution recorded.

    `changed_code` says for the nodes whose code it recorded whether that is another one. `execution` names it in words.
    """
    lineage = lineages(project, build_order(project))
    found: dict[str, tuple[Reason, ...]] = {}
    for unique_id, node in project.nodes.items():
        if not is_in_scope(node, "build"):
            continue
        own: tuple[Reason, ...] = ()
        if unique_id not in digests:
            own = (Reason(kind=ReasonKind.NEW, code=ReasonCode.NOT_IN_BASELINE, values={"where": execution}),)
        elif digests[unique_id] != definition_digest(node):
            own = (_other_definition(changed_code.get(unique_id), execution),)
        found[unique_id] = (*own, *_changed_inside(project, lineage[unique_id], digests))
    return found


def _other_definition(is_other_code: bool | None, execution: str) -> Reason:
    if is_other_code:
        return Reason(kind=ReasonKind.BODY, code=ReasonCode.CODE_DIFFERS, values={"where": execution})
    values = {"where": execution, "is_same_code": is_other_code is not None}
    return Reason(kind=ReasonKind.DEFINITION, code=ReasonCode.DEFINITION_DIFFERS, values=values)


def changes(
    project: Project,
    own: Reasons,
    categories: Mapping[str, ChangeCategory],
    *,
    environment: Environment,
    command: str,
    selected: frozenset[str] | None,
    records: Mapping[str, RecordedRelation] | None = None,
) -> Plan:
    """Return the plan that follows from the own reasons of all nodes: changed nodes, and all downstream of them.

    A node that changes for a physical reason only changes nothing downstream.
    """
    order = build_order(project)
    lineage = lineages(project, order)
    entries = []
    codes: dict[str, ReasonCode] = {}
    for unique_id in order:
        node = project.nodes[unique_id]
        if not is_in_scope(node, "build"):
            continue
        above = [*lineage[unique_id].parents, *_tested_by(project, lineage[unique_id])]
        upstream = [Reason(kind=ReasonKind.UPSTREAM, code=codes[each], node=each) for each in above if each in codes]
        mine, category = own.get(unique_id, ()), categories.get(unique_id, NO_CHANGE)
        reasons = (*mine, *upstream)
        keeps_data = bool(reasons) and not upstream and category.is_physical and mine == category.reasons
        if reasons and not keeps_data:
            is_new = any(reason.kind is ReasonKind.NEW for reason in mine)
            codes[unique_id] = ReasonCode.PARENT_IS_NEW if is_new else ReasonCode.PARENT_CHANGES
        if node.resource_type not in SCOPES[command]:
            continue
        entry = PlanEntry(
            node=node,
            decision=Decision.BUILD if reasons else Decision.SKIP,
            reasons=reasons,
            cosmetic=category.cosmetic,
            keeps_data=keeps_data,
            record=(records or {}).get(unique_id),
        )
        entries.append(entry if selected is None or unique_id in selected else _left_out(entry))
    built = [entry.node.unique_id for entry in entries if entry.decision is Decision.BUILD]
    return Plan(
        environment=environment,
        command=command,
        entries=tuple(entries),
        is_narrowed=selected is not None,
        exposures=affected_exposures(project, lineage, built),
    )


def _left_out(entry: PlanEntry) -> PlanEntry:
    """Return the entry of a node that is not selected."""
    return replace(entry, decision=Decision.SKIP, outside_selection=bool(entry.reasons))


def _tested_by(project: Project, lineage: Lineage) -> list[str]:
    """Return what a node judges without reading it: the model of a unit test."""
    return [inside for inside in lineage.inlined if not project.nodes[inside].is_ephemeral]


def removed_nodes(project: Project, known: Mapping[str, str], command: str) -> tuple[Removed, ...]:
    """Return the nodes of the baseline that the project lacks; `known` maps their unique_ids to their relations.

    Tests are named only where the command builds them.
    """
    wanted = SCOPES[command] | {"model", "seed", "snapshot", "function"}
    return tuple(
        Removed(unique_id=unique_id, relation=relation)
        for unique_id, relation in sorted(known.items())
        if unique_id not in project.nodes and unique_id.split(".")[0] in wanted
    )
