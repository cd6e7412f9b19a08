"""Which of the nodes that dbt reports as built are recorded, and with what?"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from dbt_state_plugin.engine.seed_file import seed_digest
from dbt_state_plugin.errors import LockLostError, PluginError
from dbt_state_plugin.execution.signals import interrupt_main_thread
from dbt_state_plugin.lineage import build_order, lineages, record_key, trace_of
from dbt_state_plugin.model import NodeOutcome, PhysicalIdentity, PlanEntry
from dbt_state_plugin.plan import identity_version
from dbt_state_plugin.state.relations import Mark, mark_built
from dbt_state_plugin.warehouse.postgres import read_identity

if TYPE_CHECKING:
    from dbt_state_plugin.engine.dbt import Parsed
    from dbt_state_plugin.execution.planning import Planned
    from dbt_state_plugin.execution.session import Session


class Marker:
    """Record each success as dbt reports it, from dbt's worker threads; never raise into dbt.

    A node is recorded with what its build saw: the fingerprint that was parsed, and for each parent the version from
    before this build. A parent that was built in this run has been recorded before dbt starts the child.
    """

    def __init__(self, session: Session, planned: Planned, parsed: Parsed, execution_id: UUID) -> None:
        """Prepare the traces of all planned nodes."""
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
        self._versions = dict(planned.plan.parent_versions)
        self._mutex = threading.Lock()
        self._marked: set[str] = set()
        self.unrecorded: dict[str, str] = {}
        self.lost: LockLostError | None = None

    @property
    def marked(self) -> frozenset[str]:
        """Return the nodes that were recorded so far."""
        return frozenset(self._marked)

    def on_finished(self, outcome: NodeOutcome) -> None:
        """Record a node that dbt has built and committed."""
        with self._mutex:
            entry = self._entries.get(outcome.unique_id)
            if entry is None or not outcome.is_success or self.lost is not None:
                return
            if outcome.unique_id in self._microbatch:
                self._foresee(entry)  # dbt reports each batch; only the result at the end says how the model went
            else:
                self._try_to_mark(entry, outcome)

    def finish(self, outcomes: Iterable[NodeOutcome]) -> None:
        """Record the microbatch models, whose success is known only when dbt has ended."""
        with self._mutex:
            for outcome in outcomes:
                entry = self._entries.get(outcome.unique_id)
                is_open = entry is not None and outcome.unique_id not in self._marked and self.lost is None
                if entry and is_open and outcome.is_success and outcome.unique_id in self._microbatch:
                    self._try_to_mark(entry, outcome)

    def _try_to_mark(self, entry: PlanEntry, outcome: NodeOutcome) -> None:
        try:
            self._mark(entry, outcome)
        except LockLostError as error:
            self.lost = error
            self.unrecorded[outcome.unique_id] = error.what
            interrupt_main_thread()  # dbt must not write any more: somebody else may hold the lock now
        except PluginError as error:
            self.unrecorded[outcome.unique_id] = error.what
        except Exception as error:
            self.unrecorded[outcome.unique_id] = f"{type(error).__name__}: {error}"

    def _mark(self, entry: PlanEntry, outcome: NodeOutcome) -> None:
        node, project = entry.node, self._project
        if problem := self._seed_changed(node.unique_id):
            self.unrecorded[node.unique_id] = problem
            return
        identity = self._foresee(entry)
        mark_built(
            self._session.state,
            Mark(
                key=record_key(node, project),
                execution_id=self._execution_id,
                build_id=self._builds[node.unique_id],
                entry=entry,
                trace=trace_of(project, self._lineages[node.unique_id], self._versions),
                identity=identity,
                outcome=outcome,
                stores_code=self._session.settings.store_sql == "text",
            ),
        )
        self._marked.add(node.unique_id)

    def _foresee(self, entry: PlanEntry) -> PhysicalIdentity | None:
        """Read the identity that the build left, and let the children in this run see the new version."""
        node = entry.node
        if node.relation is None:
            return None
        identity = read_identity(self._session.warehouse, node.relation)
        self._versions[node.relation] = identity_version(str(self._builds[node.unique_id]), identity)
        return identity

    def _seed_changed(self, unique_id: str) -> str:
        if unique_id not in self._seeds:
            return ""
        path, digest = self._seeds[unique_id]
        return "" if seed_digest(path) == digest else "its file changed while it was loaded"
