"""Why a planned node needed no build after all, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ParentOutcome(str, Enum):
    """How a parent came out for a node that reads it."""

    UNCHANGED = "unchanged"  # it was cut off itself, or only its version was looked at
    EQUAL = "equal"
    EQUAL_WHERE_READ = "equal-where-read"


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOffReason:
    """How the parents came out on which a node hung: one of them by name, and how many `others` there are.

    `rows` is the number of rows of the first. `may_differ` are the columns in which it may differ, and with
    `is_only_difference` does. `others_are_equal` says that all others came out equal as a whole.
    """

    parent: str
    outcome: ParentOutcome
    rows: int | None = None
    may_differ: tuple[str, ...] = ()
    is_only_difference: bool = False
    others: int = 0
    others_are_equal: bool = True
