"""Decision rule: which nodes must be built, and why.

A pure function of the parsed project, the recorded state and the warehouse's catalog. Any doubt means build.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dbt_state_plugin.core.changes.differences import Difference, find_differences
from dbt_state_plugin.core.decision.cutoff import hanging
from dbt_state_plugin.core.decision.exposures import affected_exposures
from dbt_state_plugin.core.decision.known import Known, known
from dbt_state_plugin.core.decision.logic_change import holds_rows, is_logic_change, old_rows
from dbt_state_plugin.core.decision.own_reasons import added_by_hand, asks_to_rebuild
from dbt_state_plugin.core.decision.propagation import ABOUT_SHAPE, Propagation
from dbt_state_plugin.core.decision.request import PlanRequest, is_in_scope
from dbt_state_plugin.core.decision.seen_versions import is_of_nothing, relation_versions
from dbt_state_plugin.core.decision.shared_relations import refuse_shared_relations
from dbt_state_plugin.core.lineage import build_order, lineages, record_key
from dbt_state_plugin.core.values.plan import ChangeCategory, Decision, Plan, PlanEntry
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.reasons import OldRows, Reason
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation
from dbt_state_plugin.core.values.relations import Catalog

_BUILT_BY_OTHERS = frozenset({"seed", "snapshot", "model"})


def make_plan(
    project: Project,
    recorded: Recorded,
    catalog: Catalog,
    request: PlanRequest,
    categories: Mapping[str, ChangeCategory] | None = None,
    same_rows: frozenset[str] = frozenset(),
) -> Plan:
    """Return the decision about every node in the command's scope; raises ProjectError for a shared relation.

    `categories` has the change category of the nodes whose definition differs; without one a difference is real. A
    build of the nodes in `same_rows` gives the rows that are there; `may_keep_rows` names those to be asked about.
    """
    refuse_shared_relations(project)
    order = build_order(project)
    versions = relation_versions(project, recorded, catalog)
    inputs = known(project, recorded, catalog, request, lineages(project, order), versions, categories or {}, same_rows)
    propagation = Propagation(inputs)
    in_scope = [node for node in order if is_in_scope(project.nodes[node], request.command)]
    coded = propagation.needed(in_scope, code_only=True) if request.code_only else None
    needed = propagation.needed(in_scope)
    building = propagation.narrowed(in_scope, needed if coded is None else coded)
    needed |= coded or {}
    hangs_on = hanging(inputs, in_scope, needed, propagation.own, building)
    removed = _removed(inputs)
    return Plan(
        environment=request.environment,
        command=request.command,
        entries=tuple(
            _entry(
                inputs,
                project.nodes[node],
                needed.get(node, ()),
                is_built=node in building,
                keeps_data=node in propagation.keeps_data,
                hangs_on=hangs_on.get(node, ()),
            )
            for node in in_scope
        ),
        removed=removed,
        parent_versions=versions,
        is_narrowed=request.selected is not None or request.code_only,
        exposures=affected_exposures(project, inputs.lineage, building, needed),
        absent_above=_absent_above(inputs, building),
        gone=frozenset(record.relation for record in removed if record.relation not in catalog.identities),
    )


def _absent_above(inputs: Known, building: Collection[str]) -> tuple[str, ...]:
    """Return what another command builds, nobody has, and what is built reads."""
    above = {parent for node in building for parent in inputs.lineage[node].parents}
    return tuple(
        unique_id
        for unique_id in sorted(above)
        if inputs.project.nodes[unique_id].resource_type in _BUILT_BY_OTHERS
        and not is_in_scope(inputs.project.nodes[unique_id], inputs.request.command)
        and is_of_nothing(inputs.versions.get(record_key(inputs.project.nodes[unique_id], inputs.project), ""))
    )


def may_keep_rows(plan: Plan) -> frozenset[str]:
    """Return the nodes that change no row or column if a build of theirs gives the rows that are there."""
    return frozenset(
        entry.node.unique_id
        for entry in plan.entries
        if not entry.keeps_data and entry.reasons and any(reason.code in ABOUT_SHAPE for reason in entry.reasons)
    )


def differences_in_scope(project: Project, recorded: Recorded, command: str) -> dict[str, Difference]:
    """Return which nodes in the command's scope have another definition than the one that was recorded."""
    order = build_order(project)
    in_scope = [node for node in order if is_in_scope(project.nodes[node], command)]
    return find_differences(project, recorded, lineages(project, order), in_scope)


def _removed(inputs: Known) -> tuple[RecordedRelation, ...]:
    """Return the relations of this environment that no node of the project writes any more."""
    project = inputs.project
    keys = {record_key(node, project) for node in project.nodes.values() if not node.is_ephemeral}
    here = str(inputs.request.environment)
    return tuple(
        record
        for relation, record in sorted(inputs.recorded.relations.items())
        if relation not in keys and relation.schema and record.environment == here
    )


def _entry(
    inputs: Known,
    node: Node,
    reasons: tuple[Reason, ...],
    *,
    is_built: bool,
    keeps_data: bool,
    hangs_on: tuple[str, ...],
) -> PlanEntry:
    record = inputs.record_of(node)
    return PlanEntry(
        node=node,
        decision=Decision.BUILD if is_built else Decision.SKIP,
        reasons=reasons,
        outside_selection=bool(reasons) and not is_built,
        cosmetic=inputs.category_of(node.unique_id).cosmetic,
        keeps_data=keeps_data,
        record=record,
        old_rows=_old_rows(inputs, node, record, reasons) if reasons or node.resource_type == "seed" else None,
        extra=added_by_hand(inputs, node),
        hangs_on=hangs_on,
    )


def _old_rows(
    inputs: Known, node: Node, record: RecordedRelation | None, reasons: tuple[Reason, ...]
) -> OldRows | None:
    if record is None or not holds_rows(node, record, reasons):
        return None
    category = inputs.categories.get(node.unique_id)
    is_changed = is_logic_change(inputs.project, inputs.lineage[node.unique_id], category, reasons)
    if not is_changed and not record.trace.older_logic:
        return None
    return old_rows(
        node,
        is_asked=asks_to_rebuild(inputs, node),
        is_full_refresh=inputs.request.full_refresh,
        is_changed=is_changed,
        default=inputs.request.on_logic_change,
    )
