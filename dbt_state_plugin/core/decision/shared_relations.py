"""Refusal of two nodes that write the same relation."""

from __future__ import annotations

from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.errors import ProjectError


def refuse_shared_relations(project: Project) -> None:
    """Raise ProjectError when two nodes would write one relation, by letter case or truncation too."""
    owners: dict[tuple[str, str, str], Node] = {}
    for node in sorted(project.nodes.values(), key=lambda node: node.unique_id):
        if node.relation is None or not node.writes_relation:
            continue
        relation = node.relation
        key = (relation.database.lower(), relation.schema.lower(), relation.identifier.lower())
        other = owners.setdefault(key, node)
        if other is not node:
            raise ProjectError(
                f"{other.unique_id} and {node.unique_id} both write the relation {relation} "
                "(letter case is ignored, and so is what exceeds the longest name that the warehouse stores).",
                "Give one of them another alias or schema.",
            )
