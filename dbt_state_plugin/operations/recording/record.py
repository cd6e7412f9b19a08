"""Recording of what dbt built, from its results and manifest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from dbt_state_plugin.core.comparison.invocation import (
    RecordingInputs,
    earliest,
    is_later,
    keeps_rows,
    versions_before,
    why_unrecorded,
)
from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.core.lineage import build_order, lineages, record_key
from dbt_state_plugin.core.values.capabilities import Told
from dbt_state_plugin.core.values.causes import Cause, CauseCode, told
from dbt_state_plugin.core.values.invocations import (
    UNKNOWN,
    DbtInvocation,
    DbtResult,
    HandedPlan,
    RecordedNode,
    Recording,
    RecordResult,
)
from dbt_state_plugin.core.values.plan import Decision, PlanEntry
from dbt_state_plugin.core.values.progress import Stage, Step
from dbt_state_plugin.core.values.project import CompiledNode
from dbt_state_plugin.core.values.reads import RenderedReads
from dbt_state_plugin.core.values.reasons import OldRows
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.errors import NotFoundError, UsageError
from dbt_state_plugin.operations.execution_record import begin_transform, recorded_execution
from dbt_state_plugin.operations.left_by_builds import record_left
from dbt_state_plugin.operations.manifests import keep_manifest
from dbt_state_plugin.operations.options import RunOptions, rendered_flags
from dbt_state_plugin.operations.parsed_project import files_before_parsing, places_of, record_project
from dbt_state_plugin.operations.planning.inputs import Planned
from dbt_state_plugin.operations.planning.planning import plan_parsed
from dbt_state_plugin.operations.planning.source_versions import Answers
from dbt_state_plugin.operations.recording.checks import Doubts, command_of, doubts, refuse_other_version
from dbt_state_plugin.operations.recording.handing_out import keep_versions
from dbt_state_plugin.operations.running.build_recorder import BuildRecorder
from dbt_state_plugin.operations.running.recorded_definition import DefinitionRecorder
from dbt_state_plugin.operations.session import Session, lock_environment, open_session
from dbt_state_plugin.operations.session_of_dbt import session_settings
from dbt_state_plugin.operations.target import invocation_of, workplace_of
from dbt_state_plugin.report.cause_words import cause_words
from dbt_state_plugin.state.build_updates import note_outcomes
from dbt_state_plugin.state.executions import finish_execution
from dbt_state_plugin.state.handed_plans import (
    executions_of,
    intended_since,
    note_invocation,
    read_handed_plans,
    recording_of,
)
from dbt_state_plugin.state.hooks import open_hooks
from dbt_state_plugin.state.intents import PlannedNode, open_intents
from dbt_state_plugin.state.relations import installation_key, read_recorded, server_time

if TYPE_CHECKING:
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
    from dbt_state_plugin.dbt_runner.as_built import AsBuilt
    from dbt_state_plugin.dbt_runner.parse import Parsed
    from dbt_state_plugin.operations.ports import Ports
    from dbt_state_plugin.operations.target import Target

_REFUSED = frozenset({Recording.FAILED, Recording.DUE})


def results_folder(target: Target, given: str | None) -> Path:
    """Return the folder in which dbt leaves its results: the project's target path, unless another one is given."""
    workplace = workplace_of(target)
    return workplace.project_dir / given if given else workplace.target_path


