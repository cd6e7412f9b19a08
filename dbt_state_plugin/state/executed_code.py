"""Code of nodes as executions built it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from dbt_state_plugin.core.values.results import GOOD_STATUSES
from dbt_state_plugin.state.state import State

# Of each node the newest code that was built with success before an execution or, if asked for, by it.
_NEWEST = """
    SELECT r.unique_id, r.definition_id,
        row_number() OVER (PARTITION BY r.unique_id ORDER BY e.started_at DESC, e.execution_id) AS number
    FROM {state}.node_result r
    JOIN {state}.execution e ON e.execution_id = r.execution_id
    JOIN {state}.execution x ON x.execution_id = %s AND x.environment_id = e.environment_id
    WHERE r.definition_id IS NOT NULL AND r.status = ANY (%s)
        AND (e.started_at < x.started_at OR (%s AND e.execution_id = x.execution_id))
"""
_AS_OF = """
    SELECT p.unique_id, d.code FROM (__NEWEST__) p
    JOIN {state}.definition d ON d.definition_id = p.definition_id
    WHERE p.number = 1 AND p.unique_id = ANY (%s)
""".replace("__NEWEST__", _NEWEST)
_EDITED = """
    SELECT r.unique_id, b.code, d.code FROM (__NEWEST__) p
    JOIN {state}.node_result r ON r.unique_id = p.unique_id AND r.execution_id = %s
    JOIN {state}.definition b ON b.definition_id = p.definition_id
    JOIN {state}.definition d ON d.definition_id = r.definition_id
    WHERE p.number = 1 AND r.definition_id <> p.definition_id ORDER BY r.unique_id
""".replace("__NEWEST__", _NEWEST)


def read_code_as_of(state: State, execution_id: UUID | str, unique_ids: Iterable[str]) -> Mapping[str, str]:
    """Return the code of nodes as it was built last when an execution had ended; where none is kept it is left out."""
    return dict(state.rows(_AS_OF, (str(execution_id), list(GOOD_STATUSES), True, list(unique_ids))))


def read_edited_code(state: State, execution_id: UUID) -> Mapping[str, tuple[str, str]]:
    """Return the code of nodes as it was built before an execution and as that planned it, where the two differ."""
    rows = state.rows(_EDITED, (str(execution_id), list(GOOD_STATUSES), False, str(execution_id)))
    return {unique_id: (before, now) for unique_id, before, now in rows}
