"""Recorder of the nodes that dbt reports as built."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from dbt_state_plugin.core.changes.traced import traced_reads
from dbt_state_plugin.core.config.source_config import compares_content
from dbt_state_plugin.core.decision.logic_change import older_logic_after
from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.core.lineage import build_order, lineages, record_key, shown_by_tests, trace_of
from dbt_state_plugin.core.values.reads import OWN_NAMES, RenderedReads
from dbt_state_plugin.core.values.records import NOTHING, ON_RUN, RowsLeft, Trace, TracedReads
from dbt_state_plugin.dbt_runner.seed_file import seed_digest
from dbt_state_plugin.errors import LockLostError, PluginError, StateError
from dbt_state_plugin.operations.planning.names_in_sql import NamesInSql
from dbt_state_plugin.operations.planning.volatile_calls import VolatileCalls
from dbt_state_plugin.operations.running.cut_off_recorder import CutOffRecorder
from dbt_state_plugin.operations.running.cutoff import Cutoff
from dbt_state_plugin.operations.running.data_versions import DataVersions
from dbt_state_plugin.operations.running.hanging_nodes import may_cut_off
from dbt_state_plugin.operations.running.hook_writes import HookWrites
from dbt_state_plugin.operations.running.scans import Scans
from dbt_state_plugin.operations.session_of_dbt import session_of_dbt, session_settings
from dbt_state_plugin.postgres.connection import first_line
from dbt_state_plugin.state.builds import (
    BuildRecord,
    complete_definitions,
    complete_reads,
    lock_lost,
    record_build,
    require_running,
)
from dbt_state_plugin.state.hooks import forget_what_hooks_did, record_what_hooks_did
from dbt_state_plugin.state.relations import installation_key

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from dbt_state_plugin.core.values.plan import PlanEntry
    from dbt_state_plugin.core.values.project import Node
    from dbt_state_plugin.core.values.relations import RelationName
    from dbt_state_plugin.core.values.results import NodeOutcome
    from dbt_state_plugin.dbt_runner.parse import Parsed
    from dbt_state_plugin.operations.options import RunOptions
    from dbt_state_plugin.operations.planning.inputs import Planned
    from dbt_state_plugin.operations.running.recorded_definition import DefinitionRecorder
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.warehouse.answers import Present

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """What a build has left, where its rows are compared: all of them by configuration, and in this run."""

    content: str = ""
    rows: RowsLeft | None = None


class BuildRecorder:
    """Record each success as dbt reports it, from dbt's worker threads; never raise into dbt.

    A node is recorded with what its build saw: the fingerprint that was parsed, and for each parent the version from
    before this build. A parent that was built in this run has been recorded before dbt starts the child.
    """

    def __init__(
        self,
        session: Session,
        planned: Planned,
        parsed: Parsed,
        execution_id: UUID,
        detail: DefinitionRecorder,
        options: RunOptions,
        interrupt: Callable[[], None],
        *,
        is_later: bool = False,
    ) -> None:
        """Prepare the traces of all planned nodes; `interrupt` is called when the lock is lost.

        With `is_later` dbt has ended already: what is there now says nothing about what it has read.
        """
        project, before = planned.project, planned.plan.parent_versions
        dialect = parsed.definition.dialect
        self._session = session
        self._project = project
        self._execution_id = execution_id
        self._definition = detail
        self._interrupt = interrupt
        self._digest = keyed_digest(installation_key(session.state))
        self._settings = session_settings(session) or None

        self._entries = {entry.node.unique_id: entry for entry in planned.plan.to_build}
        self._lineages = lineages(project, build_order(project))
        self._shown_by_tests = shown_by_tests(project, self._lineages)
        self._microbatch = parsed.microbatch
        self._seeds = _seeds(parsed)
        self._has_project_hooks = bool(parsed.definition.project_hooks)
        # A deferred node names relations of another environment, as the project does there.
        self._looks_up = options.defer_to is None
        self._looks_at_columns = not is_later and may_cut_off(planned.cutoff, project)

        self._data = DataVersions(project, self._lineages, before, self._entries)
        self._names = NamesInSql(session, project, self._lineages, before, is_later=is_later)
        self._volatile = VolatileCalls(session.warehouse, project)
        self._hooks = HookWrites(session, project, self._lineages, self._data, self._entries, dialect)
        self._mutex = threading.Lock()
        self.scans = Scans(session, self._mutex, is_apart=not is_later)
        self._cutoff = Cutoff(session, planned, self._lineages, parsed.microbatch, self.scans, is_over=is_later)
        self._cut_offs = CutOffRecorder(
            session, project, self._lineages, execution_id, cutoff=self._cutoff, versions=self._data, hooks=self._hooks
        )

        self._marked: set[str] = set()
        self.unrecorded: dict[str, str] = {}
        self.removed_by_hooks: set[str] = set()
        self.lost: LockLostError | None = None

    @property
    def versions(self) -> Mapping[RelationName, str]:
        """Return what a build that begins now would see of each relation."""
        return self._data.now

    def parents_of(self, unique_id: str) -> tuple[str, ...]:
        """Return the nodes whose relations a node reads."""
        return self._lineages[unique_id].parents

    @property
    def marked(self) -> frozenset[str]:
        """Return the nodes that were recorded so far."""
        return frozenset(self._marked)

    @property
    def cut_off(self) -> Mapping[str, str]:
        """Return what needed no build after all, with the words for why."""
        return self._cut_offs.words

    @property
    def written(self) -> frozenset[str]:
        """Return the nodes into whose relations hooks have written."""
        return frozenset(self._hooks.nodes)

    @property
    def own_names(self) -> frozenset[str]:
        """Return the nodes whose SQL names relations that only its own session knows."""
        return frozenset(self._names.unknown_elsewhere)

    def on_finished(self, outcome: NodeOutcome) -> None:
        """Record a node that dbt has built and committed."""
        entry = self._entries.get(outcome.unique_id)
        if entry is None or outcome.unique_id in self.cut_off:
            return
        # dbt reports each batch of a microbatch model; only the result at the end says how the model went.
        is_batch = outcome.unique_id in self._microbatch
        left = self._look_after(entry) if outcome.is_success and not is_batch else _Left()
        with self._mutex:
            if self.lost is not None:
                return
            self._see_hooks(entry.node, outcome)
            if not outcome.is_success:
                return
            if is_batch:
                self._data.see_built(entry)
            else:
                self._attempt(entry, outcome, left)

    def skip(self, unique_id: str) -> str:
        """Return why a planned node need not be built, or nothing; asked when all that it reads has ended."""
        with self._mutex:
            if unique_id not in self._entries or self.lost is not None:
                return ""
            try:
                self._asked(lambda: self._cut_offs.cut_off(self._entries[unique_id]))
            except LockLostError as error:
                self._lose(error)
            except PluginError:
                return ""  # in doubt it is built
            return self.cut_off.get(unique_id, "")

    def on_executing(self, unique_id: str, sql: str) -> None:
        """Look up what the SQL of a node names, and what is there, before dbt executes it."""
        if unique_id not in self._entries or self.lost is not None:
            return
        self._cutoff.rows.look_before(unique_id)
        with self._mutex:
            node = self._entries[unique_id].node
            if self._looks_up and sql:
                self._names.see(node, sql)
            if self._looks_up and sql and self._looks_at_columns:
                self._names.see_columns(node, sql)

    def refusal(self) -> str:
        """Return why dbt must not write any more, or nothing.

        A run that was cut off learns it here, before it writes over what another run has built since.
        """
        with self._mutex:
            if self.lost is None:
                try:
                    require_running(self._session.state, self._execution_id)
                except LockLostError as error:
                    self._lose(error)
                except PluginError as error:
                    return error.what
            return self.lost.what if self.lost is not None else ""

    def finish(self, outcomes: Iterable[NodeOutcome]) -> None:
        """Record the microbatch models, whose success is known only when dbt has ended."""
        for outcome in outcomes:
            entry = self._entries.get(outcome.unique_id)
            is_settled = outcome.unique_id in self._marked or outcome.unique_id in self.cut_off
            is_open = entry is not None and not is_settled and self.lost is None
            if entry and is_open and outcome.is_success and outcome.unique_id in self._microbatch:
                left = self._look_after(entry)
                with self._mutex:
                    self._attempt(entry, outcome, left)

    def settle_definitions(self) -> None:
        """Record the SQL that had to be compiled once more; called when dbt has ended. Raises StateError."""
        settled = self._definition.settled()
        keys = {node: record_key(self._entries[node].node, self._project) for node in self._marked}
        complete_definitions(self._session.state, {keys[node]: settled[node] for node in settled.keys() & keys.keys()})
        reads = {
            keys[node]: (self._traced(node, found), values)
            for node, (found, values) in self._definition.settled_reads().items()
            if node in keys
        }
        complete_reads(self._session.state, reads)

    def finish_hooks(self, statements: Collection[str], *, are_all: bool) -> None:
        """Record what the project's on-run hooks did; called when dbt has ended.

        `are_all` says that this and every earlier run has seen all statements of the hooks.
        """
        with self._mutex:
            if self.lost is not None:
                return
            written = self._hooks.of(statements, None)
            self._hooks.record(ON_RUN, written, self._marked)
            if not self._has_project_hooks:
                return
            if not (are_all and self._hooks.write_rows_only(statements)):
                forget_what_hooks_did(self._session.state)
                return
            built = {record_key(self._project.nodes[node], self._project) for node in self._marked}
            keys = {record_key(each, self._project) for each in written}
            record_what_hooks_did(self._session.state, built=built, written=keys)

    def _attempt(self, entry: PlanEntry, outcome: NodeOutcome, left: _Left) -> None:
        try:
            self._record(entry, outcome, left)
        except LockLostError as error:
            self.unrecorded[outcome.unique_id] = error.what
            self._lose(error)
        except PluginError as error:
            self.unrecorded[outcome.unique_id] = error.what
        except Exception as error:
            self.unrecorded[outcome.unique_id] = f"{type(error).__name__}: {error}"

    def _lose(self, error: LockLostError) -> None:
        self.lost = error
        self._interrupt()  # dbt must not write any more: somebody else may hold the lock now

    def _record(self, entry: PlanEntry, outcome: NodeOutcome, left: _Left) -> None:
        node = entry.node
        if problem := self._seed_changed(node.unique_id):
            self.unrecorded[node.unique_id] = problem
            return
        for form in self._definition.other_forms(node.unique_id) if self._looks_up else ():
            self._names.see(node, form, is_executed=False)
        writes = self._hooks.of(outcome.reads.hook_sql if outcome.reads is not None else (), node)
        before = entry.record.trace.content if entry.record is not None else ""
        has_same_content = left.content and left.content == before and node.unique_id not in self._shown_by_tests
        if has_same_content or self._cutoff.has_same_data(entry):
            self._data.keep(entry)
        build = self._build_record(entry, outcome)
        trace = replace(build.trace, content=left.content, rows=left.rows, writes=_names(writes))
        is_there = record_build(self._session.state, replace(build, trace=trace))
        if is_there is None and node.relation is not None and trace.has_hooks:
            self.removed_by_hooks.add(node.unique_id)
        self._data.see_built(entry)
        self._cutoff.see_built(entry, str(self._data.left_by(entry)), trace)
        self._marked.add(node.unique_id)
        self._hooks.record(node.unique_id, writes, self._marked)

    def _build_record(self, entry: PlanEntry, outcome: NodeOutcome) -> BuildRecord:
        node, state = entry.node, self._session.state
        identity_sql = self._session.warehouse.identity_sql(state.connection)  # where one statement reads and records
        present = None if identity_sql else self._present(node)
        detail = self._definition.of(node.unique_id, outcome.reads)
        return BuildRecord(
            key=record_key(node, self._project),
            execution_id=self._execution_id,
            build_id=self._data.build_of(node.unique_id),
            entry=entry,
            trace=replace(self._trace_of(entry, outcome), has_hooks=self._acts(node.unique_id)),
            identity=present.identity if present else None,
            columns=present.columns if present else None,
            shape=present.shape if present else None,
            identity_sql=identity_sql if node.relation is not None else None,
            outcome=outcome,
            stores_code=self._session.target.stores_sql,
            data_id=self._data.left_by(entry),
            detail=detail,
        )

    def _acts(self, unique_id: str) -> bool:
        """Return whether a node has statements of its own besides its query."""
        return self._definition.has_hooks(unique_id) or self._definition.has_header(unique_id)

    def _see_hooks(self, node: Node, outcome: NodeOutcome) -> None:
        """Note what a node may have written beside its relation, also one that failed behind that."""
        if outcome.reads is not None:
            self._hooks.see((*outcome.reads.hook_sql, *outcome.reads.asked_sql), node)
        is_unknown = outcome.reads is None and self._definition.has_hooks(node.unique_id)
        if is_unknown or node.custom_ddl or self._definition.has_header(node.unique_id):
            self._hooks.see(None, node)

    def _trace_of(self, entry: PlanEntry, outcome: NodeOutcome) -> Trace:
        node = entry.node.unique_id
        lineage = self._lineages[node]
        statements = self._definition.statements(node)
        seen = trace_of(self._project, lineage, self._data.seen_by(node))
        return replace(
            seen,
            parents=self._names.seen_with(entry.node, seen.parents),
            named=self._names.of(node),
            on_run="" if self._has_project_hooks else NOTHING,  # they have not run yet
            session=self._settings,
            volatile=self._asked(lambda: self._volatile.of(entry.node, lineage, statements)),
            columns=self._names.columns_of(node),
            reads_order=any(map(self._reads_order, statements)) if statements else None,
            reads_storage=any(map(self._session.warehouse.reads_storage, statements)) if statements else None,
            older_logic=older_logic_after(entry.old_rows, entry.record, str(self._execution_id)),
            reads=self._traced(node, self._definition.in_all_forms(node, outcome.reads)),
        )

    def _reads_order(self, statement: str) -> bool:
        session = self._session
        return self._asked(lambda: session.warehouse.reads_order(statement, **session_of_dbt(session)))

    def _traced(self, node: str, reads: RenderedReads | None) -> TracedReads | None:
        """Return what is recorded of reads, with the doubt about relations that only the session of the build knows."""
        if reads is not None and node in self.own_names:
            reads = replace(reads, volatile=(*reads.volatile, OWN_NAMES))
        stores_sql = self._session.target.stores_sql
        return traced_reads(reads, self._entries[node].node, self._project, self._digest, stores_sql=stores_sql)

    def _look_after(self, entry: PlanEntry) -> _Left:
        """Read the rows that a build has left where they are compared; other threads go on meanwhile."""
        if self.lost is not None:
            return _Left()
        return _Left(content=self._content_of(entry.node), rows=self._cutoff.rows.rows_after(entry))

    def _content_of(self, node: Node) -> str:
        """Return what the rows of a node are now, where it is configured to compare them and they can be read."""
        if node.relation is None or node.materialized == "view" or not compares_content(node):
            return ""
        try:
            with self.scans.warehouse() as warehouse:
                return warehouse.content_of_build(node.relation)
        except PluginError:
            return ""

    def _present(self, node: Node) -> Present | None:
        relation = node.relation
        return self._asked(lambda: self._session.warehouse.present(relation)) if relation else None

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        """Return what the warehouse answers; it is mostly read on the lock's own connection."""
        try:
            return ask()
        except StateError as error:
            if self._session.state.connection.closed:
                raise lock_lost(first_line(error.__cause__ or error)) from error
            raise

    def _seed_changed(self, unique_id: str) -> str:
        """Return what is wrong where the file of a seed is not the one that was parsed."""
        if unique_id not in self._seeds:
            return ""
        path, digest = self._seeds[unique_id]
        return "" if seed_digest(path) == digest else "its file changed while it was loaded"


def _seeds(parsed: Parsed) -> dict[str, tuple[Path, str]]:
    """Return the file of each seed, and the digest of what was parsed."""
    return {
        node.unique_id: (parsed.seed_files[node.unique_id], node.content_digest)
        for node in parsed.definition.nodes
        if node.unique_id in parsed.seed_files
    }


def _names(nodes: Iterable[Node]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((each.relation.schema, each.relation.identifier) for each in nodes if each.relation))
