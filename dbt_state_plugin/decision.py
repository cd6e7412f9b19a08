"""Which nodes must be built, and why?

The decision rule, as a pure function of the parsed project, the recorded state and the warehouse's catalog. Any doubt
means build.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dbt_state_plugin.errors import ProjectError
from dbt_state_plugin.lineage import Lineage, build_order, lineages, record_key, trace_of
from dbt_state_plugin.model import (
    Catalog,
    Decision,
    Environment,
    Node,
    OpenIntent,
    PhysicalIdentity,
    Plan,
    PlanEntry,
    Project,
    Reason,
    ReasonKind,
    Recorded,
    RecordedRelation,
    RelationName,
)

SCOPES: Mapping[str, frozenset[str]] = {
    "run": frozenset({"model"}),
    "seed": frozenset({"seed"}),
    "snapshot": frozenset({"snapshot"}),
    "build": frozenset({"model", "seed", "snapshot", "test", "unit_test", "function"}),
}
_VIEWS = frozenset({"view", "materialized_view"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Say what was asked for.

    `selected` holds the unique_ids that `--select`, `--exclude` and `--selector` leave, or None when nothing narrows.
    """

    environment: Environment
    command: str
    selected: frozenset[str] | None = None
    full_refresh: bool = False
    force: bool = False


def make_plan(project: Project, recorded: Recorded, catalog: Catalog, request: Request) -> Plan:
    """Return the decision about every node in the command's scope; raises ProjectError for a shared relation."""
    refuse_shared_relations(project)
    order = build_order(project)
    versions = relation_versions(project, recorded, catalog)
    decided = _Decisions(project, recorded, catalog, request, lineages(project, order), versions)
    in_scope = [node for node in order if _is_in_scope(project.nodes[node], request.command)]
    needed = decided.needed(in_scope)
    building = decided.narrowed(in_scope, needed)
    keys = {record_key(node, project) for node in project.nodes.values() if not node.is_ephemeral}
    return Plan(
        environment=request.environment,
        command=request.command,
        entries=tuple(decided.entry(node, needed.get(node, ()), node in building) for node in in_scope),
        removed=tuple(
            record
            for relation, record in sorted(recorded.relations.items())
            if relation not in keys and relation.schema and record.environment == str(request.environment)
        ),
        parent_versions=versions,
        is_narrowed=request.selected is not None,
    )


def refuse_shared_relations(project: Project) -> None:
    """Raise ProjectError when two nodes would write one relation, by letter case or truncation too."""
    owners: dict[tuple[str, str, str], Node] = {}
    for node in sorted(project.nodes.values(), key=lambda node: node.unique_id):
        if node.relation is None or node.resource_type == "source" or node.is_ephemeral:
            continue
        relation = node.relation
        key = (relation.database.lower(), relation.schema.lower(), relation.identifier.lower())
        other = owners.setdefault(key, node)
        if other is not node:
            raise ProjectError(
                f"{other.unique_id} and {node.unique_id} both write the relation {relation} "
                "(names are compared without letter case and cut at 63 bytes, as PostgreSQL may do).",
                "Give one of them another alias or schema.",
            )


def relation_versions(project: Project, recorded: Recorded, catalog: Catalog) -> dict[RelationName, str]:
    """Return for each relation and function of the project the version that a child built now would see."""
    versions: dict[RelationName, str] = {}
    for node in project.nodes.values():
        if (node.relation is not None and not node.is_ephemeral) or node.resource_type == "function":
            key = record_key(node, project)
            version = relation_version(recorded.relations.get(key), catalog.identities.get(key))
            # What an interrupted build wrote in place (a snapshot, an incremental model) shows in nothing else.
            doubts = sorted(str(intent.execution_id) for intent in recorded.intents.get(key, ()))
            versions[key] = "/".join([version, *doubts])
    return versions


def relation_version(record: RecordedRelation | None, identity: PhysicalIdentity | None) -> str:
    """Return a value that differs whenever a relation was built again, by us or by anybody else."""
    return identity_version(str(record.build_id) if record else "-", identity)


def identity_version(build: str, identity: PhysicalIdentity | None) -> str:
    """Return the version of a relation that one build left in one incarnation."""
    return f"{build}/{identity.oid}/{identity.relfilenode}" if identity else f"{build}/absent"


def _is_in_scope(node: Node, command: str) -> bool:
    return node.resource_type in SCOPES[command] and not node.is_ephemeral


