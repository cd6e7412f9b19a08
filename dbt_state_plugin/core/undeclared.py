"""Relations and user-defined functions that SQL names without declaring them.

dbt does not know them. They count like sources: in the project that a plan uses, each is a node of type source among
the parents of the nodes whose builds named it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from dbt_state_plugin.core.lineage import Lineage, record_key
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation
from dbt_state_plugin.core.values.relations import RelationName

PREFIX = "undeclared.sql."
# What a build of these reads of its own relation is what the last one left; of a table it is another input each time.
_CONTINUED = frozenset({"incremental", "snapshot"})

# Schema and identifier; of a function `name(arguments)`. A schema in another database has that in front: `other.raw`.
Named = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeclaredInput:
    """An input of a node that dbt's graph lacks; `source` is the unique_id where the project has it as a source."""

    relation: str
    source: str = ""
    is_function: bool = False


def is_function(identifier: str) -> bool:
    """Return whether what SQL names is a function, by its identifier; a table called so would be counted as well."""
    return identifier.endswith(")")


def undeclared_inputs(node: Node, record: RecordedRelation | None) -> tuple[UndeclaredInput, ...]:
    """Return what the last build read without a parent for it: what its SQL named, and sources that its Jinja read."""
    if record is None:
        return ()
    declared = {parent.rsplit(".", 1)[-1] for parent in node.parents if parent.startswith("function.")}
    named = [each for each in record.trace.named or () if not _is_one_of(declared, each[1])]
    sources = record.trace.reads.sources if record.trace.reads is not None else {}
    return (
        *(_named_input(record.relation.database, *each) for each in named),
        *(UndeclaredInput(relation=relation, source=source) for source, relation in sorted(sources.items())),
    )


def _is_one_of(functions: set[str], identifier: str) -> bool:
    return is_function(identifier) and identifier.partition("(")[0] in functions


def _named_input(database: str, schema: str, identifier: str) -> UndeclaredInput:
    if is_function(identifier):
        return UndeclaredInput(relation=f"{schema}.{identifier}", is_function=True)
    return UndeclaredInput(relation=str(RelationName(database=database, schema=schema, identifier=identifier)))


def with_undeclared(project: Project, recorded: Recorded) -> Project:
    """Return the project with a source for each relation that recorded builds have named, and with its readers."""
    nodes = dict(project.nodes)
    for unique_id, node in project.nodes.items():
        record = recorded.relations.get(record_key(node, project)) if node.resource_type != "source" else None
        if record is None or not record.trace.named:
            continue
        sources = [undeclared_source(name, project) for name in record.trace.named]
        nodes |= {source.unique_id: source for source in sources}
        nodes[unique_id] = replace(node, parents=(*node.parents, *(source.unique_id for source in sources)))
    return replace(project, nodes=nodes) if len(nodes) > len(project.nodes) else project


def undeclared_source(name: Named, project: Project) -> Node:
    """Return the source that stands for a relation that SQL names."""
    schema, identifier = name
    return Node(
        unique_id=f"{PREFIX}{schema}.{identifier}",
        resource_type="source",
        name=f"{schema}.{identifier}",
        package=project.name,
        fqn=(project.name, schema, identifier),
        path="",
        relation=undeclared_relation(name, project),
    )


def undeclared_relation(name: Named, project: Project) -> RelationName:
    """Return a relation that SQL names: it is in the project's database."""
    schema, identifier = name
    return RelationName(database=project.database, schema=schema, identifier=identifier)


def undeclared(named: Iterable[Named], node: Node, lineage: Lineage, project: Project) -> tuple[Named, ...]:
    """Return what of the relations that a node's SQL names is neither among its parents nor what it adds rows to."""
    parents = (project.nodes[parent] for parent in {*lineage.parents, *node.parents} if parent in project.nodes)
    known = {
        (schema, parent.relation.identifier)
        for parent in parents
        if parent.relation is not None and not parent.unique_id.startswith(PREFIX)
        for schema in (parent.relation.schema, f"{parent.relation.database}.{parent.relation.schema}")
    }
    if node.relation is not None and node.materialized in _CONTINUED:
        known.add((node.relation.schema, node.relation.identifier))
    return tuple(sorted(set(named) - known))
