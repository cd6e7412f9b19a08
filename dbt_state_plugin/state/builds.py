"""Record of a build, in one statement on the lock's connection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dbt_state_plugin.core.changes.traced import READS
from dbt_state_plugin.core.values.plan import PlanEntry
from dbt_state_plugin.core.values.records import RecordedDefinition, Trace, TracedReads
from dbt_state_plugin.core.values.relations import Identity, RelationName
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.errors import LockLostError, SqliteError, StateError
from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import database_errors, first_line
from dbt_state_plugin.state.build_documents import json_document, reads_document, trace_document, update_each
from dbt_state_plugin.state.dialect import ByDialect
from dbt_state_plugin.state.intents import definition_id
from dbt_state_plugin.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """Everything that is recorded about one successful build.

    `identity`, `columns` and `shape` are given when the warehouse is another server; where it is this one,
    `identity_sql` is the warehouse's own query for them, a part of the one statement.
    """

    key: RelationName
    execution_id: UUID
    build_id: UUID
    entry: PlanEntry
    trace: Trace
    identity: Identity | None
    identity_sql: str | None
    outcome: NodeOutcome
    stores_code: bool
    data_id: UUID
    detail: RecordedDefinition
    columns: str | None = None
    shape: str | None = None


_RELATION = """
    INSERT INTO {state}.relation AS r (warehouse, database_name, schema_name, identifier, environment_id, unique_id,
        resource_type, materialized, fingerprint, trace, build_id, execution_id, duration_ms, identity, kind,
        raw_definition_id, data_id, items, compiled, columns, shape)
"""
_ANEW = """
    ON CONFLICT (warehouse, database_name, schema_name, identifier) DO UPDATE SET
        environment_id = excluded.environment_id, unique_id = excluded.unique_id,
        resource_type = excluded.resource_type, materialized = excluded.materialized,
        fingerprint = excluded.fingerprint, trace = excluded.trace, build_id = excluded.build_id,
        built_at = clock_timestamp(), execution_id = excluded.execution_id, duration_ms = excluded.duration_ms,
        identity = excluded.identity, kind = excluded.kind,
        raw_definition_id = excluded.raw_definition_id, data_id = excluded.data_id, items = excluded.items,
        compiled = excluded.compiled, columns = excluded.columns, shape = excluded.shape, touched = NULL
    RETURNING identity, kind
"""
# One statement: the intent goes, the relation's record comes, the result is noted; or none of it, when the intent of
# this execution is not there any more (another run has taken over).
_BUILD_IN_POSTGRES = """
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
    ), here AS (
        <here>
    )
"""
_RECORD_IN_POSTGRES = """
    SELECT %(warehouse)s, %(database)s, %(schema)s, %(identifier)s, %(environment)s, %(unique_id)s, %(resource_type)s,
        %(materialized)s, %(fingerprint)s::jsonb, %(trace)s::jsonb, %(build)s::uuid, %(execution)s::uuid, %(duration)s,
        coalesce(%(identity)s::text, here.identity), coalesce(%(kind)s::text, here.kind), %(definition)s,
        %(data)s::uuid, %(items)s::jsonb, %(compiled)s::jsonb, coalesce(%(columns)s::jsonb, here.columns),
        coalesce(%(shape)s::jsonb, here.shape)
    FROM mine LEFT JOIN here ON true
"""
# The same in one transaction. The intent, by which each statement knows that the relation is ours, goes last.
MINE = """
    EXISTS (SELECT 1 FROM {state}.intent i JOIN {state}.execution x USING (execution_id)
            WHERE (i.warehouse, i.database_name, i.schema_name, i.identifier)
                = (%(warehouse)s, %(database)s, %(schema)s, %(identifier)s)
              AND x.execution_id = %(execution)s AND x.status = 'running')
"""
_BUILD_IN_SQLITE = (
    """
    UPDATE {state}.node_result SET status = %(status)s, rows_affected = %(rows)s, duration_ms = %(duration)s
    WHERE execution_id = %(execution)s AND unique_id = %(unique_id)s AND <mine>
    """,
    """
    <relation>
    SELECT %(warehouse)s, %(database)s, %(schema)s, %(identifier)s, %(environment)s, %(unique_id)s, %(resource_type)s,
        %(materialized)s, %(fingerprint)s, %(trace)s, %(build)s, %(execution)s, %(duration)s, %(identity)s, %(kind)s,
        %(definition)s, %(data)s, %(items)s, %(compiled)s, %(columns)s, %(shape)s
    WHERE <mine> <anew>
    """,
    """
    DELETE FROM {state}.intent WHERE (warehouse, database_name, schema_name, identifier)
        = (%(warehouse)s, %(database)s, %(schema)s, %(identifier)s) AND <mine>
    """,
)
_NOT_HERE = """
    SELECT NULL::text AS identity, NULL::text AS kind, NULL::jsonb AS columns, NULL::jsonb AS shape WHERE false
