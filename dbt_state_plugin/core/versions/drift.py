"""Drift: changes to a relation since its last build."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation
from dbt_state_plugin.core.values.relations import Catalog, Environment, Identity, RelationKind, RelationName
from dbt_state_plugin.core.versions.counters import are_same_counters


def find_drift(
    record: RecordedRelation, identity: Identity, columns: str | None, touched: str | None = None
) -> Reason | None:
    """Return the reason to build a relation that is no longer as recorded, None if it is.

    `columns` are those that it has now, as JSON, and `touched` its counters now. Where none were recorded nothing is
    said about them.
    """
    before = record.identity
    if before is None or not identity.is_same_object_as(before):
        return _replaced(before, identity)
    altered = altered_columns(record.columns, columns)
    if identity == before:
        if altered:
            return _drifted(ReasonCode.COLUMNS_ALTERED, **altered)
        return _drifted(ReasonCode.ROWS_WRITTEN) if has_other_rows(record, touched) else None
    if identity.kind is RelationKind.VIEW:
        return _drifted(ReasonCode.VIEW_REDEFINED)
    if altered:
        return _drifted(ReasonCode.REWRITTEN_AND_ALTERED, **altered)
    return _drifted(ReasonCode.REWRITTEN)


def as_recorded(
    recorded: Recorded, catalog: Catalog, environment: Environment
) -> Iterator[tuple[RelationName, RecordedRelation, Identity]]:
    """Yield the relations of an environment that are still the recorded ones, with their records and identities.

    What an open intent says may have been written since is left out.
    """
    for key, record in recorded.relations.items():
        identity = catalog.identities.get(key)
        is_here = record.environment == str(environment) and key not in recorded.intents
        if is_here and identity is not None and identity == record.identity:
            yield key, record, identity


def _replaced(before: Identity | None, identity: Identity) -> Reason:
    if before is not None and identity.kind is not before.kind:
        return _drifted(ReasonCode.OTHER_KIND, before=before.kind.word, now=identity.kind.word)
    return _drifted(ReasonCode.REPLACED)


def _drifted(code: ReasonCode, **values: Any) -> Reason:
    return Reason(kind=ReasonKind.DRIFTED, code=code, values=values)


def altered_columns(before: str | None, now: str | None) -> dict[str, Any]:
    """Return the names of columns that were added, dropped or retyped, {} where the lists are equal or one is unknown.

    With `is_known` false they cannot be compared; where all names are empty the order differs.
    """
    if before is None or now is None or before == now:
        return {}
    recorded, present = _pairs(before), _pairs(now)
    if recorded is None or present is None:  # a row that was edited by hand
        return {"is_known": False}
    return {
        "added": [name for name in present if name not in recorded],
        "dropped": [name for name in recorded if name not in present],
        "retyped": [name for name in present if name in recorded and recorded[name] != present[name]],
    }


def has_other_rows(record: RecordedRelation, touched: str | None) -> bool:
    """Return whether a relation was written into since its counters were recorded; unknown ones say nothing."""
    return record.touched is not None and touched is not None and not are_same_counters(record.touched, touched)


def altered_version(record: RecordedRelation, columns: str | None, touched: str | None) -> str:
    """Return a value for columns and rows that are not the recorded ones any more, nothing for those that are."""
    is_altered = bool(altered_columns(record.columns, columns))
    if not is_altered and not has_other_rows(record, touched):
        return ""
    now = [columns if is_altered else None, touched if has_other_rows(record, touched) else None]
    return hashlib.sha256(json.dumps(now).encode()).hexdigest()[:16]


def _pairs(columns: str) -> dict[str, str] | None:
    try:
        return {str(name): str(kind) for name, kind in json.loads(columns)}
    except (ValueError, TypeError):
        return None
