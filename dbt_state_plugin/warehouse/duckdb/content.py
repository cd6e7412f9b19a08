"""Content of relations: one order-independent value from a scan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dbt_state_plugin.warehouse.duckdb.connection import quoted

# Values that compare as equal, and so have one hash, though they are not the same: 0.0 and -0.0, a month and 30 days,
# one moment in two time zones. Their text tells them apart.
_BY_TEXT = re.compile(r"FLOAT|DOUBLE|REAL|INTERVAL|TIME WITH TIME ZONE|TIMETZ|UNION|VARIANT|ANY", re.IGNORECASE)


def content_of(cursor: Any, relation: str, columns: Mapping[str, str], kept: Iterable[str] | None = None) -> str:
    """Return the number of rows and the sum of their hashes; `columns` maps names to types, `kept` says which count.

    `relation` is quoted. Raises duckdb.Error.
    """
    names = [name for name in columns if kept is None or name in set(kept)]
    parts = [f"{quoted(name)}::VARCHAR" if _BY_TEXT.search(columns[name]) else quoted(name) for name in names]
    # Twice, with the values in two orders: a sum over one hash of 64 bits is little for many rows.
    forward, backward = ", ".join(parts), ", ".join(reversed(parts))
    cursor.execute(
        f"SELECT count(*), coalesce(sum(hash(row({forward}))::HUGEINT), 0),"  # noqa: S608 - names are quoted
        f" coalesce(sum(hash(row({backward}, 0))::HUGEINT), 0) FROM {relation}"
        if parts
        else f"SELECT count(*), 0, 0 FROM {relation}"  # noqa: S608
    )
    return "-".join(str(value) for value in cursor.fetchall()[0])
