"""Indexes, constraints, privileges and the like that a relation has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ThingChange(str, Enum):
    """What became of a thing since the build. The values are part of the JSON output."""

    GONE = "gone"
    CHANGED = "changed"
    ADDED = "added"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Thing:
    """One thing: its kind as it stands in a sentence, such as `foreign key`, and its name, empty where it has none."""

    kind: str
    name: str = ""
