"""The record of an execution from its beginning to its end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from dbt_state_plugin.core.fingerprint.hashing import definition_digest
from dbt_state_plugin.core.version import VERSION
from dbt_state_plugin.errors import BusyError, InterruptedRun, PluginError
from dbt_state_plugin.operations.signals import stopping_like_sigint
from dbt_state_plugin.project.commit import checked_out_commit, uncommitted_changes
from dbt_state_plugin.state.executions import (
    TRANSFORM,
    NewExecution,
    begin_execution,
    begin_step,
    finish_execution,
    withdraw_execution,
)

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.plan import Plan
    from dbt_state_plugin.core.values.project import Project
    from dbt_state_plugin.operations.bookkeeping.steps import Covered, RecordedStep
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.operations.signals import Stop
    from dbt_state_plugin.operations.target import Target
    from dbt_state_plugin.state.state import State

STEP_NAME = TRANSFORM
_NOT_OF_THE_PROJECT = ("target", "logs", "dbt_packages", "dbt_modules", ".user.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Callbacks of a run; each is called in the main thread, before dbt prints."""

    on_wait: Callable[[str], None] = lambda _holder: None
    on_plan: Callable[[Plan], None] = lambda _plan: None
    on_step: Callable[[RecordedStep, Covered], None] = lambda _step, _covered: None


def record_steps(state: State, execution_id: UUID, steps: tuple[RecordedStep, ...], listener: Listener) -> None:
    """Record the external steps that went before, and tell what each covers."""
    if not steps:
        return
    from dbt_state_plugin.operations.bookkeeping.steps import record_step

    for step in steps:
        listener.on_step(step, record_step(state, execution_id, step))


@contextmanager
def recorded_execution(session: Session, execution_id: UUID, *, command: str) -> Iterator[None]:
    """Record that an execution of this process begins, and whatever ends it early, which is raised again.

    What has done nothing yet but wait for another process, as for a file that it holds, was none.
    """
    try:
        begin_execution(session.state, _new_execution(execution_id, session, command=command))
        yield
    except BaseException as error:
        # Where the database is gone as well, the next run marks the execution abandoned.
        with suppress(PluginError):
            _record_early_end(session.state, execution_id, error)
        raise


def _record_early_end(state: State, execution_id: UUID, error: BaseException) -> None:
    if isinstance(error, BusyError) and withdraw_execution(state, execution_id):
        return
    is_stopped = isinstance(error, (KeyboardInterrupt, InterruptedRun))
    message = error.what if isinstance(error, PluginError) else type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        message = "stopped by a signal"
    finish_execution(state, execution_id, status="cancelled" if is_stopped else "failed", message=message)


def _new_execution(execution_id: UUID, session: Session, *, command: str) -> NewExecution:
    workplace = session.target.workplace
    project_dir = workplace.project_dir if workplace else Path()
    return NewExecution(
        execution_id=execution_id,
        command=command,
        caller=session.target.caller,
        host=_host(),
        process_id=os.getpid(),
        tool_version=VERSION,
        git_commit=checked_out_commit(project_dir, os.environ),
        meltano_run_id=session.target.meltano_run_id,
    )


def uncommitted_in(target: Target) -> str | None:
    """Return a digest of what is not committed of the project, except for what dbt writes and installs there."""
    if target.workplace is None:
        return None
    folder = target.workplace.project_dir
    written = (target.workplace.target_path, *(folder / name for name in _NOT_OF_THE_PROJECT))
    return uncommitted_changes(folder, written)


def begin_transform(state: State, execution_id: UUID, project: Project) -> str:
    """Record that the step of dbt begins, with the checksum of each node; return the id of these checksums."""
    checksums = {node.unique_id: definition_digest(node) for node in project.nodes.values() if not node.is_source}
    return begin_step(
        state,
        execution_id,
        name=STEP_NAME,
        checksums=checksums,
        dbt_version=project.dbt_version,
        adapter_version=project.adapter_version,
    )


def _host() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    import socket

    return socket.gethostname()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a signal end what is done inside with InterruptedRun, such as the reading of files before a run begins."""
    with stopping_like_sigint() as stop:
        try:
            yield
        except KeyboardInterrupt:
            raise interrupted(stop) from None


def interrupted(stop: Stop, when: str = "") -> InterruptedRun:
    """Return the error for a run that a signal ended."""
    number = stop.signal_number or signal.SIGINT
    return InterruptedRun(
        f"Stopped by {signal.Signals(number).name}{when}.",
        "What was finished is kept; the next run builds the rest.",
        signal_number=number,
    )
