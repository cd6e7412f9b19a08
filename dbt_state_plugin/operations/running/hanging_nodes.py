"""Planned nodes that may need no build, and what they read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dbt_state_plugin.core.config.node_config import cutoff_rule
from dbt_state_plugin.core.decision.cutoff import columns_read, is_edited_view, may_be_rewritten
from dbt_state_plugin.core.reached import reached

if TYPE_CHECKING:
    from dbt_state_plugin.core.lineage import Lineage
    from dbt_state_plugin.core.values.plan import PlanEntry
    from dbt_state_plugin.core.values.project import Project
    from dbt_state_plugin.operations.planning.inputs import Planned


class HangingNodes:
    """Nodes that are due only if what they read comes out different; `readers` are those among them by what they read.

    `records` are those of all nodes in the command's scope, `entries` the planned ones, `rewritten` those that may have
    other SQL than was recorded; `default` is what the options say about cutoff.
    """

    def __init__(self, planned: Planned, lineages: Mapping[str, Lineage], *, is_over: bool) -> None:
        """Know the plan; no node may be cut off when dbt has ended already (`is_over`)."""
        self.project = planned.project
        self.lineages = lineages
        self.entries = {entry.node.unique_id: entry for entry in planned.plan.to_build}
        self.records = {entry.node.unique_id: entry.record for entry in planned.plan.entries}
        self.rewritten = {entry.node.unique_id for entry in planned.plan.entries if may_be_rewritten(entry)}
        self.nodes = [entry.node.unique_id for entry in planned.plan.to_build if entry.hangs_on and not is_over]
        self.default = planned.cutoff
        self.readers: dict[str, set[str]] = {}
        for unique_id in self.nodes:
            for parent in self.planned_parents(unique_id):
                self.readers.setdefault(parent, set()).add(unique_id)

    def planned_parents(self, unique_id: str) -> list[str]:
        """Return what this run builds among what a node reads."""
        return [parent for parent in self.lineages[unique_id].parents if parent in self.entries]

    def holders(self, unique_id: str) -> list[str]:
        """Return a node and the views through which it reads."""
        views = [each for each in self.lineages[unique_id].parents if self.project.nodes[each].is_view]
        return [unique_id, *views]

    def columns_of(self, parent: str, reader: str) -> tuple[str, ...] | None:
        """Return the columns that a node is known to read of another, None for all of it."""
        relation = self.project.nodes[parent].relation
        return columns_read(relation, [self.records.get(each) for each in self.holders(reader)]) if relation else None

    def sets_of(self, unique_id: str) -> set[tuple[str, ...]]:
        """Return the columns that one or another reads of a relation, each set of them by itself."""
        read = (self.columns_of(unique_id, reader) for reader in self.readers.get(unique_id, ()))
        return {columns for columns in read if columns is not None}

    def is_edited_view(self, entry: PlanEntry) -> bool:
        """Return whether what a view shows is compared with what it showed, over parents that this run leaves alone."""
        is_alone = not self.planned_parents(entry.node.unique_id)
        return is_alone and is_edited_view(entry.node, entry.record, entry.reasons)

    def below(self, unique_id: str) -> list[PlanEntry]:
        """Return the nodes that may be cut off if one comes out equal."""
        readers = reached([unique_id], lambda node: self.readers.get(node, set()))
        return [self.entries[node] for node in readers - {unique_id}]


def may_cut_off(default: str | None, project: Project) -> bool:
    """Return whether any node may be cut off, by the options and the project's settings."""
    return default != "never" and any(cutoff_rule(node, default) != "never" for node in project.nodes.values())
