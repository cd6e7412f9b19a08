"""What is known about a run when it begins, who is told while it goes on, and what does a signal end it with?"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from dbt_state_plugin import __version__
from dbt_state_plugin.errors import InterruptedRun
from dbt_state_plugin.project.commit import checked_out_commit
from dbt_state_plugin.state.executions import NewExecution

if TYPE_CHECKING:
    from dbt_state_plugin.execution.recorded_step import Covered, RecordedStep
    from dbt_state_plugin.execution.session import Session
    from dbt_state_plugin.execution.signals import Stop
    from dbt_state_plugin.model import Plan

STEP_NAME = "TRANSFORM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Hold what wants to be told while a run goes on; each is called in the main thread, before dbt prints."""

    on_wait: Callable[[str], None] = lambda _holder: None
    on_plan: Callable[[Plan], None] = lambda _plan: None
    on_step: Callable[[RecordedStep, Covered], None] = lambda _step, _covered: None


def new_execution(execution_id: UUID, session: Session, *, command: str) -> NewExecution:
    """Return what is known about an execution of this process when it begins."""
    project_dir = session.workplace.project_dir if session.workplace else Path()
    return NewExecution(
        execution_id=execution_id,
        command=command,
        caller=session.settings.caller,
        host=_host(),
        process_id=os.getpid(),
        tool_version=__version__,
        git_commit=checked_out_commit(project_dir, os.environ),
        meltano_run_id=session.settings.meltano_run_id,
    )


def _host() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    import socket

    return socket.gethostname()


def interrupted(stop: Stop, when: str = "") -> InterruptedRun:
    """Return the error for a run that a signal ended."""
    number = stop.signal_number or signal.SIGINT
    return InterruptedRun(
        f"Stopped by {signal.Signals(number).name}{when}.",
        "What was finished is kept; the next run builds the rest.",
        signal_number=number,
    )
