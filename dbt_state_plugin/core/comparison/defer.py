"""Nodes built in a pull request's target, and nodes read elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace

from dbt_state_plugin.core.comparison.baseline import Reasons
from dbt_state_plugin.core.decision.request import SCOPES
from dbt_state_plugin.core.values.plan import Decision, Plan, PlanEntry
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.reasons import ReasonKind
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferral:
    """What is built here, and the relations of the other environment that are read instead of unchanged nodes."""

    built: frozenset[str]
    relations: Mapping[str, RelationName] = field(default_factory=dict)


def find_deferral(
    project: Project,
    changed: Set[str],
    *,
    elsewhere: Mapping[str, RelationName],
    here: Set[RelationName],
    selected: Set[str] | None,
    command: str,
) -> Deferral:
    """Return what to build and what to read elsewhere; `elsewhere` and `here` are the relations that exist.

    Whatever a built node reads exists in one of the two: what neither has is built too. A changed node outside the
    selection is read here where it was built before. Raises UsageError where the command does not build what is needed.
    """
    scope = SCOPES[command]
    todo = [node for node in sorted(changed) if _is_asked(project.nodes[node], scope, selected)]
    built: set[str] = set()
    relations: dict[str, RelationName] = {}
    while todo:
        unique_id = todo.pop()
        if unique_id in built:
            continue
        built.add(unique_id)
        for parent in sorted(set(_read_by(project, unique_id))):
            node = project.nodes[parent]
            is_asked = parent in changed and _is_asked(node, scope, selected)
            is_old = parent in changed and node.resource_type not in scope
            is_here = parent in changed and node.relation in here
            if parent in elsewhere and not is_asked and not is_old and not is_here:
                relations[parent] = elsewhere[parent]
            elif is_asked or not is_here or is_old:
                if node.resource_type not in scope:
                    raise UsageError(
                        f"{unique_id} reads {parent}, which must be built here first, and `{command}` does not.",
                        "Use `build` with --against and --defer.",
                    )
                todo.append(parent)
    return Deferral(
        built=frozenset(built), relations={name: each for name, each in relations.items() if name not in built}
    )


def _is_asked(node: Node, scope: Set[str], selected: Set[str] | None) -> bool:
    is_built = node.resource_type in scope and not node.is_ephemeral
    return is_built and (selected is None or node.unique_id in selected)


def _read_by(project: Project, unique_id: str) -> Iterator[str]:
    """Yield the nodes whose relations dbt puts into the SQL of a node, through ephemeral models."""
    for parent in project.nodes[unique_id].parents:
        node = project.nodes.get(parent)
        if node is None or node.is_source:
            continue
        if node.is_ephemeral:
            yield from _read_by(project, parent)
        else:
            yield parent


def deferred_project(project: Project, deferral: Deferral, changed: Iterable[str]) -> Project:
    """Return the project as the build sees it: what is read elsewhere is a source, and the rest is not there."""
    kept = deferral.built | set(changed)
    nodes: dict[str, Node] = {}
    for unique_id, node in project.nodes.items():
        if unique_id in deferral.relations:
            nodes[unique_id] = _as_source(node, deferral.relations[unique_id])
        elif unique_id in kept or node.is_source or node.is_ephemeral:
            nodes[unique_id] = node
    return replace(project, nodes=nodes)


def _as_source(node: Node, relation: RelationName) -> Node:
    # Its own builds say what it holds, whatever is configured for sources: `never` must not hide them.
    settings = {"data_version": "touched"}
    return replace(
        node,
        resource_type="source",
        relation=relation,
        parents=(),
        fingerprint={},
        materialized="",
        volatile=(),
        settings=settings,
    )


def explained(plan: Plan, why: Reasons) -> Plan:
    """Return the plan in which what was never built here has its difference from the other environment as the reason.

    Other relations here belong to other builds of this target and are not reported.
    """
    entries = tuple(_explained(entry, why) for entry in plan.entries)
    return replace(plan, entries=entries, removed=(), is_narrowed=True)


def _explained(entry: PlanEntry, why: Reasons) -> PlanEntry:
    is_new = entry.decision is Decision.BUILD and entry.reasons[0].kind is ReasonKind.NEW
    reasons = why.get(entry.node.unique_id, ())
    return replace(entry, reasons=reasons) if is_new and reasons else entry
