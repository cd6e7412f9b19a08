"""What the SQL of nodes names: undeclared relations, and columns."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from dbt_state_plugin.core.lineage import Lineage
from dbt_state_plugin.core.undeclared import PREFIX, Named, undeclared, undeclared_relation
from dbt_state_plugin.core.values.invocations import UNKNOWN
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.operations.planning.source_versions import undeclared_versions
from dbt_state_plugin.operations.session_of_dbt import session_of_dbt
from dbt_state_plugin.warehouse.answers import QueryRefused

if TYPE_CHECKING:
    from dbt_state_plugin.operations.session import Session

Columns = Mapping[tuple[str, str], tuple[str, ...]] | None


class NamesInSql:
    """Ask the server what the SQL of each node names, right before dbt executes it.

    With `is_later` dbt has ended already: what is there now says nothing about what it has read. `before` are the
    versions of relations from before the build.
    """

    def __init__(
        self,
        session: Session,
        project: Project,
        lineages: Mapping[str, Lineage],
        before: Mapping[RelationName, str],
        *,
        is_later: bool,
    ) -> None:
        self._session = session
        self._project = project
        self._lineages = lineages
        self._before = before
        self._is_later = is_later
        self._named: dict[str, dict[Named, str] | None] = {}
        self._undeclared: dict[Named, str] = {}
        self._columns: dict[str, Columns] = {}
        self.unknown_elsewhere: set[str] = set()  # nodes whose SQL names what only its own session knows

    def of(self, unique_id: str) -> tuple[Named, ...] | None:
        """Return the undeclared relations that a node names, None if unknown."""
        named = self._named.get(unique_id)
        return None if named is None else tuple(named)

    def columns_of(self, unique_id: str) -> Columns:
        """Return the columns that a node reads of each relation, None if unknown."""
        return self._columns.get(unique_id)

    def see(self, node: Node, sql: str, *, is_executed: bool = True) -> None:
        """Note what SQL names; what cannot be looked up counts as unknown, and the run continues."""
        try:
            found = self._look_up(node, sql)
        except QueryRefused:
            if is_executed:
                self.unknown_elsewhere.add(node.unique_id)
        except PluginError:
            return
        else:
            before = self._named.get(node.unique_id)
            self._named[node.unique_id] = found if before is None or found is None else {**found, **before}

    def see_columns(self, node: Node, sql: str) -> None:
        """Note which columns SQL reads; a node of which there is more than one statement reads all of them."""
        with suppress(PluginError):
            found = self._session.warehouse.columns_read(sql, **session_of_dbt(self._session))
            self._columns[node.unique_id] = found if node.unique_id not in self._columns else None

    def _look_up(self, node: Node, sql: str) -> dict[Named, str] | None:
        """Return the relations that SQL names undeclared with their versions, None if the server cannot say."""
        if node.path.endswith(".py"):  # what its Python asks besides dbt is in core/fingerprint/python_reads.py
            return None
        found = self._session.warehouse.named_relations(sql, **session_of_dbt(self._session))
        if found is None:
            return None
        named = undeclared(found, node, self._lineages[node.unique_id], self._project)
        unknown = [name for name in named if name not in self._undeclared]
        if unknown:
            self._undeclared |= self._versions_of(unknown)
        return {name: self._undeclared[name] for name in named}

    def _versions_of(self, names: list[Named]) -> dict[Named, str]:
        if self._is_later:
            return {name: self._before.get(undeclared_relation(name, self._project), UNKNOWN) for name in names}
        return undeclared_versions(self._session, self._project, names, self._before)

    def seen_with(self, node: Node, parents: Mapping[str, str]) -> dict[str, str]:
        """Return the versions of parents with those of what the SQL names undeclared, and of what its views name."""
        nodes = self._project.nodes
        found = dict(parents)
        named = self._named.get(node.unique_id)
        views = [each for each in self._lineages[node.unique_id].parents if nodes[each].materialized == "view"]
        if named is not None:
            read_by_views = {parent for view in views for parent in nodes[view].parents}
            for parent in set(node.parents) - read_by_views:
                if parent.startswith(PREFIX):
                    found.pop(str(nodes[parent].relation), None)  # named by its last build, unless it is so again
        for each in (named, *(self._named.get(view) for view in views)):
            for name, version in (each or {}).items():
                found.setdefault(str(undeclared_relation(name, self._project)), version)
        return found