class _Decisions:
    """Apply the decision rule to one project."""

    def __init__(
        self,
        project: Project,
        recorded: Recorded,
        catalog: Catalog,
        request: Request,
        lineage: Mapping[str, Lineage],
        versions: Mapping[RelationName, str],
    ) -> None:
        self.project = project
        self.recorded = recorded
        self.catalog = catalog
        self.request = request
        self.lineage = lineage
        self.versions = versions
        # A source may name a relation that a model writes; the model owns it.
        self.owners = {
            node.relation: node.unique_id
            for node in project.nodes.values()
            if node.relation is not None and node.resource_type != "source" and not node.is_ephemeral
        }

    def needed(self, in_scope: list[str]) -> dict[str, tuple[Reason, ...]]:
        """Return the reasons of every node that needs a build, whatever the selection says."""
        own = {node: self._own_reasons(self.project.nodes[node]) for node in in_scope}
        while True:
            needed = self._propagated(in_scope, own)
            dropped = self._dropped_views(needed, in_scope)
            if not dropped:
                return needed
            for view, parent in dropped.items():
                detail = "PostgreSQL drops this view together with it"
                own[view] = (*own[view], Reason(kind=ReasonKind.UPSTREAM, node=parent, detail=detail))

    def _propagated(self, in_scope: list[str], own: Mapping[str, tuple[Reason, ...]]) -> dict[str, tuple[Reason, ...]]:
        needed: dict[str, tuple[Reason, ...]] = {}
        for node in in_scope:
            building = [parent for parent in self.lineage[node].parents if parent in needed]
            # That a parent was built since says less than that it is built now.
            kept = [r for r in own[node] if r.kind is not ReasonKind.UPSTREAM or r.node not in building]
            upstream = [Reason(kind=ReasonKind.UPSTREAM, node=parent, detail="is built") for parent in building]
            if kept or upstream:
                needed[node] = (*kept, *upstream)
        return needed

    def _dropped_views(self, needed: Mapping[str, object], in_scope: Iterable[str]) -> dict[str, str]:
        """Return the views that PostgreSQL drops with a needed node and that nothing else asks for, with that node."""
        scope = set(in_scope)
        dropped = self._cascades(needed)
        return {view: parent for view, parent in dropped.items() if view in scope and view not in needed}

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
                if self.project.nodes[node].materialized in _VIEWS
                and not building.isdisjoint(self.lineage[node].parents)
            }
            fresh = (views & needed.keys()) - building
            if not fresh:
                return building
            building |= fresh

    def entry(self, unique_id: str, reasons: tuple[Reason, ...], is_built: bool) -> PlanEntry:
        """Return the plan's entry for one node."""
        node = self.project.nodes[unique_id]
        return PlanEntry(
            node=node,
            decision=Decision.BUILD if is_built else Decision.SKIP,
            reasons=reasons,
            outside_selection=bool(reasons) and not is_built,
            record=self.recorded.relations.get(record_key(node, self.project)),
        )

    def _own_reasons(self, node: Node) -> tuple[Reason, ...]:
        key = record_key(node, self.project)
        record = self.recorded.relations.get(key)
        reasons = [*self._forced(node), *self._interrupted(key)]
        if record is None:
            return (Reason(kind=ReasonKind.NEW, detail="no build of it is recorded"), *reasons)
        reasons += _changed_parts(node, record)
        reasons += self._drift(node, record)
        reasons += self._volatile(node)
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
        if identity is None:
            reasons.append(Reason(kind=ReasonKind.MISSING, detail=f"{node.relation} does not exist"))
        elif identity != record.identity:
            reasons.append(Reason(kind=ReasonKind.DRIFTED, detail=f"{node.relation} was replaced since we built it"))
        return reasons

    def _volatile(self, node: Node) -> list[Reason]:
        return [Reason(kind=ReasonKind.VOLATILE, detail=f"its code reads {name}") for name in node.volatile]

    def _upstream_builds(self, node: Node, record: RecordedRelation) -> list[Reason]:
        lineage = self.lineage[node.unique_id]
        now = trace_of(self.project, lineage, self.versions)
        reasons = []
        for parent in lineage.inlined:
            if record.trace.inlined.get(parent) != now.inlined[parent]:
                reasons.append(Reason(kind=ReasonKind.UPSTREAM, node=parent, detail="changed"))
        for parent in lineage.parents:
            relation = str(record_key(self.project.nodes[parent], self.project))
            if record.trace.parents.get(relation) != now.parents[relation]:
                reasons.append(self._later_build(parent, seen=relation in record.trace.parents))
        return reasons

    def _later_build(self, parent: str, *, seen: bool) -> Reason:
        if self.project.nodes[parent].resource_type == "source":
            return Reason(
                kind=ReasonKind.DATA,
                node=parent,
                detail="the table was re-created or emptied" if seen else "is new here",
            )
        return Reason(kind=ReasonKind.UPSTREAM, node=parent, detail="was built since" if seen else "is a new parent")


def _interruption(intent: OpenIntent) -> str:
    execution = str(intent.execution_id)[:8]  # `show` takes the beginning of an id
    if intent.execution_status == "failed":
        return f"its last build did not succeed (execution {execution})"
    if intent.execution_status == "running":
        return f"execution {execution} is writing it"
    return f"execution {execution} was {intent.execution_status} and may have written it"


def _changed_parts(node: Node, record: RecordedRelation) -> list[Reason]:
    """Return a reason for each part of the fingerprint that differs, parts that only one side has included."""
    kinds = {kind.value: kind for kind in ReasonKind}
    parts = sorted(node.fingerprint.keys() | record.fingerprint.keys(), key=_part_rank)
    return [
        Reason(kind=kinds.get(part, ReasonKind.CONFIG), detail=_PART_WORDS.get(part, part))
        for part in parts
        if node.fingerprint.get(part) != record.fingerprint.get(part)
    ]


_PART_WORDS = {
    "body": "its code changed",
    "config": "its configuration changed",
    "macros": "a macro that it can reach changed",
    "variables": "a var, env var or target field that it reads changed",
    "contract": "its columns, constraints or contract changed",
    "hooks": "a hook changed",
    "docs": "a description that persist_docs writes changed",
    "relation": "the name of its relation changed",
    "references": "the name of a relation that it refers to changed",
    "flags": "dbt flags that change what is built differ",
    "engine": "another minor version of dbt or its adapter",
}


def _part_rank(part: str) -> int:
    return list(_PART_WORDS).index(part) if part in _PART_WORDS else len(_PART_WORDS)
