"""Records of relations that were adopted, not built."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.records import RecordedDefinition, RecordedRelation
from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.state.build_documents import json_document, trace_document
from dbt_state_plugin.state.intents import definition_id, keep_code
from dbt_state_plugin.state.relations import INTENTS, key_columns
from dbt_state_plugin.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """A record that is to be written, with its node and the detail of its definition."""

    record: RecordedRelation
    node: Node
    detail: RecordedDefinition


_RELATIONS = """
    INSERT INTO {state}.relation AS r (warehouse, environment_id, execution_id, database_name, schema_name, identifier,
        unique_id, resource_type, materialized, fingerprint, trace, build_id, data_id, identity, kind,
        columns, touched, shape, raw_definition_id, items, compiled)
    SELECT %s, %s, %s::uuid, d, s, i, u, t, m, f::jsonb, tr::jsonb, b::uuid, da::uuid, id, k, co::jsonb,
        tc, sh::jsonb, de, it::jsonb, cm::jsonb
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
        %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
        %s::text[], %s::text[]) AS adopted (d, s, i, u, t, m, f, tr, b, da, id, k, co, tc, sh, de, it, cm)
    ON CONFLICT (warehouse, database_name, schema_name, identifier) DO UPDATE SET
        environment_id = excluded.environment_id, unique_id = excluded.unique_id,
        resource_type = excluded.resource_type, materialized = excluded.materialized,
        fingerprint = excluded.fingerprint, trace = excluded.trace, build_id = excluded.build_id,
        built_at = clock_timestamp(), execution_id = excluded.execution_id, duration_ms = NULL,
        identity = excluded.identity, kind = excluded.kind,
        raw_definition_id = excluded.raw_definition_id, data_id = excluded.data_id, items = excluded.items,
        compiled = excluded.compiled, columns = excluded.columns, touched = excluded.touched,
        shape = excluded.shape
"""
_RESULTS = """
    INSERT INTO {state}.node_result (execution_id, unique_id, resource_type, reasons, definition_id, status, message)
    SELECT %s, u, t, '[]', d, 'success', 'adopted as it stood'
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS adopted (u, t, d)
"""


@again_after_conflict
def record_adopted(state: State, execution_id: UUID, adopted: Sequence[Adopted], *, store_code: bool) -> bool:
    """Record all of them in one transaction, unless an intent is open on one; return whether that was done."""
    found = sorted(adopted, key=lambda each: each.record.relation)
    records = [each.record for each in found]
    keys = key_columns(record.relation for record in records)
    definitions = [definition_id(each.node.raw_code) if store_code else None for each in found]
    unique_ids, types = [record.unique_id for record in records], [record.resource_type for record in records]
    identities = [record.identity for record in records]
    values = (
        *keys,
        unique_ids,
        types,
        [record.materialized for record in records],
        [json.dumps(dict(record.fingerprint)) for record in records],
        [trace_document(record.trace) for record in records],
        [str(record.build_id) for record in records],
        [str(record.data_id) for record in records],
        [identity.text if identity else None for identity in identities],
        [identity.kind.value if identity else None for identity in identities],
        [record.columns for record in records],
        [record.touched for record in records],
        [record.shape for record in records],
        definitions,
        [json_document(each.detail.items) for each in found],
        [json_document(each.detail.compiled) for each in found],
    )
    with database_errors("Cannot record the relations"), transaction(state.connection) as cursor:
        cursor.execute(state.statement("LOCK TABLE {state}.intent IN SHARE ROW EXCLUSIVE MODE"))
        cursor.execute(state.statement(INTENTS), (state.environment.warehouse, *keys))
        if cursor.fetchall():
            return False
        if store_code:
            keep_code(state, cursor, (each.node.raw_code for each in found))
        cursor.execute(
            state.statement(_RELATIONS),
            (state.environment.warehouse, state.environment_id, str(execution_id), *values),
        )
        cursor.execute(state.statement(_RESULTS), (str(execution_id), unique_ids, types, definitions))
    return True
