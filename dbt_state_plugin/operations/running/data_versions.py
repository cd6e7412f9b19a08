"""The versions of data that builds of one run see and leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID, uuid4

from dbt_state_plugin.core.lineage import Lineage, record_key
from dbt_state_plugin.core.values.plan import PlanEntry
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.relations import RelationName


class DataVersions:
    """Versions by relation: `before` the run, and `now`, which a build that begins now would see."""

    def __init__(
        self,
        project: Project,
        lineages: Mapping[str, Lineage],
        before: Mapping[RelationName, str],
        built: Iterable[str],
    ) -> None:
        self._project = project
        self._lineages = lineages
        self.before = before
        self.now = dict(before)
        self._builds = {node: uuid4() for node in built}
        self._equal: dict[str, UUID] = {}  # what was built and holds what it held, with the id of its data

    def build_of(self, unique_id: str) -> UUID:
        """Return the id of the build of a node in this run."""
        return self._builds[unique_id]

    def keep(self, entry: PlanEntry) -> None:
        """Note that a node came out with the data that it had."""
        if entry.record is not None:
            self._equal[entry.node.unique_id] = entry.record.data_id

    def left_by(self, entry: PlanEntry) -> UUID:
        """Return the id of the data that the build of a node leaves."""
        if entry.keeps_data and entry.record is not None:
            return entry.record.data_id
        return self._equal.get(entry.node.unique_id, self._builds[entry.node.unique_id])

    def see_built(self, entry: PlanEntry) -> None:
        """Make the data that the build left the version that children in this run see."""
        self.now[record_key(entry.node, self._project)] = str(self.left_by(entry))

    def seen_by(self, unique_id: str) -> dict[RelationName, str]:
        """Return the versions that a node's build saw.

        dbt builds nothing before the reader of a source, even where a model of this run writes that very table: the
        reader may have seen what was there before, and is built again next time.
        """
        parents = [self._project.nodes[parent] for parent in self._lineages[unique_id].parents]
        seen: dict[RelationName, str] = {}
        for node in sorted(parents, key=lambda node: node.resource_type == "source"):  # last, so that they win
            versions = self.before if node.resource_type == "source" else self.now
            key = record_key(node, self._project)
            seen |= {key: versions[key]} if key in versions else {}
        return seen
