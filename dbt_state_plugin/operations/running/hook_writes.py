"""What hooks have written into relations of other nodes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING
from uuid import uuid4

from dbt_state_plugin.core.lineage import Lineage, record_key
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.records import ON_RUN
from dbt_state_plugin.operations.running.data_versions import DataVersions
from dbt_state_plugin.state.build_updates import record_hook_writes, refresh_sources_seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbt_state_plugin.core.values.dialect import SqlDialect
    from dbt_state_plugin.operations.session import Session

# What leaves all rows as they are; a statement that follows may do anything.
_WRITES_NO_ROWS = re.compile(r"\s*(create\s+(unique\s+)?index|comment\s+on|grant)\s[^;]*;?\s*", re.IGNORECASE)
_ON_ALL = re.compile(r"\bon\s+all\s", re.IGNORECASE)
_NAME = re.compile(r'"(?:[^"]|"")+"|\w[\w$]*')


class HookWrites:
    """Gives relations that hooks wrote into a new data version; `to_build` are the nodes that the run builds."""

    def __init__(
        self,
        session: Session,
        project: Project,
        lineages: Mapping[str, Lineage],
        versions: DataVersions,
        to_build: Collection[str],
        dialect: SqlDialect,
    ) -> None:
        self._session = session
        self._project = project
        self._lineages = lineages
        self._versions = versions
        self._to_build = to_build
        self._dialect = dialect
        self._names: set[tuple[str, str]] = set()
        self._words: set[str] = set()  # of what was commented on, indexed or granted
        self._may_be_anything = False
        self.nodes: set[str] = set()  # what was written

    def see(self, statements: Iterable[str] | None, node: Node) -> None:
        """Note what a node may have left otherwise besides its relation; None if nobody knows its statements."""
        own = node.relation.spellings if node.relation is not None else frozenset()
        if statements is None:
            self._may_be_anything = True
        for statement in statements or ():
            written = self._dialect.written_by(statement)
            if written is not None:
                self._names |= written - own
            elif _WRITES_NO_ROWS.fullmatch(statement) and not _ON_ALL.search(statement):
                self._words |= _words(_without(statement, node))
            else:
                self._may_be_anything = True

    def may_have_written(self, nodes: Iterable[str]) -> bool:
        """Return whether a hook of this run may have written into, or touched, the relation of one of these nodes."""
        relations = [each for node in nodes if (each := self._project.nodes[node].relation)]
        return (
            self._may_be_anything
            or any(not self._names.isdisjoint(each.spellings) for each in relations)
            or any(each.identifier.lower() in self._words for each in relations)
        )

    def of(self, statements: Iterable[str], node: Node | None) -> list[Node]:
        """Return the nodes other than `node` into whose relations statements of hooks have written."""
        warehouse = self._session.warehouse
        names = {name for statement in statements for name in warehouse.written_relations(statement)}
        return [
            each
            for each in self._project.nodes.values()
            if names and each.relation is not None and each.resource_type != "source" and not each.is_ephemeral
            if each is not node and not names.isdisjoint(each.relation.spellings)
        ]

    def write_rows_only(self, statements: Iterable[str]) -> bool:
        """Return whether all that statements do to relations is to write rows into those that they name."""
        return all(self._dialect.touched_by(each) is not None for each in statements)

    def record(self, writer: str, written: Iterable[Node], marked: Collection[str]) -> None:
        """Record what a node's hooks, or those of the project, wrote; a node whose hooks they are has seen it.

        `marked` are the nodes that were recorded so far.
        """
        # What this run has yet to build is built after the hook.
        left = [each for each in written if each.unique_id in marked or each.unique_id not in self._to_build]
        found = {record_key(each, self._project): uuid4() for each in left}
        record_hook_writes(self._session.state, found, writer=writer)
        self._versions.now |= {key: str(data_id) for key, data_id in found.items()}
        self.nodes |= {each.unique_id for each in left}
        if writer == ON_RUN:
            return
        parents = self._lineages[writer].parents
        seen = {record_key(each, self._project) for each in left if each.unique_id in parents}
        versions = {str(key): str(found[key]) for key in seen}
        own = record_key(self._project.nodes[writer], self._project)
        refresh_sources_seen(self._session.state, {own: versions} if versions else {})


def _without(statement: str, node: Node) -> str:
    """Return a statement without the names of a node's own relation."""
    if node.relation is None:
        return statement
    schema, identifier = (f'"?{re.escape(part)}"?' for part in (node.relation.schema, node.relation.identifier))
    return re.sub(rf"(?<![\w$]){schema}\s*\.\s*{identifier}(?![\w$])", " ", statement, flags=re.IGNORECASE)


def _words(statement: str) -> set[str]:
    """Return every word that may name a relation, in small letters."""
    return {word.strip('"').replace('""', '"').lower() for word in _NAME.findall(statement)}
