"""Exposures downstream of what is built: dashboards, notebooks and the like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dbt_state_plugin.core.lineage import Lineage
from dbt_state_plugin.core.values.plan import AffectedExposure
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.reasons import Reason, ReasonKind


def affected_exposures(
    project: Project,
    lineage: Mapping[str, Lineage],
    building: Iterable[str],
    needed: Mapping[str, Iterable[Reason]] | None = None,
) -> tuple[AffectedExposure, ...]:
    """Return the exposures that read what is built, directly or through views and ephemeral models, by name.

    So do those that read a source whose data are new to one of the nodes that `needed` gives reasons for.
    """
    built = {*building, *_sources_with_new_data(project, needed or {})}
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


def _sources_with_new_data(project: Project, needed: Mapping[str, Iterable[Reason]]) -> set[str]:
    named = {reason.node for reasons in needed.values() for reason in reasons if reason.kind is ReasonKind.DATA}
    return {unique_id for unique_id in named if unique_id in project.nodes and project.nodes[unique_id].is_source}
