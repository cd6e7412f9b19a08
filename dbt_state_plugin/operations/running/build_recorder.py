"""Recorder of the nodes that dbt reports as built."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID, uuid4

from dbt_state_plugin.core.changes.traced import traced_reads
from dbt_state_plugin.core.config.source_config import compares_content
from dbt_state_plugin.core.decision.logic_change import older_logic_after
from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.core.lineage import build_order, lineages, record_key, trace_of
from dbt_state_plugin.core.undeclared import PREFIX, Named, undeclared, undeclared_relation
from dbt_state_plugin.core.values.invocations import UNKNOWN
from dbt_state_plugin.core.values.plan import PlanEntry
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.reads import RenderedReads
from dbt_state_plugin.core.values.records import Trace
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.dbt_runner.seed_file import seed_digest
from dbt_state_plugin.errors import LockLostError, PluginError, StateError
from dbt_state_plugin.operations.options import RunOptions
from dbt_state_plugin.operations.planning.source_versions import undeclared_versions
from dbt_state_plugin.operations.planning.volatile_calls import VolatileCalls
from dbt_state_plugin.operations.running.cutoff import Cutoff
from dbt_state_plugin.operations.session_of_dbt import session_of_dbt, session_settings
from dbt_state_plugin.postgres.connection import first_line
from dbt_state_plugin.state.builds import (
    BuildRecord,
    CutOff,
    complete_definitions,
    lock_lost,
    record_build,
    record_cut_off,
    record_hook_writes,
    refresh_sources_seen,
    require_running,
)
from dbt_state_plugin.state.relations import installation_key
from dbt_state_plugin.warehouse.answers import QueryRefused

if TYPE_CHECKING:
    from dbt_state_plugin.dbt_runner.parse import Parsed
    from dbt_state_plugin.operations.planning.inputs import Planned
    from dbt_state_plugin.operations.running.recorded_definition import DefinitionRecorder
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.warehouse.answers import Present

Answer = TypeVar("Answer")
OWN_NAMES = "relations that only its own session knows"
ON_RUN = "on-run"  # stands for the hooks of the project


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
        self._is_later = is_later
        self._interrupt = interrupt
        self._definition = detail
        self._session = session
        self._project = planned.project
        self._microbatch = parsed.microbatch
        self._seeds = {
            node.unique_id: (parsed.seed_files[node.unique_id], node.content_digest)
            for node in parsed.definition.nodes
            if node.unique_id in parsed.seed_files
        }
        self._execution_id = execution_id
        self._entries = {entry.node.unique_id: entry for entry in planned.plan.to_build}
        self._builds = {node: uuid4() for node in self._entries}
        self._lineages = lineages(planned.project, build_order(planned.project))
        self._looks_at_columns = not is_later and _may_cut_off(planned.cutoff, planned.project)
        self._cutoff = Cutoff(session, planned, self._lineages, parsed.microbatch, is_over=is_later)
        self._volatile = VolatileCalls(session.warehouse, planned.project)
        self._before = planned.plan.parent_versions
        self._versions = dict(self._before)
        self._digest = keyed_digest(installation_key(session.state))
        # A deferred node names relations of another environment, as the project does there.
        self._looks_up = options.defer_to is None
        self._named: dict[str, dict[Named, str] | None] = {}
        self._undeclared: dict[Named, str] = {}
        self._columns: dict[str, Mapping[tuple[str, str], tuple[str, ...]] | None] = {}
        self.own_names: set[str] = set()
        self._settings = session_settings(session) or None
        self._mutex = threading.Lock()
        self._marked: set[str] = set()
        self._equal: dict[str, UUID] = {}  # what was built and holds the same rows as before, with the id of its data
        self.unrecorded: dict[str, str] = {}
        self.written: set[str] = set()
        self.removed_by_hooks: set[str] = set()
        self.cut_off: dict[str, str] = {}  # what needed no build after all, with the words for why
        self.lost: LockLostError | None = None

    @property
    def versions(self) -> Mapping[RelationName, str]:
        """Return what a build that begins now would see of each relation."""
        return self._versions

    def parents_of(self, unique_id: str) -> tuple[str, ...]:
        """Return the nodes whose relations a node reads."""
        return self._lineages[unique_id].parents

    @property
    def marked(self) -> frozenset[str]:
        """Return the nodes that were recorded so far."""
        return frozenset(self._marked)

    def on_finished(self, outcome: NodeOutcome) -> None:
        """Record a node that dbt has built and committed."""
        with self._mutex:
            entry = self._entries.get(outcome.unique_id)
            if entry is None or not outcome.is_success or outcome.unique_id in self.cut_off or self.lost is not None:
                return
            # dbt reports each batch of a microbatch model; only the result at the end says how the model went.
            record = self._see_batch if outcome.unique_id in self._microbatch else self._record
            self._attempt(record, entry, outcome)

    def skip(self, unique_id: str) -> str:
        """Return why a planned node need not be built, or nothing; asked when all that it reads has ended."""
        with self._mutex:
            if unique_id not in self._entries or self.lost is not None:
                return ""
            try:
                self._cut_off(self._entries[unique_id])
            except LockLostError as error:
                self._lose(error)
            except PluginError:
                return ""  # in doubt it is built
            return self.cut_off.get(unique_id, "")

    def _cut_off(self, entry: PlanEntry) -> None:
        """Close the intent of a node that would read what its recorded build has read."""
        node, record = entry.node.unique_id, entry.record
        verdict = self._asked(lambda: self._cutoff.verdict(node, self._versions))
        if verdict is None or record is None:
            return
        key = record_key(entry.node, self._project)
        record_cut_off(
            self._session.state,
            CutOff(
                key=key,
                execution_id=self._execution_id,
                unique_id=node,
                build_id=record.build_id,
                parents=verdict.parents,
                message=f"cut off: {verdict.why}",
            ),
        )
        self._cutoff.see_cut_off(entry)
        self._versions[key] = str(record.data_id)
        self.cut_off[node] = verdict.why

    def on_executing(self, unique_id: str, sql: str) -> None:
        """Look up what the SQL of a node names, and what is there, before dbt executes it."""
        with self._mutex:
            if unique_id in self._entries and self.lost is None:
                self._cutoff.look_before(unique_id)
            if self._looks_up and sql and unique_id in self._entries and self.lost is None:
                self._see_names(self._entries[unique_id].node, sql)
                self._see_columns(self._entries[unique_id].node, sql)

    def _see_names(self, node: Node, sql: str, *, is_executed: bool = True) -> None:
        """Note what SQL names; what cannot be looked up is not known, and the run goes on."""
        try:
            found = self._look_up(node, sql)
        except QueryRefused:
            if is_executed:
                self.own_names.add(node.unique_id)
        except PluginError:
            return
        else:
            before = self._named.get(node.unique_id)
            self._named[node.unique_id] = found if before is None or found is None else {**found, **before}

    def _see_columns(self, node: Node, sql: str) -> None:
        """Note which columns SQL reads, where that may be asked in another run."""
        if self._looks_at_columns:
            with suppress(PluginError):
                found = self._session.warehouse.columns_read(sql, **session_of_dbt(self._session))
                self._columns[node.unique_id] = found if node.unique_id not in self._columns else None

    def _look_up(self, node: Node, sql: str) -> dict[Named, str] | None:
        """Return the relations that SQL names undeclared with their versions, None where the server cannot say."""
        found = self._session.warehouse.named_relations(sql, **session_of_dbt(self._session))
        if found is None:
            return None
        named = undeclared(found, node, self._lineages[node.unique_id], self._project)
        unknown = [name for name in named if name not in self._undeclared]
        if unknown:
            self._undeclared |= self._versions_of_undeclared(unknown)
        return {name: self._undeclared[name] for name in named}

    def _versions_of_undeclared(self, names: list[Named]) -> dict[Named, str]:
        if self._is_later:
            return {name: self._before.get(undeclared_relation(name, self._project), UNKNOWN) for name in names}
        return undeclared_versions(self._session, self._project, names, self._before)

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
        with self._mutex:
            for outcome in outcomes:
                entry = self._entries.get(outcome.unique_id)
                is_settled = outcome.unique_id in self._marked or outcome.unique_id in self.cut_off
                is_open = entry is not None and not is_settled and self.lost is None
                if entry and is_open and outcome.is_success and outcome.unique_id in self._microbatch:
                    self._attempt(self._record, entry, outcome)

    def settle_definitions(self) -> None:
        """Record the SQL that had to be compiled once more; called when dbt has ended. Raises StateError."""
        settled = self._definition.settled()
        keys = {node: record_key(self._entries[node].node, self._project) for node in settled.keys() & self._marked}
        complete_definitions(self._session.state, {key: settled[node] for node, key in keys.items()})

    def _attempt(
        self, record: Callable[[PlanEntry, NodeOutcome], None], entry: PlanEntry, outcome: NodeOutcome
    ) -> None:
        try:
            record(entry, outcome)
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

    def _record(self, entry: PlanEntry, outcome: NodeOutcome) -> None:
        node, project = entry.node, self._project
        if problem := self._seed_changed(node.unique_id):
            self.unrecorded[node.unique_id] = problem
            return
        key, state = record_key(node, project), self._session.state
        content = self._content_of(node)
        rows = self._cutoff.rows_after(entry)
        for form in self._definition.other_forms(node.unique_id) if self._looks_up else ():
            self._see_names(node, form, is_executed=False)
        writes = self._written(outcome.reads.hook_sql if outcome.reads is not None else (), node)
        if content and entry.record is not None and entry.record.trace.content == content:
            self._equal[node.unique_id] = entry.record.data_id
        if entry.record is not None and self._cutoff.has_same_data(entry):
            self._equal[node.unique_id] = entry.record.data_id
        identity_sql = self._session.warehouse.identity_sql(state.connection)  # where one statement reads and records
        present = None if identity_sql else self._present(node)
        detail = self._definition.of(node.unique_id, outcome.reads)
        has_hooks = bool(detail.items.get("hooks"))
        left = record_build(
            state,
            BuildRecord(
                key=key,
                execution_id=self._execution_id,
                build_id=self._builds[node.unique_id],
                entry=entry,
                trace=replace(
                    self._trace_of(entry, outcome),
                    content=content,
                    rows=rows,
                    writes=_names(writes),
                    has_hooks=has_hooks,
                ),
                identity=present.identity if present else None,
                columns=present.columns if present else None,
                shape=present.shape if present else None,
                identity_sql=identity_sql if node.relation is not None else None,
                outcome=outcome,
                stores_code=self._session.target.stores_sql,
                data_id=self._data_of(entry),
                detail=detail,
            ),
        )
        if left is None and node.relation is not None and has_hooks:
            self.removed_by_hooks.add(node.unique_id)
        self._see(entry)
        self._cutoff.see_built(entry, str(self._data_of(entry)), self._columns.get(node.unique_id))
        self._marked.add(node.unique_id)
        self._see_writes(node.unique_id, writes, own=entry)

    def _trace_of(self, entry: PlanEntry, outcome: NodeOutcome) -> Trace:
        node = entry.node.unique_id
        lineage = self._lineages[node]
        statements = self._definition.statements(node)
        seen = trace_of(self._project, lineage, self._seen_by(node))
        named = self._named.get(node)
        return replace(
            seen,
            parents=self._seen_parents(entry.node, seen.parents),
            named=None if named is None else tuple(named),
            session=self._settings,
            volatile=self._asked(lambda: self._volatile.of(entry.node, lineage, statements)),
            columns=self._columns.get(node),
            reads_order=any(map(self._session.warehouse.reads_order, statements)) if statements else None,
            older_logic=older_logic_after(entry.old_rows, entry.record, str(self._execution_id)),
            reads=traced_reads(
                self._reads(node, outcome),
                entry.node,
                self._project,
                self._digest,
                stores_sql=self._session.target.stores_sql,
            ),
        )

    def _reads(self, node: str, outcome: NodeOutcome) -> RenderedReads | None:
        """Return what was read, with the doubt about relations that only the session of the build knows."""
        reads = self._definition.in_all_forms(node, outcome.reads) or outcome.reads
        if reads is None or node not in self.own_names:
            return reads
        return replace(reads, volatile=(*reads.volatile, OWN_NAMES))

    def _seen_parents(self, node: Node, parents: Mapping[str, str]) -> dict[str, str]:
        """Return the versions of parents with those of what the SQL names undeclared, and of what its views name."""
        nodes = self._project.nodes
        found = dict(parents)
        named = self._named.get(node.unique_id)
        views = [each for each in self._lineages[node.unique_id].parents if nodes[each].materialized == "view"]
        if named is not None:
            read_by_views = {parent for view in views for parent in nodes[view].parents}
            for parent in set(node.parents) - read_by_views:
                if parent.startswith(PREFIX):
                    found.pop(str(nodes[parent].relation), None)  # named by its last build, unless it is so again
        for each in (named, *(self._named.get(view) for view in views)):
            for name, version in (each or {}).items():
                found.setdefault(str(undeclared_relation(name, self._project)), version)
        return found

    def _written(self, statements: Iterable[str], node: Node | None) -> list[Node]:
        """Return the nodes of the project, but for `node` itself, whose relations statements of hooks have written."""
        warehouse = self._session.warehouse
        names = {name for statement in statements for name in warehouse.written_relations(statement)}
        return [
            each
            for each in self._project.nodes.values()
            if names and each.relation is not None and each.resource_type != "source" and not each.is_ephemeral
            if each is not node and not names.isdisjoint(each.relation.spellings)
        ]

    def _see_writes(self, writer: str, written: Iterable[Node], *, own: PlanEntry | None = None) -> None:
        """Let what hooks wrote into have other data from now on; the node whose hooks they are has seen it."""
        # What this run has yet to build is built after the hook.
        there = [each for each in written if each.unique_id in self._marked or each.unique_id not in self._entries]
        found = {record_key(each, self._project): uuid4() for each in there}
        record_hook_writes(self._session.state, found, writer=writer)
        self._versions |= {key: str(data_id) for key, data_id in found.items()}
        self.written |= {each.unique_id for each in there}
        if own is None:
            return
        parents = self._lineages[own.node.unique_id].parents
        seen = {record_key(each, self._project) for each in there if each.unique_id in parents}
        versions = {str(key): str(found[key]) for key in seen}
        refresh_sources_seen(self._session.state, {record_key(own.node, self._project): versions} if versions else {})

    def finish_hooks(self, statements: Iterable[str]) -> None:
        """Record what the project's on-run hooks wrote; called when dbt has ended."""
        with self._mutex:
            if self.lost is None:
                self._see_writes(ON_RUN, self._written(statements, None))

    def _see_batch(self, entry: PlanEntry, _outcome: NodeOutcome) -> None:
        self._see(entry)

    def _see(self, entry: PlanEntry) -> None:
        """Let the children in this run see the data that the build left."""
        self._versions[record_key(entry.node, self._project)] = str(self._data_of(entry))

    def _data_of(self, entry: PlanEntry) -> UUID:
        if entry.keeps_data and entry.record is not None:
            return entry.record.data_id
        return self._equal.get(entry.node.unique_id, self._builds[entry.node.unique_id])

    def _content_of(self, node: Node) -> str:
        """Return what the rows of a node are now, where it is configured to compare them and they can be read."""
        if node.relation is None or node.materialized == "view" or not compares_content(node):
            return ""
        return self._session.warehouse.content_of_build(node.relation)

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

    def _seen_by(self, unique_id: str) -> dict[RelationName, str]:
        """Return the versions that a node's build saw.

        dbt builds nothing before the reader of a source, even where a model of this run writes that very table: the
        reader may have seen what was there before, and is built again next time.
        """
        parents = [self._project.nodes[parent] for parent in self._lineages[unique_id].parents]
        seen: dict[RelationName, str] = {}
        for node in sorted(parents, key=lambda node: node.resource_type == "source"):  # last, so that they win
            versions = self._before if node.resource_type == "source" else self._versions
            key = record_key(node, self._project)
            seen |= {key: versions[key]} if key in versions else {}
        return seen

    def _seed_changed(self, unique_id: str) -> str:
        if unique_id not in self._seeds:
            return ""
        path, digest = self._seeds[unique_id]
        return "" if seed_digest(path) == digest else "its file changed while it was loaded"


def _may_cut_off(default: str | None, project: Project) -> bool:
    """Return whether any node may be cut off, by what was asked for or by what the project says."""
    if default is not None:
        return default != "never"
    return any("cutoff" in node.settings for node in project.nodes.values())


def _names(nodes: Iterable[Node]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((each.relation.schema, each.relation.identifier) for each in nodes if each.relation))
