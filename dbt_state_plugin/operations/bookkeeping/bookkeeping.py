"""Executions and steps of scripts, by the rules that are given."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID, uuid4

from dbt_state_plugin.core.values.bookkeeping_rules import STRICT, BookkeepingRules
from dbt_state_plugin.core.version import VERSION
from dbt_state_plugin.errors import NotFoundError, UsageError
from dbt_state_plugin.operations.bookkeeping.checksums import Checksums, checksum_files, refuse_unrecordable
from dbt_state_plugin.operations.bookkeeping.manifest_checksums import checksum_manifest
from dbt_state_plugin.operations.bookkeeping.run_baseline import BUILDING, unchanged_names
from dbt_state_plugin.operations.session import open_session
from dbt_state_plugin.operations.target import Target
from dbt_state_plugin.state import bookkeeping
from dbt_state_plugin.state.bookkeeping import Comparison, Ended, StepAfterRun
from dbt_state_plugin.state.manifests import read_manifest
from dbt_state_plugin.state.relations import server_time
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import State
from dbt_state_plugin.state.version import place_of

MAX_ROWS = 2**63 - 1  # PostgreSQL's bigint
_ID = re.compile(r"[0-9A-Fa-f]{8}(-?)[0-9A-Fa-f]{4}(\1[0-9A-Fa-f]{4}){2}\1[0-9A-Fa-f]{12}")
_POSTGRESQL_ID = re.compile(r"(?=\{.*\}$|[^{}]*$)\{?([0-9A-Fa-f]{4}-?){7}[0-9A-Fa-f]{4}\}?")


def init_execution(target: Target, execution_id: str | None = None, rules: BookkeepingRules = STRICT) -> UUID:
    """Start an execution and return its id; raises UsageError for an id that is malformed or in use."""
    number = uuid4() if execution_id is None else _uuid(execution_id, "execution", rules)
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


def completion_time(target: Target, execution_id: str, rules: BookkeepingRules = STRICT) -> datetime | None:
    """Return when an execution was completed, in UTC, or None if the rules allow that it was not.

    Raises NotFoundError and UsageError.
    """
    with _books(target, number := _uuid(execution_id, "execution", rules)) as state:
        return bookkeeping.completion_time(state, number, rules)


def present_time(target: Target) -> datetime:
    """Return the time on the clock of the state's server, in UTC."""
    with open_session(target, create=False) as session:
        return server_time(session.state)


def files_covered(
    base_path: str, patterns: Sequence[str], *, by_path: bool = False, rules: BookkeepingRules = STRICT
) -> Checksums:
    """Return the checksums of the files that match; raises UsageError."""
    return checksum_files(base_path, patterns, by_path=by_path, rules=rules)


def manifest_covered(path: str, *, by_path: bool = False) -> Checksums:
    """Return the checksums of the nodes in a manifest.json of dbt; raises UsageError."""
    return checksum_manifest(path, by_path=by_path)


def init_step(
    target: Target, execution_id: str, name: str, covered: Checksums, rules: BookkeepingRules = STRICT
) -> UUID:
    """Start a step that covers these checksums and return its id; raises NotFoundError and UsageError."""
    refuse_unrecordable(name)
    with _books(target, number := _uuid(execution_id, "execution", rules)) as state:
        return bookkeeping.start_step(state, number, name, kind=covered.kind, checksums=covered.checksums, rules=rules)


def compare_step_models(
    target: Target, step_id: str, previous_execution_id: str = "", rules: BookkeepingRules = STRICT
) -> Comparison:
    """Compare a step with the one of its name in an earlier execution, or with nothing; raises NotFoundError.

    The step of a run is compared by what the script recorded: files with its files, nodes with its nodes.
    """
    previous = _uuid(previous_execution_id, "execution", rules) if previous_execution_id else None
    with _books(target, number := _uuid(step_id, "step", rules)) as state:
        after_run = bookkeeping.step_after_run(state, number, previous) if previous else None
        if previous and after_run:
            return _compared_with_run(state, previous, after_run)
        return bookkeeping.compare_steps(state, number, previous, rules)


def _compared_with_run(state: State, run: UUID, step: StepAfterRun) -> Comparison:
    doubt, kept = "", None
    if step.status != "succeeded":
        doubt = f"Execution {run} did not succeed; it is {step.status}"
    elif step.command not in BUILDING:
        doubt = f"Execution {run} is a `{step.command}`, which does not build the models"
    elif (kept := read_manifest(state, str(run))) is None:
        doubt = f"Execution {run} keeps no manifest, as it built only a part or no SQL is stored"
    if kept is None:
        doubt += ", so everything counts as changed."
        return Comparison(changed=tuple(sorted(step.checksums)), removed=None, doubt=doubt)
    same = unchanged_names(kept.text, step.command, step.kind, step.checksums)
    return Comparison(changed=tuple(sorted(step.checksums.keys() - same)), removed=None)


def complete_step(
    target: Target, step_id: str, rows_processed: str | None = None, rules: BookkeepingRules = STRICT
) -> Ended:
    """Record that a step succeeded and return it; raises NotFoundError and UsageError."""
    rows = None if rows_processed is None else _rows(rows_processed)
    with _books(target, number := _uuid(step_id, "step", rules)) as state:
        return bookkeeping.complete_step(state, number, rows_processed=rows, rules=rules)


def complete_execution(target: Target, execution_id: str, rules: BookkeepingRules = STRICT) -> Ended:
    """Record that an execution succeeded and return it; raises NotFoundError and UsageError."""
    with _books(target, number := _uuid(execution_id, "execution", rules)) as state:
        return bookkeeping.complete_execution(state, number, rules)


def fail_execution(target: Target, execution_id: str) -> None:
    """Record that an execution failed, with its running steps; raises NotFoundError and UsageError."""
    with _books(target, number := _uuid(execution_id, "execution")) as state:
        bookkeeping.fail_execution(state, number)


@contextmanager
def _books(target: Target, wanted: UUID) -> Iterator[State]:
    # Only init-execution creates the state and the environment: an id that is looked up here is recorded, or unknown.
    with open_session(target, create=False) as session:
        if not session.has_state:
            place = place_of(session.state.connection, target.state.schema)
            raise NotFoundError(f"{wanted} is not recorded: {place} holds nothing yet.", "Run init-execution first.")
        ensure_schema(session.state.connection, target.state.schema)
        yield session.state


def _uuid(text: str, kind: str, rules: BookkeepingRules = STRICT) -> UUID:
    # uuid.UUID also takes a prefix, one brace, and dashes anywhere.
    if not (_POSTGRESQL_ID if rules.postgresql_ids else _ID).fullmatch(text):
        raise UsageError(f'"{text}" is not a valid {kind} id.', f"Pass the UUID that init-{kind} printed.")
    return UUID(text)


def _rows(text: str) -> int:
    digits = text.strip()
    if not re.fullmatch(r"[0-9]{1,30}", digits) or int(digits) > MAX_ROWS:
        raise UsageError(
            f'"{text}" is not a number of rows.', f"Pass a whole number from 0 to {MAX_ROWS} to --rows-processed."
        )
    return int(digits)
