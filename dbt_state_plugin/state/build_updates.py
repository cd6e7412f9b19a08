"""What becomes known of recorded builds after them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from dbt_state_plugin.core.values.records import RecordedDefinition, TracedReads
from dbt_state_plugin.core.values.relations import Identity, RelationName
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.state.build_documents import json_document, reads_document, update_each
from dbt_state_plugin.state.intents import definition_id, keep_code, storable
from dbt_state_plugin.state.relations import key_columns
from dbt_state_plugin.state.state import State


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

    A build is recorded without counters.
    """
    columns = (
        *key_columns(found),
        [identity.text for identity, _ in found.values()],
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
        [identity.text for identity, _ in found.values()],
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
