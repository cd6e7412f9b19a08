"""Change categories of all nodes that differ, compiled where needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbt_state_plugin.core.changes.categorize import (
    ChangeInputs,
    SameQuery,
    categorize,
    compiled_document,
    wants_compiled,
    wants_ddl,
    with_sql_of_the_command,
)
from dbt_state_plugin.core.changes.changed_items import changed_items
from dbt_state_plugin.core.changes.differences import Difference
from dbt_state_plugin.core.changes.project_hooks import Names, ReadersOf, nobody_knows
from dbt_state_plugin.core.changes.traced import READS, merged, traced_reads
from dbt_state_plugin.core.decision.logic_change import keeps_added_rows
from dbt_state_plugin.core.decision.rule import differences_in_scope
from dbt_state_plugin.core.decision.volatile_reasons import read_volatile
from dbt_state_plugin.core.fingerprint.hashing import Digest, definition_digest
from dbt_state_plugin.core.lineage import Lineage, build_order, lineages, record_key
from dbt_state_plugin.core.undeclared import is_function, with_undeclared
from dbt_state_plugin.core.values.plan import ChangeCategory, Plan, PlanEntry
from dbt_state_plugin.core.values.project import CompiledNode, Node, Project
from dbt_state_plugin.core.values.records import (
    NOTHING,
    WROTE_ROWS,
    Recorded,
    RecordedDefinition,
    RecordedRelation,
    TracedReads,
)
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.state.build_updates import Refresh, refresh_definitions

if TYPE_CHECKING:
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
    from dbt_state_plugin.state.state import State

Details = Callable[[Iterable[RelationName]], Mapping[RelationName, RecordedDefinition]]
Compile = Callable[[Iterable[str], Collection[str]], Mapping[str, CompiledNode]]
"""Compile nodes; of those in the second collection the statement that creates the view as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CategorizedChanges:
    """The change category of each node whose definition differs, and what was compiled for it.

    `read` holds today's hashes of what the recorded builds were seen to read.
    """

    categories: Mapping[str, ChangeCategory] = field(default_factory=dict)
    compiled: Mapping[str, CompiledNode] = field(default_factory=dict)
    read: Mapping[str, Mapping[str, str] | None] = field(default_factory=dict)


def categorize_differences(
    fingerprinter: Fingerprinter,
    recorded: Recorded,
    command: str,
    *,
    details: Details,
    compile_nodes: Compile,
    digest: Digest,
    same_query: Callable[[Node], SameQuery] | None = None,
    readers_of: ReadersOf = nobody_knows,
    trusts_hooks: bool = False,
) -> CategorizedChanges:
    """Compare definitions item by item, and the compiled SQL where only that can tell; nothing is written.

    `same_query` asks the server about two statements of a node, where it can be asked, and `readers_of` what reads the
    relations that hooks write. `trusts_hooks` says that what on-run hooks did is recorded of each run that executed
    them.
    """
    found = differences_in_scope(fingerprinter.project, recorded, command)
    inputs = _inputs_of_all(found, fingerprinter, recorded, details, trusts_hooks=trusts_hooks)
    wanted = {unique_id: wants_ddl(each) for unique_id, each in inputs.items() if wants_compiled(each)}
    compiled = compile_nodes(list(wanted), {unique_id for unique_id, has_ddl in wanted.items() if has_ddl})
    categories = {
        unique_id: categorize(
            replace(each, compiled=compiled.get(unique_id)),
            digest,
            same_query(each.node) if same_query else None,
            readers_of,
        )
        for unique_id, each in inputs.items()
    }
    return CategorizedChanges(
        categories=categories,
        compiled=compiled,
        read={unique_id: each.values_read for unique_id, each in inputs.items()},
    )


def _inputs_of_all(
    found: Mapping[str, Difference],
    fingerprinter: Fingerprinter,
    recorded: Recorded,
    details: Details,
    *,
    trusts_hooks: bool,
) -> dict[str, ChangeInputs]:
    """Return what the category of each node's change depends on."""
    if not found:
        return {}
    project = fingerprinter.project
    keys = {unique_id: record_key(project.nodes[unique_id], project) for unique_id in found}
    known = {
        key: with_sql_of_the_command(each, recorded.relations[key].trace.reads)
        for key, each in details(keys.values()).items()
    }
    read = _read_by_nodes(project, recorded)
    return {
        unique_id: _inputs(
            project.nodes[unique_id],
            difference,
            known.get(keys[unique_id]),
            fingerprinter,
            recorded,
            read=read,
            trusts_hooks=trusts_hooks,
        )
        for unique_id, difference in found.items()
    }


