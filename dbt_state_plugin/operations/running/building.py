"""A run under its lock: plan, intents, dbt, record of successes.

Begin, read the project, plan, write the intents, run dbt, record each success on the connection that holds the
lock, and call it succeeded only when every planned node was recorded.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from dbt_state_plugin.core.estimate import with_cut_off
from dbt_state_plugin.core.fingerprint.hashing import Digest, keyed_digest
from dbt_state_plugin.core.lineage import record_key
from dbt_state_plugin.core.values.plan import HookReason, Plan
from dbt_state_plugin.core.values.progress import Stage, Step
from dbt_state_plugin.core.values.reasons import OldRows
from dbt_state_plugin.core.values.results import NodeOutcome, RunResult
from dbt_state_plugin.errors import ConfigurationError, EngineError
from dbt_state_plugin.operations.bookkeeping.steps import RecordedStep
from dbt_state_plugin.operations.comparing.defer import plan_as_asked
from dbt_state_plugin.operations.contents import record_contents
from dbt_state_plugin.operations.execution_record import (
    Listener,
    begin_transform,
    interrupted,
    record_steps,
    recorded_execution,
    uncommitted_in,
)
from dbt_state_plugin.operations.left_by_builds import record_left
from dbt_state_plugin.operations.manifests import keep_manifest
from dbt_state_plugin.operations.options import RunOptions, rendered_flags
from dbt_state_plugin.operations.planning.categorize import record_cosmetic
from dbt_state_plugin.operations.planning.inputs import Planned
from dbt_state_plugin.operations.planning.source_versions import record_equal_content
from dbt_state_plugin.operations.running.build_progress import BuildProgress
from dbt_state_plugin.operations.running.build_recorder import BuildRecorder
from dbt_state_plugin.operations.running.heartbeat import heartbeat
from dbt_state_plugin.operations.running.recorded_definition import DefinitionRecorder
from dbt_state_plugin.operations.session import Session
from dbt_state_plugin.operations.signals import Stop
from dbt_state_plugin.operations.up_to_date.record import record_up_to_date, saved_ms
from dbt_state_plugin.report.reason_words import reason_document, short_name
from dbt_state_plugin.report.way_out import with_way_out
from dbt_state_plugin.state.build_updates import note_outcomes
from dbt_state_plugin.state.executions import finish_execution, note_uncommitted
from dbt_state_plugin.state.hooks import close_hooks, open_hooks
from dbt_state_plugin.state.intents import PlannedNode, open_intents
from dbt_state_plugin.state.relations import installation_key

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.project import Node
    from dbt_state_plugin.dbt_runner.execute import DbtOutcome
    from dbt_state_plugin.dbt_runner.parse import Parsed


def carry_out(
    session: Session,
    options: RunOptions,
    listener: Listener,
    steps: tuple[RecordedStep, ...],
    stop: Stop,
    started: float,
    *,
    known_inputs: str | None = None,
) -> RunResult:
    """Carry out a run whose lock is held; `known_inputs` as in `plan_in`."""
    return _Run(session, options, listener, uuid4(), stop, started, known_inputs).carry_out(steps)


class _Run:
    """Carry out one run whose lock is held."""

    def __init__(
        self,
        session: Session,
        options: RunOptions,
        listener: Listener,
        execution_id: UUID,
        stop: Stop,
        started: float,
        known_inputs: str | None,
    ) -> None:
        self.session = session
        self.options = options
        self.listener = listener
        self.execution_id = execution_id
        self.stop = stop
        self.started = started
        self.known_inputs = known_inputs
        self.recorder: BuildRecorder | None = None

    def carry_out(self, steps: tuple[RecordedStep, ...]) -> RunResult:
        """Return how the run ended; whatever ends it early is recorded and raised again."""
        with recorded_execution(self.session, self.execution_id, command=self.options.command):
            try:
                return self._carry_out(steps)
            except KeyboardInterrupt:
                if self.recorder is not None and self.recorder.lost is not None:
                    raise self.recorder.lost from None  # the interrupt was our own
                raise
            finally:
                if self.recorder is not None:
                    self.recorder.scans.close()

    def _carry_out(self, steps: tuple[RecordedStep, ...]) -> RunResult:
        state = self.session.state
        record_steps(state, self.execution_id, steps, self.listener)
        planned = plan_as_asked(
            self.session, self.options, needs_manifest=True, records_project=True, known_inputs=self.known_inputs
        )
        needs_dbt = planned.parsed is not None and bool(planned.plan.to_build or planned.plan.hooks)
        if needs_dbt:  # what cannot be written is not begun
            self.session.warehouse.check_writable()
        covered = begin_transform(state, self.execution_id, planned.project)
        hooks = tuple(planned.parsed.definition.project_hooks) if planned.parsed is not None else ()
        if hooks and needs_dbt:
            open_hooks(state, self.execution_id, hooks)
        self._record_cosmetic(planned)
        record_equal_content(state, planned.plan)
        keep_manifest(self.session, planned, self.execution_id, command=self.options.command)
        self.listener.on_plan(planned.plan)
        refuse_mixed_rows(planned.plan)
        if planned.plan.to_build and planned.parsed is not None:
            result = self._build(planned, planned.parsed)
        elif planned.plan.hooks and planned.parsed is not None:
            result = self._execute_hooks(planned, planned.parsed)
        else:
            result = self._result(planned.plan, {}, {})
            self._keep_empty_plan(planned, covered)
        rows = sum(outcome.rows_affected or 0 for outcome in result.outcomes.values())
        message = "; ".join(f"{short_name(hook)}: {said}" for hook, said in result.failed_hooks.items())
        finish_execution(state, self.execution_id, status=result.status, rows=rows, message=message)
        return result

    def _keep_empty_plan(self, planned: Planned, covered: str) -> None:
        if planned.up_to_date_inputs is not None:
            record_up_to_date(
                self.session, self.options, planned.up_to_date_inputs, planned.plan, planned.project, covered
            )

    def _record_cosmetic(self, planned: Planned) -> None:
        if planned.fingerprinter is not None:
            record_cosmetic(
                self.session.state,
                planned.plan,
                planned.fingerprinter,
                planned.categorized,
                store_code=self.session.target.stores_sql,
                digest=keyed_digest(installation_key(self.session.state)),
            )

    def _digest_of_sql(self) -> Digest | None:
        """Return what SQL is hashed with where none may be stored."""
        if self.session.target.stores_sql:
            return None
        return keyed_digest(installation_key(self.session.state))

    def _execute_hooks(self, planned: Planned, parsed: Parsed) -> RunResult:
        """Let dbt execute the hooks of the project, where there is nothing to build."""
        recorder = self._recorder(planned, parsed, [])
        outcome = self._dbt(planned, parsed, recorder)
        self._record_left(planned, recorder, outcome, shaped=_as_recorded(planned))
        self._refuse_cut_off(outcome, " while dbt executed the hooks of the project")
        return self._with_hooks(self._result(planned.plan, {}, {}), outcome)

    def _record_left(
        self,
        planned: Planned,
        recorder: BuildRecorder,
        outcome: DbtOutcome,
        *,
        shaped: Iterable[Node],
    ) -> None:
        """Record how dbt has left what it built and what its hooks wrote; raises LockLostError.

        Their shapes are recorded, and those of the nodes `shaped`, on which hooks may have created something.
        """
        self._settle_contents(planned, outcome)
        if recorder.lost is not None:
            raise recorder.lost
        recorder.finish_hooks(outcome.project_hook_sql, are_all=_has_seen_all_hooks(planned, outcome))
        written = [planned.project.nodes[node] for node in recorder.marked | recorder.written]
        with_shaped = {each.unique_id: each for each in (*written, *shaped)}
        record_left(self.session, shaped=with_shaped.values(), counted=written)
        record_contents(self.session)

    def _settle_contents(self, planned: Planned, outcome: DbtOutcome) -> None:
        """Let the warehouse know what dbt can have written, where it keeps what it has read."""
        contents, parsed = self.session.warehouse.kept_contents, planned.parsed
        if contents is not None:
            from dbt_state_plugin.operations.running.writes_of_dbt import relations_written

            written = relations_written(parsed.definition, planned.invocation, outcome) if parsed is not None else None
            contents.settle(written)

    def _refuse_cut_off(self, outcome: DbtOutcome, when: str) -> None:
        """Raise InterruptedRun or EngineError where dbt did not come to its end."""
        if outcome.was_interrupted or self.stop.signal_number:
            raise interrupted(self.stop, when)
        if outcome.error and not outcome.nodes:
            raise _dbt_error(outcome.error)

    def _with_hooks(self, result: RunResult, outcome: DbtOutcome) -> RunResult:
        """Return the result with the hooks of the project that failed, which the next run executes again."""
        failed = {
            node: each.message or each.status
            for node, each in outcome.nodes.items()
            if node.startswith("operation.") and not each.is_success
        }
        if outcome.nodes and not outcome.error:
            close_hooks(self.session.state, kept=failed)
        return replace(result, failed_hooks=failed, status="failed" if failed else result.status)

    def _build(self, planned: Planned, parsed: Parsed) -> RunResult:
        dbt = self.session.ports.dbt
        self.session.ports.progress(Step(stage=Stage.PREPARE))
        dbt.check_flags(planned.invocation, command=self.options.command)
        state = self.session.state
        nodes = [
            PlannedNode(
                key=record_key(entry.node, planned.project),
                entry=entry,
                reasons=tuple({**reason_document(reason), "node": reason.node} for reason in entry.reasons),
            )
            for entry in planned.plan.to_build
        ]
        note_uncommitted(state, self.execution_id, uncommitted_in(self.session.target))
        open_intents(state, self.execution_id, nodes, store_code=self.session.target.stores_sql)
        unique_ids = [node.entry.node.unique_id for node in nodes]
        recorder = self._recorder(planned, parsed, unique_ids)
        outcome = self._dbt(planned, parsed, recorder)
        recorder.finish(outcome.nodes.values())
        changed_hooks = HookReason.CHANGED in planned.plan.hooks.values()
        self._record_left(planned, recorder, outcome, shaped=_as_recorded(planned) if changed_hooks else ())
        if not outcome.was_interrupted:
            recorder.settle_definitions()
        result = self._result(planned.plan, outcome.nodes, self._unrecorded(planned.plan, recorder, outcome.nodes))
        note_outcomes(state, self.execution_id, _not_marked(result, recorder))
        self._refuse_cut_off(outcome, f" after {len(recorder.marked)} of {len(nodes)} nodes")
        return self._with_hooks(result, outcome)

    def _recorder(self, planned: Planned, parsed: Parsed, unique_ids: Sequence[str]) -> BuildRecorder:
        detail = DefinitionRecorder(
            self.session.ports.dbt,
            planned,
            parsed,
            unique_ids,
            self._digest_of_sql(),
            flags=rendered_flags(self.options),
        )
        self.recorder = BuildRecorder(
            self.session, planned, parsed, self.execution_id, detail, self.options, self.stop.interrupt
        )
        return self.recorder

    def _dbt(self, planned: Planned, parsed: Parsed, recorder: BuildRecorder) -> DbtOutcome:
        """Let dbt build what is planned, and with nothing planned execute the hooks of the project alone."""
        progress = BuildProgress(self.session.ports.progress, planned.plan)

        def on_finished(outcome: NodeOutcome) -> None:
            recorder.on_finished(outcome)
            progress.on_finished(outcome)

        def on_executing(node: str, sql: str) -> None:
            progress.on_executing(node)
            recorder.on_executing(node, sql)

        def beat() -> None:
            recorder.refusal()
            if recorder.lost is not None or self.stop.signal_number:
                recorder.scans.cancel()  # dbt waits for the threads that scan

        if (contents := self.session.warehouse.kept_contents) is not None:
            contents.watch()
        with heartbeat(beat, seconds=self.session.ports.heartbeat_seconds):
            return self.session.ports.dbt.execute(
                parsed,
                planned.invocation,
                command=self.options.command,
                unique_ids=[entry.node.unique_id for entry in planned.plan.to_build],
                full_refresh=self.options.full_refresh,
                refreshed_nodes=(*_redefined_materialized_views(planned.plan), *_rebuilt(planned.plan)),
                on_finished=on_finished,
                should_stop=lambda: recorder.lost is not None or bool(self.stop.signal_number),
                refusal=recorder.refusal,
                on_executing=on_executing,
                skip=recorder.skip,
            )

    def _unrecorded(self, plan: Plan, recorder: BuildRecorder, outcomes: Mapping[str, NodeOutcome]) -> dict[str, str]:
        """Return the planned nodes that dbt did not fail but that are not recorded either, with the cause."""
        found = dict(recorder.unrecorded)
        for entry in plan.to_build:
            node = entry.node.unique_id
            outcome = outcomes.get(node)
            if node in recorder.marked or node in recorder.cut_off or node in found:
                continue
            if outcome is None:
                found[node] = "dbt did not report it"
            elif outcome.is_success:
                found[node] = "dbt reported it as built only at its end"
        return found

    def _result(self, plan: Plan, outcomes: Mapping[str, NodeOutcome], unrecorded: Mapping[str, str]) -> RunResult:
        planned = {entry.node.unique_id for entry in plan.to_build}
        good = {node for node in planned if node in outcomes and outcomes[node].is_success and node not in unrecorded}
        cut_off = dict(self.recorder.cut_off if self.recorder else {})
        return RunResult(
            execution_id=self.execution_id,
            status="succeeded" if planned == good else "failed",
            plan=with_cut_off(plan, cut_off),
            outcomes=with_way_out(plan, outcomes),
            unrecorded=dict(unrecorded),
            elapsed_ms=round((time.monotonic() - self.started) * 1000),
            saved_ms=saved_ms(plan),
            removed_by_hooks=frozenset(self.recorder.removed_by_hooks if self.recorder else ()),
            cut_off=cut_off,
        )


def _as_recorded(planned: Planned) -> list[Node]:
    """Return the nodes whose relations are as they were recorded."""
    return [entry.node for entry in planned.plan.entries if not entry.reasons and not entry.extra]


def _has_seen_all_hooks(planned: Planned, outcome: DbtOutcome) -> bool:
    """Return whether nothing that on-run hooks have done since the last recorded run is unknown."""
    hooks = planned.parsed.definition.project_hooks.keys() if planned.parsed is not None else frozenset[str]()
    is_complete = not (outcome.was_interrupted or outcome.error) and hooks <= outcome.nodes.keys()
    return is_complete and HookReason.UNFINISHED not in planned.plan.hooks.values()


def _dbt_error(problem: str) -> EngineError:
    """Return the error for an invocation of dbt that ended before it could run its nodes."""
    return EngineError(
        f"dbt ended with an error: {problem}", "See dbt's output above and logs/dbt.log; nothing was recorded as built."
    )


def _redefined_materialized_views(plan: Plan) -> tuple[str, ...]:
    """Return the materialized views that are not merely to be refreshed: dbt would keep their old query.

    A materialized view holds no data of its own, so dropping it loses nothing.
    """
    return tuple(
        entry.node.unique_id
        for entry in plan.to_build
        if entry.node.materialized == "materialized_view" and any(reason.kind.redefines for reason in entry.reasons)
    )


def _rebuilt(plan: Plan) -> tuple[str, ...]:
    """Return the nodes whose rows of earlier logic are rebuilt."""
    return tuple(entry.node.unique_id for entry in plan.to_build if entry.old_rows is OldRows.REBUILT)


def refuse_mixed_rows(plan: Plan) -> None:
    """Raise ConfigurationError when `on_logic_change: fail` forbids a build that would leave rows of two logics."""
    refused = [entry.node for entry in plan.to_build if entry.old_rows is OldRows.REFUSED]
    if refused:
        names = ", ".join(node.name for node in refused)
        what = "logic (of seeds: columns or types)" if any(n.resource_type == "seed" for n in refused) else "logic"
        raise ConfigurationError(
            f"The {what} of {names} changed, and on_logic_change: fail does not let it keep its earlier rows.",
            "Pass --full-refresh-changed to rebuild all rows, leave it out with --exclude, or configure `run`.",
        )


def _not_marked(result: RunResult, recorder: BuildRecorder) -> list[NodeOutcome]:
    """Return what is to be noted about the planned nodes that were not recorded as built."""
    found = []
    for entry in result.plan.to_build:
        node = entry.node.unique_id
        if node not in recorder.marked and node not in recorder.cut_off:
            outcome = result.outcomes.get(node, NodeOutcome(unique_id=node, status="not reported"))
            cause = result.unrecorded.get(node)
            if cause:
                outcome = NodeOutcome(unique_id=node, status="not recorded", message=cause)
            found.append(outcome)
    return found
