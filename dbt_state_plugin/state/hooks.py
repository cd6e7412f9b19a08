"""Intents of the project's on-run hooks.

They say that dbt may not have executed a hook to its end. What has an intent is executed by the next run, whatever it
builds. They are kept beside the intents of nodes, as tests are: under the empty schema name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import database_errors, transaction

if TYPE_CHECKING:
    from dbt_state_plugin.state.state import State

_OPEN = """
    INSERT INTO {state}.intent (warehouse, database_name, schema_name, identifier, execution_id, unique_id)
    SELECT %(warehouse)s, %(database)s, '', %(beginning)s || h, %(execution)s, h
    FROM unnest(%(hooks)s::text[]) AS planned (h)
"""
_CLOSE = """
    DELETE FROM {state}.intent i
    WHERE i.execution_id IN (SELECT x.execution_id FROM {state}.execution x WHERE x.environment_id = %(environment)s)
      AND i.warehouse = %(warehouse)s AND i.schema_name = ''
      AND i.unique_id LIKE 'operation.%%' AND i.unique_id <> ALL (%(kept)s::text[])
"""
_UNFINISHED = """
    SELECT DISTINCT i.unique_id FROM {state}.intent i JOIN {state}.execution x USING (execution_id)
    WHERE x.environment_id = %s AND i.warehouse = %s AND i.schema_name = '' AND i.unique_id LIKE 'operation.%%'
    ORDER BY 1
"""


@again_after_conflict
def open_hooks(state: State, execution_id: UUID, hooks: Collection[str]) -> None:
    """Record ahead that dbt is about to execute these hooks, which are all that the project has; raises StateError."""
    values = _values(state) | {
        "database": state.environment.database,
        "beginning": f"{state.environment.schema}.",
        "execution": str(execution_id),
        "hooks": sorted(hooks),
    }
    with database_errors("Cannot record the hooks"), transaction(state.connection) as cursor:
        cursor.execute(state.statement(_CLOSE), values | {"kept": []})
        cursor.execute(state.statement(_OPEN), values)


def close_hooks(state: State, *, kept: Iterable[str]) -> None:
    """Record that all hooks were executed, but for those that are kept for the next run; raises StateError."""
    state.execute(_CLOSE, _values(state) | {"kept": sorted(kept)})


def unfinished_hooks(state: State) -> tuple[str, ...]:
    """Return the hooks that dbt may not have executed to their end, by unique_id; raises StateError."""
    return tuple(str(row[0]) for row in state.rows(_UNFINISHED, (state.environment_id, state.environment.warehouse)))


def _values(state: State) -> dict[str, object]:
    return {"environment": state.environment_id, "warehouse": state.environment.warehouse}
