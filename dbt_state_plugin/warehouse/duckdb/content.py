"""Content of relations: one order-independent value from a scan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dbt_state_plugin.warehouse.duckdb.connection import quoted

# Values that compare as equal, and so have one hash, though they are not the same: 0.0 and -0.0, a month and 30 days,
# one moment in two time zones. Their text tells them apart.
_BY_TEXT = re.compile(r"FLOAT|DOUBLE|REAL|INTERVAL|TIME WITH TIME ZONE|TIMETZ|ANY", re.IGNORECASE)
# [] and NULL have one hash, and so have [0] and [0, 0]; 1 and '1' in a union have one text.
_BY_BOTH = re.compile(r"STRUCT|MAP|\[|UNION|VARIANT", re.IGNORECASE)
# Text of a moment in such a value is in the time zone of whoever reads; the hash beside it tells which moment it is.
_HOLDS_MOMENTS = re.compile(r"TIMESTAMP\w* WITH TIME ZONE|TIMESTAMPTZ|VARIANT", re.IGNORECASE)
_MOMENT = r"\d{4,}-\d\d-\d\d( \(BC\))? \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d(:\d\d)*"


def content_of(cursor: Any, relation: str, columns: Mapping[str, str], kept: Iterable[str] | None = None) -> str:
    """Return the number of rows and the sum of their hashes; `columns` maps names to types, `kept` says which count.

    `relation` is quoted. Raises duckdb.Error.
    """
    names = [name for name in columns if kept is None or name in set(kept)]
    parts = [part for name in names for part in _hashed(quoted(name), columns[name])]
    # Twice, with the values in two orders: a sum over one hash of 64 bits is little for many rows.
    forward, backward = ", ".join(parts), ", ".join(reversed(parts))
    cursor.execute(
        f"SELECT count(*), coalesce(sum(hash(row({forward}))::HUGEINT), 0),"  # noqa: S608 - names are quoted
        f" coalesce(sum(hash(row({backward}, 0))::HUGEINT), 0) FROM {relation}"
        if parts
        else f"SELECT count(*), 0, 0 FROM {relation}"  # noqa: S608
    )
    return "-".join(str(value) for value in cursor.fetchall()[0])


def _hashed(column: str, kind: str) -> tuple[str, ...]:
    if kind == "VARCHAR":  # as bytes: by its collation, which the type does not name, a and A may be equal
        return (f"encode({column})",)
    text = f"{column}::VARCHAR"
    if _BY_BOTH.search(kind):
        return column, f"regexp_replace({text}, '{_MOMENT}', '@', 'g')" if _HOLDS_MOMENTS.search(kind) else text
    return (text,) if _BY_TEXT.search(kind) else (column,)
