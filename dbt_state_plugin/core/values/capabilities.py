"""Capabilities of a warehouse: one letter for each question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Told(str, Enum):
    """How well a question is answered. The values stand in the table of docs/warehouses.md."""

    EXACT = "E"
    TOO_OFTEN = "A"  # nothing is missed, but a build may be superfluous
    BY_SCAN = "S"  # exact, by reading rows
    NOT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A question of a plan: `what` it is about.

    `untold` and `way_out` are for what goes unnoticed where it is not answered.
    """

    what: str
    untold: str = ""
    way_out: str = ""


FEATURES: Mapping[str, Feature] = {
    "code": Feature(what="code, config, macros and vars that changed"),
    "missing": Feature(what="relations that were dropped, also along with another one"),
    "columns": Feature(what="columns that were added, dropped or retyped by hand"),
    "rows": Feature(
        what="rows of models written by others, relations replaced by others",
        untold="rows that others write into a model's table, and a table that plain dbt replaces",
        way_out="`run --force --select MODEL` builds it",
    ),
    "views": Feature(
        what="views redefined by hand",
        untold="a model's view that is redefined by hand",
        way_out="`run --force --select MODEL` builds it",
    ),
    "shape": Feature(
        what="indexes, constraints and comments removed by hand",
        untold="indexes, constraints, comments and grants that are removed by hand",
        way_out="`run --force --select MODEL` builds it",
    ),
    "sources": Feature(what="rows of sources that were inserted, updated or deleted"),
    "equal": Feature(what="equal rows that were loaded again build nothing"),
    "cutoff": Feature(what="what comes out equal in a run causes no further builds in it"),
    "named": Feature(
        what="relations and functions that only SQL names",
        untold="new rows of tables that models name in their SQL without ref() or source()",
        way_out="declare them as sources",
    ),
    "questions": Feature(what="what macros ask the database while they compile"),
    "volatile": Feature(what="functions that give another answer each time"),
    "up_to_date": Feature(what="a run without changes asks for one value and plans nothing"),
    "adopt": Feature(what="`adopt` compares columns with those of the code"),
    "orphans": Feature(what="`state orphans` lists what deleted models left"),
    "drop": Feature(what="`state orphans --drop`"),
}
Capabilities = Mapping[str, Told]


def capabilities(**letters: str) -> Capabilities:
    """Return the letter of each feature, `-` for those that are not given; raises KeyError for one that is none."""
    unknown = letters.keys() - FEATURES.keys()
    if unknown:
        raise KeyError(*sorted(unknown))
    return {feature: Told(letters.get(feature, "-")) for feature in FEATURES}


def untold(known: Capabilities) -> tuple[str, ...]:
    """Return the features that are not told and without which a change goes unnoticed."""
    return tuple(name for name, feature in FEATURES.items() if feature.untold and known[name] is Told.NOT)
