"""Records of nodes that needed no build after all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.core.values.results import CUT_OFF
from dbt_state_plugin.errors import StateError
from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import first_line
from dbt_state_plugin.state.build_documents import json_document
from dbt_state_plugin.state.builds import MINE, lock_lost
from dbt_state_plugin.state.dialect import ByDialect
from dbt_state_plugin.state.intents import storable
from dbt_state_plugin.state.state import State

# One statement: the intent goes, and the relation's record has seen its parents as they are now; what built it, its
# identity and its duration stay. Or none of it, as in a build's record.
_SEEN_PARENTS = """
    jsonb_set(r.trace, '{{parents}}',
              jsonb_concat(coalesce(jsonb_object_field(r.trace, 'parents'), '{{}}'), %(parents)s::jsonb))
"""
_CLOSE_IN_POSTGRES = """
    WITH mine AS (
        SELECT 1 FROM {state}.intent i JOIN {state}.execution x USING (execution_id)
        WHERE (i.warehouse, i.database_name, i.schema_name, i.identifier)
            = (%(warehouse)s, %(database)s, %(schema)s, %(identifier)s)
          AND execution_id = %(execution)s AND x.status = 'running'
          AND EXISTS (SELECT 1 FROM {state}.relation r WHERE r.build_id = %(build)s::uuid
              AND (r.warehouse, r.database_name, r.schema_name, r.identifier)
                  = (%(warehouse)s, %(database)s, %(schema)s, %(identifier)s))
    ), cleared AS (
        DELETE FROM {state}.intent i
        WHERE (i.warehouse, i.database_name, i.schema_name, i.identifier)
            = (%(warehouse)s, %(database)s, %(schema)s, %(identifier)s)
          AND EXISTS (SELECT 1 FROM mine)
    ), noted AS (
        UPDATE {state}.node_result SET status = %(status)s, message = %(message)s
        WHERE execution_id = %(execution)s AND unique_id = %(unique_id)s AND EXISTS (SELECT 1 FROM mine)
    )
    UPDATE {state}.relation r
    SET trace = <trace>
    WHERE (r.warehouse, r.database_name, r.schema_name, r.identifier)
        = (%(warehouse)s, %(database)s, %(schema)s, %(identifier)s)
      AND EXISTS (SELECT 1 FROM mine)
    RETURNING 1
"""
# The same in one transaction; the intent goes last.
_CLOSE_IN_SQLITE = (
    """
    UPDATE {state}.node_result SET status = %(status)s, message = %(message)s
    WHERE execution_id = %(execution)s AND unique_id = %(unique_id)s AND <mine> AND <built>
    """,
    """
    UPDATE {state}.relation AS r SET trace = <trace>
    WHERE (warehouse, database_name, schema_name, identifier)
        = (%(warehouse)s, %(database)s, %(schema)s, %(identifier)s) AND build_id = %(build)s AND <mine>
    RETURNING 1
    """,
    """
    DELETE FROM {state}.intent WHERE (warehouse, database_name, schema_name, identifier)
        = (%(warehouse)s, %(database)s, %(schema)s, %(identifier)s) AND <mine> AND <built>
    """,
)
_BUILT = """
    EXISTS (SELECT 1 FROM {state}.relation r WHERE r.build_id = %(build)s
            AND (r.warehouse, r.database_name, r.schema_name, r.identifier)
                = (%(warehouse)s, %(database)s, %(schema)s, %(identifier)s))
"""
_CLOSE = ByDialect(
    _CLOSE_IN_POSTGRES.replace("<trace>", _SEEN_PARENTS),
    tuple(
        text.replace("<mine>", MINE).replace("<built>", _BUILT).replace("<trace>", _SEEN_PARENTS)
        for text in _CLOSE_IN_SQLITE
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOff:
    """A planned node that is not built: what it would read is what its recorded build has read.

    `parents` are the versions of the parents that it has seen by that; `build_id` is that of the recorded build.
    """

    key: RelationName
    execution_id: UUID
    unique_id: str
    build_id: UUID
    parents: Mapping[str, str]
    message: str


@again_after_conflict
def record_cut_off(state: State, cut_off: CutOff) -> None:
    """Clear the intent on a relation that is not built, on the connection that holds the lock.

    Raises LockLostError when that connection is gone or another execution has taken over, StateError when the server
    refuses the write.
    """
    values = {
        "warehouse": state.environment.warehouse,
        "database": cut_off.key.database,
        "schema": cut_off.key.schema,
        "identifier": cut_off.key.identifier,
        "execution": str(cut_off.execution_id),
        "unique_id": cut_off.unique_id,
        "build": str(cut_off.build_id),
        "parents": json_document(dict(cut_off.parents)),
        "status": CUT_OFF,
        "message": storable(cut_off.message[:1000]),
    }
    try:
        rows = state.rows(_CLOSE, values)
    except StateError as error:
        if state.connection.closed:
            raise lock_lost(first_line(error.__cause__ or error)) from error
        raise
    if not rows:
        raise lock_lost("another execution has taken over")
