"""Text from projects and servers made safe to print."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return the text with control characters (ANSI codes, newlines) shown as escapes."""
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
