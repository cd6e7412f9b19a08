"""Shapes of built relations, to detect later changes to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.records import Recorded
from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationName
from dbt_state_plugin.core.versions.drift import as_recorded
from dbt_state_plugin.core.versions.shape import is_comparable
from dbt_state_plugin.state.build_updates import record_shapes

if TYPE_CHECKING:
    from dbt_state_plugin.operations.session import Session


def shapes_of_run(session: Session, nodes: Iterable[Node]) -> Mapping[RelationName, tuple[Identity, str]]:
    """Return the shapes of what a run has built, at its end: hooks and later builds affect them.

    What others do between the build of a relation and this moment passes for a part of the run. Raises StateError.
    """
    relations = [node.relation for node in nodes if node.relation is not None]
    return session.warehouse.shapes(relations) if relations else {}


def record_first_shapes(session: Session, recorded: Recorded, catalog: Catalog) -> None:
    """Record the present shapes of relations whose records have none, or one written by another server.

    What was done to them until now cannot be told from their build. Raises StateError.
    """
    found = {
        key: (identity, catalog.shapes[key])
        for key, record, identity in as_recorded(recorded, catalog, session.state.environment)
        if key in catalog.shapes and not is_comparable(record.shape, catalog.shapes[key])
    }
    if found:
        record_shapes(session.state, found)
