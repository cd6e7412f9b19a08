"""Statements that differ between PostgreSQL and SQLite."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ByDialect:
    """One statement in two texts; several of SQLite's are one transaction, and the rows are those of the last with any.

    What differs in the same way everywhere needs no second text: see `sqlite/statement.py`.
    """

    postgres: str
    sqlite: str | tuple[str, ...]

    def into(self, text: str, place: str) -> ByDialect:
        """Return a statement that holds this in a place."""
        return ByDialect(text.replace(place, self.postgres), text.replace(place, str(self.sqlite)))


Statement = str | ByDialect


def is_sqlite(connection: object) -> bool:
    """Return whether a connection of the state is one to an SQLite file."""
    return bool(getattr(connection, "is_sqlite", False))
