"""Intents: what a run may write, recorded before dbt starts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dbt_state_plugin.core.values.plan import PlanEntry
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.errors import BusyError
from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.state.lock import is_environment_locked
from dbt_state_plugin.state.relations import INTENTS, environment_of, key_columns
from dbt_state_plugin.state.state import State

_SUPERSEDE = """
    DELETE FROM {state}.intent i
    WHERE i.warehouse = %s AND (i.database_name, i.schema_name, i.identifier) IN (
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
"""
_OPEN = """
    INSERT INTO {state}.intent (warehouse, database_name, schema_name, identifier, execution_id, unique_id)
    SELECT %s, d, s, i, %s, u FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS planned (d, s, i, u)
"""
_PLANNED = """
    INSERT INTO {state}.node_result (execution_id, unique_id, resource_type, reasons, definition_id)
    SELECT %s, u, t, r::jsonb, d FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS planned (u, t, r, d)
"""
_DEFINITIONS = """
    INSERT INTO {state}.definition (definition_id, code)
    SELECT * FROM unnest(%s::text[], %s::text[]) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNode:
    """A plan's entry with the name under which it is recorded, and its reasons as documents."""

    key: RelationName
    entry: PlanEntry
    reasons: tuple[Mapping[str, Any], ...] = ()


@again_after_conflict
def open_intents(state: State, execution_id: UUID, planned: Sequence[PlannedNode], *, store_code: bool) -> None:
    """Write ahead, in one transaction, that these relations may be written and why.

    Raises BusyError when a live run of another environment is writing one of them.
    """
    nodes = sorted(planned, key=lambda node: node.key)
    keys = key_columns(node.key for node in nodes)
    ids = [node.entry.node.unique_id for node in nodes]
    reasons = [json.dumps(node.reasons) for node in nodes]
    with database_errors("Cannot record the plan"), transaction(state.connection) as cursor:
        # Two environments that plan one relation at the same time must see each other's intents.
        cursor.execute(state.statement("LOCK TABLE {state}.intent IN SHARE ROW EXCLUSIVE MODE"))
        cursor.execute(state.statement(INTENTS), (state.environment.warehouse, *keys))
        _refuse_overlap(state, cursor.fetchall())
        # Those of dead executions say no more than ours, which stay until the relation is built again.
        cursor.execute(state.statement(_SUPERSEDE), (state.environment.warehouse, *keys))
        cursor.execute(state.statement(_OPEN), (state.environment.warehouse, str(execution_id), *keys, ids))
        # The code first: results and, later, the relations refer to it, which keeps retention away from it.
        if store_code:
            keep_code(state, cursor, (node.entry.node.raw_code for node in nodes))
        types = [node.entry.node.resource_type for node in nodes]
        definitions = [definition_id(node.entry.node.raw_code) if store_code else None for node in nodes]
        cursor.execute(state.statement(_PLANNED), (str(execution_id), ids, types, reasons, definitions))


def keep_code(state: State, cursor: Any, codes: Iterable[str]) -> None:
    """Store the code of nodes, each once, under what `definition_id` says; inside a transaction."""
    by_id = {definition_id(code): storable(code) for code in codes}
    cursor.execute(state.statement(_DEFINITIONS), (list(by_id), list(by_id.values())))


def _refuse_overlap(state: State, rows: list[tuple[Any, ...]]) -> None:
    for row in rows:
        other = environment_of(row[6:], state.environment.warehouse)
        if row[4] == "running" and other != state.environment and is_environment_locked(state, other):
            relation = RelationName(database=row[0], schema=row[1], identifier=row[2])
            raise BusyError(
                f"Execution {row[3]} of {other} is writing {relation} ({row[5]}) right now, and this plan would too.",
                "Wait for it to end, then run the command again; separate schemas keep the two targets apart.",
            )


def definition_id(code: str) -> str:
    """Return the sha256 under which a node's code is stored."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def storable(text: str) -> str:
    """Return the text without what PostgreSQL's text cannot hold."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
