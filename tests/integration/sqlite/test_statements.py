"""Each statement of the state, read by SQLite."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dbt_state_plugin
from dbt_state_plugin.sqlite.connection import SqliteConnection
from dbt_state_plugin.sqlite.statement import translated

PACKAGE = Path(dbt_state_plugin.__file__).parent
BEGINNING = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
TEMPLATE = re.compile(r"<\w+>|__\w+__")  # into which something is put yet
OF_POSTGRES = "pg_locks"  # what is asked of a server alone


def statements() -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each statement that both kinds of a state are asked, or SQLite alone."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if "migrations" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = {id(part) for joined in ast.walk(tree) if isinstance(joined, ast.JoinedStr) for part in joined.values}
        of_postgres = [item for item in ast.walk(tree) if isinstance(item, ast.keyword) and item.arg == "postgres"]
        apart = {id(part) for item in of_postgres for part in ast.walk(item)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in inside | apart:
                continue
            text = node.value
            if "{state}." in text and BEGINNING.match(text) and not TEMPLATE.search(text):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", text


def test_sqlite_reads_each_statement_that_both_kinds_of_a_state_are_asked(opened: SqliteConnection) -> None:
    found = list(statements())
    wrong = {}
    for place, text in found:
        known = translated(text)
        if not known.text or OF_POSTGRES in text:
            continue
        try:
            opened._opened.execute(f"EXPLAIN {known.text}", [None] * len(known.bindings))  # type: ignore[union-attr]
        except sqlite3.Error as error:
            if str(error) != "incomplete input":  # the beginning of one
                wrong[place] = str(error)

    assert len(found) > 100
    assert wrong == {}