"""
_IN_SQLITE = tuple(
    text.replace("<mine>", MINE).replace("<relation>", _RELATION).replace("<anew>", _ANEW) for text in _BUILD_IN_SQLITE
)


def _statement(identity_sql: str | None) -> ByDialect:
    text = _BUILD_IN_POSTGRES.replace("<here>", identity_sql or _NOT_HERE)
    return ByDialect(text + _RELATION + _RECORD_IN_POSTGRES + _ANEW, _IN_SQLITE)


@again_after_conflict
def record_build(state: State, build: BuildRecord) -> Identity | None:
    """Record one successful build and clear the intents on its relation, on the connection that holds the lock.

    Returns the identity that was recorded, None when the build left no relation.
    Raises LockLostError when that connection is gone or another execution has taken over, StateError when the server
    refuses the write.
    """
    import psycopg2

    try:
        with state.connection.cursor() as cursor:
            cursor.execute(state.statement(_statement(build.identity_sql)), _record_values(state, build))
            row = cursor.fetchone()
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        if state.connection.closed:
            raise lock_lost(first_line(error)) from error
        raise StateError(f"A build could not be recorded: {first_line(error)}", "See the database's log.") from error
    except psycopg2.Error as error:
        raise StateError(f"A build could not be recorded: {first_line(error)}", "See the database's log.") from error
    except SqliteError as error:
        if state.connection.closed:
            raise lock_lost(first_line(error)) from error
        raise StateError(f"A build could not be recorded: {first_line(error)}", "Check the disk.") from error
    if row is None:
        raise lock_lost("another execution has taken over")
    return Identity.from_text(row[0], row[1]) if row[0] is not None else None


_STILL_RUNNING = "SELECT 1 FROM {state}.execution WHERE execution_id = %s AND status = 'running'"


def require_running(state: State, execution_id: UUID) -> None:
    """Raise LockLostError when the lock's connection is gone or another execution has taken over; else StateError."""
    try:
        rows = state.rows(_STILL_RUNNING, (str(execution_id),))
    except StateError as error:
        if state.connection.closed:
            raise lock_lost(first_line(error.__cause__ or error)) from error
        raise
    if not rows:
        raise lock_lost("another execution has taken over")


def lock_lost(why: str) -> LockLostError:
    """Return the error that says that nothing may be recorded any more."""
    return LockLostError(
        f"The connection that holds the environment's lock is lost: {why}",
        "What was not recorded is built again by the next run.",
    )


def _record_values(state: State, build: BuildRecord) -> dict[str, Any]:
    node, identity = build.entry.node, build.identity
    return {
        "warehouse": state.environment.warehouse,
        "database": build.key.database,
        "schema": build.key.schema,
        "identifier": build.key.identifier,
        "environment": state.environment_id,
        "execution": str(build.execution_id),
        "build": str(build.build_id),
        "unique_id": node.unique_id,
        "resource_type": node.resource_type,
        "materialized": node.materialized,
        "fingerprint": json.dumps(dict(node.fingerprint)),
        "trace": trace_document(build.trace),
        "identity": identity.text if identity else None,
        "kind": identity.kind.value if identity else None,
        "definition": definition_id(node.raw_code) if build.stores_code else None,
        "data": str(build.data_id),
        "items": json_document(build.detail.items),
        "compiled": json_document(build.detail.compiled),
        "columns": build.columns,
        "shape": build.shape,
        "status": build.outcome.status,
        "rows": build.outcome.rows_affected,
        "duration": build.outcome.duration_ms,
    }


_COMPLETE = """
    UPDATE {state}.relation r SET compiled = jsonb_concat(r.compiled, n.compiled)
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]::jsonb[])
        AS n (database_name, schema_name, identifier, compiled)
    WHERE r.warehouse = %s AND r.environment_id = %s
      AND (r.database_name, r.schema_name, r.identifier) = (n.database_name, n.schema_name, n.identifier)
"""


def complete_definitions(state: State, compiled: Mapping[RelationName, Mapping[str, Any]]) -> None:
    """Record what else is known now of the SQL of relations that this run has built; raises StateError."""
    with database_errors("Cannot record the definitions"):
        update_each(state, _COMPLETE, compiled)


_COMPLETE_READS = """
    UPDATE {state}.relation r SET trace = jsonb_concat(r.trace, jsonb_object_field(n.found, 'trace')),
        items = jsonb_concat(r.items, jsonb_object_field(n.found, 'items'))
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]::jsonb[])
        AS n (database_name, schema_name, identifier, found)
    WHERE r.warehouse = %s AND r.environment_id = %s
      AND (r.database_name, r.schema_name, r.identifier) = (n.database_name, n.schema_name, n.identifier)
"""


def complete_reads(state: State, found: Mapping[RelationName, tuple[TracedReads | None, Mapping[str, str]]]) -> None:
    """Record what builds of this run read, and the values, where it was known only now; raises StateError."""
    documents = {
        key: {"trace": {"reads": reads_document(reads)}, "items": {READS: dict(values)}}
        for key, (reads, values) in found.items()
        if reads is not None
    }
    with database_errors("Cannot record what was read"):
        update_each(state, _COMPLETE_READS, documents)
