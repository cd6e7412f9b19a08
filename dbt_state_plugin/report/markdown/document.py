"""Markdown document of bounded size that shortens minor parts first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

LIMIT = 65_000  # bytes; GitHub takes 65,536 characters
_NOTE = 80  # bytes for what is said of a shortened part


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a document: `items` between `begin` and `end`, joined by `separator`.

    `importance` is the higher the later it is shortened. `noun` is what an item is called where some were left out.
    """

    items: tuple[str, ...]
    importance: int
    noun: str
    begin: str = ""
    end: str = ""
    separator: str = "\n"

    def folded(self, summary: str) -> Part:
        """Return the part behind a summary that opens it."""
        begin = f"<details><summary>{summary}</summary>\n\n{self.begin}"
        return replace(self, begin=begin, end=f"{self.end}\n\n</details>")

    def text(self, kept: int) -> str:
        """Return the part with its first items, and how many were left out."""
        left = len(self.items) - kept
        if not kept:
            return f"_{left} {_plural(self.noun, left)} left out: there is no room for more._"
        note = f"\n\n_And {left} more {_plural(self.noun, left)}, left out: there is no room for more._" if left else ""
        return f"{self.begin}{self.separator.join(self.items[:kept])}{self.end}{note}"


def _plural(noun: str, number: int) -> str:
    return noun if number == 1 else f"{noun}s"


def document(parts: Sequence[Part], limit: int = LIMIT) -> str:
    """Return the parts one below the other, in at most `limit` bytes."""
    parts = [part for part in parts if part.items]
    kept = [len(part.items) for part in parts]
    excess = _size("\n\n".join(part.text(len(part.items)) for part in parts)) + 1 - limit
    for place in sorted(range(len(parts)), key=lambda place: parts[place].importance):
        if excess <= 0:
            break
        excess += _NOTE
        while kept[place] and excess > 0:
            kept[place] -= 1
            excess -= _size(parts[place].items[kept[place]]) + _size(parts[place].separator)
        if not kept[place]:
            excess -= _size(parts[place].begin) + _size(parts[place].end)
    return "\n\n".join(part.text(number) for part, number in zip(parts, kept, strict=True)) + "\n"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
