"""What the decision rule knows: project, records, catalog and request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dbt_state_plugin.core.decision.request import PlanRequest
from dbt_state_plugin.core.lineage import Lineage, readers_of_loader_columns, record_key
from dbt_state_plugin.core.values.plan import NO_CHANGE, ChangeCategory
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation
from dbt_state_plugin.core.values.relations import Catalog, RelationName


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that a decision depends on.

    `versions` are those that a child built now would see. `owners` maps each relation to the node that writes it;
    `loader_column_readers` are the nodes that name a loader's own columns, or get them handed on. A build of the nodes
    in `same_rows` gives the rows that are there, as far as their SQL says.
    """

    project: Project
    recorded: Recorded
    catalog: Catalog
    request: PlanRequest
    lineage: Mapping[str, Lineage]
    versions: Mapping[RelationName, str]
    categories: Mapping[str, ChangeCategory]
    owners: Mapping[RelationName, str]
    loader_column_readers: frozenset[str]
    same_rows: frozenset[str] = frozenset()

    def category_of(self, unique_id: str) -> ChangeCategory:
        """Return the category of a node's difference, an empty one if nothing differs."""
        return self.categories.get(unique_id, NO_CHANGE)

    def record_of(self, node: Node) -> RecordedRelation | None:
        """Return what is recorded about a node's relation."""
        return self.recorded.relations.get(record_key(node, self.project))

    def is_view(self, unique_id: str) -> bool:
        """Return whether a node is a view."""
        return self.project.nodes[unique_id].is_view


def known(
    project: Project,
    recorded: Recorded,
    catalog: Catalog,
    request: PlanRequest,
    lineage: Mapping[str, Lineage],
    versions: Mapping[RelationName, str],
    categories: Mapping[str, ChangeCategory],
    same_rows: frozenset[str] = frozenset(),
) -> Known:
    """Return what the rule knows of one project."""
    return Known(
        project=project,
        recorded=recorded,
        catalog=catalog,
        request=request,
        lineage=lineage,
        versions=versions,
        categories=categories,
        # A source may name a relation that a model writes; the model owns it.
        owners={
            node.relation: node.unique_id
            for node in project.nodes.values()
            if node.relation is not None and node.writes_relation
        },
        loader_column_readers=frozenset(readers_of_loader_columns(project, lineage)),
        same_rows=same_rows,
    )
