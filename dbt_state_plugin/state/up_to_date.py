"""Records of empty plans, and fingerprints of recorded relations.

An empty plan is kept beside the project that was parsed (`project_snapshot.up_to_date`, by command), and goes with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.errors import StateError
from dbt_state_plugin.state.dialect import ByDialect
from dbt_state_plugin.state.relations import BEGAN_TODAY

if TYPE_CHECKING:
    from dbt_state_plugin.state.state import State

_READ = """
    SELECT s.inputs_digest, s.places, i.hash_key, jsonb_object_field(s.up_to_date, %s) AS up_to_date
    FROM {state}.project_snapshot s CROSS JOIN {state}.installation i
    WHERE s.environment_id = %s
"""
_WRITE = """
    UPDATE {state}.project_snapshot
    SET up_to_date = jsonb_concat(up_to_date, %(document)s::jsonb)
    WHERE environment_id = %(environment)s AND inputs_digest = %(digest)s
"""
_NAMED = ByDialect(
    postgres="""
    SELECT DISTINCT n.name ->> 0, n.name ->> 1 FROM {state}.relation r
    CROSS JOIN LATERAL jsonb_array_elements(r.trace -> 'named') AS n (name)
    WHERE r.environment_id = %s AND jsonb_typeof(r.trace -> 'named') = 'array'
""",
    sqlite="""
    SELECT DISTINCT json_extract(n.value, '$[0]'), json_extract(n.value, '$[1]')
    FROM {state}.relation r CROSS JOIN json_each(r.trace, '$.named') AS n
    WHERE r.environment_id = %s AND json_type(r.trace, '$.named') = 'array' AND n.type = 'array'
    """,
)
_SCHEMAS = "SELECT DISTINCT schema_name FROM {state}.relation WHERE environment_id = %s AND schema_name <> ''"
# Each build of a relation has another build_id, each other change of its row another xmin. These are the rows that a
# plan reads (state/relations.py) and more, whole schemas. An open intent is a reason to build: then nothing stands.
_EVIDENCE_TEXT = """
    SELECT <evidence>,
        EXISTS (SELECT 1 FROM {state}.intent i WHERE i.warehouse = %(warehouse)s
            AND (i.schema_name = ANY (%(schemas)s::text[])
                OR (i.schema_name = '' AND pg_catalog.starts_with(i.identifier, %(beginning)s)))),
        coalesce(clock_timestamp() >= %(until)s::timestamptz, false)
            OR (%(covered)s <> '' AND NOT EXISTS (
                SELECT 1 FROM {state}.checksum_set c WHERE c.checksum_set_id = %(covered)s))
    FROM {state}.relation r
    WHERE r.warehouse = %(warehouse)s AND (r.environment_id = %(environment)s
        OR r.schema_name = ANY (%(schemas)s::text[])
        OR (r.schema_name = '' AND pg_catalog.starts_with(r.identifier, %(beginning)s)))
"""
# SQLite has no number of a row's version, so that all of the row is hashed.
_EVIDENCE = ByDialect(
    postgres=f"""
        pg_catalog.concat_ws(' ', count(*), pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat_ws(' ',
            r.build_id, r.environment_id, r.xmin, {BEGAN_TODAY.postgres}), 0)))
    """,
    sqlite=f"""
        evidence(r.database_name, r.schema_name, r.identifier, r.environment_id, r.unique_id, r.resource_type,
            r.materialized, r.fingerprint, r.trace, r.build_id, r.built_at, r.execution_id, r.duration_ms, r.identity,
            r.kind, r.raw_definition_id, r.data_id, r.items, r.compiled, r.columns, r.touched, r.shape,
            {BEGAN_TODAY.sqlite})
    """,
).into(_EVIDENCE_TEXT, "<evidence>")
# Named like an INSERT, though in vain: retention waits for whoever refers to a set (see state/retention.py).
_FINISH = ByDialect(
    postgres="""
    WITH in_vain AS (
        INSERT INTO {state}.checksum_set (checksum_set_id, kind) SELECT %(covered)s, 'fingerprint' WHERE false
    ), step AS (
        INSERT INTO {state}.execution_step (step_id, execution_id, name, checksum_set_id, status, started_at,
            finished_at)
        SELECT %(step)s, x.execution_id, %(name)s, c.checksum_set_id, 'succeeded', x.started_at,
            greatest(clock_timestamp(), x.started_at)
        FROM {state}.execution x CROSS JOIN {state}.checksum_set c
        WHERE x.execution_id = %(execution)s AND x.status = 'running' AND c.checksum_set_id = %(covered)s
        RETURNING execution_id
    )
    UPDATE {state}.execution x SET status = 'succeeded', finished_at = greatest(clock_timestamp(), x.started_at),
        dbt_version = %(dbt_version)s, adapter_version = %(adapter_version)s, manifest_id = CASE WHEN %(covers)s THEN (
            SELECT s.manifest_id FROM {state}.project_snapshot s WHERE s.environment_id = %(environment)s) END
    FROM step WHERE x.execution_id = step.execution_id
