"""Cutoff inside a run: what was built is compared with what was there, and what hangs on it is asked about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbt_state_plugin.core.config.node_config import cutoff_max_rows, cutoff_rule
from dbt_state_plugin.core.decision.cutoff import CameOut, keeps_definition, seen_as_equal
from dbt_state_plugin.core.lineage import Lineage, record_key
from dbt_state_plugin.core.values.plan import PlanEntry
from dbt_state_plugin.core.values.records import RecordedRelation, RowsLeft
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.core.values.things import ThingChange
from dbt_state_plugin.core.versions.shape import shape_changes
from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.report.reason_words import short_name

if TYPE_CHECKING:
    from dbt_state_plugin.operations.planning.inputs import Planned
    from dbt_state_plugin.operations.session import Session

MS_PER_ROW = 0.003  # one scan of a row, measured with ten columns
MOST_SHARE = 0.05  # of the time that what is below took the last time
ALWAYS_WORTH = 10.0  # milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why a node need not be built, and the versions of its parents that it has seen by that."""

    why: str
    parents: Mapping[str, str]


class Cutoff:
    """Say which planned nodes need no build after all; whoever calls sees to it that one thread does at a time."""

    def __init__(
        self,
        session: Session,
        planned: Planned,
        lineages: Mapping[str, Lineage],
        microbatch: Iterable[str],
        *,
        is_over: bool,
    ) -> None:
        """Compare nothing yet; what nothing hangs on is never compared, and nothing where dbt has ended already."""
        self._warehouse = session.warehouse
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
        self._before: dict[str, RowsLeft] = {}
        self._after: dict[str, RowsLeft] = {}
        self._came_out: dict[str, CameOut] = {}
        self._default = planned.cutoff

    def _planned_parents(self, unique_id: str) -> list[str]:
        return [parent for parent in self._lineages[unique_id].parents if parent in self._entries]

    def _is_comparable(self, unique_id: str) -> bool:
        entry = self._entries[unique_id]
        is_relation = entry.node.relation is not None and not entry.node.is_view
        return is_relation and entry.record is not None and not entry.keeps_data

    def look_before(self, unique_id: str) -> None:
        """Note what a relation holds before it is built, where that may save more than it costs."""
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
        if record.trace.rows is not None:
            return record.trace.rows
        if record.touched is None or self._versions_before.get(relation) != str(record.data_id):
            return None
        found = self._warehouse.rows_left(relation)
        is_untouched = self._warehouse.counters([relation]).get(relation) == (record.identity, record.touched)
        return found if is_untouched else None

    def _is_worth_it(self, unique_id: str) -> bool:
        entry = self._entries[unique_id]
        relation, record = entry.node.relation, entry.record
        if relation is None or record is None:
            return False
        rows = self._warehouse.estimated_rows(relation)
        if rows > cutoff_max_rows(entry.node):
            return False
        below = self._below(unique_id)
        rules = {cutoff_rule(self._entries[node].node, self._default) for node in below}
        scans = 1 if record.trace.rows is not None else 2
        cost = rows * MS_PER_ROW * scans
        took = sum(self._duration(node) for node in below)
        return "always" in rules or cost <= max(ALWAYS_WORTH, took * MOST_SHARE)

    def _below(self, unique_id: str) -> set[str]:
        found: set[str] = set()
        todo = [unique_id]
        while todo:
            fresh = self._readers.get(todo.pop(), set()) - found
            found |= fresh
            todo += fresh
        return found

    def _duration(self, unique_id: str) -> int:
        record = self._records.get(unique_id)
        return (record.duration_ms or 0) if record is not None else 0

    def rows_after(self, entry: PlanEntry) -> RowsLeft | None:
        """Return what a relation that was just built holds, where it is compared."""
        unique_id, relation = entry.node.unique_id, entry.node.relation
        if unique_id not in self._before or relation is None:
            return None
        try:
            found = self._warehouse.rows_left(relation)
        except PluginError:
            return None
        if found is not None:
            self._after[unique_id] = found
        return found

    def has_same_data(self, entry: PlanEntry) -> bool:
        """Return whether a node that was just built is what it was to whoever reads it, whatever they make of it."""
        node = entry.node.unique_id
        before, after = self._before.get(node), self._after.get(node)
        is_same_query = node in self._readers and keeps_definition(self._lineages[node].parents, entry)
        return is_same_query or (before is not None and before == after)

    def see_built(self, entry: PlanEntry, now: str) -> None:
        """Note how a node came out that is recorded as built, and the version that its readers see from now on."""
        node, record = entry.node.unique_id, entry.record
        if record is None:
            return
        before, after = self._before.get(node), self._after.get(node)
        self._came_out[node] = CameOut(
            before=str(record.data_id),
            now=now,
            has_same_columns=before is not None and after is not None and before.columns == after.columns,
            has_same_rows=before is not None and after is not None and before.rows == after.rows,
        )

    def see_cut_off(self, entry: PlanEntry) -> None:
        """Note that a node is left as it is."""
        if entry.record is not None:
            data = str(entry.record.data_id)
            self._came_out[entry.node.unique_id] = CameOut(before=data, now=data)

    def verdict(self, unique_id: str, versions: Mapping[RelationName, str]) -> Verdict | None:
        """Return why a node need not be built, None where it is; each is decided once, when its parents have ended.

        `versions` are those that a build which begins now would see.
        """
        entry = self._entries.get(unique_id)
        if entry is None or entry.record is None or unique_id not in self._unsettled:
            return None
        self._unsettled.discard(unique_id)
        came_out: dict[str, CameOut | None] = {}
        for parent in self._planned_parents(unique_id):
            key, out = record_key(self._project.nodes[parent], self._project), self._came_out.get(parent)
            came_out[str(key)] = out if out is not None and versions.get(key) == out.now else None
        moved = seen_as_equal(
            entry.record.trace.parents,
            came_out,
            is_view=entry.node.is_view,
            reads_order=self._reads_order(unique_id, entry.record),
        )
        if moved is None or not self._is_as_recorded(entry, entry.record):
            return None
        return Verdict(why=self._words(entry), parents=moved)

    def _reads_order(self, unique_id: str, record: RecordedRelation) -> bool:
        views = [each for each in self._lineages[unique_id].parents if self._project.nodes[each].is_view]
        records = [record, *(self._records.get(view) for view in views)]
        return any(each is None or each.trace.reads_order is not False for each in records)

    def _is_as_recorded(self, entry: PlanEntry, record: RecordedRelation) -> bool:
        """Return whether the relation is still there as it was recorded: it may have gone down with what it reads."""
        if entry.node.relation is None:
            return True
        present = self._warehouse.present(entry.node.relation)
        if present is None or present.identity != record.identity:
            return False
        return all(change is ThingChange.ADDED for _, change in shape_changes(record.shape, present.shape))

    def _words(self, entry: PlanEntry) -> str:
        first, *others = entry.hangs_on
        rows = self._after.get(first)
        equal = f"came out equal ({int(rows.rows.partition(':')[0]):,} rows)" if rows is not None else "is what it was"
        return f"{short_name(first)} {equal}" + (f", so did {len(others)} more" if others else "")
