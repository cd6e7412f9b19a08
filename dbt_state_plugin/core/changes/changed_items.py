"""Items of a definition that differ, without values that may be secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbt_state_plugin.core.fingerprint.parts import OWN_PROPERTIES
from dbt_state_plugin.core.values.reasons import ReasonCode

_PROPERTY = "model."
_UNNAMED = frozenset({"body", "flags", "relation"})  # parts of which the items say nothing more


def changed_items(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the items that differ or that only one side has."""
    return tuple(name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name))


def part_difference(
    part: str, before: Mapping[str, str], after: Mapping[str, str], macro_paths: Mapping[str, str], *, package: str = ""
) -> tuple[ReasonCode, dict[str, Any]]:
    """Return what differs in a part as the code and the values of a reason.

    Each of the `items` has its `name`, a `change` (`new`, `gone`, `changed`, or `set` with the values `before` and
    `after`), and a macro its `path`, with its `package` where that is not the `package` of the node. Hashes are not
    values and are left out.
    """
    changed = _with_properties_named(changed_items(before, after), before)
    if part in _UNNAMED or not changed:
        return ReasonCode.PART_CHANGED, {"part": part}
    if part == "project_hooks":
        before, after = _without_moved_hooks(before, after)
        changed = changed_items(before, after)
    items = [changed_item(name, before.get(name), after.get(name), macro_paths, package=package) for name in changed]
    return ReasonCode.ITEMS_CHANGED, {"part": part, "items": items}


def _without_moved_hooks(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return both sides without hooks that have the same text in another place of the same moment, if others differ."""
    rest = _not_moved(before, after), _not_moved(after, before)
    return rest if any(rest) else (before, after)


def _not_moved(side: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    known = {(_moment(name), text) for name, text in other.items()}
    return {name: text for name, text in side.items() if _moment(name) is None or (_moment(name), text) not in known}


def _moment(name: str) -> str | None:
    """Return whose hook an item is, and when it runs, without its number; None for what is no hook."""
    return name.rpartition("-")[0] if name.startswith("operation.") else None


def _with_properties_named(changed: tuple[str, ...], before: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names with the properties that differ instead of all of them, where they were recorded one by one."""
    if OWN_PROPERTIES not in changed:
        return changed
    is_known = OWN_PROPERTIES in before and any(name.startswith(_PROPERTY) for name in before)
    return tuple(name for name in changed if (name != OWN_PROPERTIES if is_known else not name.startswith(_PROPERTY)))


def changed_item(
    name: str, before: str | None, after: str | None, macro_paths: Mapping[str, str], *, package: str = ""
) -> dict[str, str]:
    """Return one item that differs, as in `part_difference`; None stands for an item that one side lacks."""
    item = {"name": name}
    if name in macro_paths:
        item["path"] = macro_paths[name]
    if package and name.startswith("macro.") and name.split(".")[1] != package:
        item["package"] = name.split(".")[1]
    if before is None or after is None:
        return item | {"change": "new" if before is None else "gone"}
    if before.startswith("#") or after.startswith("#") or name.startswith("macro."):
        return item | {"change": "changed"}
    return item | {"change": "set", "before": before, "after": after}
