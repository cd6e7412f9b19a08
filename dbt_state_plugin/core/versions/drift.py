"""Drift: what happened to a relation since its last build."""

from __future__ import annotations

import hashlib
import json

from dbt_state_plugin.core.values.records import RecordedRelation
from dbt_state_plugin.core.values.relations import Identity, RelationKind, is_same_object

_SHOWN = 3
_ROWS_CHANGED = "its rows were changed since we built it (by hand or by plain dbt)"


def drift_words(record: RecordedRelation, identity: Identity, columns: str | None, touched: str | None = None) -> str:
    """Return what was done to a relation since it was recorded, or nothing.

    `columns` are those that it has now, as JSON, and `touched` its counters now. Where none were recorded nothing is
    said about them.
    """
    before = record.identity
    if before is None or not is_same_object(before.value, identity.value):
        return _replaced(before, identity)
    altered = altered_columns(record.columns, columns)
    if identity == before:
        if altered:
            return f"its columns were altered since we built it ({altered})"
        return _ROWS_CHANGED if has_other_rows(record, touched) else ""
    if identity.kind is RelationKind.VIEW:
        return "its view definition was changed by hand since we built it"
    if altered:
        return f"it was rewritten and its columns altered since we built it ({altered})"
    return "it was emptied or rewritten since we built it (TRUNCATE, VACUUM FULL or the like)"


def _replaced(before: Identity | None, identity: Identity) -> str:
    if before is not None and identity.kind is not before.kind:
        return f"it was replaced since we built it: a {before.kind.word} then, a {identity.kind.word} now"
    return "it was replaced since we built it (by a plain dbt run?)"


def altered_columns(before: str | None, now: str | None) -> str:
    """Return in words how two lists of columns differ, or nothing where they are equal or one is not known."""
    if before is None or now is None or before == now:
        return ""
    recorded, present = _pairs(before), _pairs(now)
    if recorded is None or present is None:  # a row that was edited by hand
        return "they cannot be compared"
    changes = {
        "added": [name for name in present if name not in recorded],
        "dropped": [name for name in recorded if name not in present],
        "other type of": [name for name in present if name in recorded and recorded[name] != present[name]],
    }
    words = [f"{word} {_listed(names)}" for word, names in changes.items() if names]
    return ", ".join(words) or "in another order"


def has_other_rows(record: RecordedRelation, touched: str | None) -> bool:
    """Tell whether something was written into a relation since its counters were recorded; unknown ones say nothing."""
    return record.touched is not None and touched is not None and touched != record.touched


def altered_version(record: RecordedRelation, columns: str | None, touched: str | None) -> str:
    """Return a value for columns and rows that are not the recorded ones any more, nothing for those that are."""
    is_altered = altered_columns(record.columns, columns) != ""
    if not is_altered and not has_other_rows(record, touched):
        return ""
    now = [columns if is_altered else None, touched if has_other_rows(record, touched) else None]
    return hashlib.sha256(json.dumps(now).encode()).hexdigest()[:16]


def _pairs(columns: str) -> dict[str, str] | None:
    try:
        return {str(name): str(kind) for name, kind in json.loads(columns)}
    except (ValueError, TypeError):
        return None


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
