"""Parents that a node reads only through views."""

from __future__ import annotations

from collections.abc import Iterable

from dbt_state_plugin.core.decision.known import Known


def behind_views(known: Known, unique_id: str, parents: Iterable[str]) -> set[str]:
    """Return what a node reads only through views among these parents: naming the view covers it."""
    views = [parent for parent in parents if known.is_view(parent)]
    behind = {parent for view in views for parent in known.lineage[view].parents}
    return behind - set(known.project.nodes[unique_id].parents)


def reads_views(known: Known, unique_id: str) -> bool:
    """Return whether a node reads rows that a view computes: nothing here shows that they come out the same again."""
    return any(known.is_view(parent) for parent in known.lineage[unique_id].parents)
