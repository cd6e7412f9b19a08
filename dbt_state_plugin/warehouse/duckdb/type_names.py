"""Names of types in DuckDB's catalog, by the words for them."""

from __future__ import annotations

from collections.abc import Mapping

from dbt_state_plugin.warehouse.written_type import written_type

_TEXTS = ("varchar", "text", "string", "char", "bpchar", "character varying")
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("integer", "int", "int4", "int32", "signed"), "INTEGER"),
    **dict.fromkeys(("bigint", "int8", "int64", "long"), "BIGINT"),
    **dict.fromkeys(("smallint", "int2", "int16", "short"), "SMALLINT"),
    **dict.fromkeys(("tinyint", "int1"), "TINYINT"),
    **dict.fromkeys(("hugeint", "int128"), "HUGEINT"),
    **dict.fromkeys(("double precision", "double", "float8"), "DOUBLE"),
    **dict.fromkeys(("float", "float4", "real"), "FLOAT"),
    **dict.fromkeys(("boolean", "bool", "logical"), "BOOLEAN"),
    **dict.fromkeys(("timestamp without time zone", "timestamp", "datetime"), "TIMESTAMP"),
    **dict.fromkeys(("timestamp with time zone", "timestamptz"), "TIMESTAMP WITH TIME ZONE"),
    **dict.fromkeys(("time without time zone", "time"), "TIME"),
    **dict.fromkeys(("time with time zone", "timetz"), "TIME WITH TIME ZONE"),
    **dict.fromkeys(("blob", "bytea", "binary", "varbinary"), "BLOB"),
    **{name: name.upper() for name in ("date", "json", "uuid", "interval")},
    **dict.fromkeys(_TEXTS, "VARCHAR"),
}
_NUMERIC = ("numeric", "decimal", "dec")


def type_name(text: str) -> str | None:
    """Return the name in the catalog, None for a type that is not listed here."""
    written = written_type(text)
    if written is None:
        return None
    if written.name in _NUMERIC:
        default = "18,3" if written.size is None else f"{written.size},{written.scale or 0}"
        return f"DECIMAL({default})"
    if written.size is not None and (written.name not in _TEXTS or written.scale is not None):
        return None
    return _TYPES.get(written.name)
