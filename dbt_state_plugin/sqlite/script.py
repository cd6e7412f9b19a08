"""SQL scripts split into statements, as SQLite's driver needs them."""

from __future__ import annotations

import sqlite3


def statements_of(script: str) -> tuple[str, ...]:
    """Return the statements of a script, each of which ends at the end of a line."""
    found, begun = [], ""
    for line in script.splitlines(keepends=True):
        begun += "" if line.lstrip().startswith("--") else line
        if sqlite3.complete_statement(begun) and begun.strip():
            found.append(begun.strip().removesuffix(";"))
            begun = ""
    return (*found, begun.strip()) if begun.strip() else tuple(found)
