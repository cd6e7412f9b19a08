"""Manifests of executions, each stored once by its content."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dbt_state_plugin.errors import StateError
from dbt_state_plugin.postgres.conflicts import again_after_conflict
from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.state.dialect import ByDialect
from dbt_state_plugin.state.state import State

_OF_SNAPSHOT = "SELECT manifest_id FROM {state}.project_snapshot WHERE environment_id = %s AND manifest_id IS NOT NULL"
_WRITE = "INSERT INTO {state}.manifest (manifest_id, content) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_LINK_SNAPSHOT = "UPDATE {state}.project_snapshot SET manifest_id = %s WHERE environment_id = %s"
# A manifest that was pruned meanwhile is none. Named like an INSERT, though in vain: retention waits for whoever refers
# to a manifest, and this waits for retention (see state/retention.py).
_LINK = """
    UPDATE {state}.execution SET manifest_id = (SELECT manifest_id FROM {state}.manifest WHERE manifest_id = %s)
    WHERE execution_id = %s
"""
_LINK_EXECUTION = ByDialect(
    postgres="WITH in_vain AS (INSERT INTO {state}.manifest (manifest_id, content) SELECT '', '' WHERE false)" + _LINK,
    sqlite=_LINK,
)
_OF_ENVIRONMENT = """
    SELECT m.content, m.recorded_at FROM {state}.execution x JOIN {state}.manifest m USING (manifest_id)
    WHERE x.environment_id = %s AND x.status = 'succeeded' ORDER BY x.finished_at DESC, x.started_at DESC LIMIT 1
"""
_OF_EXECUTION = """
    SELECT m.content, m.recorded_at FROM {state}.execution x JOIN {state}.manifest m USING (manifest_id)
    WHERE x.execution_id = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptManifest:
    """A manifest as JSON, with the time when it was first recorded."""

    text: str
    recorded_at: datetime


def parsed_project_manifest(state: State) -> str | None:
    """Return the id of the manifest of what was parsed the last time, or None when it was not kept."""
    rows = state.rows(_OF_SNAPSHOT, (state.environment_id,))
    return str(rows[0][0]) if rows else None


@again_after_conflict
def write_manifest(state: State, text: str, *, is_of_snapshot: bool, execution_id: UUID | None) -> None:
    """Keep a manifest for the environment's snapshot, for an execution, or for both, in one transaction."""
    content = text.encode("utf-8", "surrogatepass")
    manifest_id = hashlib.sha256(content).hexdigest()
    with database_errors("Cannot record the manifest"), transaction(state.connection) as cursor:
        # Until the end of this transaction nobody prunes what it refers to.
        cursor.execute(state.statement(_WRITE), (manifest_id, zlib.compress(content, 6)))
        if is_of_snapshot:
            cursor.execute(state.statement(_LINK_SNAPSHOT), (manifest_id, state.environment_id))
        if execution_id is not None:
            cursor.execute(state.statement(_LINK_EXECUTION), (manifest_id, str(execution_id)))


def link_manifest(state: State, manifest_id: str, execution_id: UUID) -> None:
    """Record that an execution had a manifest that is already kept."""
    state.execute(_LINK_EXECUTION, (manifest_id, str(execution_id)))


def read_manifest(state: State, execution_id: str | None = None) -> KeptManifest | None:
    """Return the manifest of an execution, or of the environment's last one that built all that was due."""
    if execution_id is not None:
        rows = state.rows(_OF_EXECUTION, (execution_id,))
    else:
        rows = state.rows(_OF_ENVIRONMENT, (state.environment_id,))
    if not rows:
        return None
    try:
        text = zlib.decompress(bytes(rows[0][0])).decode("utf-8", "surrogatepass")
    except (zlib.error, UnicodeDecodeError) as error:
        raise StateError(
            "The manifest in the state is damaged.", "Run the project again with --force; it is recorded again."
        ) from error
    return KeptManifest(text=text, recorded_at=rows[0][1])
