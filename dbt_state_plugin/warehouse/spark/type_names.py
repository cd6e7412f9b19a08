"""Names of types in schemas of Spark, by the words for them."""

from __future__ import annotations

from collections.abc import Mapping

from dbt_state_plugin.warehouse.written_type import written_type

# Not `timestamp`: a setting of the session decides whether that has a time zone.
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("int", "integer"), "integer"),
    **dict.fromkeys(("bigint", "long"), "long"),
    **dict.fromkeys(("smallint", "short"), "short"),
    **dict.fromkeys(("tinyint", "byte"), "byte"),
    **dict.fromkeys(("float", "real"), "float"),
    **{name: name for name in ("string", "double", "boolean", "date", "binary")},
}
_NUMERIC = ("numeric", "decimal", "dec")


def type_name(text: str) -> str | None:
    """Return the name in the catalog, None for a type that is not listed here."""
    written = written_type(text)
    if written is None:
        return None
    if written.name in _NUMERIC:
        return f"decimal({written.size or 10},{written.scale or 0})"
    return _TYPES.get(written.name) if written.size is None else None
