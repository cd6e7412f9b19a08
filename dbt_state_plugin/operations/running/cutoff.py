"""Cutoff inside a run: rows before and after, and their readers."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from dbt_state_plugin.core.changes.categorize import recorded_statement
from dbt_state_plugin.core.config.node_config import cutoff_max_rows, cutoff_rule
from dbt_state_plugin.core.decision.cutoff import (
    CameOut,
    columns_read,
    differing_columns,
    is_edited_view,
    keeps_definition,
    reads_rows_alone,
    seen_as_equal,
    shows_rows_alone,
)
from dbt_state_plugin.core.decision.scan_cost import ScanCost
from dbt_state_plugin.core.lineage import Lineage, record_key
from dbt_state_plugin.core.values.plan import PlanEntry
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.records import RecordedDefinition, RecordedRelation, RowsLeft, Trace
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.core.values.things import ThingChange
from dbt_state_plugin.core.versions.drift import find_drift
from dbt_state_plugin.core.versions.shape import shape_changes
from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.operations.session_of_dbt import session_of_dbt
from dbt_state_plugin.report.reason_words import short_name
from dbt_state_plugin.state.relations import read_definitions, read_recorded

if TYPE_CHECKING:
    from dbt_state_plugin.operations.planning.inputs import Planned
    from dbt_state_plugin.operations.session import Session

MOST_SHARE = 0.05  # of the time that what is below took the last time
ALWAYS_WORTH = 10.0  # milliseconds
_PATIENCE_MS = 1000  # for the query of a view, besides what it is worth
_SHOWN = 3  # columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why a node need not be built, and the versions of its parents that it counts as having seen."""

    why: str
    parents: Mapping[str, str]


