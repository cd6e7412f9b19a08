"""Types of SQL as people write them, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TYPE = re.compile(r"([a-z0-9_ ]+?) ?(?:\( ?(\d+) ?(?:, ?(\d+) ?)?\))?")


@dataclass(frozen=True, slots=True)
class WrittenType:
    """The name in small letters, and the one or two numbers in parentheses behind it."""

    name: str
    size: str | None
    scale: str | None


def written_type(text: str) -> WrittenType | None:
    """Return the parts of a type, None if it has any others: quotes, a schema, brackets."""
    matched = _TYPE.fullmatch(" ".join(text.lower().split()))
    return WrittenType(*matched.groups()) if matched else None
