"""Propagation: nodes that are due because a parent is built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dbt_state_plugin.core.decision.behind_views import behind_views, reads_views
from dbt_state_plugin.core.decision.dropped_views import DroppedViews
from dbt_state_plugin.core.decision.known import Known
from dbt_state_plugin.core.decision.logic_change import is_written_in_place, keeps_added_rows, keeps_rows, wants_rebuild
from dbt_state_plugin.core.decision.own_reasons import asks_to_rebuild, own_reasons
from dbt_state_plugin.core.lineage import shown_by_tests
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import ON_RUN

Needed = Mapping[str, tuple[Reason, ...]]

_VIEWS = frozenset({"view", "materialized_view"})

# All that can be said about the data of a source and leaves its columns as they were; anything else may change them.
_ONLY_ROWS = frozenset(
    {
        ReasonCode.ROWS_CHANGED,
        ReasonCode.RECREATED,
        ReasonCode.REWRITTEN_SOURCE,
        ReasonCode.ANSWER_CHANGED,
        ReasonCode.ALTERED,
        ReasonCode.NOT_SETTLED,
        ReasonCode.ALWAYS_NEW,
        ReasonCode.NOT_COUNTED,
        ReasonCode.UNREADABLE,
    }
)


WRITTEN_ON_RUN = Reason(kind=ReasonKind.DRIFTED, code=ReasonCode.WRITTEN_BY_HOOK, values={"writer": ON_RUN})
# What is said of a relation that is built for what it has beside rows and columns.
ABOUT_SHAPE = frozenset({ReasonCode.SHAPE_CHANGED, ReasonCode.FOREIGN_KEY_DROPPED})


class Propagation:
    """Propagates reasons downstream; `keeps_data` are the due nodes whose build changes no row and no column."""

    def __init__(self, known: Known) -> None:
        """Decide nothing yet."""
        self._known = known
        self._dropped = DroppedViews(known)
        self.keeps_data: set[str] = set()
        self.own: Needed = {}  # all that is said of a node itself, said or not in the end
        self._keeps_types: set[str] = set()
        self._shown_by_tests = shown_by_tests(known.project, known.lineage)

    def needed(self, in_scope: list[str], *, code_only: bool = False) -> dict[str, tuple[Reason, ...]]:
        """Return the reasons of every node that needs a build, whatever the selection says.

        With `code_only` only reasons of the kinds that are code count.
        """
        own: dict[str, tuple[Reason, ...]] = {}
        for node in in_scope:
            reasons = own_reasons(self._known, self._dropped, self._known.project.nodes[node])
            own[node] = tuple(reason for reason in reasons if reason.kind.is_code or not code_only)
        self.own = own
        while True:
            needed = self._propagated(in_scope, own)
            dropped = self._dropped_views(needed, in_scope)
            losing = self._tables_losing_keys(needed, in_scope)
            written = self._written_by_hooks(needed, in_scope)
            added_to = self._added_to_on_run(needed, in_scope)
            if not dropped and not losing and not written and not added_to:
                return needed
            for node in added_to:
                own[node] = (*own[node], WRITTEN_ON_RUN)
            for found, code in (
                (dropped, ReasonCode.DROPPED_WITH_PARENT),
                (losing, ReasonCode.FOREIGN_KEY_DROPPED),
                (written, ReasonCode.HOOK_WRITES_INTO_IT),
            ):
                for node, parent in found.items():
                    own[node] = (*own[node], Reason(kind=ReasonKind.UPSTREAM, code=code, node=parent))

    def narrowed(self, in_scope: list[str], needed: Needed) -> set[str]:
        """Return what is built: the needed nodes inside the selection, and what is dropped or loses keys with them."""
        known, selected = self._known, self._known.request.selected
        if selected is None:
            return set(needed)
        building = {node for node in needed if node in selected}
        while True:
            views = set(self._dropped.cascades(building))
            views.update(self._dropped.tables_losing_keys(filter(self._is_replaced, building)))
            views |= {
                node
                for node in in_scope
                if known.project.nodes[node].materialized in _VIEWS
                and not building.isdisjoint(known.lineage[node].parents)
            }
            fresh = (views & needed.keys()) - building
            if not fresh:
                return building
            building |= fresh

    def _propagated(self, in_scope: list[str], own: Needed) -> dict[str, tuple[Reason, ...]]:
        needed: dict[str, tuple[Reason, ...]] = {}
        self.keeps_data, self._keeps_types = set(), set()
        for node in in_scope:
            building = [
                parent
                for parent in self._known.lineage[node].parents
                if parent in needed and not (self._is_written_into(parent) and self._dropped.stands_on(node, parent))
            ]
            # That a parent was built since says less than that it is built now.
            changing = [parent for parent in building if parent not in self.keeps_data]
            behind = behind_views(self._known, node, changing)
            said = [r for r in own[node] if not r.kind.comes_from_above or r.node not in behind]
            kept = [r for r in said if r.kind is not ReasonKind.UPSTREAM or r.node not in changing]
            shown = [parent for parent in changing if parent not in behind]
            upstream = [Reason(kind=ReasonKind.UPSTREAM, code=ReasonCode.IS_BUILT, node=parent) for parent in shown]
            if kept or upstream:
                needed[node] = (*kept, *upstream)
                if not upstream and self._leaves_data(node, kept):
                    self.keeps_data.add(node)
                if all(self._tells_of_rows(reason) for reason in needed[node]):
                    self._keeps_types.add(node)
        return needed

    def _tells_of_rows(self, reason: Reason) -> bool:
        """Return whether a reason leaves the columns of what is built, and their types, as they were."""
        if reason.kind is ReasonKind.UPSTREAM:
            # A function is part of the logic of those who call it, which may be built from scratch for it.
            is_function = self._known.project.nodes[reason.node].is_function
            return reason.node in self._keeps_types and not is_function
        return reason.kind is ReasonKind.AGE or reason.code in _ONLY_ROWS

    def _is_written_into(self, node: str) -> bool:
        """Return whether the build of a needed node writes into its table as it is.

        Where an input has other types dbt may widen a column, for which it drops the views that show it.
        """
        keeps = self._known.project.nodes[node].keeps_columns and not self._known.request.full_refresh
        return keeps and node in self._keeps_types

    def _leaves_data(self, node: str, reasons: Iterable[Reason]) -> bool:
        """Return whether a build for these reasons leaves all rows and columns as they are.

        A view of what a test finds goes down with it all the same, which only that test creates again.
        """
        if node in self._shown_by_tests:
            return False
        category, is_view = self._known.category_of(node), self._known.is_view(node)
        is_physical = category.is_physical and (is_view or not reads_views(self._known, node))
        physical = category.reasons if is_physical else ()
        keeps_shape_only = is_view or (node in self._known.same_rows and not reads_views(self._known, node))
        return all(
            reason in physical
            or (is_view and self._only_dropped_with(reason))
            or (keeps_shape_only and reason.code in ABOUT_SHAPE)
            for reason in reasons
        )

    def _only_dropped_with(self, reason: Reason) -> bool:
        """Return whether a view is due because it is dropped with a table that comes back with the same data."""
        return reason.code is ReasonCode.DROPPED_WITH_PARENT and reason.node in self.keeps_data

    def _written_by_hooks(self, needed: Needed, in_scope: Iterable[str]) -> dict[str, str]:
        """Return the parents into which the hooks of a needed node write, with that node, where that is news.

        dbt builds the parent first; left as it is, it would hold what the hooks wrote the last time as well.
        """
        scope = set(in_scope)
        found = {}
        for node in needed:
            record = self._known.record_of(self._known.project.nodes[node])
            writes = set(record.trace.writes) if record is not None else set()
            for parent in self._known.project.nodes[node].parents if writes else ():
                relation = self._known.project.nodes[parent].relation
                is_written = relation is not None and (relation.schema, relation.identifier) in writes
                if is_written and parent in scope and parent not in needed:
                    found[parent] = node
        return found

    def _added_to_on_run(self, needed: Needed, in_scope: Iterable[str]) -> list[str]:
        """Return the tables into which on-run hooks write, where any node is needed: the hooks then run again.

        dbt builds such a table first. Left as it is, it would hold what the hooks wrote the last time as well.
        """
        if not needed:
            return []
        found = []
        for unique_id in in_scope:
            node = self._known.project.nodes[unique_id]
            record = self._known.record_of(node) if unique_id not in needed else None
            if record is not None and record.trace.written_by == ON_RUN and not keeps_added_rows(node):
                found.append(unique_id)
        return found

    def _is_replaced(self, unique_id: str) -> bool:
        """Return whether the build of a needed node puts another table in the place of the one that is there."""
        known, node = self._known, self._known.project.nodes[unique_id]
        if not is_written_in_place(node):
            return True
        if keeps_rows(node):
            return False
        if known.request.full_refresh or node.resource_type == "seed":
            return known.request.full_refresh
        is_asked = asks_to_rebuild(known, node)
        may_rebuild = wants_rebuild(node, is_asked=is_asked, default=known.request.on_logic_change)
        return may_rebuild and unique_id not in self._keeps_types

    def _tables_losing_keys(self, needed: Needed, in_scope: Iterable[str]) -> dict[str, str]:
        """Return the tables that need no build but lose a foreign key with a needed node, with that node."""
        scope = set(in_scope)
        losing = self._dropped.tables_losing_keys(filter(self._is_replaced, needed))
        return {table: parent for table, parent in losing.items() if table in scope and table not in needed}

    def _dropped_views(self, needed: Needed, in_scope: Iterable[str]) -> dict[str, str]:
        """Return the views that are dropped with a needed node where that says something new, with that node."""
        scope = set(in_scope)
        # Where several nodes take a view down, one that changes data says more than one that keeps it.
        dropping = [node for node in needed if not self._is_written_into(node)]
        dropped = self._dropped.cascades(sorted(dropping, key=self.keeps_data.__contains__))
        return {
            view: parent
            for view, parent in dropped.items()
            if view in scope and (view not in needed or (view in self.keeps_data and parent not in self.keeps_data))
        }
