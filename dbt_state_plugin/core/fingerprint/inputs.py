"""Inputs of fingerprints, and earlier fingerprints that are still valid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from dbt_state_plugin.core.fingerprint.hashing import SCHEME, Digest
from dbt_state_plugin.core.fingerprint.parts import ProjectParts, told_attributes
from dbt_state_plugin.core.values.definition import NodeDefinition, ProjectDefinition
from dbt_state_plugin.core.values.fingerprinted import FingerprintedProject, FingerprintInputs
from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.version import VERSION

_APART = ("nodes", "environment", "dialect")  # fields of a project that count in other ways
_LENGTH = 32  # hexadecimal digits of the hash of one node


class KnownFingerprints:
    """Earlier fingerprints that are still valid, since all their inputs are the same.

    Values are compared by their `repr`, which tells values of YAML's kind apart. Where the same value is written in
    two ways, as it is after a full and after a partial parse, it is hashed once more.
    """

    def __init__(
        self,
        definition: ProjectDefinition,
        parts: ProjectParts,
        digest: Digest,
        earlier: FingerprintedProject | None,
        *,
        of_all_nodes: Any,
    ) -> None:
        """Compare what all nodes share; `of_all_nodes` is what each of them takes from the others."""
        self._definition = definition
        self._parts = parts
        self._digest = digest
        self._of_all_nodes = of_all_nodes
        self._own: dict[str, str] = {}
        self._earlier = earlier if earlier is not None and self._are_shared(earlier.inputs) else None
        if self._earlier is not None:
            parts.note_environment(self._earlier.inputs.environment)

    def of(self, node: NodeDefinition) -> Node | None:
        """Return the node with its earlier fingerprint, or None if it has to be fingerprinted again."""
        if self._earlier is None or node.unique_id not in self._earlier.inputs.own:
            return None
        is_same = self._earlier.inputs.own[node.unique_id] == self._own_hash(node)
        return self._earlier.project.nodes.get(node.unique_id) if is_same else None

    def inputs(self, nodes: Iterable[NodeDefinition]) -> FingerprintInputs:
        """Return what the fingerprints of now were computed from; those of all nodes must have been."""
        return FingerprintInputs(
            shared=self._shared_hash(self._parts.environment_read),
            environment=self._parts.environment_read,
            own={node.unique_id: self._own_hash(node) for node in nodes},
        )

    def _are_shared(self, inputs: FingerprintInputs) -> bool:
        return inputs.shared == self._shared_hash(inputs.environment)

    def _shared_hash(self, names: tuple[str, ...] | None) -> str:
        definition = self._definition
        given = {each.name: getattr(definition, each.name) for each in fields(definition) if each.name not in _APART}
        environment = sorted(self._parts.environment_of(names).items())
        versions = [VERSION, SCHEME, type(definition.dialect).__qualname__]
        return self._digest(repr([versions, given, environment, self._of_all_nodes]))

    def _own_hash(self, node: NodeDefinition) -> str:
        if node.unique_id not in self._own:
            values = {each.name: getattr(node, each.name) for each in fields(node)}
            self._own[node.unique_id] = self._digest(repr(values | {"attributes": told_attributes(node)}))[:_LENGTH]
        return self._own[node.unique_id]
