"""Cutoff inside a run: planned nodes that need no build."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from dbt_state_plugin.core.changes.categorize import recorded_statement
from dbt_state_plugin.core.decision.cutoff import (
    CameOut,
    differing_columns,
    is_reworded,
    keeps_definition,
    reads_rows_alone,
    seen_as_equal,
    shows_rows_alone,
)
from dbt_state_plugin.core.lineage import Lineage, record_key
from dbt_state_plugin.core.reached import reached
from dbt_state_plugin.core.values.cut_offs import CutOffReason, ParentOutcome
from dbt_state_plugin.core.values.plan import PlanEntry
from dbt_state_plugin.core.values.records import RecordedDefinition, RecordedRelation, Trace
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.operations.running.compared_rows import ComparedRows, is_as_recorded
from dbt_state_plugin.operations.running.hanging_nodes import HangingNodes
from dbt_state_plugin.operations.session_of_dbt import session_of_dbt
from dbt_state_plugin.state.relations import read_definitions, read_recorded

if TYPE_CHECKING:
    from dbt_state_plugin.operations.planning.inputs import Planned
    from dbt_state_plugin.operations.running.scans import Scans
    from dbt_state_plugin.operations.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Unneeded:
    """Why a node need not be built, and the versions of its parents that it counts as having seen."""

    why: CutOffReason
    parents: Mapping[str, str]


class Cutoff:
    """Decides which planned nodes need no build after all.

    Callers make sure that only one thread calls at a time; `rows` may be asked by several.
    """

    def __init__(
        self,
        session: Session,
        planned: Planned,
        lineages: Mapping[str, Lineage],
        microbatch: Collection[str],
        scans: Scans,
        *,
        is_over: bool,
    ) -> None:
        """Compare nothing yet; what nothing hangs on is never compared, and nothing if dbt has ended already."""
        self._warehouse = session.warehouse
        self._state = session.state
        self._session_of_dbt = session_of_dbt(session)
        self._hanging = HangingNodes(planned, lineages, is_over=is_over)
        self.rows = ComparedRows(session, planned, self._hanging, microbatch, scans)
        self._project = planned.project
        self._lineages = lineages
        self._entries, self._records = self._hanging.entries, self._hanging.records
        self._unsettled = set(self._hanging.nodes)
        self._traces: dict[str, Trace] = {}  # of what this run has built
        self._came_out: dict[str, CameOut] = {}
        building = {record_key(entry.node, self._project): entry.node for entry in planned.plan.to_build}
        self._built = building.keys()
        self._written = frozenset((key.schema, key.identifier) for key, node in building.items() if not node.is_view)

    def has_same_data(self, entry: PlanEntry) -> bool:
        """Return whether a node that was just built is unchanged to every reader."""
        node = entry.node.unique_id
        if entry.node.is_view:
            is_alike = node in self._hanging.readers and keeps_definition(self._lineages[node].parents, entry)
        else:
            is_alike = self.rows.is_alike(node)
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
        before, after = self.rows.before.get(node), self.rows.after.get(node)
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

    def unneeded(self, unique_id: str, versions: Mapping[RelationName, str]) -> Unneeded | None:
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
        for parent in self._hanging.planned_parents(unique_id):
            key, out = record_key(self._project.nodes[parent], self._project), self._came_out.get(parent)
            came_out[str(key)] = out if out is not None and versions.get(key) == out.now else None
            columns = self._hanging.columns_of(parent, unique_id)
            read |= {str(key): columns} if columns is not None else {}
        moved = seen_as_equal(
            entry.record.trace.parents,
            came_out,
            read,
            is_view=entry.node.is_view,
            reads_order=self._reads_order(unique_id),
        )
        if moved is None or not is_as_recorded(self._warehouse, entry, entry.record):
            return None
        if any(not _is_equal_as_a_whole(came_out[key]) for key in moved) and not self._reads_the_same(entry):
            return None
        return Unneeded(why=self._reason(entry), parents=moved)

    def _reads_as_source(self, unique_id: str) -> bool:
        """Return whether a node may read what this run builds as a source: nobody says how that came out.

        The source may be a view of it, or be written by its triggers.
        """
        parents = [self._project.nodes[parent] for parent in self._lineages[unique_id].parents]
        keys = [record_key(node, self._project) for node in parents if node.is_source]
        if not keys or not self._built.isdisjoint(keys):
            return bool(keys)
        readers = self._warehouse.readers_of(self._written)
        return readers is None or any((key.schema, key.identifier) in readers for key in keys)

    def _reads_the_same(self, entry: PlanEntry) -> bool:
        """Return whether the SQL of a node, and that of the views between, reads the columns that it was seen to read.

        A star stands for other columns when there are more of them, and a name may mean another one. Where rendering
        was not traced, it may itself have asked which columns there are.
        """
        for node in self._hanging.holders(entry.node.unique_id):
            record = self._records.get(node)
            if record is None or record.trace.reads is None:
                return False
            if node in self._entries and is_reworded(self._entries[node]):
                return False
            is_compared = node in self._entries and self._hanging.is_edited_view(self._entries[node])
            if node in self._traces and self._traces[node].columns != record.trace.columns and not is_compared:
                return False
        key = record_key(entry.node, self._project)
        statement = recorded_statement(read_definitions(self._state, [key]).get(key, RecordedDefinition()).compiled)
        now = self._warehouse.columns_read(statement, **self._session_of_dbt) if statement else None
        return now is not None and entry.record is not None and now == entry.record.trace.columns

    def _reads_order(self, unique_id: str) -> bool:
        """Return whether the order of rows may tell in a node, in a view between, or in what reads the rows it leaves.

        What is cut off keeps its rows in the order that they had, and so hands on another one than a build would. What
        the SQL of an edited node may tell is not known before it is built.
        """
        below = self._all_below(unique_id)
        if not below.isdisjoint(self._hanging.rewritten):
            return True
        records = [
            self._records.get(each) for each in {*self._hanging.holders(unique_id), *below} if not self._is_unread(each)
        ]
        return any(each is None or each.trace.reads_order is not False for each in records)

    def _is_unread(self, unique_id: str) -> bool:
        """Return whether a node is a test that this run leaves alone and no other has run."""
        node = self._project.nodes[unique_id]
        return node.is_test and unique_id not in self._entries and self._records.get(unique_id) is None

    def _all_below(self, unique_id: str) -> set[str]:
        return reached([unique_id], lambda node: self._all_readers.get(node, set())) - {unique_id}

    @cached_property
    def _all_readers(self) -> Mapping[str, set[str]]:
        found: dict[str, set[str]] = {}
        for reader, lineage in self._lineages.items():
            for parent in lineage.parents:
                found.setdefault(parent, set()).add(reader)
        return found

    def _reason(self, entry: PlanEntry) -> CutOffReason:
        first, *others = entry.hangs_on
        out, before, after = self._came_out.get(first), self.rows.before.get(first), self.rows.after.get(first)
        reason = CutOffReason(
            parent=first,
            outcome=ParentOutcome.UNCHANGED,
            others=len(others),
            others_are_equal=all(_is_equal_as_a_whole(self._came_out.get(each)) for each in others),
        )
        if after is None or out is None:
            return reason
        if _is_equal_as_a_whole(out):
            return replace(reason, outcome=ParentOutcome.EQUAL, rows=after.number)
        names = dict.fromkeys([*(before.names if before else ()), *after.names])
        differing = differing_columns(names, out.same_columns)
        # Columns of a view are compared without the order of its rows: those that nobody reads together may be equal
        # one by one and differ in how they belong together.
        is_only = len(differing) == 1 and out.has_same_columns and out.has_order
        return replace(
            reason,
            outcome=ParentOutcome.EQUAL_WHERE_READ,
            rows=after.number,
            may_differ=differing,
            is_only_difference=is_only,
        )


def _is_equal_as_a_whole(out: CameOut | None) -> bool:
    return out is not None and (out.before == out.now or (out.has_same_columns and out.has_same_rows))
