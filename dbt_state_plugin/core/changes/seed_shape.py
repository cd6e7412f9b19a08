"""Columns and types that a seed's file and configuration give its table.

dbt empties the table of a seed and fills it again, so that the columns stay those with which it was created.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind

_CONFIG = frozenset({"column_types", "quote_columns"})
# What people and dbt write for a type, and what the server calls it.
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("integer", "int", "int4"), "integer"),
    **dict.fromkeys(("bigint", "int8"), "bigint"),
    **dict.fromkeys(("smallint", "int2"), "smallint"),
    **dict.fromkeys(("double precision", "float8", "float"), "double precision"),
    **dict.fromkeys(("real", "float4"), "real"),
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    **dict.fromkeys(("timestamp without time zone", "timestamp"), "timestamp without time zone"),
    **dict.fromkeys(("timestamp with time zone", "timestamptz"), "timestamp with time zone"),
    **dict.fromkeys(("time without time zone", "time"), "time without time zone"),
    **dict.fromkeys(("time with time zone", "timetz"), "time with time zone"),
    **{name: name for name in ("text", "date", "json", "jsonb", "uuid", "bytea", "interval")},
}
_SIZED: Mapping[str, str] = {
    **dict.fromkeys(("numeric", "decimal"), "numeric"),
    **dict.fromkeys(("character varying", "varchar"), "character varying"),
    **dict.fromkeys(("character", "char"), "character"),
}
_TYPE = re.compile(r"([a-z0-9 ]+?) ?(?:\( ?(\d+) ?(?:, ?(\d+) ?)?\))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedColumn:
    """One column that dbt would create: its name as the server stores it, its type as dbt or the project writes it.

    `header` is the name in the file, by which `column_types` knows it.
    """

    name: str
    kind: str
    header: str


def fits_its_table(
    wanted: Iterable[SeedColumn], columns: str | None, reasons: Iterable[Reason], *, has_hooks: bool
) -> bool | None:
    """Return whether a table that dbt would create for a seed now has the columns of the one that is there.

    `columns` are those that are there, as JSON; `reasons` say what differs in the seed's definition. None if that
    cannot be told. A hook may have added columns, which then do not count.
    """
    wanted, reasons = tuple(wanted), tuple(reasons)
    there = _pairs(columns)
    if there is None or not wanted:
        return False if _is_configured_otherwise(reasons) else None
    names = [column.name for column in wanted]
    if [name for name in there if name in names or not has_hooks] != names:
        return False
    verdicts = {_has_type(column, there[column.name], reasons) for column in wanted}
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _has_type(column: SeedColumn, there: str, reasons: tuple[Reason, ...]) -> bool | None:
    spelled = server_type(column.kind)
    if spelled is not None:
        return spelled == there
    is_changed = any(_gives_another_type(item, column.header) for item in _changed_config(reasons))
    return False if is_changed else None


def _gives_another_type(item: Mapping[str, str], header: str) -> bool:
    """Return whether a changed item of the config is `column_types` and gives a column another type than before."""
    if item["name"] != "column_types":
        return False
    try:
        return bool(json.loads(item["before"]).get(header) != json.loads(item["after"]).get(header))
    except (LookupError, ValueError, AttributeError):
        return True  # the values are not known


def _is_configured_otherwise(reasons: Iterable[Reason]) -> bool:
    return any(item["name"] in _CONFIG for item in _changed_config(reasons))


def _changed_config(reasons: Iterable[Reason]) -> list[Mapping[str, str]]:
    """Return the changed items of the config; where nothing says which they are, it may be any of these."""
    found: list[Mapping[str, str]] = []
    for reason in reasons:
        if reason.kind is ReasonKind.CONFIG:
            is_named = reason.code is ReasonCode.ITEMS_CHANGED
            found += reason.values["items"] if is_named else [{"name": name, "change": "changed"} for name in _CONFIG]
    return found


def server_type(text: str) -> str | None:
    """Return what PostgreSQL calls a type that is written in one of the usual ways, None for any other."""
    matched = _TYPE.fullmatch(" ".join(text.lower().split()))
    if matched is None:
        return None
    name, size, scale = matched.groups()
    if name not in _SIZED:
        return _TYPES.get(name) if size is None else None
    known = _SIZED[name]
    if known == "numeric":
        return known if size is None else f"{known}({size},{scale or 0})"
    if scale is not None:
        return None
    return known if size is None and known != "character" else f"{known}({size or 1})"


def _pairs(columns: str | None) -> dict[str, str] | None:
    try:
        return {str(name): str(kind) for name, kind in json.loads(columns or "")}
    except (ValueError, TypeError):
        return None
