"""Volatile calls in the SQL of nodes and of source views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.lineage import Lineage, build_order, lineages, record_key
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.records import Recorded, RecordedDefinition, RecordedRelation
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.state.build_updates import record_volatile
from dbt_state_plugin.state.relations import read_definitions
from dbt_state_plugin.warehouse.answers import Calls, Function

if TYPE_CHECKING:
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.warehouse.interface import Warehouse

NOT_KEPT = "what is not known, since no SQL is kept"
_READABLE = frozenset({"sql", "plpgsql"})
COMPILED = frozenset({"model", "snapshot", "test"})


class VolatileCalls:
    """Find the volatile calls of one project's nodes; each name is looked up in the warehouse once."""

    def __init__(self, warehouse: Warehouse, project: Project) -> None:
        """Ask nothing yet."""
        self._warehouse = warehouse
        self._project = project
        # What a function of the project computes is read through it, and recorded with the function itself.
        self._own = {node.name.lower() for node in project.nodes.values() if node.resource_type == "function"}
        self._functions: dict[str, tuple[Function, ...]] = {}
        self._views: Mapping[RelationName, tuple[str, ...]] | None = None

    def of(self, node: Node, lineage: Lineage, statements: Iterable[str]) -> tuple[str, ...]:
        """Return the calls in a node's own SQL and in the views among its sources; raises StateError."""
        if node.resource_type == "function":
            return self._in_bodies(node.name.lower())
        if node.resource_type not in COMPILED:
            return ()
        sources = [self._project.nodes[parent] for parent in lineage.parents]
        relations = [source.relation for source in sources if source.resource_type == "source" and source.relation]
        views = self._view_definitions() if relations else {}
        return self._in([*statements, *(text for relation in relations for text in views.get(relation, ()))])

    def _in_bodies(self, name: str) -> tuple[str, ...]:
        """Return the calls in a function of the project as it was created; only SQL can be looked into."""
        bodies = [each for each in self._warehouse.function_bodies(name) if each.volatility != "i"]
        if any(each.language not in _READABLE for each in bodies):
            return (f"{name}()",)
        return self._in([each.text for each in bodies])

    def _in(self, texts: Iterable[str]) -> tuple[str, ...]:
        found = [self._warehouse.calls_in(text) for text in texts]
        calls = Calls(
            functions=frozenset(call for each in found for call in each.functions if call.name not in self._own),
            clock=frozenset().union(*(each.clock for each in found)),
        )
        return self._warehouse.volatile_names(calls, self._known({call.name for call in calls.functions}))

    def _known(self, names: set[str]) -> list[Function]:
        unknown = names - self._functions.keys()
        if unknown:
            found = self._warehouse.functions(unknown)
            self._functions |= {
                name: tuple(function for function in found if function.name == name) for name in unknown
            }
        return [function for name in sorted(names) for function in self._functions[name]]

    def _view_definitions(self) -> Mapping[RelationName, tuple[str, ...]]:
        if self._views is None:
            nodes = self._project.nodes.values()
            sources = [node.relation for node in nodes if node.resource_type == "source" and node.relation]
            self._views = self._warehouse.view_definitions(sources)
        return self._views


def with_volatile_calls(session: Session, project: Project, recorded: Recorded, *, records: bool) -> Recorded:
    """Return the records with their volatile calls, found in the recorded SQL where a record does not hold them.

    With `records` what was found is written, so that it is found once. Raises StateError.
    """
    if all(record.trace.volatile is not None for record in recorded.relations.values()):
        return recorded
    nodes = {record_key(node, project): node for node in project.nodes.values() if node.resource_type != "source"}
    missing = {
        key: record for key, record in recorded.relations.items() if record.trace.volatile is None and key in nodes
    }
    if not missing:
        return recorded
    calls = VolatileCalls(session.warehouse, project)
    read = lineages(project, build_order(project))
    details = read_definitions(session.state, missing)
    found: dict[RelationName, RecordedRelation] = {}
    with session.warehouse.kept_open():
        for key, record in missing.items():
            names = _recorded_calls(calls, nodes[key], read[nodes[key].unique_id], details.get(key))
            found[key] = replace(record, trace=replace(record.trace, volatile=names))
    if records:
        record_volatile(session.state, {key: record.trace.volatile or () for key, record in found.items()})
    return replace(recorded, relations={**recorded.relations, **found})


def _recorded_calls(
    calls: VolatileCalls, node: Node, lineage: Lineage, detail: RecordedDefinition | None
) -> tuple[str, ...]:
    document: Mapping[str, Any] = detail.compiled if detail is not None else {}
    if node.resource_type == "function":
        return calls.of(node, lineage, ())
    if node.resource_type not in COMPILED or document.get("language", "sql") != "sql":
        return ()
    forms = document.get("forms") or {}
    if document.get("hashed") or not forms:
        return (NOT_KEPT,)
    return calls.of(node, lineage, [str(text) for text in forms.values()])
