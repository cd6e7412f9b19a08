"""Record of a build, in one statement on the lock's connection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dbt_state_plugin.core.changes.traced import READS
from dbt_state_plugin.core.values.plan import PlanEntry
from dbt_state_plugin.core.values.records import RecordedDefinition, RowsLeft, Trace, TracedReads
from dbt_state_plugin.core.values.relations import Identity, RelationKind, RelationName
from dbt_state_plugin.core.values.results import CUT_OFF, NodeOutcome
from dbt_state_plugin.errors import LockLostError, SqliteError, StateError
from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import database_errors, first_line, transaction
from dbt_state_plugin.state.dialect import ByDialect
from dbt_state_plugin.state.intents import definition_id, keep_code, storable
from dbt_state_plugin.state.relations import key_columns
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
_MARK_IN_POSTGRES = """
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
_MINE = """
    EXISTS (SELECT 1 FROM {state}.intent i JOIN {state}.execution x USING (execution_id)
            WHERE (i.warehouse, i.database_name, i.schema_name, i.identifier)
                = (%(warehouse)s, %(database)s, %(schema)s, %(identifier)s)
              AND x.execution_id = %(execution)s AND x.status = 'running')
"""
_MARK_IN_SQLITE = (
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
    text.replace("<mine>", _MINE).replace("<relation>", _RELATION).replace("<anew>", _ANEW) for text in _MARK_IN_SQLITE
)


def _mark(identity_sql: str | None) -> ByDialect:
    text = _MARK_IN_POSTGRES.replace("<here>", identity_sql or _NOT_HERE)
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
            cursor.execute(state.statement(_mark(build.identity_sql)), _record_values(state, build))
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
    return Identity(value=row[0], kind=RelationKind(row[1])) if row[0] is not None else None


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
        "identity": identity.value if identity else None,
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


def trace_document(trace: Trace) -> str:
    """Return a trace as it is stored."""
    document: dict[str, Any] = {"parents": dict(trace.parents), "inlined": dict(trace.inlined)}
    document |= {"content": trace.content} if trace.content else {}
    document |= {"volatile": list(trace.volatile)} if trace.volatile is not None else {}
    document |= {"older_logic": trace.older_logic} if trace.older_logic else {}
    document |= {"reads": reads_document(trace.reads)} if trace.reads is not None else {}
    document |= {"named": [list(name) for name in trace.named]} if trace.named is not None else {}
    document |= {"session": dict(trace.session)} if trace.session is not None else {}
    document |= {"writes": [list(name) for name in trace.writes]} if trace.writes else {}
    document |= {"has_hooks": True} if trace.has_hooks else {}
    document |= {"on_run": trace.on_run} if trace.on_run else {}
    document |= {"rows": rows_document(trace.rows)} if trace.rows is not None else {}
    document |= {"columns": [[*name, list(read)] for name, read in trace.columns.items()]} if trace.columns else {}
    document |= {"reads_order": trace.reads_order} if trace.reads_order is not None else {}
    document |= {"reads_storage": trace.reads_storage} if trace.reads_storage is not None else {}
    return json_document(document)


def rows_document(left: RowsLeft) -> list[Any]:
    """Return what a build left as it is stored."""
    return [left.columns, left.rows, left.order, [[list(names), found] for names, found in left.some.items()]]


def reads_document(reads: TracedReads) -> dict[str, Any]:
    """Return what a build read as it is stored; what is empty is left out."""
    document = {
        "volatile": list(reads.volatile),
        "flags": dict(reads.flags),
        "sources": dict(reads.sources),
        "questions": [[each.sql, list(each.relation), each.answer, each.problem] for each in reads.questions],
    }
    return {name: value for name, value in document.items() if value}


