"""Change categories of all nodes that differ, compiled where needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbt_state_plugin.core.changes.categorize import (
    ChangeInputs,
    categorize,
    compiled_document,
    wants_compiled,
    wants_ddl,
)
from dbt_state_plugin.core.changes.changed_items import changed_items
from dbt_state_plugin.core.decision.rule import differences_in_scope
from dbt_state_plugin.core.fingerprint.hashing import Digest, definition_digest
from dbt_state_plugin.core.lineage import build_order, lineages, record_key
from dbt_state_plugin.core.values.plan import ChangeCategory, Plan
from dbt_state_plugin.core.values.project import CompiledNode, Project
from dbt_state_plugin.core.values.records import Recorded, RecordedDefinition
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.state.builds import Refresh, refresh_definitions

if TYPE_CHECKING:
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
    from dbt_state_plugin.state.state import State

Compile = Callable[[Iterable[str], Collection[str]], Mapping[str, CompiledNode]]
"""Compile nodes; of those in the second collection the statement that creates the view as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CategorizedChanges:
    """The change category of each node whose definition differs, and what was compiled for it."""

    categories: Mapping[str, ChangeCategory] = field(default_factory=dict)
    compiled: Mapping[str, CompiledNode] = field(default_factory=dict)


def categorize_differences(
    fingerprinter: Fingerprinter,
    recorded: Recorded,
    command: str,
    *,
    details: Callable[[Iterable[RelationName]], Mapping[RelationName, RecordedDefinition]],
    compile_nodes: Compile,
    digest: Digest,
) -> CategorizedChanges:
    """Compare definitions item by item, and the compiled SQL where only that can tell; nothing is written."""
    project = fingerprinter.project
    found = differences_in_scope(project, recorded, command)
    keys = {unique_id: record_key(project.nodes[unique_id], project) for unique_id in found}
    known = details(keys.values()) if keys else {}
    inputs = {
        unique_id: ChangeInputs(
            node=project.nodes[unique_id],
            difference=difference,
            recorded=known.get(keys[unique_id], RecordedDefinition()),
            items=fingerprinter.items(unique_id),
            macro_paths=fingerprinter.macro_paths,
            dialect=fingerprinter.dialect,
            configured=fingerprinter.configured(unique_id),
        )
        for unique_id, difference in found.items()
    }
    inputs = {unique_id: _with_view_ddl(each, fingerprinter) for unique_id, each in inputs.items()}
    wanted = {unique_id: wants_ddl(each) for unique_id, each in inputs.items() if wants_compiled(each)}
    compiled = compile_nodes(list(wanted), {unique_id for unique_id, has_ddl in wanted.items() if has_ddl})
    categories = {
        unique_id: categorize(replace(each, compiled=compiled.get(unique_id)), digest)
        for unique_id, each in inputs.items()
    }
    return CategorizedChanges(categories=categories, compiled=compiled)


def _with_view_ddl(inputs: ChangeInputs, fingerprinter: Fingerprinter) -> ChangeInputs:
    if "materialization" not in inputs.difference.parts or "ddl" not in inputs.recorded.compiled:
        return inputs
    sides = (inputs.recorded.items.get("materialization", {}), inputs.items.get("materialization", {}))
    return replace(inputs, in_view_ddl=fingerprinter.in_view_ddl(inputs.node.unique_id, changed_items(*sides)))


def record_cosmetic(
    state: State,
    plan: Plan,
    fingerprinter: Fingerprinter,
    categorized: CategorizedChanges,
    *,
    store_code: bool,
    digest: Digest | None,
) -> None:
    """Record the present definition of every node that differs in nothing real and is left alone."""
    project = fingerprinter.project
    lineage = lineages(project, build_order(project)) if categorized.categories else {}
    refreshed = []
    for entry in plan.entries:
        node = entry.node
        category = categorized.categories.get(node.unique_id)
        if category is None or entry.reasons:
            continue
        compiled = categorized.compiled.get(node.unique_id)
        refreshed.append(
            Refresh(
                key=record_key(node, project),
                fingerprint=node.fingerprint,
                inlined=_inlined(project, lineage[node.unique_id].inlined),
                raw_code=node.raw_code,
                detail=RecordedDefinition(
                    items=fingerprinter.items(node.unique_id),
                    compiled=compiled_document(compiled, fingerprinter.dialect, digest)
                    if compiled
                    else {},  # the recorded one stays
                ),
            )
        )
    refresh_definitions(state, refreshed, store_code=store_code)


def _inlined(project: Project, inlined: Iterable[str]) -> dict[str, str]:
    return {unique_id: definition_digest(project.nodes[unique_id]) for unique_id in inlined}
