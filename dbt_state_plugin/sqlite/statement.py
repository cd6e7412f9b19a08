"""Statements of the state as SQLite reads them.

They are written for PostgreSQL. What differs in the same way everywhere is replaced here: names of schemas, casts,
arrays as arguments, locks that the one writer of an SQLite file need not take.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from dbt_state_plugin.sqlite.functions import timestamp_text

_PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?s|%%|\{\{|\}\}|\{state\}\.")
_VALUE = "\x01([\\w,]+)\x02"
_ONE = "\x01\\w+\x02"
_UNNEST = re.compile(
    rf"unnest\(\s*({_ONE}(?:\s*,\s*{_ONE})*)\s*\)(\s+WITH ORDINALITY)?(?:\s+AS\s+(\w+)\s*\(([^)]*)\))?(\s+ON CONFLICT)?"
)
_REPLACED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"--[^\n]*"), ""),
    (re.compile(rf"({_ONE})::timestamptz\b(?!\[)"), r"as_timestamp(\1)"),
    (re.compile(r"(?:::\w+(?:\[\])?)+"), ""),
    (re.compile(r"\bpg_catalog\."), ""),
    (re.compile(r"\bLOCK TABLE \w+ IN SHARE ROW EXCLUSIVE MODE;?"), ""),
    (re.compile(r"\bFOR NO KEY UPDATE OF \w+"), ""),
    (re.compile(rf"= ANY\s*\(({_ONE})\)"), r"IN (SELECT value FROM json_each(\1))"),
    (re.compile(rf"<> ALL\s*\(({_ONE})\)"), r"NOT IN (SELECT value FROM json_each(\1))"),
    (re.compile(r"\bIS NOT DISTINCT FROM\b"), "IS"),
    (re.compile(r"\bIS DISTINCT FROM\b"), "IS NOT"),
    (re.compile(r"\bSELECT FROM\b"), "SELECT 1 FROM"),
    (re.compile(rf"([\w.]+(?:\(\))?) ([+-]) make_interval\((\w+) => ({_ONE})\)"), r"shifted(\1, '\2', \4, '\3')"),
    (re.compile(r"([\w.]+(?:\(\))?) ([+-]) interval '(\d+) (\w+?)s?'"), r"shifted(\1, '\2', \3, '\4s')"),
    (re.compile(r"^(\s*UPDATE \w+) (?!SET\b|AS\b)(\w+)"), r"\1 AS \2"),
    (re.compile(r"^(\s*DELETE FROM \w+) (?!WHERE\b|AS\b)(\w+)"), r"\1 AS \2"),
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UUID_COLUMNS = frozenset("execution_id step_id build_id data_id plan_id".split())
_BYTES_COLUMNS = frozenset("hash_key content project".split())
_JSON_COLUMNS = frozenset("fingerprint trace reasons places items compiled up_to_date contents".split())


@dataclass(frozen=True, slots=True)
class Translated:
    """A statement with question marks, and for each the names or numbers of the values that it stands for."""

    text: str
    bindings: tuple[tuple[str, ...], ...]

    def bound(self, values: Sequence[Any] | Mapping[str, Any] | None) -> list[Any]:
        """Return the values in the order of the question marks; several become the columns of one table in JSON."""
        given = values or ()
        named = given if isinstance(given, Mapping) else {str(index): value for index, value in enumerate(given)}
        return [self._value(named, names) for names in self.bindings]

    @staticmethod
    def _value(named: Mapping[str, Any], names: tuple[str, ...]) -> Any:
        if names[0] != "":
            return stored(named[names[0]])
        return _json(list(zip(*(named[name] for name in names[1:]), strict=True)))


@cache  # the statements are constants
def translated(statement: str) -> Translated:
    """Return a statement of PostgreSQL's as SQLite reads it; empty if there is nothing to do."""
    numbers = iter(range(statement.count("%s")))
    text = _PLACEHOLDER.sub(lambda found: _marked(found, numbers), statement)
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    text = _UNNEST.sub(_table, text)
    bindings: list[tuple[str, ...]] = []
    text = re.sub(_VALUE, lambda found: _question_mark(found[1], bindings), text)
    return Translated(text.strip().rstrip(";"), tuple(bindings))


def _marked(found: re.Match[str], numbers: Any) -> str:
    whole = found[0]
    if whole == "{state}.":
        return ""
    if whole in ("%%", "{{", "}}"):
        return whole[0]
    return f"\x01{found[1] or next(numbers)}\x02"


def _table(found: re.Match[str]) -> str:
    """Return a table of columns that were given as arrays, by way of JSON."""
    names = re.findall(_VALUE, found[1])
    columns = [name.strip() for name in found[4].split(",")] if found[4] else [f"c{n}" for n in range(len(names))]
    selected = [f"json_extract(value, '$[{n}]') AS {columns[n]}" for n in range(len(names))]
    selected += [f"key AS {columns[-1]}"] if found[2] else []
    table = f"(SELECT {', '.join(selected)} FROM json_each(\x01,{','.join(names)}\x02))"  # noqa: S608 - ours
    alias = f" AS {found[3]}" if found[3] else ""
    # Without WHERE the words that follow would be read as the condition of a join.
    return f"{table}{alias}{' WHERE true ON CONFLICT' if found[5] else ''}"


def _question_mark(names: str, bindings: list[tuple[str, ...]]) -> str:
    bindings.append(tuple(names.split(",")))
    return "?"


def stored(value: Any) -> Any:
    """Return a value as SQLite stores it: times, ids and arrays as texts."""
    if isinstance(value, datetime):
        return timestamp_text(value)
    if isinstance(value, UUID):
        return str(value)
    return _json(value) if isinstance(value, (list, tuple)) else value


def _json(values: Sequence[Any]) -> str:
    return json.dumps(values, ensure_ascii=False, default=stored)


def read_row(row: Sequence[Any], columns: Sequence[str]) -> tuple[Any, ...]:
    """Return the values of a row as they would come from PostgreSQL, by the names of the columns.

    Raises ValueError and TypeError.
    """
    return tuple(_read(value, name) for value, name in zip(row, columns, strict=True))


def _read(value: Any, column: str) -> Any:
    """Return a value; a file that was damaged or edited can hold anything in any column."""
    if column in _BYTES_COLUMNS:  # whose readers look what they hold
        return value if value is None or isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        raise TypeError(f"bytes in {column}")
    if isinstance(value, str):
        if column.endswith("_at"):
            return _moment(value)
        if column in _UUID_COLUMNS and not _UUID.fullmatch(value):
            raise ValueError(f"{column} is no UUID")
        return json.loads(value) if column in _JSON_COLUMNS else value
    return bool(value) if column.startswith("is_") and value is not None else value


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment
