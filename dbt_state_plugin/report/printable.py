"""Text from projects and servers made safe to print."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return the text with control characters (ANSI codes, newlines) shown as escapes."""
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def relation_shown(relation: object) -> str:
    """Return the name of a relation without a database, where the warehouse has none: `"main"."orders"`."""
    return str(relation).removeprefix('"".')


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
