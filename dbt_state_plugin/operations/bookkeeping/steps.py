"""External steps (such as LOAD) recorded with an execution.

A step like that is recorded before anything is built, with the checksums of what it covers, and compared with the step
of its name in the last successful execution.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from dbt_state_plugin.core.fingerprint.hashing import Digest, keyed_digest
from dbt_state_plugin.core.values.results import StepItem
from dbt_state_plugin.core.version import VERSION
from dbt_state_plugin.operations.session import open_session
from dbt_state_plugin.operations.target import Target
from dbt_state_plugin.state import recorded_steps
from dbt_state_plugin.state.executions import NewExecution
from dbt_state_plugin.state.recorded_steps import StepRecord
from dbt_state_plugin.state.relations import installation_key
from dbt_state_plugin.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What was recorded before about a step.

    `checksums` are those of the last successful execution that has the step, `execution_id` and `finished_at` say
    which (None: there is none), and `known` has the newest checksum of every name in any successful execution.
    `digest` hashes values with the installation's own key.
    """

    digest: Digest = field(repr=False)
    execution_id: UUID | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """What a step covers now: its checksums by name, and the items that changed with their reasons."""

    checksums: Mapping[str, str]
    items: tuple[StepItem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedStep:
    """A step to record: its name, and a function from what was recorded before to what it covers now.

    The function must not fail and must not take long: it is called while the environment is locked.
    """

    name: str
    cover: Callable[[Earlier], Covered]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedStep:
    """A step as it is now, what it was compared with, and what was recorded after that, oldest first."""

    covered: Covered
    earlier: Earlier
    later: tuple[StepRecord, ...]


def record_step(state: State, execution_id: UUID, step: RecordedStep) -> Covered:
    """Record a step of a running execution as done, and return what it covers."""
    covered = step.cover(_earlier(state, step.name, None))
    recorded_steps.record(state, execution_id, step.name, covered.checksums, covered.items)
    return covered


def compare_step(
    target: Target, step: RecordedStep, *, since: str | None = None, others: tuple[str, ...] = ()
) -> ComparedStep:
    """Compare a step with the last successful execution, or that of `since`, without writing anything.

    `later` holds the steps of this name and of `others` that were recorded afterwards. Raises NotFoundError and the
    errors of a session.
    """
    with open_session(target, create=False) as session:
        if not session.has_state:
            earlier = Earlier(digest=keyed_digest(b""))
            return ComparedStep(covered=step.cover(earlier), earlier=earlier, later=())
        earlier = _earlier(session.state, step.name, since)
        later = recorded_steps.recorded_after(session.state, (step.name, *others), earlier.started_at)
        return ComparedStep(covered=step.cover(earlier), earlier=earlier, later=later)


def record_apart(target: Target, command: str, name: str, covered: Covered) -> UUID:
    """Record an execution of its own with this one step, which succeeded, and return its id."""
    execution = NewExecution(
        execution_id=uuid4(),
        command=command,
        caller=target.caller,
        host=socket.gethostname(),
        process_id=os.getpid(),
        tool_version=VERSION,
        meltano_run_id=target.meltano_run_id,
    )
    with open_session(target) as session:
        recorded_steps.record_apart(session.state, execution, name, covered.checksums, covered.items)
    return execution.execution_id


def _earlier(state: State, name: str, since: str | None) -> Earlier:
    digest = keyed_digest(installation_key(state))
    found = recorded_steps.last_successful(state, name, since)
    known = recorded_steps.newest_checksums(state, name)
    if found is None:
        return Earlier(digest=digest, known=known)
    return Earlier(
        digest=digest,
        execution_id=found.execution_id,
        started_at=found.started_at,
        finished_at=found.finished_at,
        checksums=found.checksums,
        known=known,
    )
