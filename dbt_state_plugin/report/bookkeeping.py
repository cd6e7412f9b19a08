"""Executions and steps of scripts as JSON documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from dbt_state_plugin.report.document import VERSION

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


class Comparison(Protocol):
    """What differs between two steps."""

    @property
    def changed(self) -> Sequence[str]:
        """Return the names whose checksum is new or differs."""

    @property
    def removed(self) -> Sequence[str] | None:
        """Return the removed names, None if unknown."""

    @property
    def doubt(self) -> str:
        """Return why the earlier execution may be no good baseline, or nothing."""


def recorded_execution_document(
    execution_id: UUID | str | None, status: str | None, completed_at: datetime | None = None
) -> dict[str, Any]:
    """Return an execution; the time is ISO 8601."""
    return {
        "version": VERSION,
        "execution_id": str(execution_id) if execution_id else None,
        "status": status,
        "completed_at": completed_at.isoformat() if completed_at else None,
    }


def recorded_step_document(step_id: UUID | str, name: str, status: str, checksums: int | None = None) -> dict[str, Any]:
    """Return a step, with how many checksums were recorded for it now."""
    return {"version": VERSION, "step_id": str(step_id), "name": name, "status": status, "checksums": checksums}


def compared_step_document(step_id: str, previous_execution_id: str, comparison: Comparison) -> dict[str, Any]:
    """Return what differs between a step and that of an earlier execution."""
    removed = comparison.removed
    return {
        "version": VERSION,
        "step_id": step_id,
        "previous_execution_id": previous_execution_id or None,
        "changed": list(comparison.changed),
        "removed": None if removed is None else list(removed),
        "doubt": comparison.doubt,
    }
