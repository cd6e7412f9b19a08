"""What is recorded about relations, and which of them may hold something that is not recorded?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dbt_state_plugin.errors import BusyError, LockLostError, StateError
from dbt_state_plugin.model import (
    Environment,
    NodeOutcome,
    OpenIntent,
    PhysicalIdentity,
    PlanEntry,
    Reason,
    Recorded,
    RecordedRelation,
    RelationName,
    Trace,
)
from dbt_state_plugin.state.connection import database_errors, first_line, transaction
from dbt_state_plugin.state.lock import is_environment_locked
from dbt_state_plugin.state.state import State

_RECORDED = """
    SELECT r.database_name, r.schema_name, r.identifier, r.unique_id, r.resource_type, r.materialized, r.fingerprint,
           r.trace, r.build_id::text, r.built_at, r.execution_id::text, r.duration_ms, r.relation_oid::bigint,
           r.relfilenode::bigint, r.relkind, r.raw_definition_id,
           e.pipeline, e.project_name, e.target_name, e.database_name, e.schema_name
    FROM {state}.relation r JOIN {state}.environment e USING (environment_id)
    WHERE r.warehouse = %s AND (r.environment_id = %s OR (r.database_name, r.schema_name, r.identifier) IN (
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])))
"""
_INTENTS = """
    SELECT i.database_name, i.schema_name, i.identifier, i.execution_id::text, x.status, i.unique_id,
           e.pipeline, e.project_name, e.target_name, e.database_name, e.schema_name
    FROM {state}.intent i
    JOIN {state}.execution x USING (execution_id)
    JOIN {state}.environment e USING (environment_id)
    WHERE i.warehouse = %s AND (i.database_name, i.schema_name, i.identifier) IN (
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
    ORDER BY i.opened_at DESC, i.execution_id
"""
_KEY = "SELECT hash_key FROM {state}.installation"


def installation_key(state: State) -> bytes:
    """Return the key with which this installation's hashes are made, 32 bytes."""
    rows = state.rows(_KEY)
    if not rows:
        raise StateError(
            f'The state in schema "{state.schema}" has lost its installation row.',
            "Drop the schema (the next run then builds everything), or restore it from a backup.",
        )
    return bytes(rows[0][0])


def read_recorded(state: State, relations: Iterable[RelationName]) -> Recorded:
    """Return what is recorded about these relations and about all others of the environment, in two queries."""
    columns = _columns(relations)
    warehouse = state.environment.warehouse
    records = [_record(row, warehouse) for row in state.rows(_RECORDED, (warehouse, state.environment_id, *columns))]
    intents: dict[RelationName, list[OpenIntent]] = {}
    for row in state.rows(_INTENTS, (warehouse, *columns)):
        relation = RelationName(database=row[0], schema=row[1], identifier=row[2])
        intent = OpenIntent(
            relation=relation,
            execution_id=UUID(row[3]),
            execution_status=row[4],
            environment=str(_environment(row[6:], warehouse)),
            unique_id=row[5],
        )
        intents.setdefault(relation, []).append(intent)
    return Recorded(
        relations={record.relation: record for record in records},
        intents={relation: tuple(found) for relation, found in intents.items()},
    )


def _columns(relations: Iterable[RelationName]) -> tuple[list[str], list[str], list[str]]:
    ordered = sorted(relations)
    return [r.database for r in ordered], [r.schema for r in ordered], [r.identifier for r in ordered]


def _environment(row: tuple[Any, ...], warehouse: str) -> Environment:
    return Environment(
        warehouse=warehouse, pipeline=row[0], project=row[1], target=row[2], database=row[3], schema=row[4]
    )


def _record(row: tuple[Any, ...], warehouse: str) -> RecordedRelation:
    identity = PhysicalIdentity(oid=row[12], relfilenode=row[13], relkind=row[14]) if row[12] is not None else None
    return RecordedRelation(
        relation=RelationName(database=row[0], schema=row[1], identifier=row[2]),
        unique_id=row[3],
        resource_type=row[4],
        materialized=row[5],
        fingerprint=_text_mapping(row[6]),
        trace=Trace(parents=_text_mapping(row[7].get("parents")), inlined=_text_mapping(row[7].get("inlined"))),
        build_id=UUID(row[8]),
        built_at=row[9],
        execution_id=UUID(row[10]) if row[10] else None,
        duration_ms=row[11],
        identity=identity,
        raw_definition_id=row[15],
        environment=str(_environment(row[16:], warehouse)),
    )


def _text_mapping(value: Any) -> dict[str, str]:
    """Return a mapping of text to text; whatever else a hand-edited state holds is nothing that was recorded."""
    return {str(name): str(item) for name, item in value.items()} if isinstance(value, dict) else {}


_SUPERSEDE = """
    DELETE FROM {state}.intent i
    WHERE i.warehouse = %s AND (i.database_name, i.schema_name, i.identifier) IN (
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
"""
_OPEN_INTENTS = """
    INSERT INTO {state}.intent (warehouse, database_name, schema_name, identifier, execution_id, unique_id)
    SELECT %s, d, s, i, %s, u FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS planned (d, s, i, u)
"""
_PLANNED = """
    INSERT INTO {state}.node_result (execution_id, unique_id, resource_type, reasons, definition_id)
    SELECT %s, u, t, r::jsonb, d FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS planned (u, t, r, d)
"""
_DEFINITIONS = """
    INSERT INTO {state}.definition (definition_id, code)
    SELECT DISTINCT ON (h) h, c FROM unnest(%s::text[], %s::text[]) AS planned (h, c) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNode:
    """Pair a plan's entry with the name under which it is recorded."""

    key: RelationName
    entry: PlanEntry


def open_intents(state: State, execution_id: UUID, planned: Iterable[PlannedNode], *, store_code: bool) -> None:
    """Write ahead, in one transaction, that these relations may be written and why.

    Raises BusyError when a live run of another environment is writing one of them.
    """
    nodes = sorted(planned, key=lambda node: node.key)
    keys = _columns(node.key for node in nodes)
    ids = [node.entry.node.unique_id for node in nodes]
    reasons = [json.dumps([_reason(reason) for reason in node.entry.reasons]) for node in nodes]
    code = {definition_id(node.entry.node.raw_code): node.entry.node.raw_code for node in nodes}
    with database_errors("Cannot record the plan"), transaction(state.connection) as cursor:
        # Two environments that plan one relation at the same time must see each other's intents.
        cursor.execute(state.statement("LOCK TABLE {state}.intent IN SHARE ROW EXCLUSIVE MODE"))
        cursor.execute(state.statement(_INTENTS), (state.environment.warehouse, *keys))
        _refuse_overlap(state, cursor.fetchall())
        # Those of dead executions say no more than ours, which stay until the relation is built again.
        cursor.execute(state.statement(_SUPERSEDE), (state.environment.warehouse, *keys))
        cursor.execute(state.statement(_OPEN_INTENTS), (state.environment.warehouse, str(execution_id), *keys, ids))
        # The code first: results and, later, the relations refer to it, which keeps retention away from it.
        if store_code:
            cursor.execute(state.statement(_DEFINITIONS), (list(code), [_storable(text) for text in code.values()]))
        types = [node.entry.node.resource_type for node in nodes]
        definitions = [definition_id(node.entry.node.raw_code) if store_code else None for node in nodes]
        cursor.execute(state.statement(_PLANNED), (str(execution_id), ids, types, reasons, definitions))


def _refuse_overlap(state: State, rows: list[tuple[Any, ...]]) -> None:
    for row in rows:
        other = _environment(row[6:], state.environment.warehouse)
        if row[4] == "running" and other != state.environment and is_environment_locked(state, other):
            relation = RelationName(database=row[0], schema=row[1], identifier=row[2])
            raise BusyError(
                f"Execution {row[3]} of {other} is writing {relation} ({row[5]}) right now, and this plan would too.",
                "Wait for it to end, then run the command again; schemas of their own keep the two targets apart.",
            )


def _reason(reason: Reason) -> dict[str, str]:
    return {"kind": reason.kind.value, "detail": reason.detail, "node": reason.node}


def definition_id(code: str) -> str:
    """Return the sha256 under which a node's code is stored."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def _storable(text: str) -> str:
    """Return the text without what PostgreSQL's text cannot hold."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Hold all that is recorded about one successful build."""

    key: RelationName
    execution_id: UUID
    build_id: UUID
    entry: PlanEntry
    trace: Trace
    identity: PhysicalIdentity | None
    outcome: NodeOutcome
    stores_code: bool


# One statement: the intent goes, the relation's record comes, the result is noted; or none of it, when the intent of
# this execution is not there any more (somebody else has taken over).
_MARK = """
    WITH mine AS (
        SELECT 1 FROM {state}.intent i JOIN {state}.execution x USING (execution_id)
        WHERE (i.warehouse, i.database_name, i.schema_name, i.identifier)
            = (%(warehouse)s, %(database)s, %(schema)s, %(identifier)s)
          AND execution_id = %(execution)s AND x.status = 'running'
    ), cleared AS (
        DELETE FROM {state}.intent i
        WHERE (i.warehouse, i.database_name, i.schema_name, i.identifier)
            = (%(warehouse)s, %(database)s, %(schema)s, %(identifier)s)
          AND EXISTS (SELECT 1 FROM mine)
    ), noted AS (
        UPDATE {state}.node_result SET status = %(status)s, rows_affected = %(rows)s, duration_ms = %(duration)s
        WHERE execution_id = %(execution)s AND unique_id = %(unique_id)s AND EXISTS (SELECT 1 FROM mine)
    )
    INSERT INTO {state}.relation AS r (warehouse, database_name, schema_name, identifier, environment_id, unique_id,
        resource_type, materialized, fingerprint, trace, build_id, execution_id, duration_ms, relation_oid, relfilenode,
        relkind, raw_definition_id)
    SELECT %(warehouse)s, %(database)s, %(schema)s, %(identifier)s, %(environment)s, %(unique_id)s, %(resource_type)s,
        %(materialized)s, %(fingerprint)s::jsonb, %(trace)s::jsonb, %(build)s::uuid, %(execution)s::uuid, %(duration)s,
        %(oid)s, %(relfilenode)s, %(relkind)s, %(definition)s
    FROM mine
    ON CONFLICT (warehouse, database_name, schema_name, identifier) DO UPDATE SET
        environment_id = excluded.environment_id, unique_id = excluded.unique_id,
        resource_type = excluded.resource_type, materialized = excluded.materialized,
        fingerprint = excluded.fingerprint, trace = excluded.trace, build_id = excluded.build_id,
        built_at = clock_timestamp(), execution_id = excluded.execution_id, duration_ms = excluded.duration_ms,
        relation_oid = excluded.relation_oid, relfilenode = excluded.relfilenode, relkind = excluded.relkind,
        raw_definition_id = excluded.raw_definition_id
"""


def mark_built(state: State, mark: Mark) -> None:
    """Record one successful build and clear the intents on its relation, on the connection that holds the lock.

    Raises LockLostError when that connection is gone or another execution has taken over, StateError when the server
    refuses the write.
    """
    import psycopg2

    try:
        with state.connection.cursor() as cursor:
            cursor.execute(state.statement(_MARK), _mark_values(state, mark))
            recorded = cursor.rowcount
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        if state.connection.closed:
            raise lock_lost(first_line(error)) from error
        raise StateError(f"A build could not be recorded: {first_line(error)}", "See the database's log.") from error
    except psycopg2.Error as error:
        raise StateError(f"A build could not be recorded: {first_line(error)}", "See the database's log.") from error
    if recorded != 1:
        raise lock_lost("another execution has taken over")


def lock_lost(why: str) -> LockLostError:
    """Return the error that says that nothing may be recorded any more."""
    return LockLostError(
        f"The connection that holds the environment's lock is lost: {why}",
        "What was not recorded is built again by the next run.",
    )


def _mark_values(state: State, mark: Mark) -> dict[str, Any]:
    node, identity = mark.entry.node, mark.identity
    return {
        "warehouse": state.environment.warehouse,
        "database": mark.key.database,
        "schema": mark.key.schema,
        "identifier": mark.key.identifier,
        "environment": state.environment_id,
        "execution": str(mark.execution_id),
        "build": str(mark.build_id),
        "unique_id": node.unique_id,
        "resource_type": node.resource_type,
        "materialized": node.materialized,
        "fingerprint": json.dumps(dict(node.fingerprint)),
        "trace": json.dumps({"parents": dict(mark.trace.parents), "inlined": dict(mark.trace.inlined)}),
        "oid": identity.oid if identity else None,
        "relfilenode": identity.relfilenode if identity else None,
        "relkind": identity.relkind if identity else None,
        "definition": definition_id(node.raw_code) if mark.stores_code else None,
        "status": mark.outcome.status,
        "rows": mark.outcome.rows_affected,
        "duration": mark.outcome.duration_ms,
    }


_NOTE = """
    UPDATE {state}.node_result r SET status = o.status, rows_affected = o.rows_affected, duration_ms = o.duration_ms,
        message = o.message
    FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[])
        AS o (unique_id, status, rows_affected, duration_ms, message)
    WHERE r.execution_id = %s AND r.unique_id = o.unique_id
"""


def note_outcomes(state: State, execution_id: UUID, outcomes: Iterable[NodeOutcome]) -> None:
    """Record how dbt ended with nodes that were not marked as built."""
    found = tuple(outcomes)
    columns = (
        [outcome.unique_id for outcome in found],
        [outcome.status for outcome in found],
        [outcome.rows_affected for outcome in found],
        [outcome.duration_ms for outcome in found],
        [_storable(outcome.message[:1000]) for outcome in found],
    )
    state.execute(_NOTE, (*columns, str(execution_id)))


_FORGET = """
    DELETE FROM {state}.relation WHERE environment_id = %s AND (%s OR unique_id = ANY (%s::text[]))
    RETURNING unique_id
"""
_CODE = "SELECT code FROM {state}.definition WHERE definition_id = %s"


def forget_relations(state: State, unique_ids: Iterable[str] | None) -> tuple[str, ...]:
    """Forget the builds of these nodes, or of all nodes of the environment; return what was forgotten."""
    wanted = sorted(unique_ids) if unique_ids is not None else []
    rows = state.rows(_FORGET, (state.environment_id, unique_ids is None, wanted))
    return tuple(sorted(row[0] for row in rows))


def recorded_code(state: State, definition: str | None) -> str | None:
    """Return the code that was recorded with a build, or None when none was kept."""
    rows = state.rows(_CODE, (definition,)) if definition else []
    return str(rows[0][0]) if rows else None
