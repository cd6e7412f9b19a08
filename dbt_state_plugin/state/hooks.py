"""Intents of the project's on-run hooks, and what the hooks did.

An intent says that dbt may not have executed a hook to its end. A hook with an intent is executed by the next run,
whatever it builds. These intents are kept beside those of nodes, like tests, under the empty schema name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from dbt_state_plugin.core.values.records import NOTHING, WROTE_ROWS
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.state.build_documents import update_each

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
    """Record that all hooks were executed, except for those that are kept for the next run; raises StateError."""
    state.execute(_CLOSE, _values(state) | {"kept": sorted(kept)})


def unfinished_hooks(state: State) -> tuple[str, ...]:
    """Return the hooks that dbt may not have executed to their end, by unique_id; raises StateError."""
    return tuple(str(row[0]) for row in state.rows(_UNFINISHED, (state.environment_id, state.environment.warehouse)))


_DID = """
    UPDATE {state}.relation r SET trace = jsonb_concat(r.trace, n.did)
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]::jsonb[])
        AS n (database_name, schema_name, identifier, did)
    WHERE r.warehouse = %s AND r.environment_id = %s
      AND (r.database_name, r.schema_name, r.identifier) = (n.database_name, n.schema_name, n.identifier)
"""


_DID_ALSO = f"{_DID.rstrip()} AND jsonb_exists(r.trace, 'on_run')"


def record_what_hooks_did(state: State, *, built: Collection[RelationName], written: Collection[RelationName]) -> None:
    """Record that the on-run hooks of a run wrote rows into some relations and did nothing else; raises StateError.

    `built` are those that the run built; of the others it must be known what earlier hooks have done.
    """
    of_built = {key: WROTE_ROWS if key in written else NOTHING for key in built}
    others = {key: WROTE_ROWS for key in written if key not in of_built}
    for statement, found in ((_DID, of_built), (_DID_ALSO, others)):
        update_each(state, statement, {key: {"on_run": did} for key, did in found.items()})


_FORGET = """
    UPDATE {state}.relation r SET trace = jsonb_delete(r.trace, 'on_run')
    WHERE r.warehouse = %s AND r.environment_id = %s AND jsonb_exists(r.trace, 'on_run')
"""


def forget_what_hooks_did(state: State) -> None:
    """Record that on-run hooks may have done anything to any relation; raises StateError."""
    state.execute(_FORGET, (state.environment.warehouse, state.environment_id))


def _values(state: State) -> dict[str, object]:
    return {"environment": state.environment_id, "warehouse": state.environment.warehouse}
