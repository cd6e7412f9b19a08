"""Executions and steps of scripts without dbt."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID, uuid4

from dbt_state_plugin.core.version import VERSION
from dbt_state_plugin.errors import NotFoundError, UsageError
from dbt_state_plugin.operations.bookkeeping.checksums import Checksums, checksum_files, refuse_unrecordable
from dbt_state_plugin.operations.bookkeeping.manifest_checksums import checksum_manifest
from dbt_state_plugin.operations.session import open_session
from dbt_state_plugin.operations.target import Target
from dbt_state_plugin.state import bookkeeping
from dbt_state_plugin.state.bookkeeping import Comparison
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import State

MAX_ROWS = 2**63 - 1  # PostgreSQL's bigint


def init_execution(target: Target, execution_id: str | None = None) -> UUID:
    """Start an execution and return its id; raises UsageError for an id that is malformed or in use."""
    number = uuid4() if execution_id is None else _uuid(execution_id, "execution")
    with open_session(target) as session:
        bookkeeping.start_execution(
            session.state,
            number,
            host=socket.gethostname(),
            tool_version=VERSION,
            meltano_run_id=target.meltano_run_id,
        )
    return number


def last_successful_execution(target: Target) -> UUID | None:
    """Return the succeeded execution that ended last, or None."""
    with open_session(target, create=False) as session:
        return bookkeeping.last_successful_execution(session.state) if session.has_state else None


def completion_time(target: Target, execution_id: str) -> datetime:
    """Return when an execution was completed, in UTC; raises NotFoundError and UsageError."""
    with _books(target, number := _uuid(execution_id, "execution")) as state:
        return bookkeeping.completion_time(state, number)


def files_covered(base_path: str, patterns: Sequence[str], *, by_path: bool = False) -> Checksums:
    """Return the checksums of the files that match; raises UsageError."""
    return checksum_files(base_path, patterns, by_path=by_path)


def manifest_covered(path: str, *, by_path: bool = False) -> Checksums:
    """Return the checksums of the nodes in a manifest.json of dbt; raises UsageError."""
    return checksum_manifest(path, by_path=by_path)


def init_step(target: Target, execution_id: str, name: str, covered: Checksums) -> UUID:
    """Start a step that covers these checksums and return its id; raises NotFoundError and UsageError."""
    refuse_unrecordable(name)
    with _books(target, number := _uuid(execution_id, "execution")) as state:
        return bookkeeping.start_step(state, number, name, kind=covered.kind, checksums=covered.checksums)


def compare_step_models(target: Target, step_id: str, previous_execution_id: str = "") -> Comparison:
    """Compare a step with the one of its name in an earlier execution, or with nothing; raises NotFoundError."""
    previous = _uuid(previous_execution_id, "execution") if previous_execution_id else None
    with _books(target, number := _uuid(step_id, "step")) as state:
        return bookkeeping.compare_steps(state, number, previous)


def complete_step(target: Target, step_id: str, rows_processed: str | None = None) -> str:
    """Record that a step succeeded and return its name; raises NotFoundError and UsageError."""
    rows = None if rows_processed is None else _rows(rows_processed)
    with _books(target, number := _uuid(step_id, "step")) as state:
        return bookkeeping.complete_step(state, number, rows_processed=rows)


def complete_execution(target: Target, execution_id: str) -> None:
    """Record that an execution succeeded; raises NotFoundError and UsageError."""
    with _books(target, number := _uuid(execution_id, "execution")) as state:
        bookkeeping.complete_execution(state, number)


def fail_execution(target: Target, execution_id: str) -> None:
    """Record that an execution failed, with its running steps; raises NotFoundError and UsageError."""
    with _books(target, number := _uuid(execution_id, "execution")) as state:
        bookkeeping.fail_execution(state, number)


@contextmanager
def _books(target: Target, wanted: UUID) -> Iterator[State]:
    # Only init-execution creates the state and the environment: an id that is looked up here is recorded, or unknown.
    with open_session(target, create=False) as session:
        if not session.has_state:
            raise NotFoundError(
                f"{wanted} is not recorded: nothing is, in schema {target.state.schema}.", "Run init-execution first."
            )
        ensure_schema(session.state.connection, target.state.schema)
        yield session.state


def _uuid(text: str, kind: str) -> UUID:
    # uuid.UUID also takes braces, a prefix, and dashes anywhere.
    if not re.fullmatch(r"[0-9A-Fa-f]{8}(-?)[0-9A-Fa-f]{4}(\1[0-9A-Fa-f]{4}){2}\1[0-9A-Fa-f]{12}", text):
        raise UsageError(f'"{text}" is no {kind} id.', f"Pass the UUID that init-{kind} printed.")
    return UUID(text)


def _rows(text: str) -> int:
    digits = text.strip()
    if not re.fullmatch(r"[0-9]{1,30}", digits) or int(digits) > MAX_ROWS:
        raise UsageError(
            f'"{text}" is no number of rows.', f"Pass a whole number from 0 to {MAX_ROWS} to --rows-processed."
        )
    return int(digits)
