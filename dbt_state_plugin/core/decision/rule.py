"""Decision rule: which nodes must be built, and why.

The decision rule, as a pure function of the parsed project, the recorded state and the warehouse's catalog. Any doubt
means build.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from dbt_state_plugin.core.changes.differences import Difference, differing_parts, find_differences
from dbt_state_plugin.core.changes.part_words import PART_WORDS
from dbt_state_plugin.core.config.source_config import max_age_hours
from dbt_state_plugin.core.decision.logic_change import (
    holds_rows,
    is_logic_change,
    old_rows,
    older_rows_reason,
    wants_rebuild,
)
from dbt_state_plugin.core.decision.request import (
    FROM_ABOVE,
    KINDS_BY_PART,
    NO_CHANGE,
    NOT_CODE,
    VIEWS,
    PlanRequest,
    is_in_scope,
)
from dbt_state_plugin.core.decision.seen_versions import relation_versions
from dbt_state_plugin.core.decision.shared_relations import refuse_shared_relations
from dbt_state_plugin.core.decision.volatile_reasons import volatile_reasons
from dbt_state_plugin.core.lineage import (
    Lineage,
    build_order,
    lineages,
    readers_of_loader_columns,
    record_key,
    trace_of,
)
from dbt_state_plugin.core.values.plan import ChangeCategory, Decision, Plan, PlanEntry
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.reasons import OldRows, Reason, ReasonKind
from dbt_state_plugin.core.values.records import OpenIntent, Recorded, RecordedRelation
from dbt_state_plugin.core.values.relations import Catalog, RelationName
from dbt_state_plugin.core.versions.drift import drift_words
from dbt_state_plugin.core.versions.source_version import OTHER_COLUMNS, data_change


def make_plan(
    project: Project,
    recorded: Recorded,
    catalog: Catalog,
    request: PlanRequest,
    categories: Mapping[str, ChangeCategory] | None = None,
) -> Plan:
    """Return the decision about every node in the command's scope; raises ProjectError for a shared relation.

    `categories` says of the nodes whose definition differs what the difference amounts to; without one it is real.
    """
    refuse_shared_relations(project)
    order = build_order(project)
    versions = relation_versions(project, recorded, catalog)
    decided = _Decisions(project, recorded, catalog, request, lineages(project, order), versions, categories or {})
    in_scope = [node for node in order if is_in_scope(project.nodes[node], request.command)]
    coded = decided.needed(in_scope, without=NOT_CODE) if request.code_only else None
    needed = decided.needed(in_scope)
    building = decided.narrowed(in_scope, needed if coded is None else coded)
    needed |= coded or {}
    keys = {record_key(node, project) for node in project.nodes.values() if not node.is_ephemeral}
    return Plan(
        environment=request.environment,
        command=request.command,
        entries=tuple(decided.entry(node, needed.get(node, ()), is_built=node in building) for node in in_scope),
        removed=tuple(
            record
            for relation, record in sorted(recorded.relations.items())
            if relation not in keys and relation.schema and record.environment == str(request.environment)
        ),
        parent_versions=versions,
        is_narrowed=request.selected is not None or request.code_only,
    )


def differences_in_scope(project: Project, recorded: Recorded, command: str) -> dict[str, Difference]:
    """Return which nodes in the command's scope have another definition than the one that was recorded."""
    order = build_order(project)
    in_scope = [node for node in order if is_in_scope(project.nodes[node], command)]
    return find_differences(project, recorded, lineages(project, order), in_scope)


_DROPPED_WITH = "PostgreSQL drops this view together with it"


