"""Recorder of the planned nodes that need no build after all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt_state_plugin.core.lineage import record_key
from dbt_state_plugin.operations.running.cutoff import Cutoff
from dbt_state_plugin.operations.running.data_versions import DataVersions
from dbt_state_plugin.report.cut_off_words import why_cut_off
from dbt_state_plugin.state.cut_offs import CutOff, record_cut_off

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from dbt_state_plugin.core.lineage import Lineage
    from dbt_state_plugin.core.values.plan import PlanEntry
    from dbt_state_plugin.core.values.project import Project
    from dbt_state_plugin.operations.running.hook_writes import HookWrites
    from dbt_state_plugin.operations.session import Session


class CutOffRecorder:
    """Close the intents of nodes that would read what their recorded builds have read."""

    def __init__(
        self,
        session: Session,
        project: Project,
        lineages: Mapping[str, Lineage],
        execution_id: UUID,
        *,
        cutoff: Cutoff,
        versions: DataVersions,
        hooks: HookWrites,
    ) -> None:
        self._state = session.state
        self._project = project
        self._lineages = lineages
        self._execution_id = execution_id
        self._cutoff = cutoff
        self._versions = versions
        self._hooks = hooks
        self.words: dict[str, str] = {}  # why, for each node that was cut off

    def cut_off(self, entry: PlanEntry) -> None:
        """Cut off a node, if it can be, whose parents have all ended; raises what the state and the server raise."""
        node, record = entry.node.unique_id, entry.record
        if self._hooks.may_have_written((node, *self._lineages[node].parents)):
            return
        unneeded = self._cutoff.unneeded(node, self._versions.now)
        if unneeded is None or record is None:
            return
        key, words = record_key(entry.node, self._project), why_cut_off(unneeded.why)
        record_cut_off(
            self._state,
            CutOff(
                key=key,
                execution_id=self._execution_id,
                unique_id=node,
                build_id=record.build_id,
                parents=unneeded.parents,
                message=f"cut off: {words}",
            ),
        )
        self._cutoff.see_cut_off(entry)
        self._versions.now[key] = str(record.data_id)
        self.words[node] = words
