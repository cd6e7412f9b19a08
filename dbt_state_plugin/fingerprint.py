"""What is the fingerprint of each node: which hash for which part of its definition?

A part is one kind of thing that decides what the relation becomes, so that a difference has a name: `body`, `config`,
`macros`, `variables`, `contract`, `hooks`, `docs`, `relation`, `references`, `flags`, `engine`. All hashes are keyed
with the installation's own key, so that values of variables cannot be looked up by their hash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from dbt_state_plugin.definition import MacroDefinition, NodeDefinition, ProjectDefinition
from dbt_state_plugin.model import Node, Project
from dbt_state_plugin.reach import MacroIndex, Reach, reach_of, union, variable_values

# Keys of the resolved config that cannot change the relation, unless Jinja that the node reaches reads its config.
# alias, schema and database count through the relation's name; hooks and contract are parts of their own.
_HARMLESS_CONFIG = frozenset(
    "tags meta docs group access freshness static_analysis enabled alias schema database contract "
    "pre-hook post-hook pre_hook post_hook".split()
)
# Attributes of a node that say nothing about its relation, or that a part of its own covers.
_VOLATILE_ATTRIBUTES = frozenset(
    {"created_at", "_event_status", "compiled_path", "build_path", "compiled", "compiled_code"}
)
_SECRET_PREFIXES = (
    "DBT_ENV_SECRET",
    "DBT_ENGINE_ENV_SECRET",
)  # never stored in any form; dbt keeps them out of SQL too
_METADATA_PREFIX = "DBT_ENV_CUSTOM_ENV_"

Digest = Callable[[Any], str]


def fingerprint_project(definition: ProjectDefinition, *, key: bytes) -> Project:
    """Return the project with a fingerprint for each node; `key` is the installation's key of 32 bytes."""
    digest = keyed_digest(key)
    index = MacroIndex(definition.macros)
    shared = _SharedParts(definition, index, digest)
    nodes = {node.unique_id: _fingerprinted(node, shared) for node in definition.nodes}
    return Project(
        name=definition.name,
        target=definition.target_name,
        database=definition.database,
        schema=definition.schema,
        dbt_version=definition.dbt_version,
        adapter_version=definition.adapter_version,
        nodes=nodes,
    )


