"""Views and foreign keys that the warehouse drops with a rebuilt table."""

from __future__ import annotations

from collections.abc import Iterable

from dbt_state_plugin.core.decision.known import Known
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.core.versions.shape import foreign_keys


class DroppedViews:
    """Finds what is dropped with a relation; each table is looked up once."""

    def __init__(self, known: Known) -> None:
        """Look at nothing yet."""
        self._known = known
        self._views_on: dict[str, frozenset[str]] = {}

    def stands_on(self, unique_id: str, table: str) -> bool:
        """Return whether a node is a view that the server knows to read the very table that is there now.

        Then only a change of that table's columns could make it another view.
        """
        if not self._known.is_view(unique_id) or not self._known.project.nodes[table].keeps_columns:
            return False
        if table not in self._views_on:
            self._views_on[table] = frozenset(self.cascades([table]))
        return unique_id in self._views_on[table]

    def cascades(self, nodes: Iterable[str]) -> dict[str, str]:
        """Return the nodes whose relations are dropped with those of `nodes`, each with the first it goes with.

        Every relation is looked at once, however many of `nodes` lie above it.
        """
        known = self._known
        found: dict[str, str] = {}
        seen: set[RelationName] = set()
        for node in nodes:
            relation = known.project.nodes[node].relation
            todo = [relation] if relation and relation not in seen else []
            seen |= set(todo)
            while todo:
                fresh = set(known.catalog.cascades.get(todo.pop(), ())) - seen
                seen |= fresh
                todo.extend(fresh)
                found |= {known.owners[view]: node for view in fresh if view in known.owners}
        return found

    def tables_losing_keys(self, nodes: Iterable[str]) -> dict[str, str]:
        """Return the nodes whose builds left foreign keys that are dropped with one of `nodes`, each with the first.

        What somebody added by hand goes when dbt builds everything, too.
        """
        known = self._known
        found: dict[str, str] = {}
        for node in nodes if known.catalog.foreign_keys else ():
            relation = known.project.nodes[node].relation
            for table, key in known.catalog.foreign_keys.get(relation, ()) if relation else ():
                child = known.owners.get(table)
                if child is not None and child != node and self._was_left_by_build(child, key):
                    found.setdefault(child, node)
        return found

    def _was_left_by_build(self, unique_id: str, key: str) -> bool:
        record = self._known.record_of(self._known.project.nodes[unique_id])
        return record is None or record.shape is None or key in foreign_keys(record.shape)
