"""Things of a relation: indexes, constraints, privileges and the like."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ThingChange(str, Enum):
    """What happened to a thing since the build. The values are part of the JSON output."""

    GONE = "gone"
    CHANGED = "changed"
    ADDED = "added"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Thing:
    """One thing: its kind as it stands in a sentence, such as `foreign key`, and its name, empty if it has none."""

    kind: str
    name: str = ""
