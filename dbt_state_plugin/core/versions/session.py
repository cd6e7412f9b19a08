"""Settings of a session, and how two of them differ."""

from __future__ import annotations

from collections.abc import Mapping

# Never empty. Where a build's record has none of them it is older than they, and knows no settings of extensions or
# applications either, whose names have a dot: nothing can be said about those.
LATER_SETTINGS = frozenset(
    {
        "DuckDB",
        "array_nulls",
        "bytea_output",
        "default_text_search_config",
        "extra_float_digits",
        "session_replication_role",
        "standard_conforming_strings",
        "timezone_abbreviations",
        "transform_null_equals",
        "xmlbinary",
        "xmloption",
    }
)


def differing_settings(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of settings that differ, in order; `user` is none: who builds is no part of what is built."""
    names = before.keys() | now.keys()
    if before.keys().isdisjoint(LATER_SETTINGS):
        names = {name for name in names if name not in LATER_SETTINGS and "." not in name}
    return sorted(name for name in names - {"user"} if before.get(name, "") != now.get(name, ""))
