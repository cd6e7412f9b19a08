"""Rows of planned relations, compared before and after their build."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from dbt_state_plugin.core.config.node_config import cutoff_max_rows, cutoff_rule
from dbt_state_plugin.core.decision.scan_cost import ScanCost
from dbt_state_plugin.core.values.things import ThingChange
from dbt_state_plugin.core.versions.drift import find_drift
from dbt_state_plugin.core.versions.shape import shape_changes
from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.operations.session_of_dbt import session_of_dbt

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.plan import PlanEntry
    from dbt_state_plugin.core.values.project import Node
    from dbt_state_plugin.core.values.records import RecordedRelation, RowsLeft
    from dbt_state_plugin.core.values.relations import RelationName
    from dbt_state_plugin.operations.planning.inputs import Planned
    from dbt_state_plugin.operations.running.hanging_nodes import HangingNodes
    from dbt_state_plugin.operations.running.scans import Scans
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.warehouse.interface import Warehouse

MOST_SHARE = 0.05  # of the time that what is below took the last time
ALWAYS_WORTH = 10.0  # milliseconds
_PATIENCE_MS = 1000  # for the query of a view, besides what it is worth


class ComparedRows:
    """Rows of relations `before` and `after` their build.

    Compared are those on which other nodes hang, where that may save more than it costs. Several threads may ask at
    once, each about nodes of its own.
    """

    def __init__(
        self, session: Session, planned: Planned, hanging: HangingNodes, microbatch: Collection[str], scans: Scans
    ) -> None:
        """Compare nothing yet; microbatch models are built in pieces, and never compared."""
        self._scans = scans
        self._session_of_dbt = session_of_dbt(session)
        self._hanging = hanging
        self._versions_before = planned.plan.parent_versions
        self._unseen = {node for node in hanging.readers if self._is_comparable(node)} - set(microbatch)
        self._sets: dict[str, set[tuple[str, ...]]] = {}  # which columns of a relation are read, by one or another
        self._scan_cost = ScanCost()
        self.before: dict[str, RowsLeft] = {}
        self.after: dict[str, RowsLeft] = {}

    def _is_comparable(self, unique_id: str) -> bool:
        entry = self._hanging.entries[unique_id]
        if entry.node.relation is None or entry.record is None or entry.keeps_data:
            return False
        return not entry.node.is_view or self._hanging.is_edited_view(entry)

    def look_before(self, unique_id: str) -> None:
        """Note what a relation holds before it is built, if that may save more than it costs."""
        if unique_id not in self._unseen:
            return
        self._unseen.discard(unique_id)
        try:
            with self._scans.warehouse() as warehouse:
                is_worth_it = self._is_worth_it(warehouse, unique_id)
                found = self._rows_before(warehouse, self._hanging.entries[unique_id]) if is_worth_it else None
        except PluginError:  # whatever it is, the build goes on
            return
        if found is not None:
            self.before[unique_id] = found

    def _rows_before(self, warehouse: Warehouse, entry: PlanEntry) -> RowsLeft | None:
        """Return what readers of the recorded data have seen: as it was recorded, else as it is and nobody wrote."""
        record, relation = entry.record, entry.node.relation
        if record is None or relation is None:
            return None
        sets = self._sets_of(entry.node.unique_id)
        if entry.node.is_view:
            return self._rows_left(warehouse, entry.node, sets) if is_as_recorded(warehouse, entry, record) else None
        if record.trace.rows is not None and record.trace.rows.some.keys() >= sets:
            return record.trace.rows
        if record.touched is None or self._versions_before.get(relation) != str(record.data_id):
            return record.trace.rows
        found = self._rows_left(warehouse, entry.node, sets)
        is_untouched = warehouse.counters([relation]).get(relation) == (record.identity, record.touched)
        return found if is_untouched else record.trace.rows

    def _rows_left(self, warehouse: Warehouse, node: Node, sets: set[tuple[str, ...]]) -> RowsLeft | None:
        if node.relation is None:
            return None
        if node.is_view:
            return self._rows_shown(warehouse, node, node.relation, sets)
        started = time.monotonic()
        found = warehouse.rows_left(node.relation, sets)
        if found is not None:
            ms = (time.monotonic() - started) * 1000
            self._scan_cost = self._scan_cost.after(found.number, len(sets), ms)
        return found

    def _rows_shown(
        self, warehouse: Warehouse, view: Node, relation: RelationName, sets: set[tuple[str, ...]]
    ) -> RowsLeft | None:
        worth, most, patience = self._worth(view.unique_id), cutoff_max_rows(view), 0
        if worth < math.inf:
            most = min(most, round(worth / (2 * self._scan_cost.of(1, len(sets)))))
            patience = _PATIENCE_MS + round(worth)
        return warehouse.rows_shown(relation, sets, most_rows=most, patience_ms=patience, **self._session_of_dbt)

    def _sets_of(self, unique_id: str) -> set[tuple[str, ...]]:
        """Return of which columns of a relation it is asked besides the whole."""
        if unique_id not in self._sets:
            self._sets[unique_id] = self._hanging.sets_of(unique_id)
        return self._sets[unique_id]

    def _is_worth_it(self, warehouse: Warehouse, unique_id: str) -> bool:
        entry = self._hanging.entries[unique_id]
        relation, record = entry.node.relation, entry.record
        if relation is None or record is None:
            return False
        rows = warehouse.estimated_rows(relation)
        if rows > cutoff_max_rows(entry.node):
            return False
        scans = 1 if record.trace.rows is not None else 2
        return scans * self._scan_cost.of(rows, len(self._sets_of(unique_id))) <= self._worth(unique_id)

    def _worth(self, unique_id: str) -> float:
        """Return how many milliseconds it may take to compare a relation, for what that may save below."""
        below = self._hanging.below(unique_id)
        if any(cutoff_rule(entry.node, self._hanging.default) == "always" for entry in below):
            return math.inf
        took = sum(entry.record.duration_ms or 0 for entry in below if entry.record is not None)
        return max(ALWAYS_WORTH, took * MOST_SHARE)

    def rows_after(self, entry: PlanEntry) -> RowsLeft | None:
        """Return what a relation that was just built holds, if it is compared."""
        unique_id, relation = entry.node.unique_id, entry.node.relation
        if unique_id not in self.before or relation is None:
            return None
        try:
            with self._scans.warehouse() as warehouse:
                found = self._rows_left(warehouse, entry.node, self._sets_of(unique_id))
        except PluginError:
            return None
        if found is not None:
            self.after[unique_id] = found
        return found if not entry.node.is_view else None  # rows of a view are as old as what it reads

    def is_alike(self, unique_id: str) -> bool:
        """Return whether a relation came out as it was to every reader, in its order too."""
        before, after = self.before.get(unique_id), self.after.get(unique_id)
        if before is None or after is None:
            return False
        return (before.columns, before.rows, before.order) == (after.columns, after.rows, after.order)


def is_as_recorded(warehouse: Warehouse, entry: PlanEntry, record: RecordedRelation) -> bool:
    """Return whether the relation is still there as it was recorded.

    It may have gone down with what it reads, and so may a column of it whose type are the rows of that.
    """
    if entry.node.relation is None:
        return True
    present = warehouse.present(entry.node.relation)
    if present is None or find_drift(record, present.identity, present.columns) is not None:
        return False
    return all(change is ThingChange.ADDED for _, change in shape_changes(record.shape, present.shape))
