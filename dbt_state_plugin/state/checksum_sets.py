"""Sets of checksums, each stored once by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from dbt_state_plugin.state.dialect import ByDialect
from dbt_state_plugin.state.state import State

_CHECKSUM_SET = "INSERT INTO {state}.checksum_set (checksum_set_id, kind) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_CHECKSUMS = """
    INSERT INTO {state}.checksum (checksum_set_id, name, checksum)
    SELECT %s, name, checksum FROM unnest(%s::text[], %s::text[]) AS given (name, checksum)
"""
_DIFFERENCES = ByDialect(
    postgres="""
    SELECT coalesce(new.name, old.name), new.name IS NULL
    FROM (SELECT name, checksum, kind FROM {state}.checksum JOIN {state}.checksum_set USING (checksum_set_id)
          WHERE checksum_set_id = %s) AS new
    FULL JOIN (SELECT DISTINCT ON (name) name, checksum, kind
               FROM unnest(%s::text[]) WITH ORDINALITY AS given (checksum_set_id, position)
               JOIN {state}.checksum USING (checksum_set_id) JOIN {state}.checksum_set USING (checksum_set_id)
               ORDER BY name, position DESC) AS old ON old.name = new.name
    WHERE (new.checksum, new.kind) IS DISTINCT FROM (old.checksum, old.kind)
""",
    sqlite="""
    WITH new AS (
        SELECT name, checksum, kind FROM {state}.checksum JOIN {state}.checksum_set USING (checksum_set_id)
        WHERE checksum_set_id = %s
    ), old AS (
        SELECT name, checksum, kind, row_number() OVER (PARTITION BY name ORDER BY position DESC) AS place
        FROM unnest(%s::text[]) WITH ORDINALITY AS given (checksum_set_id, position)
        JOIN {state}.checksum USING (checksum_set_id) JOIN {state}.checksum_set USING (checksum_set_id)
    ), last AS (SELECT * FROM old WHERE place = 1)
    SELECT new.name, false FROM new LEFT JOIN last USING (name)
    WHERE (new.checksum, new.kind) IS DISTINCT FROM (last.checksum, last.kind)
    UNION ALL SELECT name, true FROM last WHERE name NOT IN (SELECT name FROM new)
    """,
)


def record_checksum_set(cursor: Any, state: State, *, kind: str, checksums: Mapping[str, str]) -> str:
    """Return the id of a set of checksums, which is added only when no equal one is recorded.

    The cursor must be in the transaction that refers to the set: retention removes sets that nothing refers to.
    """
    ordered = sorted(checksums.items())
    checksum_set_id = hashlib.sha256(json.dumps([kind, ordered]).encode()).hexdigest()
    cursor.execute(state.statement(_CHECKSUM_SET), (checksum_set_id, kind))
    if cursor.rowcount:
        names, values = [name for name, _ in ordered], [value for _, value in ordered]
        cursor.execute(state.statement(_CHECKSUMS), (checksum_set_id, names, values))
    return checksum_set_id


def compare_checksum_sets(cursor: Any, state: State, new: str, *old: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names whose checksum is new or differs, and the removed names, both sorted.

    Without an old set everything is new; of several, the last that holds a name counts; one of another kind differs.
    """
    cursor.execute(state.statement(_DIFFERENCES), (new, list(old)))
    rows = cursor.fetchall()
    changed = sorted(name for name, is_gone in rows if not is_gone)
    removed = sorted(name for name, is_gone in rows if is_gone)
    return tuple(changed), tuple(removed)