class Cutoff:
    """Decides which planned nodes need no build after all; callers make sure that only one thread calls at a time."""

    def __init__(
        self,
        session: Session,
        planned: Planned,
        lineages: Mapping[str, Lineage],
        microbatch: Iterable[str],
        *,
        is_over: bool,
    ) -> None:
        """Compare nothing yet; what nothing hangs on is never compared, and nothing if dbt has ended already."""
        self._warehouse = session.warehouse
        self._state = session.state
        self._session_of_dbt = session_of_dbt(session)
        self._project = planned.project
        self._lineages = lineages
        self._entries = {entry.node.unique_id: entry for entry in planned.plan.to_build}
        self._records = {entry.node.unique_id: entry.record for entry in planned.plan.entries}
        self._versions_before = planned.plan.parent_versions
        self._readers: dict[str, set[str]] = {}
        hanging = [entry.node.unique_id for entry in planned.plan.to_build if entry.hangs_on and not is_over]
        for unique_id in hanging:
            for parent in self._planned_parents(unique_id):
                self._readers.setdefault(parent, set()).add(unique_id)
        self._compared = {node for node in self._readers if self._is_comparable(node)} - set(microbatch)
        self._unsettled = set(hanging)
        self._sets: dict[str, set[tuple[str, ...]]] = {}  # which columns of a relation are read, by one or another
        self._traces: dict[str, Trace] = {}  # of what this run has built
        self._before: dict[str, RowsLeft] = {}
        self._after: dict[str, RowsLeft] = {}
        self._came_out: dict[str, CameOut] = {}
        self._scan_cost = ScanCost()
        self._default = planned.cutoff
        self._built = {record_key(entry.node, self._project) for entry in planned.plan.to_build}

    def _planned_parents(self, unique_id: str) -> list[str]:
        return [parent for parent in self._lineages[unique_id].parents if parent in self._entries]

    def _is_comparable(self, unique_id: str) -> bool:
        entry = self._entries[unique_id]
        if entry.node.relation is None or entry.record is None or entry.keeps_data:
            return False
        return not entry.node.is_view or self._is_edited_view(entry)

    def _is_edited_view(self, entry: PlanEntry) -> bool:
        """Return whether what a view shows is compared with what it showed, over parents that this run leaves alone."""
        is_alone = not self._planned_parents(entry.node.unique_id)
        return is_alone and is_edited_view(entry.node, entry.record, entry.reasons)

    def look_before(self, unique_id: str) -> None:
        """Note what a relation holds before it is built, if that may save more than it costs."""
        if unique_id not in self._compared:
            return
        self._compared.discard(unique_id)
        try:
            found = self._rows_before(self._entries[unique_id]) if self._is_worth_it(unique_id) else None
        except PluginError:  # whatever it is, the build goes on
            return
        if found is not None:
            self._before[unique_id] = found

    def _rows_before(self, entry: PlanEntry) -> RowsLeft | None:
        """Return what readers of the recorded data have seen: as it was recorded, else as it is and nobody wrote."""
        record, relation = entry.record, entry.node.relation
        if record is None or relation is None:
            return None
        sets = self._sets_of(entry.node.unique_id)
        if entry.node.is_view:
            return self._rows_left(entry.node, sets) if self._is_as_recorded(entry, record) else None
        if record.trace.rows is not None and record.trace.rows.some.keys() >= sets:
            return record.trace.rows
        if record.touched is None or self._versions_before.get(relation) != str(record.data_id):
            return record.trace.rows
        found = self._rows_left(entry.node, sets)
        is_untouched = self._warehouse.counters([relation]).get(relation) == (record.identity, record.touched)
        return found if is_untouched else record.trace.rows

    def _rows_left(self, node: Node, sets: set[tuple[str, ...]]) -> RowsLeft | None:
        if node.relation is None:
            return None
        started = time.monotonic()
        if node.is_view:
            return self._rows_shown(node, node.relation, sets)
        found = self._warehouse.rows_left(node.relation, sets)
        if found is not None:
            ms = (time.monotonic() - started) * 1000
            self._scan_cost = self._scan_cost.after(_number_of(found), len(sets), ms)
        return found

    def _rows_shown(self, view: Node, relation: RelationName, sets: set[tuple[str, ...]]) -> RowsLeft | None:
        worth, most, patience = self._worth(view.unique_id), cutoff_max_rows(view), 0
        if worth < math.inf:
            most = min(most, round(worth / (2 * self._scan_cost.of(1, len(sets)))))
            patience = _PATIENCE_MS + round(worth)
        return self._warehouse.rows_shown(relation, sets, most_rows=most, patience_ms=patience, **self._session_of_dbt)

    def _sets_of(self, unique_id: str) -> set[tuple[str, ...]]:
        """Return of which columns of a relation it is asked besides the whole: those that a node is known to read."""
        if unique_id not in self._sets:
            read = (self._columns_of(unique_id, reader) for reader in self._readers.get(unique_id, ()))
            self._sets[unique_id] = {columns for columns in read if columns is not None}
        return self._sets[unique_id]

    def _columns_of(self, parent: str, reader: str) -> tuple[str, ...] | None:
        relation = self._project.nodes[parent].relation
        return columns_read(relation, [self._records.get(each) for each in self._holders(reader)]) if relation else None

    def _holders(self, unique_id: str) -> list[str]:
        """Return a node and the views through which it reads."""
        views = [each for each in self._lineages[unique_id].parents if self._project.nodes[each].is_view]
        return [unique_id, *views]

    def _is_worth_it(self, unique_id: str) -> bool:
        entry = self._entries[unique_id]
        relation, record = entry.node.relation, entry.record
        if relation is None or record is None:
            return False
        rows = self._warehouse.estimated_rows(relation)
        if rows > cutoff_max_rows(entry.node):
            return False
        scans = 1 if record.trace.rows is not None else 2
        return scans * self._scan_cost.of(rows, len(self._sets_of(unique_id))) <= self._worth(unique_id)

    def _worth(self, unique_id: str) -> float:
        """Return how many milliseconds it may take to compare a relation, for what that may save below."""
        below = _reached(unique_id, self._readers)
        if "always" in {cutoff_rule(self._entries[node].node, self._default) for node in below}:
            return math.inf
        return max(ALWAYS_WORTH, sum(self._duration(node) for node in below) * MOST_SHARE)

    def _duration(self, unique_id: str) -> int:
        record = self._records.get(unique_id)
        return (record.duration_ms or 0) if record is not None else 0

    def rows_after(self, entry: PlanEntry) -> RowsLeft | None:
        """Return what a relation that was just built holds, if it is compared."""
        unique_id, relation = entry.node.unique_id, entry.node.relation
        if unique_id not in self._before or relation is None:
            return None
        try:
            found = self._rows_left(entry.node, self._sets_of(unique_id))
        except PluginError:
            return None
        if found is not None:
            self._after[unique_id] = found
        return found if not entry.node.is_view else None  # rows of a view are as old as what it reads

    def has_same_data(self, entry: PlanEntry) -> bool:
        """Return whether a node that was just built is unchanged to every reader."""
        node = entry.node.unique_id
        before, after = self._before.get(node), self._after.get(node)
        if entry.node.is_view:
            is_alike = node in self._readers and keeps_definition(self._lineages[node].parents, entry)
        else:
            is_alike = before is not None and after is not None and _are_alike(before, after)
        return is_alike and not self._is_seen_later(node)

    def _is_seen_later(self, unique_id: str) -> bool:
        """Return whether a reader that this run does not build sees more of a relation than its rows.

        It is due by another version of the data alone: its hooks act on the relation, or it tells where rows lie.
        """
        readers = [self._project.nodes[each] for each in self._all_readers.get(unique_id, set()) - self._entries.keys()]
        keys = {record_key(node, self._project): node for node in readers if not node.is_ephemeral}
        records = {key: self._all_records.get(key) for key in keys}
        return any(record and not reads_rows_alone(keys[key], record) for key, record in records.items())

    @cached_property
    def _all_records(self) -> Mapping[RelationName, RecordedRelation]:
        """All that is recorded, read once: what is asked for is not built by this run."""
        return read_recorded(self._state, ()).relations

    def see_built(self, entry: PlanEntry, now: str, trace: Trace) -> None:
        """Note how a node that is recorded as built came out, and the version that its readers see from now on."""
        node, record = entry.node.unique_id, entry.record
        if record is None:
            return
        self._traces[node] = trace
        before, after = self._before.get(node), self._after.get(node)
        out = CameOut(before=str(record.data_id), now=now, has_order=not entry.node.is_view)
        is_shown = not entry.node.is_view or shows_rows_alone(entry.node, trace)
        if before is not None and after is not None and is_shown:
            some = frozenset(each for each, found in after.some.items() if before.some.get(each) == found)
            out = replace(
                out,
                has_same_columns=before.columns == after.columns,
                has_same_rows=before.rows == after.rows,
                same_columns=some,
            )
        self._came_out[node] = out

    def see_cut_off(self, entry: PlanEntry) -> None:
        """Note that a node is cut off."""
        if entry.record is not None:
            data = str(entry.record.data_id)
            self._came_out[entry.node.unique_id] = CameOut(before=data, now=data)

    def verdict(self, unique_id: str, versions: Mapping[RelationName, str]) -> Verdict | None:
        """Return why a node need not be built, None if it is; each is decided once, when its parents have ended.

        `versions` are those that a build which begins now would see.
        """
        entry = self._entries.get(unique_id)
        if entry is None or entry.record is None or unique_id not in self._unsettled:
            return None
        self._unsettled.discard(unique_id)
        if self._reads_as_source(unique_id):
            return None
        came_out: dict[str, CameOut | None] = {}
        read: dict[str, tuple[str, ...]] = {}
        for parent in self._planned_parents(unique_id):
            key, out = record_key(self._project.nodes[parent], self._project), self._came_out.get(parent)
            came_out[str(key)] = out if out is not None and versions.get(key) == out.now else None
            columns = self._columns_of(parent, unique_id)
            read |= {str(key): columns} if columns is not None else {}
        moved = seen_as_equal(
            entry.record.trace.parents,
            came_out,
            read,
            is_view=entry.node.is_view,
            reads_order=self._reads_order(unique_id),
        )
        if moved is None or not self._is_as_recorded(entry, entry.record):
            return None
        if any(not _is_equal_as_a_whole(came_out[key]) for key in moved) and not self._reads_the_same(entry):
            return None
        return Verdict(why=self._words(entry), parents=moved)

    def _reads_as_source(self, unique_id: str) -> bool:
        """Return whether a node reads what this run builds by the name of a source: nobody says how that came out."""
        parents = [self._project.nodes[parent] for parent in self._lineages[unique_id].parents]
        return any(node.is_source and record_key(node, self._project) in self._built for node in parents)

    def _reads_the_same(self, entry: PlanEntry) -> bool:
        """Return whether the SQL of a node, and that of the views between, reads the columns that it was seen to read.

        A star stands for other columns when there are more of them, and a name may mean another one. Where rendering
        was not traced, it may itself have asked which columns there are.
        """
        for node in self._holders(entry.node.unique_id):
            record = self._records.get(node)
            if record is None or record.trace.reads is None:
                return False
            is_compared = node in self._entries and self._is_edited_view(self._entries[node])
            if node in self._traces and self._traces[node].columns != record.trace.columns and not is_compared:
                return False
        key = record_key(entry.node, self._project)
        statement = recorded_statement(read_definitions(self._state, [key]).get(key, RecordedDefinition()).compiled)
        now = self._warehouse.columns_read(statement, **self._session_of_dbt) if statement else None
        return now is not None and entry.record is not None and now == entry.record.trace.columns

    def _reads_order(self, unique_id: str) -> bool:
        """Return whether the order of rows may tell in a node, in a view between, or in what reads the rows it leaves.

        What is cut off keeps its rows in the order that they had, and so hands on another one than a build would.
        """
        below = self._all_below(unique_id)
        records = [self._records.get(each) for each in {*self._holders(unique_id), *below} if not self._is_unread(each)]
        return any(each is None or each.trace.reads_order is not False for each in records)

    def _is_unread(self, unique_id: str) -> bool:
        """Return whether a node is a test that this run leaves alone and no other has run."""
        node = self._project.nodes[unique_id]
        return node.is_test and unique_id not in self._entries and self._records.get(unique_id) is None

    def _all_below(self, unique_id: str) -> set[str]:
        return _reached(unique_id, self._all_readers)

    @cached_property
    def _all_readers(self) -> Mapping[str, set[str]]:
        found: dict[str, set[str]] = {}
        for reader, lineage in self._lineages.items():
            for parent in lineage.parents:
                found.setdefault(parent, set()).add(reader)
        return found

    def _is_as_recorded(self, entry: PlanEntry, record: RecordedRelation) -> bool:
        """Return whether the relation is still there as it was recorded.

        It may have gone down with what it reads, and so may a column of it whose type are the rows of that.
        """
        if entry.node.relation is None:
            return True
        present = self._warehouse.present(entry.node.relation)
        if present is None or find_drift(record, present.identity, present.columns) is not None:
            return False
        return all(change is ThingChange.ADDED for _, change in shape_changes(record.shape, present.shape))

    def _words(self, entry: PlanEntry) -> str:
        first, *others = entry.hangs_on
        rows, out = self._after.get(first), self._came_out.get(first)
        more = f", so did {len(others)} more" if others else ""
        if rows is None or out is None:
            return f"{short_name(first)} is what it was{more}"
        number = f"({_number_of(rows):,} rows)"
        if _is_equal_as_a_whole(out):
            return f"{short_name(first)} came out equal {number}{more}"
        unread = _unread_words(short_name(first), rows, out)
        return f"{short_name(first)} came out equal in all that is read of it {number}{more}{unread}"


