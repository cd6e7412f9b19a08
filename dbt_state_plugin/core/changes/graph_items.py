"""Nodes and properties that differ in dbt's graph."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbt_state_plugin.core.fingerprint.parts import told_attributes
from dbt_state_plugin.core.values.definition import BUILT_TYPES, GRAPH_EXTRAS, ProjectDefinition
from dbt_state_plugin.core.values.reasons import GRAPH, Reason

_SECTIONS = ("nodes", "sources", "unit_tests", "functions")
_SAID_OTHERWISE = frozenset({"created_at", "config", "unrendered_config"})
_KEPT = 3  # more would be stored with each node that reads the graph


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingNode:
    """A node, or whatever else has an id in dbt's graph, that is `new`, `gone` or `changed`, then with what changed."""

    unique_id: str
    change: str
    properties: tuple[str, ...] = ()


def tells_of_graph(reasons: Iterable[Reason]) -> bool:
    """Return whether dbt's graph is among what differs."""
    return any(item["name"] == GRAPH for reason in reasons for item in reason.values.get("items", ()))


def with_graph_named(reason: Reason, differing: Sequence[DifferingNode]) -> Reason:
    """Return a reason in which the item of dbt's graph holds what differs in it.

    The first ones as `nodes`, each with `node` (its unique id), `change` (new, gone or changed) and `properties`, and
    how many there are as `node_count`.
    """
    items = reason.values.get("items")
    if not items or not differing:
        return reason
    told = [
        {"node": each.unique_id, "change": each.change, "properties": list(each.properties)}
        for each in differing[:_KEPT]
    ]
    named = [{**item, "nodes": told, "node_count": len(differing)} if item["name"] == GRAPH else item for item in items]
    return Reason(kind=reason.kind, code=reason.code, node=reason.node, values={**reason.values, "items": named})


def differing_nodes(manifest: Mapping[str, Any], now: ProjectDefinition) -> tuple[DifferingNode, ...]:
    """Return which nodes differ, with the properties, between a manifest and a project that was parsed.

    First those that are new, then those that are gone. None where none does: then something differs that manifests do
    not hold.
    """
    before = {unique_id: each for name in (*_SECTIONS, *GRAPH_EXTRAS) for unique_id, each in _enabled(manifest, name)}
    after = {node.unique_id: told_attributes(node) for node in now.nodes} | dict(now.graph_extras)
    found = [
        *(DifferingNode(unique_id=each, change="new") for each in sorted(after.keys() - before.keys())),
        *(DifferingNode(unique_id=each, change="gone") for each in sorted(before.keys() - after.keys())),
    ]
    for unique_id in sorted(before.keys() & after.keys()):
        properties = tuple(_differing_properties(before[unique_id], after[unique_id]))
        found += [DifferingNode(unique_id=unique_id, change="changed", properties=properties)] if properties else []
    return tuple(found)


def _enabled(manifest: Mapping[str, Any], section: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what a section of a manifest holds of what dbt builds, and of all that it does not build."""
    for unique_id, each in (manifest.get(section) or {}).items():
        is_enabled = (each.get("config") or {}).get("enabled") is not False
        if section in GRAPH_EXTRAS or (is_enabled and each.get("resource_type") in BUILT_TYPES | {"source"}):
            yield unique_id, each


def _differing_properties(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the properties that both have and that differ, of a config those inside."""
    one, other = (_plain(each.get("config")) or {} for each in (before, after))
    inside = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    yield from (f"config.{key}" for key in inside)
    for name in sorted(before.keys() & after.keys() - {*_SAID_OTHERWISE, *inside}):  # dbt says some of a config twice
        if _plain(before[name]) != _plain(after[name]):
            yield name


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))