def json_document(value: Any) -> str:
    """Return a document without what PostgreSQL's jsonb cannot hold."""
    return json.dumps(_storable(value), ensure_ascii=False)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(name)): _storable(item) for name, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, (list, tuple)) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """The present definition of a relation that need not be built: the difference is cosmetic.

    Where `detail.compiled` is empty the recorded SQL stays. `reads` replaces what is recorded as read.
    """

    key: RelationName
    fingerprint: Mapping[str, str]
    inlined: Mapping[str, str]
    raw_code: str
    detail: RecordedDefinition
    reads: TracedReads | None = None


_REFRESH = """
    UPDATE {state}.relation r SET fingerprint = n.fingerprint, raw_definition_id = n.definition, items = n.items,
        compiled = CASE WHEN n.compiled = '{{}}' THEN r.compiled ELSE n.compiled END,
        trace = jsonb_concat(jsonb_set(jsonb_delete(r.trace, 'reads'), '{{inlined}}', n.inlined), n.reads)
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]::jsonb[], %s::text[], %s::text[]::jsonb[],
                %s::text[]::jsonb[], %s::text[]::jsonb[], %s::text[]::jsonb[])
        AS n (database_name, schema_name, identifier, fingerprint, definition, items, compiled, inlined, reads)
    WHERE r.warehouse = %s AND r.environment_id = %s
      AND (r.database_name, r.schema_name, r.identifier) = (n.database_name, n.schema_name, n.identifier)
"""


@again_after_conflict
def refresh_definitions(state: State, refreshed: Sequence[Refresh], *, store_code: bool) -> None:
    """Record the present definitions of relations that stay as they are, in one transaction; raises StateError."""
    found = tuple(refreshed)
    if not found:
        return
    with database_errors("Cannot record the definitions"), transaction(state.connection) as cursor:
        if store_code:
            keep_code(state, cursor, (each.raw_code for each in found))
        cursor.execute(
            state.statement(_REFRESH),
            (
                *key_columns(each.key for each in found),
                [json.dumps(dict(each.fingerprint)) for each in found],
                [definition_id(each.raw_code) if store_code else None for each in found],
                [json_document(each.detail.items) for each in found],
                [json_document(each.detail.compiled) for each in found],
                [json.dumps(dict(each.inlined)) for each in found],
                [json_document({"reads": reads_document(each.reads)} if each.reads else {}) for each in found],
                state.environment.warehouse,
                state.environment_id,
            ),
        )


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
        text.replace("<mine>", _MINE).replace("<built>", _BUILT).replace("<trace>", _SEEN_PARENTS)
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


_SEEN = """
    UPDATE {state}.relation r SET trace = jsonb_set(r.trace, '{{parents}}',
        jsonb_concat(jsonb_object_field(r.trace, 'parents'), n.parents))
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]::jsonb[])
        AS n (database_name, schema_name, identifier, parents)
    WHERE r.warehouse = %s AND r.environment_id = %s
      AND (r.database_name, r.schema_name, r.identifier) = (n.database_name, n.schema_name, n.identifier)
"""


def refresh_sources_seen(state: State, seen: Mapping[RelationName, Mapping[str, str]]) -> None:
    """Record versions of sources with the relations that hold their very rows; raises StateError."""
    with database_errors("Cannot record the versions of sources"):
        update_each(state, _SEEN, seen)


def update_each(state: State, statement: str, documents: Mapping[RelationName, Mapping[str, Any]]) -> None:
    """Update each relation with a document of its own, in one statement; none if there is no relation."""
    if documents:
        columns = (*key_columns(documents), [json_document(document) for document in documents.values()])
        state.execute(statement, (*columns, state.environment.warehouse, state.environment_id))


_HOOK_WRITES = """
    UPDATE {state}.relation r SET data_id = n.data_id::uuid, touched = NULL,
        trace = jsonb_concat(jsonb_delete(jsonb_delete(r.trace, 'rows'), 'content'), %s::jsonb)
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])
        AS n (database_name, schema_name, identifier, data_id)
    WHERE r.warehouse = %s AND r.environment_id = %s
      AND (r.database_name, r.schema_name, r.identifier) = (n.database_name, n.schema_name, n.identifier)
"""


