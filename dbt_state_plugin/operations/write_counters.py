"""Write counters of built tables, to detect later writes by others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from dbt_state_plugin.core.values.capabilities import Told
from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.records import Recorded
from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationName
from dbt_state_plugin.core.versions.counters import count_own_writes
from dbt_state_plugin.core.versions.drift import as_recorded
from dbt_state_plugin.operations.session_of_dbt import session_of_dbt
from dbt_state_plugin.state.build_updates import record_counters

if TYPE_CHECKING:
    from dbt_state_plugin.operations.session import Session


def counters_of_build(session: Session, nodes: Iterable[Node]) -> Mapping[RelationName, tuple[Identity, str]]:
    """Return the write counters of what this run has built, once dbt's sessions have reported theirs.

    What others write into a table after its build and before this moment passes for a part of the build.
    Raises StateError.
    """
    counted = (node for node in nodes if count_own_writes(node.materialized))
    relations = [node.relation for node in counted if node.relation is not None]
    # What sessions have counted and not handed in would be attributed to another writer.
    if not relations or not session.warehouse.has_counted_writes(**session_of_dbt(session)):
        return {}
    return session.warehouse.counters(relations)


def unread_builds(session: Session, recorded: Recorded, catalog: Catalog) -> frozenset[RelationName]:
    """Return the relations that nobody can tell from others of their name: none where their identities tell.

    The run that built them ended before it had read their rows, or found that what it built is no longer there.
    """
    return frozenset() if _do_identities_tell(session) else frozenset(_uncounted(session, recorded, catalog))


def record_first_counters(session: Session, recorded: Recorded, catalog: Catalog) -> None:
    """Record the counters of relations whose records have none: the run that built them did not come to its end.

    What was written into them until now cannot be told from their build; where their identities do not even tell them
    from others they are built again instead. Raises StateError.
    """
    found = _uncounted(session, recorded, catalog) if _do_identities_tell(session) else {}
    if found:
        record_counters(session.state, found)


def _do_identities_tell(session: Session) -> bool:
    """Return whether a table that another one has replaced has another identity; else only its rows tell."""
    return session.warehouse.capabilities["rows"] is not Told.BY_SCAN


def _uncounted(session: Session, recorded: Recorded, catalog: Catalog) -> Mapping[RelationName, tuple[Identity, str]]:
    return {
        key: (identity, catalog.touched[key])
        for key, record, identity in as_recorded(recorded, catalog, session.state.environment)
        if key in catalog.touched and record.touched is None and count_own_writes(record.materialized)
    }
