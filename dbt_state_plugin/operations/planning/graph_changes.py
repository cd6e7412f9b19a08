"""Names of the nodes for which dbt's graph is another one."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from dbt_state_plugin.core.changes.graph_items import differing_nodes, tells_of_graph, with_graph_named
from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.state.manifests import read_manifest

if TYPE_CHECKING:
    from dbt_state_plugin.core.changes.graph_items import DifferingNode
    from dbt_state_plugin.core.values.definition import ProjectDefinition
    from dbt_state_plugin.core.values.plan import Plan, PlanEntry
    from dbt_state_plugin.state.state import State


def with_graph_changes(plan: Plan, state: State, now: ProjectDefinition) -> Plan:
    """Return the plan with what differs in dbt's graph since the build that read it, where its manifest was kept."""

    @cache
    def differing(execution_id: str) -> tuple[DifferingNode, ...]:
        try:
            kept = read_manifest(state, execution_id)
        except PluginError:  # it is said less precisely then
            return ()
        return differing_nodes(json.loads(kept.text), now) if kept is not None else ()

    def named(entry: PlanEntry) -> PlanEntry:
        record = entry.record
        if record is None or record.execution_id is None or not tells_of_graph((*entry.reasons, *entry.cosmetic)):
            return entry
        nodes = differing(str(record.execution_id))
        reasons = tuple(with_graph_named(reason, nodes) for reason in entry.reasons)
        return replace(entry, reasons=reasons, cosmetic=tuple(with_graph_named(each, nodes) for each in entry.cosmetic))

    return replace(plan, entries=tuple(named(entry) for entry in plan.entries))
