"""Lineage through nodes that dbt inlines, and the build order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from dbt_state_plugin.core.fingerprint.hashing import definition_digest
from dbt_state_plugin.core.reached import reached
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.records import Trace
from dbt_state_plugin.core.values.relations import RelationName


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The nodes whose relations or functions a node reads, and those that are inlined into it or tested by it."""

    parents: tuple[str, ...] = ()
    inlined: tuple[str, ...] = ()


def build_order(project: Project) -> tuple[str, ...]:
    """Return the unique_ids of all nodes, parents first, the same for every run."""
    nodes = project.nodes
    graph = {
        unique_id: sorted(parent for parent in nodes[unique_id].parents if parent in nodes)
        for unique_id in sorted(nodes)
    }
    return tuple(TopologicalSorter(graph).static_order())


def lineages(project: Project, order: tuple[str, ...]) -> dict[str, Lineage]:
    """Return the lineage of each node; `order` has parents first."""
    found: dict[str, Lineage] = {}
    for unique_id in order:
        node = project.nodes[unique_id]
        parents: set[str] = set()
        inlined: set[str] = set()
        for parent_id in node.parents:
            parent = project.nodes.get(parent_id)
            if parent is None:
                continue
            if parent.is_function:
                # What it computes is read through it; it is there only once it is built, unlike an ephemeral model.
                parents |= {parent_id, *found[parent_id].parents}
                inlined |= set(found[parent_id].inlined)
            elif node.resource_type == "unit_test" or parent.is_ephemeral or parent.relation is None:
                # A unit test judges the definition of its model on rows of its own, not the rows of the relation.
                inlined |= {parent_id, *found[parent_id].inlined}
                parents |= _read_through(node, found[parent_id].parents, project)
            else:
                parents.add(parent_id)
                if parent.is_view:  # it holds no rows: what it reads is read through it
                    parents |= set(found[parent_id].parents)
        found[unique_id] = Lineage(parents=tuple(sorted(parents)), inlined=tuple(sorted(inlined)))
    return found


def _read_through(node: Node, parents: tuple[str, ...], project: Project) -> set[str]:
    """Return which parents of an inlined parent the node reads; a unit test calls functions and reads no relation."""
    if node.resource_type != "unit_test":
        return set(parents)
    return {parent for parent in parents if project.nodes[parent].is_function}


def trace_of(project: Project, lineage: Lineage, versions: Mapping[RelationName, str]) -> Trace:
    """Return what a build that starts now sees, given the present versions of the parents' relations."""
    keys = [record_key(project.nodes[parent], project) for parent in lineage.parents]
    parents = {str(key): versions.get(key, "absent") for key in keys}
    return Trace(parents=parents, inlined={node: definition_digest(project.nodes[node]) for node in lineage.inlined})


def record_key(node: Node, project: Project) -> RelationName:
    """Return the name under which a node is recorded.

    Tests and functions are no relations; they are kept under the empty schema name, which no relation has.
    """
    if node.relation is not None:
        return node.relation
    return RelationName(database=project.database, schema="", identifier=f"{project.schema}.{node.unique_id}")


def shown_by_tests(project: Project, lineage: Mapping[str, Lineage]) -> frozenset[str]:
    """Return the nodes on which tests leave views of what they find: these go down when such a node is built."""
    tests = [test for test, node in project.nodes.items() if node.shows_failures]
    return frozenset(parent for test in tests for parent in lineage[test].parents)


def readers_of_loader_columns(project: Project, lineage: Mapping[str, Lineage]) -> frozenset[str]:
    """Return the nodes for which the columns of a loader count like any other.

    These name one of them, read through a view or an ephemeral model that does, or hand their columns on to such a
    node (`select *` shows nothing of what it hands on).
    """
    naming = {node.unique_id for node in project.nodes.values() if node.names_loader_columns}
    found = {
        unique_id
        for unique_id, read in lineage.items()
        if unique_id in naming or not naming.isdisjoint((*read.inlined, *_views(read, project)))
    }
    return frozenset(reached(found, lambda node: project.nodes.keys() & project.nodes[node].parents))


def _views(read: Lineage, project: Project) -> Iterable[str]:
    return (parent for parent in read.parents if project.nodes[parent].is_view)
