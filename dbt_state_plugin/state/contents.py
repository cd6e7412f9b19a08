"""Contents of relations that a warehouse has read by scanning.

They are kept beside the project that was parsed (`project_snapshot.contents`) and outlast its edits.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.state.relations import installation_key

if TYPE_CHECKING:
    from dbt_state_plugin.state.state import State

_READ = "SELECT contents FROM {state}.project_snapshot WHERE environment_id = %s"
_WRITE = "UPDATE {state}.project_snapshot SET contents = %s::jsonb WHERE environment_id = %s"


def read_contents(state: State) -> Any:
    """Return the document that was written last, None if there is none or it was edited by hand."""
    rows = state.rows(_READ, (state.environment_id,))
    sealed = rows[0][0] if rows else None
    if not isinstance(sealed, dict) or sealed.get("seal") != _seal(state, sealed.get("contents")):
        return None
    return sealed["contents"]


def write_contents(state: State, document: Any) -> None:
    """Keep a JSON document in place of the earlier one; do nothing if no project is recorded."""
    sealed = {"contents": document, "seal": _seal(state, document)}
    state.execute(_WRITE, (json.dumps(sealed), state.environment_id))


def _seal(state: State, document: Any) -> str:
    return keyed_digest(installation_key(state))(json.dumps(document, sort_keys=True))