""",
    sqlite=(
        """
    INSERT INTO {state}.execution_step (step_id, execution_id, name, checksum_set_id, status, started_at, finished_at)
    SELECT %(step)s, x.execution_id, %(name)s, c.checksum_set_id, 'succeeded', x.started_at,
        greatest(clock_timestamp(), x.started_at)
    FROM {state}.execution x CROSS JOIN {state}.checksum_set c
    WHERE x.execution_id = %(execution)s AND x.status = 'running' AND c.checksum_set_id = %(covered)s
        """,
        """
    UPDATE {state}.execution SET status = 'succeeded', finished_at = greatest(clock_timestamp(), started_at),
        dbt_version = %(dbt_version)s, adapter_version = %(adapter_version)s, manifest_id = CASE WHEN %(covers)s THEN (
            SELECT s.manifest_id FROM {state}.project_snapshot s WHERE s.environment_id = %(environment)s) END
    WHERE execution_id = %(execution)s
      AND EXISTS (SELECT 1 FROM {state}.execution_step s WHERE s.step_id = %(step)s)
        """,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInputs:
    """The digest of what was parsed the last time with its key, where that is, and the empty plan made of it."""

    inputs_digest: str
    places: Mapping[str, Any]
    key: bytes = field(repr=False)
    empty_plan: Mapping[str, Any] | None


def read_up_to_date(state: State, command: str) -> KeptInputs | None:
    """Return what was parsed the last time and what that amounted to; the empty plan is None if there was none."""
    rows = state.rows(_READ, (command, state.environment_id))
    if not rows:
        return None
    digest, places, key, sealed = rows[0]
    empty_plan = None
    if isinstance(sealed, dict) and sealed.get("seal") == _seal(sealed.get("verdict"), bytes(key)):
        empty_plan = sealed["verdict"]  # as it was written
    return KeptInputs(
        inputs_digest=digest,
        places=places,
        key=bytes(key),
        empty_plan=empty_plan if isinstance(empty_plan, dict) else None,
    )


def write_up_to_date(state: State, command: str, kept: KeptInputs, empty_plan: Mapping[str, Any]) -> None:
    """Keep an empty plan of what was parsed from these inputs, in place of the command's earlier one."""
    document = json.dumps({command: {"verdict": empty_plan, "seal": _seal(empty_plan, kept.key)}})
    values = {"document": document, "digest": kept.inputs_digest}
    state.execute(_WRITE, values | {"environment": state.environment_id})


def _seal(empty_plan: Any, key: bytes) -> str:
    """Return what tells that an empty plan is the one that was written."""
    return keyed_digest(key)(json.dumps(empty_plan, sort_keys=True))


def recorded_schemas(state: State) -> list[str]:
    """Return the schemas of all relations that the environment has recorded."""
    return [str(row[0]) for row in state.rows(_SCHEMAS, (state.environment_id,))]


def recorded_names(state: State) -> list[tuple[str, str]]:
    """Return the relations that the SQL of recorded builds names undeclared: schema and identifier."""
    return [(str(row[0]), str(row[1])) for row in state.rows(_NAMED, (state.environment_id,))]


def records_evidence(
    state: State, *, schemas: Iterable[str], beginning: str, until: str | None, covered: str
) -> str | None:
    """Return a value that changes whenever a record in these schemas or of this environment changes.

    `beginning` is that of the identifiers of what has no relation. None while an intent is open there, when it is
    `until` already (a time in ISO 8601), or when the checksums that `covered` names (unless it is empty) are gone.
    """
    values = {
        "warehouse": state.environment.warehouse,
        "environment": state.environment_id,
        "schemas": sorted(schemas),
        "beginning": beginning,
        "until": until,
        "covered": covered,
    }
    evidence, is_interrupted, is_over = state.rows(_EVIDENCE, values)[0]
    return None if is_interrupted or is_over else str(evidence)


def finish_up_to_date(
    state: State,
    execution_id: UUID,
    *,
    step: str,
    covered: str,
    covers_project: bool,
    dbt_version: str,
    adapter_version: str,
) -> None:
    """Record that an execution which has begun succeeded, with a step that covers what an earlier one covered.

    Raises StateError when what that covered is no longer recorded.
    """
    values = {
        "execution": str(execution_id),
        "environment": state.environment_id,
        "step": str(uuid4()),
        "name": step,
        "covered": covered,
        "covers": covers_project,
        "dbt_version": dbt_version,
        "adapter_version": adapter_version,
    }
    if state.execute(_FINISH, values) != 1:
        raise StateError("What the earlier execution covered is no longer recorded.", "Run the command again.")
