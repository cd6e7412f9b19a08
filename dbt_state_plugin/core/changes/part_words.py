"""Differences in words, without values that may be secret."""

from __future__ import annotations

from collections.abc import Mapping

PART_WORDS: Mapping[str, str] = {
    "body": "its code changed",
    "config": "its configuration changed",
    "macros": "a macro that it can reach changed",
    "variables": "a var, env var or target field that it reads changed",
    "materialization": "a macro that builds it changed",
    "contract": "its contract changed",
    "hooks": "a hook changed",
    "project_hooks": "an on-run-start or on-run-end hook of the project changed",
    "docs": "a description that persist_docs writes changed",
    "relation": "the name of its relation changed",
    "references": "the name of a relation that it refers to changed",
    "session": "the profile sets another search_path or role",
    "flags": "dbt flags that change what is built differ",
    "engine": "another minor version of dbt or its adapter",
}
_SHOWN = 3
_VALUE_WIDTH = 60


def changed_items(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the items that differ or that only one side has."""
    return tuple(name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name))


def difference_words(
    part: str, before: Mapping[str, str], after: Mapping[str, str], macro_paths: Mapping[str, str]
) -> str:
    """Return what differs in a part, such as `materialized: "view" -> "table"` or the name and path of a macro."""
    general = PART_WORDS.get(part, part)
    changed = changed_items(before, after)
    if part in ("body", "flags", "relation") or not changed:
        return general
    if part == "engine":
        return f"another minor version of {' and '.join(_engine_name(name) for name in changed)}"
    shown = [_item_words(name, before.get(name), after.get(name), macro_paths) for name in changed[:_SHOWN]]
    more = f", and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return ", ".join(shown) + more


def _engine_name(name: str) -> str:
    return "dbt" if name == "dbt" else "its adapter"


def _item_words(name: str, before: str | None, after: str | None, macro_paths: Mapping[str, str]) -> str:
    label = _label(name, macro_paths)
    if before is None or after is None:
        return f"{label} is new" if before is None else f"{label} is gone"
    if before.startswith("#") or after.startswith("#") or name.startswith("macro."):
        return f"{label} changed"
    return f"{label}: {_cut(before)} -> {_cut(after)}"


def _label(name: str, macro_paths: Mapping[str, str]) -> str:
    if name.startswith("macro."):
        path = macro_paths.get(name)
        return f"macro {name.split('.')[-1]}" + (f" ({path})" if path else "")
    if name.startswith("operation."):
        return f"hook {name.split('.')[-1]}"
    return name


def _cut(value: str) -> str:
    return value if len(value) <= _VALUE_WIDTH else value[: _VALUE_WIDTH - 3] + "..."
