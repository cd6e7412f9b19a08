"""Schema of the state in SQLite, created and upgraded.

Up to version 0009 there were only states in PostgreSQL. That one is created as a whole; the migrations after it give
both dialects.
"""

from __future__ import annotations

from functools import cache

from dbt_state_plugin.errors import UsageError
from dbt_state_plugin.sqlite.script import statements_of
from dbt_state_plugin.state.version import EXPECTED_VERSION, KNOWN_VERSIONS

FIRST_VERSION = "0009"
_REMOVED = (
    "PRAGMA defer_foreign_keys = ON",
    *(
        f"DROP TABLE {table}"
        for table in (
            "handed_plan project_snapshot node_result intent relation definition execution_step checksum checksum_set "
            "execution manifest environment installation alembic_version"
        ).split()
    ),
)


@cache
def creating() -> tuple[str, ...]:
    """Return the statements that create a state of this tool's version."""
    from importlib.resources import files

    text = files("dbt_state_plugin.state.migrations").joinpath("sqlite_0009.sql").read_text(encoding="utf-8")
    return (*statements_of(text), *_migrating(FIRST_VERSION, EXPECTED_VERSION))


def upgrading(version: str | None) -> tuple[str, ...]:
    """Return the statements that bring a state to this tool's version."""
    return creating() if version is None else _migrating(version, EXPECTED_VERSION)


def downgrading(start: str, revision: str) -> tuple[str, ...]:
    """Return the statements that bring a state back to an older version or remove it; raises UsageError."""
    if revision in KNOWN_VERSIONS and revision < FIRST_VERSION:
        raise UsageError(
            f"A state in an SQLite file has at least version {FIRST_VERSION}.",
            f"Choose {FIRST_VERSION} or a later one, or `base`, which removes it.",
        )
    if revision in KNOWN_VERSIONS:
        return _migrating(start, revision)
    return (*_migrating(start, FIRST_VERSION), *_REMOVED)


def _migrating(start: str, end: str) -> tuple[str, ...]:
    if start == end:
        return ()
    from dbt_state_plugin.state.alembic_script import migration_script

    return statements_of(migration_script(start, end, "sqlite"))
