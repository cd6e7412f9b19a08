"""Write counters of built tables, to detect later writes by others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.records import Recorded
from dbt_state_plugin.core.values.relations import Catalog
from dbt_state_plugin.core.versions.drift import as_recorded
from dbt_state_plugin.state.builds import record_counters

if TYPE_CHECKING:
    from dbt_state_plugin.operations.session import Session

PATIENCE = 2.0  # seconds
_DBT = "dbt"  # the application_name that dbt-postgres uses where the profile has none


def record_counters_of_build(session: Session, nodes: Iterable[Node], *, session_names: tuple[str, str] | None) -> None:
    """Record the write counters of what this run has built, once dbt's sessions have reported theirs.

    What others write into a table after its build and before this moment passes for a part of the build.
    `session_names` are the user and the application by which dbt's sessions are known. Raises StateError.
    """
    relations = [node.relation for node in nodes if node.relation is not None and not node.is_view]
    if not relations:
        return
    if session_names is not None and not session.warehouse.sessions_ended(*session_names, patience=PATIENCE):
        return  # what they have counted and not handed in would be attributed to another writer
    record_counters(session.state, session.warehouse.counters(relations))


def names_of_dbt_sessions(session: Session) -> tuple[str, str] | None:
    """Return the user and the application of dbt's sessions in the warehouse."""
    workplace = session.target.workplace
    if workplace is None:
        return None
    credentials = workplace.profile.credentials
    return str(credentials.get("user") or ""), str(credentials.get("application_name") or _DBT)


def record_first_counters(session: Session, recorded: Recorded, catalog: Catalog) -> None:
    """Record the counters of relations whose records have none: the run that built them did not come to its end.

    What was written into them until now cannot be told from their build. Raises StateError.
    """
    found = {
        key: (identity, catalog.touched[key])
        for key, record, identity in as_recorded(recorded, catalog, session.state.environment)
        if key in catalog.touched and record.touched is None and record.materialized != "view"
    }
    if found:
        record_counters(session.state, found)