def record_hook_writes(state: State, written: Mapping[RelationName, UUID], *, writer: str) -> None:
    """Record that a hook wrote rows into relations: they have other data from now on, and counters yet to be read.

    Raises StateError.
    """
    if written:
        columns = (*key_columns(written), [str(data_id) for data_id in written.values()])
        state.execute(
            _HOOK_WRITES,
            (json_document({"written_by": writer}), *columns, state.environment.warehouse, state.environment_id),
        )


_VOLATILE = """
    UPDATE {state}.relation r SET trace = jsonb_concat(r.trace, n.volatile)
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]::jsonb[])
        AS n (database_name, schema_name, identifier, volatile)
    WHERE r.warehouse = %s AND NOT jsonb_exists(r.trace, 'volatile')
      AND (r.database_name, r.schema_name, r.identifier) = (n.database_name, n.schema_name, n.identifier)
"""


def record_volatile(state: State, found: Mapping[RelationName, tuple[str, ...]]) -> None:
    """Record the volatile calls of relations whose records do not say them; raises StateError."""
    columns = (*key_columns(found), [json_document({"volatile": calls}) for calls in found.values()])
    state.execute(_VOLATILE, (*columns, state.environment.warehouse))


_COUNTERS = """
    UPDATE {state}.relation r SET touched = n.touched
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
        AS n (database_name, schema_name, identifier, identity, touched)
    WHERE r.warehouse = %s AND r.identity = n.identity
      AND (r.database_name, r.schema_name, r.identifier) = (n.database_name, n.schema_name, n.identifier)
      AND r.touched IS NULL AND r.environment_id = %s
"""


def record_counters(state: State, found: Mapping[RelationName, tuple[Identity, str]]) -> None:
    """Record the counters of relations whose records have none and that are still the recorded ones; raises StateError.

    A mark leaves a record without counters.
    """
    columns = (
        *key_columns(found),
        [identity.value for identity, _ in found.values()],
        [counters for _, counters in found.values()],
    )
    state.execute(_COUNTERS, (*columns, state.environment.warehouse, state.environment_id))


_SHAPES = """
    UPDATE {state}.relation r SET shape = n.shape
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[]::jsonb[])
        AS n (database_name, schema_name, identifier, identity, shape)
    WHERE r.warehouse = %s AND r.identity = n.identity AND r.shape IS DISTINCT FROM n.shape
      AND (r.database_name, r.schema_name, r.identifier) = (n.database_name, n.schema_name, n.identifier)
      AND r.environment_id = %s
"""


def record_shapes(state: State, found: Mapping[RelationName, tuple[Identity, str]]) -> None:
    """Record the shapes of relations that are still the recorded ones; raises StateError."""
    columns = (
        *key_columns(found),
        [identity.value for identity, _ in found.values()],
        [shape for _, shape in found.values()],
    )
    state.execute(_SHAPES, (*columns, state.environment.warehouse, state.environment_id))


_NOTE = """
    UPDATE {state}.node_result r SET status = o.status, rows_affected = o.rows_affected, duration_ms = o.duration_ms,
        message = o.message
    FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[])
        AS o (unique_id, status, rows_affected, duration_ms, message)
    WHERE r.execution_id = %s AND r.unique_id = o.unique_id
"""


def note_outcomes(state: State, execution_id: UUID, outcomes: Iterable[NodeOutcome]) -> None:
    """Record dbt's results for nodes that were not recorded as built."""
    found = tuple(outcomes)
    columns = (
        [outcome.unique_id for outcome in found],
        [outcome.status for outcome in found],
        [outcome.rows_affected for outcome in found],
        [outcome.duration_ms for outcome in found],
        [storable(outcome.message[:1000]) for outcome in found],
    )
    state.execute(_NOTE, (*columns, str(execution_id)))
