"""Cutoff: planned nodes that need no build once inputs come out equal.

Before a run: which planned nodes depend on how others come out. During it: whether those came out such that a node need
not be built. Any doubt means build.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from dbt_state_plugin.core.config.node_config import cutoff_rule
from dbt_state_plugin.core.decision.known import Known
from dbt_state_plugin.core.values.plan import PlanEntry
from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.reasons import SAME_QUERY, Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import RecordedRelation, Trace
from dbt_state_plugin.core.values.relations import TABLES, RelationKind, RelationName
from dbt_state_plugin.core.versions.shape import foreign_keys

Needed = Mapping[str, tuple[Reason, ...]]

# What is said of a node only because another one is built.
_HANGS = frozenset({ReasonCode.IS_BUILT, ReasonCode.DROPPED_WITH_PARENT})
# What leaves the SQL of a node as it was, whatever the types of what it reads.
_KEEPS_SQL = _HANGS | frozenset(
    {
        *(ReasonCode.BUILT_SINCE, ReasonCode.ROWS_CHANGED, ReasonCode.ALWAYS_NEW, ReasonCode.RECREATED_OR_EMPTIED),
        *(ReasonCode.SQL_CALLS, ReasonCode.PARENT_CALLS, ReasonCode.TOO_OLD, ReasonCode.ROWS_WRITTEN),
    }
)
# What dbt itself makes of a query; another materialization may read and leave anything.
_BY_DBT = frozenset({"table", "view", "incremental", "materialized_view", "snapshot", "seed", "test"})
_DROPPED_ALONG = frozenset({"view", "materialized_view"})
_REPLACED = frozenset({"table", "view"})
_HOLDS_ROWS = TABLES | {RelationKind.MATERIALIZED_VIEW}
# What differs of a view where nothing but its query does; of what dbt inlines into it, another definition.
_OF_ITS_QUERY = frozenset(
    {
        *(ReasonKind.BODY, ReasonKind.MACROS, ReasonKind.VARIABLES, ReasonKind.REFERENCES),
        *(ReasonKind.CONFIG, ReasonKind.CONTRACT, ReasonKind.DOCS),
    }
)


def hanging(
    known: Known, order: Iterable[str], needed: Needed, own: Needed, building: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return the planned nodes that are due only if others come out different, each with the nearest of those.

    `order` has parents first. What a node has read besides its parents, or does besides leaving its relation, is not
    seen here: nodes with hooks, undeclared inputs or queries while compiling depend on no such outcome. `own` are all
    reasons of the nodes themselves; what changed behind a view that is built is not among those that are said.
    """
    built = set(building)
    found: dict[str, tuple[str, ...]] = {}
    may_be_same: set[str] = set()
    for node in (each for each in order if each in built):
        parents = [parent for parent in known.lineage[node].parents if parent in needed]
        hidden = [reason for reason in own.get(node, ()) if not _says_what_is_built(reason, needed)]
        hangs = _hangs((*needed[node], *hidden)) and bool(parents) and may_be_same.issuperset(parents)
        if hangs and _is_all_seen(known, node) and not _goes_with_a_parent(known, node, parents, found):
            found[node] = tuple(dict.fromkeys(reason.node for reason in needed[node]))
        is_same_view = known.is_view(node) and (hangs or _is_edited_view(known, node, needed))
        if is_same_view or node in found or _leaves_rows(known, node):
            may_be_same.add(node)
    return found


def _goes_with_a_parent(known: Known, unique_id: str, parents: Iterable[str], hanging: Collection[str]) -> bool:
    """Return whether the warehouse drops a view with a table, or with another view, that is surely built."""
    if known.project.nodes[unique_id].materialized not in _DROPPED_ALONG:
        return False
    surely = (known.project.nodes[parent] for parent in parents if parent not in hanging)
    return any(parent.materialized in _REPLACED for parent in surely)


def _hangs(reasons: tuple[Reason, ...]) -> bool:
    return all(reason.code in _HANGS for reason in reasons)


def _says_what_is_built(reason: Reason, needed: Needed) -> bool:
    """Return whether a reason is covered by that its node is built: what comes out is compared with what was read."""
    return reason.code is ReasonCode.BUILT_SINCE and reason.node in needed


def _leaves_rows(known: Known, unique_id: str) -> bool:
    """Return whether the rows that a node leaves can be compared with those that its last build has left."""
    node = known.project.nodes[unique_id]
    record = known.record_of(node)
    holds_rows = record is not None and record.identity is not None and record.identity.kind in _HOLDS_ROWS
    return holds_rows and node.materialized in _BY_DBT - {"view"} and not node.is_function


def _is_edited_view(known: Known, unique_id: str, needed: Needed) -> bool:
    """Return whether the rows of a view that is built can be compared with those that it showed."""
    is_alone = needed.keys().isdisjoint(known.lineage[unique_id].parents)
    node = known.project.nodes[unique_id]
    return is_alone and is_edited_view(node, known.record_of(node), needed[unique_id])


def is_edited_view(node: Node, record: RecordedRelation | None, reasons: Iterable[Reason]) -> bool:
    """Return whether a view is built for nothing but another query, and its recorded one shows what its parents hold.

    The view that is there is then what its readers have read.
    """
    if record is None or record.identity is None or record.identity.kind is not RelationKind.VIEW:
        return False
    return node.is_view and all(map(_is_of_its_query, reasons)) and shows_rows_alone(node, record.trace)