def record_invocation(
    target: Target,
    ran: DbtInvocation,
    folder: Path,
    *,
    plan_id: str | None = None,
    on_wait: Callable[[str], None] = lambda _holder: None,
    ports: Ports | None = None,
) -> RecordResult:
    """Record what one invocation of dbt built, under the environment's lock, as a run would have.

    `plan_id` is the id, or the beginning of it, of the plan that dbt was given; without it the newest one from before
    dbt began counts. What is not certain stays due. An invocation that is already recorded is not recorded again.
    Raises UsageError, NotFoundError, BusyError, ProjectError and StateError.
    """
    options = RunOptions(command=command_of(ran), full_refresh=bool(ran.arguments.get("full_refresh")))
    with open_session(target, ports=ports) as session:
        lock_environment(session, on_wait)
        environment = session.state.environment
        if earlier := recording_of(session.state, ran.invocation_id):
            return RecordResult(
                environment=environment, invocation_id=ran.invocation_id, execution_id=earlier, is_known=True
            )
        recorder = _Recorder(session, ran, folder, options, plan_id)
        with recorded_execution(session, recorder.execution_id, command="record"):
            return recorder.record()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What was known before dbt began, and the nodes that dbt then ran.

    That is the plan which it was given, and the versions of relations by their names.
    """

    plan: HandedPlan | None
    versions: Mapping[str, str]
    ran: frozenset[str]


class _Recorder:
    """Record one invocation whose lock is held."""

    def __init__(
        self, session: Session, ran: DbtInvocation, folder: Path, options: RunOptions, plan_id: str | None
    ) -> None:
        self.session = session
        self.ran = ran
        self.folder = folder
        self.options = options
        self.plan_id = plan_id
        self.execution_id = uuid4()
        self.invocation = invocation_of(session.target)
        self.lag = server_time(session.state) - datetime.now(timezone.utc)
        self.began = earliest(ran.started_at, self.lag)

    def record(self) -> RecordResult:
        """Return what was recorded; dbt's failures are among it."""
        state = self.session.state
        note_invocation(state, self.execution_id, self.ran.invocation_id)
        files = files_before_parsing(self.session)
        present, built = self._read()
        key = installation_key(state)
        planned = plan_parsed(self.session, self.options, self.invocation, built.parsed, key, Answers())
        begin_transform(state, self.execution_id, planned.project)
        doubtful = doubts(self.session.ports.dbt, built, self.ran, self.options)
        inputs = self._inputs(planned, doubtful)
        results = [each for each in self.ran.results if each.outcome.unique_id in planned.project.nodes]
        before = self._before(inputs, results)
        settled = {each.outcome.unique_id: why_unrecorded(each, inputs) for each in results}
        if before.plan is not None and before.plan.session != session_settings(self.session):
            other = Cause(code=CauseCode.SESSION_CHANGED)
            settled = {
                node: each or RecordedNode(unique_id=node, recording=Recording.DUE, why=other)
                for node, each in settled.items()
            }
        nodes = self._write(planned, built, before, inputs, results, settled, doubtful.compiled)
        nodes += self._hooks(built.parsed.definition.project_hooks, doubtful.hooks)
        if built.is_present:
            self._remember(present, planned, key, files)
            self._keep_manifest(present, planned, nodes)
        has_failed = any(each.recording is Recording.FAILED for each in nodes)
        rows = sum(each.outcome.rows_affected or 0 for each in results)
        finish_execution(state, self.execution_id, status="failed" if has_failed else "succeeded", rows=rows)
        return RecordResult(
            environment=state.environment,
            invocation_id=self.ran.invocation_id,
            execution_id=self.execution_id,
            plan_id=before.plan.plan_id if before.plan else None,
            nodes=nodes,
        )

    def _read(self) -> tuple[Parsed, AsBuilt]:
        from dbt_state_plugin.dbt_runner.as_built import as_built, read_manifest_of

        document = read_manifest_of(self.folder, self.ran)
        ours = workplace_of(self.session.target).project_name
        if document.project_name != ours:
            raise UsageError(
                f"{document.path} is of the project {document.project_name}, not of {ours}.",
                "Name the folder of this project's results with --target-path.",
            )
        present = self.session.ports.dbt.parse(self.invocation)
        refuse_other_version(self.ran, present.definition.dbt_version)
        return present, as_built(document, present, self.invocation, self.ran)

    def _inputs(self, planned: Planned, doubtful: Doubts) -> RecordingInputs:
        state, fingerprinter = self.session.state, _fingerprinter(planned)
        ran = [each.outcome.unique_id for each in self.ran.results]
        own = (node for node in ran if node in fingerprinter.project.nodes)
        keys = [record_key(node, planned.project) for node in planned.project.nodes.values()]
        return RecordingInputs(
            project=planned.project,
            dialect=fingerprinter.dialect,
            recorded=read_recorded(state, keys),
            catalog=self.session.warehouse.catalog(keys),
            lag=self.lag,
            intended=intended_since(state, self.began, invocation_id=self.ran.invocation_id),
            doubts=doubtful.nodes,
            custom=frozenset(node for node in own if fingerprinter.items(node).get("materialization")),
            tells_replaced=self.session.warehouse.capabilities["rows"] is Told.EXACT,
        )

    def _before(self, inputs: RecordingInputs, results: list[DbtResult]) -> _Before:
        """Return what was known before dbt began; what dbt wrote itself is not, unless it is recorded already."""
        project = inputs.project
        plans = [
            plan
            for plan in read_handed_plans(self.session.state)
            if plan.handed_at < self.began and not is_later(plan, inputs, results)
        ]
        if self.plan_id is not None:
            plans = [plan for plan in plans if str(plan.plan_id).startswith(self.plan_id.lower())]
            if not plans:
                raise NotFoundError(
                    f"No plan {self.plan_id} is kept for {self.session.state.environment} from before dbt began.",
                    "Leave --plan out: the newest one from before dbt began is taken.",
                )
        executions = executions_of(self.session.state, self.ran.invocation_id)
        ran = {each.outcome.unique_id for each in results if each.outcome.status != "skipped"}
        keys = {record_key(project.nodes[node], project) for node in ran}
        records = {key: inputs.recorded.relations[key] for key in keys if key in inputs.recorded.relations}
        done = {str(key): str(each.data_id) for key, each in records.items() if each.execution_id in executions}
        versions = versions_before(inputs.recorded, plans, self.began, map(str, keys))
        return _Before(plan=plans[-1] if plans else None, versions={**versions, **done}, ran=frozenset(ran))

    def _write(
        self,
        planned: Planned,
        built: AsBuilt,
        before: _Before,
        inputs: RecordingInputs,
        results: list[DbtResult],
        settled: Mapping[str, RecordedNode | None],
        compiled: Mapping[str, CompiledNode],
    ) -> tuple[RecordedNode, ...]:
        """Open the intents of all that dbt may have written, record what is certain, and say what became of each."""
        session, state = self.session, self.session.state
        entries = self._entries(planned, inputs, before, settled)
        wanted = [each for each in results if settled[each.outcome.unique_id] is None]
        intended = [PlannedNode(key=record_key(each.node, planned.project), entry=each) for each in entries.values()]
        open_intents(state, self.execution_id, intended, store_code=session.target.stores_sql)
        certain = [entries[each.outcome.unique_id] for each in wanted]
        versions = {key: before.versions.get(str(key), UNKNOWN) for key in planned.plan.parent_versions}
        as_ran = replace(planned, plan=replace(planned.plan, entries=tuple(certain), parent_versions=versions))
        recorder = self._record_builds(as_ran, built.parsed, wanted, compiled)
        nodes = [planned.project.nodes[node] for node in recorder.marked | recorder.written]
        record_left(session, shaped=nodes, counted=nodes)
        said = tuple(
            settled[each.outcome.unique_id] or self._recorded(each.outcome.unique_id, as_ran, recorder)
            for each in results
        )
        note_outcomes(state, self.execution_id, _not_marked(said, results))
        fresh = {record_key(node, planned.project) for node in nodes}
        now = {key: version for key, version in recorder.versions.items() if key in fresh}
        keep_versions(session, {**planned.plan.parent_versions, **now})
        return said

    def _record_builds(
        self,
        as_ran: Planned,
        parsed: Parsed,
        wanted: list[DbtResult],
        compiled: Mapping[str, CompiledNode],
    ) -> BuildRecorder:
        """Record what these results say was built, as a run does while it builds; return what knows of it."""
        session = self.session
        digest = None if session.target.stores_sql else keyed_digest(installation_key(session.state))
        ids = [each.outcome.unique_id for each in wanted]
        detail = DefinitionRecorder(session.ports.dbt, as_ran, parsed, ids, digest, flags=rendered_flags(self.options))
        recorder = BuildRecorder(
            session, as_ran, parsed, self.execution_id, detail, self.options, _go_on, is_later=True
        )
        outcomes = [_with_hooks(each.outcome, compiled.get(each.outcome.unique_id)) for each in wanted]
        for number, (result, outcome) in enumerate(zip(wanted, outcomes, strict=True), start=1):
            name = outcome.unique_id
            session.ports.progress(Step(stage=Stage.RECORD, done=number, total=len(wanted), detail=name))
            recorder.on_executing(name, result.code)
            if name not in recorder.own_names:
                recorder.on_finished(outcome)
        recorder.finish([each for each in outcomes if each.unique_id not in recorder.own_names])
        if recorder.lost is not None:
            raise recorder.lost
        recorder.settle_definitions()
        recorder.finish_hooks([each.code for each in self.ran.results if _is_project_hook(each)], are_all=False)
        return recorder

    def _hooks(self, hooks: Collection[str], doubtful: frozenset[str]) -> tuple[RecordedNode, ...]:
        """Let the next run execute the on-run hooks where one failed or is not certain; return those that failed."""
        ran = {each.outcome.unique_id: each.outcome for each in self.ran.results}
        failed = {hook: ran[hook] for hook in hooks if hook in ran and not ran[hook].is_success}
        if failed or doubtful:
            open_hooks(self.session.state, self.execution_id, hooks)
        return tuple(
            RecordedNode(unique_id=hook, recording=Recording.FAILED, why=told(each.message or each.status))
            for hook, each in failed.items()
        )

    def _entries(
        self,
        planned: Planned,
        inputs: RecordingInputs,
        before: _Before,
        settled: Mapping[str, RecordedNode | None],
    ) -> dict[str, PlanEntry]:
        """Return the entries of what dbt may have written, as the plan had them that dbt was given."""
        project, read = planned.project, lineages(planned.project, build_order(planned.project))
        known = {entry.node.unique_id: entry for entry in planned.plan.entries}
        found = {}
        for unique_id, each in settled.items():
            if each is not None and each.recording not in _REFUSED:
                continue
            entry = known.get(unique_id) or PlanEntry(node=project.nodes[unique_id], decision=Decision.BUILD)
            found[unique_id] = replace(
                entry,
                decision=Decision.BUILD,
                keeps_data=_keeps_data(entry, before, read[unique_id].parents),
                # Whatever we would do with rows of earlier logic, dbt leaves them unless it makes the relation anew.
                old_rows=OldRows.KEPT if entry.old_rows and keeps_rows(entry.node, entry.record, inputs) else None,
            )
        return found

    def _recorded(self, unique_id: str, planned: Planned, recorder: BuildRecorder) -> RecordedNode:
        if unique_id not in recorder.marked:
            return RecordedNode(unique_id=unique_id, recording=Recording.DUE, why=_why_due(unique_id, recorder))
        project = planned.project
        parents = [project.nodes[parent] for parent in recorder.parents_of(unique_id)]
        unseen = [each for each in parents if recorder.versions.get(record_key(each, project)) == UNKNOWN]
        names = tuple(sorted(each.unique_id for each in unseen))
        return RecordedNode(unique_id=unique_id, recording=Recording.RECORDED, unseen=names)

    def _keep_manifest(self, present: Parsed, planned: Planned, nodes: Iterable[RecordedNode]) -> None:
        """Keep the manifest, with the execution where the environment holds the whole project now, as after a run."""
        recorded = {each.unique_id for each in nodes if each.recording is Recording.RECORDED}
        left = [entry for entry in planned.plan.to_build if entry.node.unique_id not in recorded]
        as_ran = replace(
            planned, plan=replace(planned.plan, is_narrowed=bool(left)), is_recorded=not present.has_plugins
        )
        keep_manifest(self.session, as_ran, self.execution_id, command=self.options.command)

    def _remember(self, present: Parsed, planned: Planned, key: bytes, files: dict[str, str]) -> None:
        """Keep what was parsed for the next plan."""
        if not present.has_plugins:
            extra = self.invocation.extra
            record_project(self.session, key, extra, _fingerprinter(planned), places_of(present), files)


