"""Claims of executions on relations, and the removal of records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbt_state_plugin.core.values.relations import Environment, RelationName
from dbt_state_plugin.state.lock import is_environment_locked
from dbt_state_plugin.state.relations import environment_of, key_columns

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.records import RecordedRelation
    from dbt_state_plugin.state.state import State

# An intent of another environment, of whatever age, says that the relation may be theirs by now. Our own are nobody's
# any more once we hold the lock.
_CLAIMS = """
    SELECT i.database_name, i.schema_name, i.identifier, i.execution_id::text, x.status, x.environment_id,
           e.pipeline, e.project_name, e.target_name, e.database_name, e.schema_name
    FROM {state}.intent i
    JOIN {state}.execution x USING (execution_id)
    JOIN {state}.environment e USING (environment_id)
    WHERE i.warehouse = %s AND (i.database_name, i.schema_name, i.identifier) IN (
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
    ORDER BY i.opened_at, i.execution_id
"""
_TAKE_RECORD = """
    DELETE FROM {state}.relation
    WHERE (warehouse, database_name, schema_name, identifier) = (%s, %s, %s, %s) AND environment_id = %s
      AND build_id = %s
"""
_TAKE_INTENTS = """
    DELETE FROM {state}.intent
    WHERE (warehouse, database_name, schema_name, identifier) = (%s, %s, %s, %s)
      AND execution_id IN (SELECT x.execution_id FROM {state}.execution x WHERE x.environment_id = %s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An execution that may be writing a relation (`is_running`), or may have written it."""

    execution_id: str
    environment: Environment
    is_running: bool


def read_claims(state: State, relations: Iterable[RelationName], *, holds_lock: bool) -> Mapping[RelationName, Claim]:
    """Return who may be writing each of these relations, or may have written it; `holds_lock` says that we do."""
    warehouse = state.environment.warehouse
    claims = {}
    for row in state.rows(_CLAIMS, (warehouse, *key_columns(relations))):
        environment = environment_of(row[6:], warehouse)
        is_ours = row[5] == state.environment_id
        if is_ours and holds_lock:
            continue
        is_running = row[4] == "running" and is_environment_locked(state, environment)
        if is_running or not is_ours:
            relation = RelationName(database=row[0], schema=row[1], identifier=row[2])
            claims[relation] = Claim(execution_id=row[3], environment=environment, is_running=is_running)
    return claims


def take_record(state: State, record: RecordedRelation) -> bool:
    """Delete a record and our intents on its relation; return False, with nothing done, for one of a later build."""
    relation = record.relation
    key = (state.environment.warehouse, relation.database, relation.schema, relation.identifier, state.environment_id)
    if not state.execute(_TAKE_RECORD, (*key, str(record.build_id))):
        return False
    # From here to the commit no run can open an intent: that locks the table against whoever has written in it.
    state.execute(_TAKE_INTENTS, key)
    return True
