"""Exposures below what is built: dashboards, notebooks and the like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dbt_state_plugin.core.lineage import Lineage
from dbt_state_plugin.core.values.plan import AffectedExposure
from dbt_state_plugin.core.values.project import Project


def affected_exposures(
    project: Project, lineage: Mapping[str, Lineage], building: Iterable[str]
) -> tuple[AffectedExposure, ...]:
    """Return the exposures that read what is built, also through views and ephemeral models, by their names."""
    built = frozenset(building)
    found = []
    for exposure in sorted(project.exposures, key=lambda each: each.unique_id):
        read: set[str] = set()
        for parent in exposure.parents:
            node = project.nodes.get(parent)
            if node is not None:
                read |= {parent, *(lineage[parent].parents if node.is_view or node.is_ephemeral else ())}
        if read & built:
            found.append(AffectedExposure(exposure=exposure, below=tuple(sorted(read & built))))
    return tuple(found)
