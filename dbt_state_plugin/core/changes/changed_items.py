"""Items of a definition that differ, without values that may be secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbt_state_plugin.core.values.reasons import ReasonCode

_UNNAMED = frozenset({"body", "flags", "relation"})  # parts of which the items say nothing more


def changed_items(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the items that differ or that only one side has."""
    return tuple(name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name))


def part_difference(
    part: str, before: Mapping[str, str], after: Mapping[str, str], macro_paths: Mapping[str, str]
) -> tuple[ReasonCode, dict[str, Any]]:
    """Return what differs in a part as the code and the values of a reason.

    Each of the `items` has its `name`, a `change` (`new`, `gone`, `changed`, or `set` with the values `before` and
    `after`), and a macro its `path`. Hashes are no values and are left out.
    """
    changed = changed_items(before, after)
    if part in _UNNAMED or not changed:
        return ReasonCode.PART_CHANGED, {"part": part}
    items = [_item(name, before.get(name), after.get(name), macro_paths) for name in changed]
    return ReasonCode.ITEMS_CHANGED, {"part": part, "items": items}


def _item(name: str, before: str | None, after: str | None, macro_paths: Mapping[str, str]) -> dict[str, str]:
    item = {"name": name}
    if name in macro_paths:
        item["path"] = macro_paths[name]
    if before is None or after is None:
        return item | {"change": "new" if before is None else "gone"}
    if before.startswith("#") or after.startswith("#") or name.startswith("macro."):
        return item | {"change": "changed"}
    return item | {"change": "set", "before": before, "after": after}
