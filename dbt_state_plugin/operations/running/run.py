"""Run and plan: the single entry point, with the up-to-date shortcut.

If the empty plan of the last run is still up to date, the run is recorded as such and ends. Otherwise it is carried out
(building.py), in the same session and under the same lock.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

from dbt_state_plugin.core.values.progress import Stage, Step
from dbt_state_plugin.core.values.results import RunResult
from dbt_state_plugin.operations.execution_record import (
    STEP_NAME,
    Listener,
    interrupted,
    record_steps,
    recorded_execution,
)
from dbt_state_plugin.operations.session import Session, lock_environment, note_end, open_session
from dbt_state_plugin.operations.signals import stopping_like_sigint
from dbt_state_plugin.operations.target import invocation_of
from dbt_state_plugin.operations.up_to_date.check import UpToDateCheck, UpToDatePlan, check_up_to_date
from dbt_state_plugin.state.up_to_date import finish_up_to_date

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.plan import Plan
    from dbt_state_plugin.operations.bookkeeping.steps import RecordedStep
    from dbt_state_plugin.operations.options import RunOptions
    from dbt_state_plugin.operations.ports import Ports
    from dbt_state_plugin.operations.target import Target


def run_project(
    target: Target,
    options: RunOptions,
    listener: Listener,
    steps: tuple[RecordedStep, ...] = (),
    *,
    lists_all: bool = False,
    ports: Ports | None = None,
) -> RunResult:
    """Plan, build what the plan says, and record it, after the external steps.

    Nodes that are skipped may be counted instead of listed, unless `lists_all`. Raises InterruptedRun after a signal,
    BusyError when another run holds the environment, and the other errors of this package when nothing could be run.
    """
    started = time.monotonic()
    with stopping_like_sigint() as stop:
        try:
            with open_session(target, ports=ports) as session:
                lock_environment(session, listener.on_wait)
                check = _check(session, options, lists_all=lists_all)
                if check.up_to_date is not None:
                    return _recorded(session, options, listener, steps, check.up_to_date, started)
                from dbt_state_plugin.operations.running.building import carry_out

                result = carry_out(session, options, listener, steps, stop, started, known_inputs=check.known_inputs)
                note_end(session)
                return result
        except KeyboardInterrupt:
            raise interrupted(stop) from None


def plan_project(target: Target, options: RunOptions, *, lists_all: bool = False, ports: Ports | None = None) -> Plan:
    """Return a plan without writing anything; `lists_all` as for a run."""
    with open_session(target, create=False, ports=ports) as session:
        check = _check(session, options, lists_all=lists_all)
        if check.up_to_date is not None:
            return check.up_to_date.plan
        from dbt_state_plugin.operations.comparing.defer import plan_as_asked

        return plan_as_asked(session, options, known_inputs=check.known_inputs).plan


def _check(session: Session, options: RunOptions, *, lists_all: bool) -> UpToDateCheck:
    if lists_all:
        return UpToDateCheck()
    session.ports.progress(Step(stage=Stage.HASH))
    return check_up_to_date(session, options, invocation_of(session.target).extra)


def _recorded(
    session: Session,
    options: RunOptions,
    listener: Listener,
    steps: tuple[RecordedStep, ...],
    up_to_date: UpToDatePlan,
    started: float,
) -> RunResult:
    """Record a run that has nothing to do, after the external steps that went before."""
    execution_id = uuid4()
    with recorded_execution(session, execution_id, command=options.command):
        record_steps(session.state, execution_id, steps, listener)
        listener.on_plan(up_to_date.plan)
        finish_up_to_date(
            session.state,
            execution_id,
            step=STEP_NAME,
            covered=up_to_date.covered,
            covers_project=options.command in ("run", "build") and session.target.stores_sql,
            dbt_version=up_to_date.dbt_version,
            adapter_version=up_to_date.adapter_version,
        )
    return RunResult(
        execution_id=execution_id,
        status="succeeded",
        plan=up_to_date.plan,
        elapsed_ms=round((time.monotonic() - started) * 1000),
        saved_ms=up_to_date.saved_ms,
    )
