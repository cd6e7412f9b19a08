"""Content of relations: one order-independent value from a scan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dbt_state_plugin.warehouse.spark.catalog import quoted

_PLAIN = re.compile(r"byte|short|integer|long|boolean|string|binary|date|timestamp(?:_ntz)?|decimal\(\d+,\d+\)")
# Values that have one hash though they are not the same: 0.0 and -0.0. Their text tells them apart.
_BY_TEXT = re.compile(r"float|double|(?:var)?char\(\d+\)|time\(\d+\)|interval.*|geometry.*|geography.*")
_WHOLE = "map('timestampFormat', 'yyyy-MM-dd HH:mm:ss.SSSSSSXXX', 'ignoreNullFields', 'false')"


def content_of(spark: Any, relation: str, columns: Mapping[str, str], kept: Iterable[str] | None = None) -> str:
    """Return the number of rows and the sums of two hashes of each; `columns` maps names to types.

    `relation` is quoted, `kept` says which columns count. Raises what Spark raises.
    """
    wanted = set(columns if kept is None else kept)
    parts = [_part(name, kind) for name, kind in columns.items() if name in wanted]
    if not parts:
        sql = f"SELECT count(*), 0, 0 FROM {relation}"  # noqa: S608 - quoted names
    else:
        # Twice, with the values in two orders: a sum over one hash of 64 bits is little for many rows.
        sums = (f"sum(cast(xxhash64({', '.join(each)}) AS decimal(20, 0)))" for each in (parts, [*parts[::-1], "0"]))
        sql = f"SELECT count(*), {', '.join(sums)} FROM {relation}"  # noqa: S608
    return "-".join(str(value) for value in spark.sql(sql).collect()[0])


def _part(name: str, kind: str) -> str:
    """Return what is hashed of a column: whether it is null, since a hash passes nulls over, and its value."""
    column = quoted(name)
    if _PLAIN.fullmatch(kind):
        value = column
    elif _BY_TEXT.fullmatch(kind):
        value = f"cast({column} AS string)"
    else:
        value = f"to_json(struct({column}), {_WHOLE})"
    return f"isnull({column}), {value}"
