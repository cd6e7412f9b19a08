"""Shapes: what a build left besides rows and columns, and later changes.

A shape is a JSON list of things: kind, name, and a key that differs when the thing does. Two relations of equal
definition have equal things, whatever their generated names. The first thing, of the kind `server`, says which server
wrote the keys: those of another say nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from dbt_state_plugin.core.values.things import Thing, ThingChange

FOREIGN_KEY = "foreign key"
# dbt and the server make their names, so they are known by their definitions.
_BY_DEFINITION = frozenset(
    {"index", "primary key", "unique constraint", "check constraint", "exclusion constraint", FOREIGN_KEY}
)
# What every relation has, though only what is not usual is written down.
_ALWAYS = frozenset({"owner", "persistence", "row security", "privileges of the owner"})
_SERVER = "server"
_Row = tuple[str, str, str]


def is_comparable(before: str | None, now: str | None) -> bool:
    """Return whether two shapes say something about each other: both are known, and spelled by one server."""
    if before is None or now is None:
        return False
    return before == now or _server(_rows(before)) == _server(_rows(now)) != ""


def shape_changes(before: str | None, now: str | None) -> tuple[tuple[Thing, ThingChange], ...]:
    """Return what happened to the things that a build left, and what was added; nothing if unknown."""
    if before == now or not is_comparable(before, now):
        return ()
    present = _rows(now)
    gone = _without(_without(_rows(before), present, by=lambda row: row), present, by=_known_by)
    return tuple(_paired(gone, present))


def foreign_keys(shape: str) -> frozenset[str]:
    """Return the keys of all foreign keys in a shape."""
    return frozenset(key for kind, _, key in _rows(shape) if kind == FOREIGN_KEY)


def _without(rows: list[_Row], others: list[_Row], *, by: Callable[[_Row], _Row]) -> list[_Row]:
    """Return the rows that have no counterpart among the others; each counterpart is taken out there."""
    rest = []
    for row in rows:
        counterpart = next((other for other in others if by(other) == by(row)), None)
        if counterpart is None:
            rest.append(row)
        else:
            others.remove(counterpart)
    return rest


def _paired(gone: list[_Row], added: list[_Row]) -> list[tuple[Thing, ThingChange]]:
    """Return each thing once: what is gone and came back as another under one name has changed."""
    came = {row[:2] for row in added}
    went = {row[:2] for row in gone}
    changes = []
    for row in gone:
        has_changed = row[0] in _ALWAYS or row[:2] in came
        changes.append((_thing(row), ThingChange.CHANGED if has_changed else ThingChange.GONE))
    for row in added:
        if row[:2] not in went:
            changes.append((_thing(row), ThingChange.CHANGED if row[0] in _ALWAYS else ThingChange.ADDED))
    return changes


def _thing(row: _Row) -> Thing:
    return Thing(kind=row[0], name=row[1])


def _known_by(row: _Row) -> _Row:
    kind, name, key = row
    return kind, "" if kind in _BY_DEFINITION else name, key


def _server(rows: list[_Row]) -> str:
    return next((key for kind, _, key in rows if kind == _SERVER), "")


def _rows(shape: str | None) -> list[_Row]:
    try:
        return [_row(*thing) for thing in json.loads(shape or "[]")]
    except (ValueError, TypeError):  # a row that was edited by hand
        return []


def _row(kind: Any, name: Any, key: Any) -> _Row:
    return str(kind), str(name), str(key)