def _why_due(unique_id: str, recorder: BuildRecorder) -> Cause:
    """Return why a node is not recorded whose results were certain."""
    if unique_id in recorder.own_names:
        return Cause(code=CauseCode.SESSION_NAMES)
    message = recorder.unrecorded.get(unique_id)
    return told(message) if message is not None else Cause(code=CauseCode.NOT_TOLD)


def _fingerprinter(planned: Planned) -> Fingerprinter:
    if planned.fingerprinter is None:
        raise TypeError("the project was not parsed")
    return planned.fingerprinter


def _go_on() -> None:
    """Interrupt nothing: dbt has ended."""


def _keeps_data(entry: PlanEntry, before: _Before, parents: Iterable[str]) -> bool:
    """Return whether the plan that dbt was given says that the build leaves the data as they were, and that holds."""
    plan, record = before.plan, entry.record
    if plan is None or record is None or entry.node.unique_id not in plan.keeps_data:
        return False
    return record.built_at < plan.handed_at and before.ran.isdisjoint(parents)


def _with_hooks(outcome: NodeOutcome, compiled: CompiledNode | None) -> NodeOutcome:
    """Return an outcome with the statements of its hooks; what rendering has read is not known, so words decide."""
    hooks = compiled.hooks if compiled is not None and compiled.hooks else ()
    return replace(outcome, reads=RenderedReads(is_opaque=True, hook_sql=tuple(hooks)))


def _is_project_hook(result: DbtResult) -> bool:
    return result.outcome.unique_id.startswith("operation.") and result.outcome.is_success


def _not_marked(said: Iterable[RecordedNode], results: Iterable[DbtResult]) -> list[NodeOutcome]:
    outcomes = {each.outcome.unique_id: each.outcome for each in results}
    found = [outcomes[each.unique_id] for each in said if each.recording is Recording.FAILED]
    return found + [
        NodeOutcome(unique_id=each.unique_id, status="not recorded", message=cause_words(each.why))
        for each in said
        if each.recording is Recording.DUE
    ]
