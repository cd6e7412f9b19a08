"""Names of types in PostgreSQL's catalog, by the words for them."""

from __future__ import annotations

from collections.abc import Mapping

from dbt_state_plugin.warehouse.written_type import written_type

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


def type_name(text: str) -> str | None:
    """Return the name in the catalog, None for a type that is not listed here."""
    written = written_type(text)
    if written is None:
        return None
    size, scale = written.size, written.scale
    if written.name not in _SIZED:
        return _TYPES.get(written.name) if size is None else None
    known = _SIZED[written.name]
    if known == "numeric":
        return known if size is None else f"{known}({size},{scale or 0})"
    if scale is not None:
        return None
    return known if size is None and known != "character" else f"{known}({size or 1})"
