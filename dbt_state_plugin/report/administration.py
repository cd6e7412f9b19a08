"""JSON documents of `forget` and of the `state` commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from dbt_state_plugin.report.document import VERSION

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.relations import Environment


class KnownVersion(Protocol):
    """A version of the state that this tool knows."""

    @property
    def number(self) -> str:
        """Return its number, such as 0009."""

    @property
    def description(self) -> str:
        """Return what it changed."""


def version_document(version: str | None) -> dict[str, Any]:
    """Return the version of the state; null where there is none."""
    return {"version": VERSION, "state_version": version}


def versions_document(versions: Iterable[KnownVersion]) -> dict[str, Any]:
    """Return all versions that this tool knows, oldest first."""
    return {
        "version": VERSION,
        "versions": [{"number": each.number, "description": each.description} for each in versions],
    }


def migration_document(before: str | None, after: str | None) -> dict[str, Any]:
    """Return the version before and after an upgrade or a downgrade; null where there was or is no state."""
    return {"version": VERSION, "before": before, "after": after}


def rehearsal_document(
    before: str | None, after: str | None, rows: Mapping[str, tuple[int | None, int | None]], lost: Iterable[str]
) -> dict[str, Any]:
    """Return what an upgrade would do; `rows` are null where there is no such table."""
    return {
        **migration_document(before, after),
        "tables": [{"table": table, "rows_before": old, "rows_after": new} for table, (old, new) in rows.items()],
        "lost": list(lost),
    }


def pruned_document(pruned: Mapping[str, int], *, is_done: bool) -> dict[str, Any]:
    """Return how much of each kind was removed or, unless `is_done`, would be."""
    return {"version": VERSION, "done": is_done, **pruned}


def imported_document(source: str, environment: Environment | str, counts: Mapping[str, int]) -> dict[str, Any]:
    """Return where a history was taken from, into which environment, and how much of it."""
    return {"version": VERSION, "source": source, "environment": str(environment), **counts}


def forgotten_document(unique_ids: Iterable[str]) -> dict[str, Any]:
    """Return the nodes whose builds were forgotten."""
    return {"version": VERSION, "forgotten": list(unique_ids)}
