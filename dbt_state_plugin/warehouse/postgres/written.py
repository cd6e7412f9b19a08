"""Relations that a statement writes into, by its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dbt_state_plugin.warehouse.postgres.deterministic import KNOWN
from dbt_state_plugin.warehouse.postgres.same_statement import name_of, tokens

Name = tuple[str, str]
# The words behind which the name of what is written stands (chapter "SQL Commands" of PostgreSQL's manual).
_WRITING = (("insert", "into"), ("merge", "into"), ("delete", "from"), ("truncate",), ("update",), ("copy",))
_BETWEEN = frozenset({"only", "table"})
_NO_STATEMENT = frozenset({"for", "do", "on", "no"})  # FOR UPDATE, DO UPDATE, ON UPDATE, FOR NO KEY UPDATE
# Statements that write rows of the relations they name, and those of which nothing outlasts the session but rights.
_WRITE_ROWS = frozenset({"insert", "update", "delete", "merge", "truncate"})
_WRITE_NOTHING = frozenset({"select", "values", "analyze", "vacuum", "set", "reset", "show"})
# What rights may be granted on that is no relation.
_NO_RELATIONS = frozenset("schema database function procedure routine language type domain tablespace".split())
# What may stand before a parenthesis and writes nothing, besides what gives the same answer for the same arguments.
_HARMLESS_CALLS = KNOWN | frozenset(
    "now clock_timestamp statement_timestamp transaction_timestamp random gen_random_uuid current_setting version "
    "conflict values on pg_backend_pid txid_current to_json to_jsonb row_to_json json_build_array jsonb_build_array "
    "array_agg string_agg sum avg age format quote_literal quote_ident".split()
)
# What is created without any relation that is there becoming another, and what a new table may do to others.
_OR_REPLACE = frozenset({"or", "replace"})
_BESIDE_RELATIONS = frozenset("function procedure aggregate schema extension type domain role".split())
_ACTS_ON_OTHERS = frozenset({"as", "of", "inherits", "references"})
_DOUBTFUL_WORDS = frozenset({"cascade", "into", "do", "call", "execute", "copy", "role"})


def written_relations(statement: str) -> tuple[tuple[str, str], ...]:
    """Return the schema, empty if none is given, and the name of each table that a statement says it writes.

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
            parts.append(name_of(found[position]))
            position += 1
            if position >= len(found) or found[position] != ".":
                break
            position += 1
        if parts:
            yield (parts[-2] if len(parts) > 1 else "", parts[-1])
        if not (parts and is_list and position < len(found) and found[position] == ","):
            return
        position += 1


def names_in(found: list[str]) -> set[str]:
    """Return every name among tokens, as it is written, without a database before its schema."""
    names: set[str] = set()
    position = 0
    while position < len(found):
        parts = []
        while position < len(found) and _is_name(found[position]):
            parts.append(found[position])
            position += 1
            if position >= len(found) or found[position] != ".":
                break
            position += 1
        if parts:
            names.add(".".join(parts[-2:]))
        else:
            position += 1
    return names


def _is_name(token: str) -> bool:
    return token[0] == '"' or token[0].isalpha() or token[0] == "_"


def written_by(sql: str) -> frozenset[tuple[str, str]] | None:
    """Return the schema, empty if none is given, and name of each relation whose rows statements change.

    None if one of them may do anything else that outlasts its session. What triggers and rules do is not seen.
    """
    return _of_all(sql, _written_by_one)


def touched_by(sql: str) -> frozenset[tuple[str, str]] | None:
    """Return, named likewise, each relation that statements may leave otherwise than it was; None for any.

    Rights count. What is created beside the relations that are there does not.
    """
    return _of_all(sql, _touched_by_one)


def _of_all(sql: str, of_one: Callable[[list[str]], set[Name] | None]) -> frozenset[Name] | None:
    found = tokens(sql)
    names = [of_one(statement) for statement in _statements(found)] if found is not None else [None]
    known = [each for each in names if each is not None]
    return frozenset[Name]().union(*known) if len(known) == len(names) else None


def _touched_by_one(statement: list[str]) -> set[Name] | None:
    if statement[0] == "create":
        created = next((word for word in statement[1:] if word not in _OR_REPLACE), "")
        is_table = statement[1:5] == ["table", "if", "not", "exists"] and _ACTS_ON_OTHERS.isdisjoint(statement)
        return set() if created in _BESIDE_RELATIONS or is_table else None
    return None if statement[0] == "grant" else _written_by_one(statement)


def _statements(found: list[str]) -> Iterator[list[str]]:
    statement: list[str] = []
    for each in [*found, ";"]:
        if each != ";":
            statement.append(each)
        elif statement:
            yield statement
            statement = []


def _written_by_one(statement: list[str]) -> set[tuple[str, str]] | None:
    starts = list(_starts(statement))
    if statement[0] in _WRITE_NOTHING:
        is_clear = not starts and _DOUBTFUL_WORDS.isdisjoint(statement)
        return set() if is_clear and _calls_nothing(statement) else None
    if _only_adds_a_schema(statement) or _grants_beside_relations(statement):
        return set()
    # One that begins with a common table expression may write in each of its parts: then nothing is sure.
    if statement[0] not in _WRITE_ROWS or len(starts) != 1 or "cascade" in statement:
        return None
    names = set(_names(statement, starts[0]))
    return names if names and _calls_nothing(_without_target(statement, starts[0])) else None


def _only_adds_a_schema(statement: list[str]) -> bool:
    """Return whether a schema is created with nothing in it."""
    name = 5 if statement[2:5] == ["if", "not", "exists"] else 2
    return statement[:2] == ["create", "schema"] and len(statement) == name + 1


def _grants_beside_relations(statement: list[str]) -> bool:
    """Return whether rights are granted on what is no relation."""
    on = statement.index("on") if statement[0] == "grant" and "on" in statement else -1
    return on > 0 and statement[on + 1 : on + 2] != [] and statement[on + 1] in _NO_RELATIONS


def _without_target(statement: list[str], start: int) -> list[str]:
    """Return the statement without the name of what it writes, behind which a list of columns may stand."""
    position = start
    while position < len(statement) and statement[position] in _BETWEEN:
        position += 1
    position += 1
    while position + 1 < len(statement) and statement[position] == ".":
        position += 2
    return statement[position:]


def _calls_nothing(statement: list[str]) -> bool:
    """Return whether every parenthesis follows a word or a function that is known to write nothing."""
    called = [(each, at) for at, each in enumerate(statement[:-1]) if statement[at + 1] == "(" and _is_name(each)]
    return all(
        name in _HARMLESS_CALLS and (at == 0 or statement[at - 1] != "." or statement[at - 2] == "pg_catalog")
        for name, at in called
    )