def keyed_digest(key: bytes) -> Digest:
    """Return a function from any value of JSON's kind to its keyed sha256 in hex."""

    def digest(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
        return hmac.digest(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()

    return digest


class _SharedParts:
    """Hold what is the same for many nodes, so that it is hashed once."""

    def __init__(self, definition: ProjectDefinition, index: MacroIndex, digest: Digest) -> None:
        self.definition = definition
        self.index = index
        self.digest = digest
        hook_macros = index.reachable("\n".join(definition.project_hooks), materialized="")
        self.project_hooks = [list(definition.project_hooks), _macro_digests(hook_macros, digest)]
        self.engine = digest([_minor(definition.dbt_version), _minor(definition.adapter_version)])
        self.flags = digest(list(definition.flags))
        self._graph = ""
        self._macro_parts: dict[tuple[str, ...], str] = {}

    def graph(self) -> str:
        """Return a hash over all nodes, for code that loops over dbt's `graph`."""
        if not self._graph:
            nodes = {node.unique_id: _attributes(node) for node in self.definition.nodes}
            self._graph = self.digest(nodes)
        return self._graph

    def macro_part(self, macros: tuple[MacroDefinition, ...]) -> str:
        """Return the hash over the code of some macros."""
        ids = tuple(macro.unique_id for macro in macros)
        if ids not in self._macro_parts:
            self._macro_parts[ids] = self.digest(_macro_digests(macros, self.digest))
        return self._macro_parts[ids]


def _fingerprinted(node: NodeDefinition, shared: _SharedParts) -> Node:
    attributes = node.attributes
    config = attributes.get("config") or {}
    text = jinja_text(node)
    declared = (attributes.get("depends_on") or {}).get("macros") or ()
    materialized = str(config.get("materialized") or "")
    fingerprint: dict[str, str] = {}
    volatile: tuple[str, ...] = ()
    if node.resource_type != "source":
        macros = shared.index.reachable(text, materialized=materialized, declared=declared)
        reach = union([reach_of(text), *(reach_of(macro.code) for macro in macros)])
        fingerprint = _parts(node, config, reach, shared) | {"macros": shared.macro_part(macros)}
        volatile = reach.volatile
    return Node(
        unique_id=node.unique_id,
        resource_type=node.resource_type,
        name=str(attributes.get("name") or ""),
        package=str(attributes.get("package_name") or ""),
        fqn=tuple(str(part) for part in attributes.get("fqn") or ()),
        path=str(attributes.get("original_file_path") or ""),
        materialized=materialized,
        relation=node.relation,
        parents=node.parents,
        fingerprint=fingerprint,
        raw_code=str(attributes.get("raw_code") or ""),
        volatile=volatile,
        version="" if attributes.get("version") is None else str(attributes.get("version")),
    )


def _parts(node: NodeDefinition, config: Mapping[str, Any], reach: Reach, shared: _SharedParts) -> dict[str, str]:
    attributes, digest = node.attributes, shared.digest
    relevant = {name: value for name, value in config.items() if reach.reads_config or name not in _HARMLESS_CONFIG}
    everything_read = _attributes(node) if reach.reads_config else None
    graph = shared.graph() if reach.reads_graph else None
    return {
        "body": digest(_body(node)),
        "config": digest([relevant, everything_read, graph]),
        "variables": digest(_read_values(reach, shared.definition)),
        "contract": digest(
            [config.get("contract"), _columns(attributes, with_descriptions=False), _constraints(attributes)]
        ),
        "hooks": digest([_hooks(config), shared.project_hooks]),
        "docs": digest(_docs(attributes, config)),
        "relation": digest([attributes.get("relation_name"), str(node.relation)]),
        "references": digest(sorted(node.references)),
        "flags": shared.flags,
        "engine": shared.engine,
    }


def jinja_text(node: NodeDefinition) -> str:
    """Return all text of a node that dbt renders when it builds the node."""
    attributes = node.attributes
    config = attributes.get("config") or {}
    pieces = [str(attributes.get("raw_code") or "")]
    pieces += _hooks(config)
    for name in ("test_metadata", "overrides", "given", "expect"):
        if attributes.get(name):
            pieces.append(json.dumps(attributes[name], default=str))
    return "\n".join(pieces)


def _body(node: NodeDefinition) -> Any:
    attributes = node.attributes
    if node.resource_type == "seed":
        return node.content_digest
    if node.resource_type == "unit_test":
        return [attributes.get(name) for name in ("model", "given", "expect", "overrides", "fixtures")]
    extra = [attributes.get(name) for name in ("test_metadata", "column_name", "arguments", "returns", "language")]
    return [attributes.get("raw_code"), extra]


def _attributes(node: NodeDefinition) -> dict[str, Any]:
    return {name: value for name, value in node.attributes.items() if name not in _VOLATILE_ATTRIBUTES}


def _hooks(config: Mapping[str, Any]) -> list[str]:
    """Return the texts of the hooks, each with whether it runs inside the transaction."""
    hooks = []
    for name in ("pre-hook", "post-hook", "pre_hook", "post_hook"):
        for hook in config.get(name) or ():
            hooks.append(json.dumps([name.replace("_", "-"), hook], sort_keys=True, default=str, ensure_ascii=False))
    return hooks


def _columns(attributes: Mapping[str, Any], *, with_descriptions: bool) -> list[Any]:
    wanted = ["name", "data_type", "constraints", "quote", *(["description"] if with_descriptions else [])]
    columns = attributes.get("columns") or {}
    return [[column.get(name) for name in wanted] for column in columns.values()]


def _constraints(attributes: Mapping[str, Any]) -> Any:
    return attributes.get("constraints")


def _docs(attributes: Mapping[str, Any], config: Mapping[str, Any]) -> Any:
    """Return the descriptions, where `persist_docs` writes them to the relation."""
    if not any((config.get("persist_docs") or {}).values()):
        return None
    return [attributes.get("description"), _columns(attributes, with_descriptions=True)]


def _read_values(reach: Reach, definition: ProjectDefinition) -> Any:
    """Return the values of the vars, env vars and target fields that the code can read."""
    environment = {
        name: value
        for name, value in definition.environment.items()
        if (
            reach.env_vars is None
            or name in reach.env_vars
            or (reach.reads_env_metadata and name.startswith(_METADATA_PREFIX))
        )
        and not name.startswith(_SECRET_PREFIXES)
    }
    return [
        variable_values(reach.variables, definition.variables),
        environment,
        variable_values(reach.target_fields, definition.target),
    ]


def _macro_digests(macros: tuple[MacroDefinition, ...], digest: Digest) -> list[list[str]]:
    return [[macro.unique_id, digest(macro.code)] for macro in macros]


def _minor(version: str) -> str:
    """Return major.minor: a patch release of dbt must not rebuild everything, a minor one may."""
    return ".".join(version.split(".")[:2])


def definition_digest(node: Node) -> str:
    """Return one hash over all parts of a node's fingerprint."""
    parts = json.dumps(sorted(node.fingerprint.items()))
    return hashlib.sha256(parts.encode()).hexdigest()
