"""Statements of a migration that differ between PostgreSQL and SQLite."""

from __future__ import annotations

from alembic import op


def execute(*, postgresql: str, sqlite: str | tuple[str, ...]) -> None:
    """Run the statement of the dialect that is asked for; SQLite's may be several."""
    found = sqlite if op.get_context().dialect.name == "sqlite" else postgresql
    for statement in (found,) if isinstance(found, str) else found:
        op.execute(statement)
