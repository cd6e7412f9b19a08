"""Relations that a statement writes into, by its words."""

from __future__ import annotations

from collections.abc import Iterator

from dbt_state_plugin.warehouse.postgres.same_statement import tokens

# The words behind which the name of what is written stands (chapter "SQL Commands" of PostgreSQL's manual).
_WRITING = (("insert", "into"), ("merge", "into"), ("delete", "from"), ("truncate",), ("update",), ("copy",))
_BETWEEN = frozenset({"only", "table"})
_NO_STATEMENT = frozenset({"for", "do", "on", "no"})  # FOR UPDATE, DO UPDATE, ON UPDATE, FOR NO KEY UPDATE


def written_relations(statement: str) -> tuple[tuple[str, str], ...]:
    """Return the schema, empty where none is given, and the name of each table that a statement says it writes.

    What functions write that it calls is not seen, and nothing of a text that cannot be read.
    """
    found = tokens(statement) or []
    return tuple(dict.fromkeys(name for start in _starts(found) for name in _names(found, start)))


def _starts(found: list[str]) -> Iterator[int]:
    for position in range(len(found)):
        before = found[position - 1] if position else ""
        for words in _WRITING:
            if tuple(found[position : position + len(words)]) == words and before not in (*_NO_STATEMENT, "key", "."):
                yield position + len(words)


def _names(found: list[str], position: int) -> Iterator[tuple[str, str]]:
    """Yield the name that begins at a position, and for TRUNCATE those behind commas."""
    is_list = found[position - 1] == "truncate"
    while True:
        while position < len(found) and found[position] in _BETWEEN:
            position += 1
        parts = []
        while position < len(found) and _is_name(found[position]):
            parts.append(_plain(found[position]))
            position += 1
            if position >= len(found) or found[position] != ".":
                break
            position += 1
        if parts:
            yield (parts[-2] if len(parts) > 1 else "", parts[-1])
        if not (parts and is_list and position < len(found) and found[position] == ","):
            return
        position += 1


def _is_name(token: str) -> bool:
    return token[0] == '"' or token[0].isalpha() or token[0] == "_"


def _plain(token: str) -> str:
    return token[1:-1].replace('""', '"') if token.startswith('"') else token