def _number_of(rows: RowsLeft) -> int:
    return int(rows.rows.partition(":")[0])


def _unread_words(relation: str, rows: RowsLeft, out: CameOut) -> str:
    """Return what is all that can differ in a relation, nothing if that is not one or a few of its columns."""
    names = [f"{relation}.{column}" for column in differing_columns(rows.names, out.same_columns)]
    if len(names) == 1 and out.has_same_columns:
        return f"; not read: {names[0]} is the only column that differs"
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    return f"; not read: {shown}" if names else ""


def _reached(unique_id: str, readers: Mapping[str, set[str]]) -> set[str]:
    """Return all that reads a node, through others too."""
    found: set[str] = set()
    todo = [unique_id]
    while todo:
        fresh = readers.get(todo.pop(), set()) - found
        found |= fresh
        todo += fresh
    return found


def may_cut_off(default: str | None, project: Project) -> bool:
    """Return whether any node may be cut off, by the options and the project's settings."""
    return default != "never" and any(cutoff_rule(node, default) != "never" for node in project.nodes.values())


def _are_alike(before: RowsLeft, after: RowsLeft) -> bool:
    return (before.columns, before.rows, before.order) == (after.columns, after.rows, after.order)


def _is_equal_as_a_whole(out: CameOut | None) -> bool:
    return out is not None and (out.before == out.now or (out.has_same_columns and out.has_same_rows))
