"""Recorded relations and open intents."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

from dbt_state_plugin.core.values.reads import Question
from dbt_state_plugin.core.values.records import (
    OpenIntent,
    Recorded,
    RecordedDefinition,
    RecordedRelation,
    RowsLeft,
    Trace,
    TracedReads,
)
from dbt_state_plugin.core.values.relations import Environment, Identity, RelationName
from dbt_state_plugin.errors import StateError
from dbt_state_plugin.state.dialect import ByDialect
from dbt_state_plugin.state.lock import is_environment_locked
from dbt_state_plugin.state.state import State, values_of_others
from dbt_state_plugin.state.version import place_of

_RECORDED_TEXT = """
    SELECT r.database_name, r.schema_name, r.identifier, r.unique_id, r.resource_type, r.materialized, r.fingerprint,
           r.trace, r.build_id::text, r.built_at, r.execution_id::text, r.duration_ms, r.identity, r.kind,
           r.raw_definition_id, r.data_id::text, r.columns::text, r.touched, r.shape::text,
           <today>,
           e.pipeline, e.project_name, e.target_name, e.database_name, e.schema_name
    FROM {state}.relation r JOIN {state}.environment e USING (environment_id)
    WHERE r.warehouse = %s AND (r.environment_id = %s OR (r.database_name, r.schema_name, r.identifier) IN (
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])))
"""
BEGAN_TODAY = ByDialect(
    postgres="""
        (r.built_at - pg_catalog.make_interval(secs => coalesce(r.duration_ms, 0) / 1000.0))::date
            = pg_catalog.statement_timestamp()::date
    """,
    sqlite="began_today(r.built_at, r.duration_ms)",
)
_RECORDED = BEGAN_TODAY.into(_RECORDED_TEXT, "<today>")
INTENTS = """
    SELECT i.database_name, i.schema_name, i.identifier, i.execution_id::text, x.status, i.unique_id,
           e.pipeline, e.project_name, e.target_name, e.database_name, e.schema_name, n.status
    FROM {state}.intent i
    JOIN {state}.execution x USING (execution_id)
    JOIN {state}.environment e USING (environment_id)
    LEFT JOIN {state}.node_result n ON n.execution_id = i.execution_id AND n.unique_id = i.unique_id
    WHERE i.warehouse = %s AND (i.database_name, i.schema_name, i.identifier) IN (
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
    ORDER BY i.opened_at DESC, i.execution_id
"""
_DETAILS = """
    SELECT r.database_name, r.schema_name, r.identifier, r.items, r.compiled FROM {state}.relation r
    WHERE r.warehouse = %s AND (r.database_name, r.schema_name, r.identifier) IN (
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
"""
_KEY = "SELECT hash_key FROM {state}.installation"


def installation_key(state: State) -> bytes:
    """Return the key with which this installation's hashes are made, 32 bytes."""
    rows = state.rows(_KEY)
    if not rows or not isinstance(rows[0][0], (bytes, memoryview)):
        raise StateError(
            f"The state in {place_of(state.connection, state.schema)} has lost its installation row.",
            "Remove the state (the next run then builds everything), or restore it from a backup.",
        )
    return bytes(rows[0][0])


def server_time(state: State) -> datetime:
    """Return the time on the clock by which builds are recorded."""
    time: datetime = state.rows("SELECT pg_catalog.clock_timestamp() AS now_at")[0][0]
    return time


def read_recorded(state: State, relations: Iterable[RelationName]) -> Recorded:
    """Return what is recorded about these relations and about all others of the environment, in two queries."""
    columns = key_columns(relations)
    warehouse = state.environment.warehouse
    rows = state.rows(_RECORDED, (warehouse, state.environment_id, *columns))
    with values_of_others():
        records = [_record(row, warehouse) for row in rows]
    intents: dict[RelationName, list[OpenIntent]] = {}
    is_alive = cache(partial(is_environment_locked, state))
    for row in state.rows(INTENTS, (warehouse, *columns)):
        environment = environment_of(row[6:], warehouse)
        # Of a killed run only the next one notes that it has ended; without its lock it cannot write any more.
        is_dead = row[4] == "running" and not is_alive(environment)
        relation = RelationName(database=row[0], schema=row[1], identifier=row[2])
        intent = OpenIntent(
            relation=relation,
            execution_id=UUID(row[3]),
            execution_status="abandoned" if is_dead else row[4],
            environment=str(environment),
            unique_id=row[5],
            node_status=row[11] or "",
        )
        intents.setdefault(relation, []).append(intent)
    return Recorded(
        relations={record.relation: record for record in records},
        intents={relation: tuple(found) for relation, found in intents.items()},
    )


def read_definitions(state: State, relations: Iterable[RelationName]) -> dict[RelationName, RecordedDefinition]:
    """Return what is recorded about the definitions of these relations besides their fingerprints."""
    rows = state.rows(_DETAILS, (state.environment.warehouse, *key_columns(relations)))
    return {
        RelationName(database=row[0], schema=row[1], identifier=row[2]): RecordedDefinition(
            items={str(part): _text_mapping(items) for part, items in row[3].items()}, compiled=row[4]
        )
        for row in rows
    }


def key_columns(relations: Iterable[RelationName]) -> tuple[list[str], list[str], list[str]]:
    """Return the names of relations as three columns for `unnest`, in their order."""
    ordered = tuple(relations)
    return [r.database for r in ordered], [r.schema for r in ordered], [r.identifier for r in ordered]


def environment_of(row: tuple[Any, ...], warehouse: str) -> Environment:
    """Return the environment that the five columns of its row name."""
    return Environment(
        warehouse=warehouse, pipeline=row[0], project=row[1], target=row[2], database=row[3], schema=row[4]
    )


def _record(row: tuple[Any, ...], warehouse: str) -> RecordedRelation:
    identity = Identity.from_text(row[12], row[13]) if row[12] is not None else None
    return RecordedRelation(
        relation=RelationName(database=row[0], schema=row[1], identifier=row[2]),
        unique_id=row[3],
        resource_type=row[4],
        materialized=row[5],
        fingerprint=_text_mapping(row[6]),
        trace=_trace(row[7]),
        build_id=UUID(row[8]),
        built_at=row[9],
        execution_id=UUID(row[10]) if row[10] else None,
        duration_ms=row[11],
        identity=identity,
        raw_definition_id=row[14],
        data_id=UUID(row[15]),
        columns=row[16],
        touched=row[17],
        shape=row[18],
        is_of_today=bool(row[19]),
        environment=str(environment_of(row[20:], warehouse)),
    )


def _trace(written: Any) -> Trace:
    value = written if isinstance(written, dict) else {}
    volatile = value.get("volatile")
    return Trace(
        parents=_text_mapping(value.get("parents")),
        inlined=_text_mapping(value.get("inlined")),
        content=str(value.get("content") or ""),
        volatile=tuple(str(name) for name in volatile) if isinstance(volatile, list) else None,
        older_logic=str(value.get("older_logic") or ""),
        reads=_reads(value.get("reads")),
        named=_named(value.get("named")),
        writes=_named(value.get("writes")) or (),
        written_by=str(value.get("written_by") or ""),
        on_run=str(value.get("on_run") or ""),
        session=_text_mapping(value["session"]) if isinstance(value.get("session"), dict) else None,
        has_hooks=value.get("has_hooks") is True,
        rows=_rows_left(value.get("rows")),
        reads_order=_known(value.get("reads_order")),
        reads_storage=_known(value.get("reads_storage")),
        columns=_columns(value.get("columns")),
    )


def _known(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _columns(value: Any) -> dict[tuple[str, str], tuple[str, ...]] | None:
    try:
        return {(str(schema), str(name)): tuple(map(str, columns)) for schema, name, columns in value}
    except (TypeError, ValueError):  # not known, or edited by hand
        return None


def _rows_left(value: Any) -> RowsLeft | None:
    try:
        columns, rows, order, some = value
        kept = {tuple(map(str, names)): str(found) for names, found in some}
    except (TypeError, ValueError):  # there is none, or it was edited by hand
        return None
    return RowsLeft(columns=str(columns), rows=str(rows), order=str(order), some=kept)


def _named(value: Any) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(value, list):
        return None
    pairs = [each for each in value if isinstance(each, list) and len(each) == 2]
    return tuple((str(schema), str(identifier)) for schema, identifier in pairs)


def _reads(value: Any) -> TracedReads | None:
    """Return what a build read, or nothing if that is not known or was edited by hand."""
    if not isinstance(value, dict):
        return None
    try:
        return TracedReads(
            volatile=tuple(str(name) for name in value.get("volatile", ())),
            flags=_text_mapping(value.get("flags")),
            sources=_text_mapping(value.get("sources")),
            questions=tuple(
                Question(sql=sql, relation=(database, schema, identifier), answer=answer, problem=problem)
                for sql, (database, schema, identifier), answer, problem in value.get("questions", ())
            ),
        )
    except (TypeError, ValueError):
        return None


def _text_mapping(value: Any) -> dict[str, str]:
    """Return a mapping of text to text; whatever else a hand-edited state holds is nothing that was recorded."""
    return {str(name): str(item) for name, item in value.items()} if isinstance(value, dict) else {}


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


def recorded_ids(state: State) -> tuple[str, ...]:
    """Return the unique_ids of all nodes whose builds are recorded in the environment."""
    rows = state.rows("SELECT unique_id FROM {state}.relation WHERE environment_id = %s", (state.environment_id,))
    return tuple(row[0] for row in rows)