def _inputs(
    node: Node,
    difference: Difference,
    before: RecordedDefinition | None,
    fingerprinter: Fingerprinter,
    recorded: Recorded,
    *,
    read: Names,
    trusts_hooks: bool,
) -> ChangeInputs:
    """Return what the category of a node's change depends on; `before` is the definition that was built last."""
    unique_id = node.unique_id
    key = record_key(node, fingerprinter.project)
    record = recorded.relations[key]
    inputs = ChangeInputs(
        node=node,
        difference=difference,
        recorded=before or RecordedDefinition(),
        items=fingerprinter.items(unique_id),
        macro_paths=fingerprinter.macro_paths,
        adapters=fingerprinter.adapters,
        dialect=fingerprinter.dialect,
        configured=fingerprinter.configured(unique_id),
        other_reads=recorded.other_reads.get(key, ()),
        values_read=_values_read(fingerprinter, unique_id, before),
        is_described=fingerprinter.is_described(unique_id),
        volatile=read_volatile(node, record),
        read=None if _may_read_any(node, record) else read,
        untouched_by_hooks=trusts_hooks and _is_untouched(node, record),
    )
    return _with_view_ddl(inputs, fingerprinter)


def _read_by_nodes(project: Project, recorded: Recorded) -> Names:
    """Return the names of the relations that nodes of the project build or read, declared or not."""
    project = with_undeclared(project, recorded)
    named = (node.relation.spellings for node in project.nodes.values() if node.relation is not None)
    return frozenset[tuple[str, str]]().union(*named)


def _may_read_any(node: Node, record: RecordedRelation) -> bool:
    """Return whether a node may read relations that nobody has seen it name."""
    if node.resource_type in ("seed", "unit_test", "function"):
        return False
    reads, named = record.trace.reads, record.trace.named
    return reads is None or bool(reads.questions) or named is None or any(is_function(name) for _, name in named)


def _is_untouched(node: Node, record: RecordedRelation) -> bool:
    """Return whether on-run hooks have left nothing on a relation that a build would take away."""
    return record.trace.on_run == NOTHING or (record.trace.on_run == WROTE_ROWS and keeps_added_rows(node))


def _values_read(
    fingerprinter: Fingerprinter, unique_id: str, recorded: RecordedDefinition | None
) -> Mapping[str, str] | None:
    """Return today's hashes of what the recorded build was seen to read, None if it was not traced."""
    names = recorded.items.get(READS) if recorded is not None else None
    return None if names is None else fingerprinter.read_values(unique_id, names)


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
    digest: Digest,
) -> None:
    """Record the present definition of every node that differs in nothing real and is skipped."""
    project = fingerprinter.project
    lineage = lineages(project, build_order(project)) if categorized.categories else {}
    refreshed = []
    for entry in plan.entries:
        node = entry.node
        category = categorized.categories.get(node.unique_id)
        if entry.reasons or (category is None and not _has_laid_out_model(entry, project, lineage)):
            continue
        compiled = categorized.compiled.get(node.unique_id)
        refreshed.append(
            Refresh(
                key=record_key(node, project),
                fingerprint=node.fingerprint,
                inlined=_inlined(project, lineage[node.unique_id].inlined),
                raw_code=node.raw_code,
                detail=RecordedDefinition(
                    items=_items(fingerprinter, node, categorized),
                    # Where nothing was compiled the recorded one stays.
                    compiled=compiled_document(compiled, fingerprinter.dialect, None if store_code else digest)
                    if compiled
                    else {},
                ),
                reads=_reads(entry, compiled, project, digest, store_code=store_code),
            )
        )
    refresh_definitions(state, refreshed, store_code=store_code)


def _has_laid_out_model(entry: PlanEntry, project: Project, lineage: Mapping[str, Lineage]) -> bool:
    """Return whether a unit test is skipped though its model has other comments or another layout."""
    if entry.node.resource_type != "unit_test" or entry.record is None or not lineage:
        return False
    return entry.record.trace.inlined != _inlined(project, lineage[entry.node.unique_id].inlined)


def _items(
    fingerprinter: Fingerprinter, node: Node, categorized: CategorizedChanges
) -> Mapping[str, Mapping[str, str]]:
    """Return the items of a node, with what its last build and the compilation just now have read."""
    compiled = categorized.compiled.get(node.unique_id)
    before = categorized.read.get(node.unique_id)
    if before is None:
        return fingerprinter.items(node.unique_id)
    more = compiled.reads.names if compiled is not None and compiled.reads is not None else ()
    reads = fingerprinter.read_values(node.unique_id, {*before, *more})
    return {**fingerprinter.items(node.unique_id), READS: reads}


def _reads(
    entry: PlanEntry, compiled: CompiledNode | None, project: Project, digest: Digest, *, store_code: bool
) -> TracedReads | None:
    """Return what is recorded as read: what was recorded, unless the node has just been compiled."""
    before = entry.record.trace.reads if entry.record is not None else None
    if compiled is None:
        return before
    return merged(before, traced_reads(compiled.reads, entry.node, project, digest, stores_sql=store_code))


def _inlined(project: Project, inlined: Iterable[str]) -> dict[str, str]:
    return {unique_id: definition_digest(project.nodes[unique_id]) for unique_id in inlined}