def _is_of_its_query(reason: Reason) -> bool:
    is_inlined = reason.code is ReasonCode.PARENT_CHANGED and bool(reason.values.get("ephemeral"))
    return reason.kind in _OF_ITS_QUERY or is_inlined


def shows_rows_alone(view: Node, trace: Trace) -> bool:
    """Return whether what a view shows by itself is what any query reads of it: the rows of its parents decide alone.

    Not their order, the time or chance, nor who asks (row security, which makes it read whole relations).
    """
    is_steady = trace.volatile == () and trace.reads is not None and trace.reads.volatile == ()
    is_open = trace.columns is not None and () not in trace.columns.values()
    return is_steady and is_open and trace.reads_order is False and _sees_rows_alone(view, trace)


def _is_all_seen(known: Known, unique_id: str) -> bool:
    node = known.project.nodes[unique_id]
    record = known.record_of(node)
    if record is None or node.materialized not in _BY_DBT or cutoff_rule(node, known.request.cutoff) == "never":
        return False
    parents = (known.project.nodes[parent] for parent in known.lineage[unique_id].parents)
    views = [parent for parent in parents if parent.is_view]
    return all(reads_rows_alone(each, known.record_of(each)) for each in (node, *views))


def reads_rows_alone(node: Node, record: RecordedRelation | None) -> bool:
    """Return whether a recorded build read nothing but the rows of its parents and left nothing but its relation.

    Macros of the project that take part in how dbt writes a node may read and leave anything.
    """
    return record is not None and _sees_rows_alone(node, record.trace) and not foreign_keys(record.shape or "")


def _sees_rows_alone(node: Node, trace: Trace) -> bool:
    asks = trace.reads is not None and bool(trace.reads.questions)
    acts = trace.has_hooks or bool(trace.writes) or bool(trace.written_by)
    sees_rows_alone = trace.named == () and trace.reads_storage is False
    return sees_rows_alone and not (node.custom_ddl or node.shows_failures or asks or acts)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameOut:
    """How a planned node came out in this run.

    `before` is the version that readers of its earlier data have seen, `now` the one that a reader would see. Where
    they differ, `has_same_columns` says that names, types and order of the columns are what they were, and
    `has_same_rows` that the rows are too, though not in the same order. `same_columns` are the sets of columns to which
    they may be cut down so that they are what they were, in their order; those of a view have none (`has_order`).
    """

    before: str
    now: str
    has_same_columns: bool = False
    has_same_rows: bool = False
    same_columns: frozenset[tuple[str, ...]] = frozenset()
    has_order: bool = True


def seen_as_equal(
    seen: Mapping[str, str],
    came_out: Mapping[str, CameOut | None],
    read: Mapping[str, tuple[str, ...]],
    *,
    is_view: bool,
    reads_order: bool,
) -> dict[str, str] | None:
    """Return the versions to be recorded as seen where a build would read what the recorded one has read, else None.

    `seen` are the versions in the trace of the recorded build; `came_out` are the planned ones among the parents, by
    the same names, with None for one that has not ended well; `read` are the columns that are read of those of which no
    more is read. A view holds no rows: its columns decide. `reads_order` says that the order of rows may decide what
    comes out.
    """
    moved: dict[str, str] = {}
    for parent, out in came_out.items():
        if out is None or seen.get(parent) != out.before:
            return None
        if out.now == out.before:
            continue
        if not _is_equal(out, read.get(parent), is_view=is_view, reads_order=reads_order):
            return None
        moved[parent] = out.now
    return moved


def _is_equal(out: CameOut, read: tuple[str, ...] | None, *, is_view: bool, reads_order: bool) -> bool:
    if is_view:
        return out.has_same_columns
    has_same_read = read in out.same_columns and (out.has_order or not reads_order)
    return has_same_read or (out.has_same_columns and out.has_same_rows and not reads_order)


def columns_read(parent: RelationName, readers: Iterable[RecordedRelation | None]) -> tuple[str, ...] | None:
    """Return the columns of a relation that a node reads by itself and through views, sorted; None for all of it.

    `readers` are the records of the node and of the views among its parents.
    """
    found: set[str] = set()
    for record in readers:
        columns = record.trace.columns if record is not None else None
        if columns is None:
            return None
        read = columns.get((parent.schema, parent.identifier))
        if read == ():
            return None
        found |= set(read or ())
    return tuple(sorted(found)) or None


def differing_columns(names: Iterable[str], same: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the columns that no set of equal ones holds, of a relation that came out different."""
    equal = {column for columns in same for column in columns}
    return tuple(name for name in names if name not in equal)


def is_reworded(entry: PlanEntry) -> bool:
    """Return whether the text of a node is another one that the server read as the same query when it was planned.

    That holds for the columns that its parents had then: a star of the new text stands for more if one of them gets
    another, and a name may mean that one.
    """
    return any(reason.values.get("equal") == SAME_QUERY for reason in entry.cosmetic)


def may_be_rewritten(entry: PlanEntry) -> bool:
    """Return whether a node, be it built by this run or not, may have other SQL than its recorded build had."""
    return any(reason.code not in _KEEPS_SQL for reason in entry.reasons)


def keeps_definition(known_parents: Iterable[str], entry: PlanEntry) -> bool:
    """Return whether a view that is created again is the same query: it was dropped with what it is known to read."""
    record = entry.record
    if record is None or not entry.node.is_view or not _hangs(entry.reasons) or is_reworded(entry):
        return False
    return reads_rows_alone(entry.node, record) and {reason.node for reason in entry.reasons} <= set(known_parents)