class _Decisions:
    """Apply the decision rule to one project."""

    def __init__(
        self,
        project: Project,
        recorded: Recorded,
        catalog: Catalog,
        request: PlanRequest,
        lineage: Mapping[str, Lineage],
        versions: Mapping[RelationName, str],
        categories: Mapping[str, ChangeCategory],
    ) -> None:
        self.project = project
        self.recorded = recorded
        self.catalog = catalog
        self.request = request
        self.lineage = lineage
        self.versions = versions
        self.categories = categories
        self.keeps_data: set[str] = set()
        self.keeps_types: set[str] = set()
        self.views_on: dict[str, frozenset[str]] = {}
        self.reads_loader_columns = readers_of_loader_columns(project, lineage)
        # A source may name a relation that a model writes; the model owns it.
        self.owners = {
            node.relation: node.unique_id
            for node in project.nodes.values()
            if node.relation is not None and node.resource_type != "source" and not node.is_ephemeral
        }

    def needed(
        self, in_scope: list[str], without: frozenset[ReasonKind] = frozenset()
    ) -> dict[str, tuple[Reason, ...]]:
        """Return the reasons of every node that needs a build, whatever the selection says, but for some kinds."""
        everything = {node: self._own_reasons(self.project.nodes[node]) for node in in_scope}
        own = {node: tuple(r for r in reasons if r.kind not in without) for node, reasons in everything.items()}
        while True:
            needed = self._propagated(in_scope, own)
            dropped = self._dropped_views(needed, in_scope)
            if not dropped:
                return needed
            for view, parent in dropped.items():
                own[view] = (*own[view], Reason(kind=ReasonKind.UPSTREAM, node=parent, detail=_DROPPED_WITH))

    def _propagated(self, in_scope: list[str], own: Mapping[str, tuple[Reason, ...]]) -> dict[str, tuple[Reason, ...]]:
        needed: dict[str, tuple[Reason, ...]] = {}
        self.keeps_data, self.keeps_types = set(), set()
        for node in in_scope:
            building = [
                parent
                for parent in self.lineage[node].parents
                if parent in needed and not (self._is_written_into(parent) and self._stands_on(node, parent))
            ]
            # That a parent was built since says less than that it is built now.
            changing = [parent for parent in building if parent not in self.keeps_data]
            behind = self._behind_views(node, changing)
            said = [r for r in own[node] if r.kind not in FROM_ABOVE or r.node not in behind]
            kept = [r for r in said if r.kind is not ReasonKind.UPSTREAM or r.node not in changing]
            shown = [parent for parent in changing if parent not in behind]
            upstream = [Reason(kind=ReasonKind.UPSTREAM, node=parent, detail="is built") for parent in shown]
            if kept or upstream:
                needed[node] = (*kept, *upstream)
                if not upstream and self._keeps_data(node, kept):
                    self.keeps_data.add(node)
                if all(self._tells_of_rows(reason) for reason in needed[node]):
                    self.keeps_types.add(node)
        return needed

    def _tells_of_rows(self, reason: Reason) -> bool:
        """Tell whether a reason leaves the columns of what is built, and their types, as they were."""
        if reason.kind is ReasonKind.UPSTREAM:
            # A function is part of the logic of those who call it, which may be built from scratch for it.
            return reason.node in self.keeps_types and self.project.nodes[reason.node].resource_type != "function"
        return reason.kind is ReasonKind.AGE or (reason.kind is ReasonKind.DATA and reason.detail not in OTHER_COLUMNS)

    def _is_written_into(self, node: str) -> bool:
        """Tell whether the build of a needed node writes into its table as it stands.

        Where an input has other types dbt may widen a column, for which it drops the views that show it.
        """
        keeps = self.project.nodes[node].keeps_columns and not self.request.full_refresh
        return keeps and node in self.keeps_types

    def _stands_on(self, node: str, table: str) -> bool:
        """Tell whether a node is a view that PostgreSQL knows to read the very table that is there now.

        Then nothing but other columns of that table could make another view of it.
        """
        if self.project.nodes[node].materialized != "view" or not self.project.nodes[table].keeps_columns:
            return False
        if table not in self.views_on:
            self.views_on[table] = frozenset(self._cascades([table]))
        return node in self.views_on[table]

    def _behind_views(self, node: str, parents: Iterable[str]) -> set[str]:
        """Return what a node reads only through views that are among these parents: naming the view says it."""
        views = [parent for parent in parents if self.project.nodes[parent].materialized == "view"]
        behind = {parent for view in views for parent in self.lineage[view].parents}
        return behind - set(self.project.nodes[node].parents)

    def _keeps_data(self, node: str, reasons: Iterable[Reason]) -> bool:
        """Tell whether a build for these reasons leaves all rows and columns as they are."""
        category = self.categories.get(node, NO_CHANGE)
        is_view = self.project.nodes[node].materialized == "view"
        physical = category.reasons if category.is_physical and (is_view or not self._reads_views(node)) else ()
        return all(
            reason in physical or (is_view and reason.detail == _DROPPED_WITH and reason.node in self.keeps_data)
            for reason in reasons
        )

    def _reads_views(self, node: str) -> bool:
        """Tell whether a node reads rows that a view computes: nothing here says that they come out alike again."""
        return any(self.project.nodes[parent].materialized == "view" for parent in self.lineage[node].parents)

    def _dropped_views(self, needed: Mapping[str, object], in_scope: Iterable[str]) -> dict[str, str]:
        """Return the views that PostgreSQL drops with a needed node where that says something new, with that node."""
        scope = set(in_scope)
        # Where several nodes take a view down, one that changes data says more than one that keeps it.
        dropping = [node for node in needed if not self._is_written_into(node)]
        dropped = self._cascades(sorted(dropping, key=self.keeps_data.__contains__))
        return {
            view: parent
            for view, parent in dropped.items()
            if view in scope and (view not in needed or (view in self.keeps_data and parent not in self.keeps_data))
        }

    def _cascades(self, nodes: Iterable[str]) -> dict[str, str]:
        """Return the nodes whose relations PostgreSQL drops with those of `nodes`, each with the first it goes with.

        Every relation is looked at once, however many of `nodes` lie above it.
        """
        found: dict[str, str] = {}
        seen: set[RelationName] = set()
        for node in nodes:
            relation = self.project.nodes[node].relation
            todo = [relation] if relation and relation not in seen else []
            seen |= set(todo)
            while todo:
                fresh = set(self.catalog.cascades.get(todo.pop(), ())) - seen
                seen |= fresh
                todo.extend(fresh)
                found |= {self.owners[view]: node for view in fresh if view in self.owners}
        return found

    def narrowed(self, in_scope: list[str], needed: Mapping[str, object]) -> set[str]:
        """Return what is built: the needed nodes inside the selection, and the views that go down with them."""
        selected = self.request.selected
        if selected is None:
            return set(needed)
        building = {node for node in needed if node in selected}
        while True:
            views = set(self._cascades(building))
            views |= {
                node
                for node in in_scope
                if self.project.nodes[node].materialized in VIEWS
                and not building.isdisjoint(self.lineage[node].parents)
            }
            fresh = (views & needed.keys()) - building
            if not fresh:
                return building
            building |= fresh

    def entry(self, unique_id: str, reasons: tuple[Reason, ...], *, is_built: bool) -> PlanEntry:
        """Return the plan's entry for one node."""
        node = self.project.nodes[unique_id]
        record = self.recorded.relations.get(record_key(node, self.project))
        return PlanEntry(
            node=node,
            decision=Decision.BUILD if is_built else Decision.SKIP,
            reasons=reasons,
            outside_selection=bool(reasons) and not is_built,
            cosmetic=self.categories.get(unique_id, NO_CHANGE).cosmetic,
            keeps_data=unique_id in self.keeps_data,
            record=record,
            old_rows=self._old_rows(node, record, reasons) if reasons else None,
        )

    def _old_rows(self, node: Node, record: RecordedRelation | None, reasons: tuple[Reason, ...]) -> OldRows | None:
        if record is None or not holds_rows(node, record, reasons):
            return None
        category = self.categories.get(node.unique_id)
        is_changed = is_logic_change(self.project, self.lineage[node.unique_id], category, reasons)
        if not is_changed and not record.trace.older_logic:
            return None
        return old_rows(
            node,
            is_asked=self._asks_to_rebuild(node),
            is_full_refresh=self.request.full_refresh,
            is_changed=is_changed,
            default=self.request.on_logic_change,
        )

    def _asks_to_rebuild(self, node: Node) -> bool:
        selected = self.request.selected
        return self.request.full_refresh_changed and (selected is None or node.unique_id in selected)

    def _older_rows(self, node: Node, record: RecordedRelation) -> list[Reason]:
        """Return the reason to build from scratch what holds rows of an older logic, where that is wanted."""
        if not record.trace.older_logic or not holds_rows(node, record, ()):
            return []
        is_wanted = wants_rebuild(node, is_asked=self._asks_to_rebuild(node), default=self.request.on_logic_change)
        return [older_rows_reason(record)] if is_wanted else []

    def _own_reasons(self, node: Node) -> tuple[Reason, ...]:
        key = record_key(node, self.project)
        record = self.recorded.relations.get(key)
        reasons = [*self._forced(node), *self._interrupted(key)]
        if record is None:
            return (Reason(kind=ReasonKind.NEW, detail="no build of it is recorded"), *reasons)
        category = self.categories.get(node.unique_id)
        reasons += _changed_parts(node, record) if category is None else category.reasons
        reasons += self._older_rows(node, record)
        reasons += self._drift(node, record)
        reasons += self._volatile(node, record)
        reasons += self._age(node, record)
        reasons += self._upstream_builds(node, record)
        return tuple(reasons)

    def _forced(self, node: Node) -> list[Reason]:
        if self.request.selected is not None and node.unique_id not in self.request.selected:
            return []
        if self.request.full_refresh:
            return [Reason(kind=ReasonKind.FORCED, detail="--full-refresh")]
        return [Reason(kind=ReasonKind.FORCED, detail="--force")] if self.request.force else []

    def _interrupted(self, key: RelationName) -> list[Reason]:
        intents = self.recorded.intents.get(key, ())
        return [Reason(kind=ReasonKind.INTERRUPTED, detail=_interruption(intents[0]))] if intents else []

    def _drift(self, node: Node, record: RecordedRelation) -> list[Reason]:
        reasons = []
        here = str(self.request.environment)
        if record.environment != here:
            reasons.append(Reason(kind=ReasonKind.DRIFTED, detail=f"last built by {record.environment}"))
        if node.relation is None:
            return reasons
        identity = self.catalog.identities.get(node.relation)
        columns, touched = self.catalog.columns.get(node.relation), self.catalog.touched.get(node.relation)
        if identity is None:
            reasons.append(Reason(kind=ReasonKind.MISSING, detail=f"{node.relation} does not exist"))
        elif drifted := drift_words(record, identity, columns, touched):
            reasons.append(Reason(kind=ReasonKind.DRIFTED, detail=drifted))
        return reasons

    def _volatile(self, node: Node, record: RecordedRelation) -> list[Reason]:
        parents = [self.project.nodes[parent] for parent in self.lineage[node.unique_id].parents]
        read = [(parent, self.recorded.relations.get(record_key(parent, self.project))) for parent in parents]
        return volatile_reasons(node, record, read, default=self.request.volatile)

    def _age(self, node: Node, record: RecordedRelation) -> list[Reason]:
        most = max_age_hours(node)
        if most is None or self.request.now is None:
            return []
        age = (self.request.now - record.built_at) / timedelta(hours=1)
        if age < most:
            return []
        return [Reason(kind=ReasonKind.AGE, detail=f"its last build is {age:.3g} h old, max_age is {most:g}")]

    def _upstream_builds(self, node: Node, record: RecordedRelation) -> list[Reason]:
        lineage = self.lineage[node.unique_id]
        now = trace_of(self.project, lineage, self.versions)
        reasons = []
        same_inside = self.categories.get(node.unique_id, NO_CHANGE).inlined_is_same
        for parent in () if same_inside else lineage.inlined:
            if record.trace.inlined.get(parent) != now.inlined[parent]:
                reasons.append(Reason(kind=ReasonKind.UPSTREAM, node=parent, detail="changed"))
        later: dict[str, Reason] = {}
        for parent in lineage.parents:
            relation = str(record_key(self.project.nodes[parent], self.project))
            seen = record.trace.parents.get(relation)
            if reason := self._change_of(node, parent, seen, now.parents[relation]):
                later[parent] = reason
        behind = self._behind_views(node.unique_id, later)
        return [*reasons, *(reason for parent, reason in later.items() if parent not in behind)]

    def _change_of(self, node: Node, parent: str, seen: str | None, now: str) -> Reason | None:
        if self.project.nodes[parent].resource_type != "source":
            detail = "is a new parent" if seen is None else "was built since"
            if seen is not None and self._stands_on(node.unique_id, parent):
                return None
            return Reason(kind=ReasonKind.UPSTREAM, node=parent, detail=detail) if seen != now else None
        holds_rows = node.materialized != "view"
        detail = data_change(seen, now, by_rows=holds_rows, by_touch=node.unique_id in self.reads_loader_columns)
        return Reason(kind=ReasonKind.DATA, node=parent, detail=detail) if detail else None


def _interruption(intent: OpenIntent) -> str:
    execution = str(intent.execution_id)[:8]  # `show` takes the beginning of an id
    if intent.execution_status == "failed":
        return f"its last build did not succeed (execution {execution})"
    if intent.execution_status == "running":
        return f"execution {execution} is writing it"
    return f"execution {execution} was {intent.execution_status} and may have written it"


def _changed_parts(node: Node, record: RecordedRelation) -> list[Reason]:
    """Return a reason for each part of the fingerprint that differs."""
    return [
        Reason(kind=KINDS_BY_PART.get(part, ReasonKind.CONFIG), detail=PART_WORDS.get(part, part))
        for part in differing_parts(node, record)
    ]
