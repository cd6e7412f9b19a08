"""What is the fingerprint of each node: which hash for which part of its definition?

A part is one kind of thing that decides what the relation becomes, so that a difference has a name: `body`, `config`,
`macros`, `variables`, `contract`, `hooks`, `docs`, `relation`, `references`, `flags`, `engine`. All hashes are keyed
with the installation's own key, so that values of variables cannot be looked up by their hash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, time
from enum import Enum
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

_HOOKS = ("pre-hook", "post-hook", "pre_hook", "post_hook")
# Every statement runs under these fields of the target: they decide what unqualified names mean and who owns a table.
_SESSION_FIELDS = ("search_path", "role")

Digest = Callable[[Any], str]


def fingerprint_project(definition: ProjectDefinition, *, key: bytes) -> Project:
    """Return the project with a fingerprint for each node; `key` is the installation's key of 32 bytes."""
    shared = _SharedParts(definition, keyed_digest(key))
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
    """Return a function from any value of YAML's kind to its keyed sha256 in hex."""

    def digest(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(_exact(value), ensure_ascii=False)
        return hmac.digest(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()

    return digest


def _exact(value: Any) -> Any:
    """Return a value in JSON's terms without losing what Jinja can tell apart.

    The order of a mapping counts, since Jinja can loop over it, and so do the types of its keys. dbt holds enums and
    times after a full parse, and their texts after a partial one: they are the same.
    """
    if isinstance(value, Enum):
        return _exact(value.value)
    if isinstance(value, Mapping):
        return {"mapping": [[_exact(name), _exact(item)] for name, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_exact(item) for item in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def _by_name(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(mapping.items(), key=lambda item: str(item[0])))


class _SharedParts:
    """Hold what is the same for many nodes, so that it is hashed once."""

    def __init__(self, definition: ProjectDefinition, digest: Digest) -> None:
        self.definition = definition
        self.digest = digest
        self._index = MacroIndex(definition.macros)
        self._jinja_values = {name: _jinja_in(value) for name, value in definition.variables.items()}
        self._graph = ""
        self._macro_parts: dict[tuple[str, ...], str] = {}
        self._event_times = {
            node.unique_id: (node.attributes.get("config") or {}).get("event_time")
            for node in definition.nodes
            if node.resource_type == "source"
        }
        self.flags = digest(list(definition.flags))
        self.engine = digest([_minor(definition.dbt_version), _minor(definition.adapter_version)])
        self.project_hooks = self._project_hooks() if definition.project_hooks else []

    def _project_hooks(self) -> list[Any]:
        hooks = list(self.definition.project_hooks)
        macros, reach = self.reached("\n".join(hooks), materialized="")
        # Packages ask here for env vars by computed names (which orchestrator is this?): never all of them.
        known = replace(reach, env_vars=reach.env_vars or frozenset())
        return [hooks, self.macro_part(macros), _read_values(known, self.definition)]

    def reached(
        self, text: str, *, materialized: str, declared: Iterable[str] = ()
    ) -> tuple[tuple[MacroDefinition, ...], Reach]:
        """Return the macros that a text can reach, and what they and the text read together.

        dbt renders the value of a var as Jinja when it is read, so that values are texts like any other.
        """
        while True:
            macros = self._index.reachable(text, materialized=materialized, declared=declared)
            reach = union([reach_of(text), *(reach_of(macro.code) for macro in macros)])
            values = {str(value) for value in variable_values(reach.variables, self._jinja_values).values()}
            more = [value for value in sorted(values) if value not in text]
            if not more:
                return macros, reach
            text = "\n".join([text, *more])

    def graph(self) -> str:
        """Return a hash over all nodes, for code that loops over dbt's `graph`."""
        if not self._graph:
            nodes = {node.unique_id: _attributes(node) for node in self.definition.nodes}
            self._graph = self.digest([_by_name(nodes), _by_name(self.definition.graph_extras)])
        return self._graph

    def event_times_of(self, parents: Iterable[str]) -> list[Any]:
        """Return the event times of the sources among these nodes: dbt filters rows by them (microbatch, sample)."""
        return [[parent, self._event_times[parent]] for parent in sorted(parents) if parent in self._event_times]

    def macro_part(self, macros: tuple[MacroDefinition, ...]) -> str:
        """Return the hash over the code of some macros, and over the order in which dispatch finds them."""
        ids = tuple(macro.unique_id for macro in macros)
        if ids not in self._macro_parts:
            order = self.definition.dispatch if macros else None
            self._macro_parts[ids] = self.digest([order, _macro_digests(macros, self.digest)])
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
        materialization = "unit" if node.resource_type == "unit_test" else materialized
        macros, reach = shared.reached(text, materialized=materialization, declared=declared)
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
        "config": digest([_by_name(relevant), everything_read, graph]),
        "variables": digest(_read_values(reach, shared.definition)),
        "contract": digest(
            [config.get("contract"), _columns(attributes, with_descriptions=False), _constraints(attributes)]
        ),
        "hooks": digest([_hooks(config), shared.project_hooks]),
        "docs": digest(_docs(attributes, config)),
        "relation": digest([attributes.get("relation_name"), str(node.relation)]),
        "references": digest([sorted(node.references), shared.event_times_of(node.parents)]),
        "flags": shared.flags,
        "engine": shared.engine,
    }


def jinja_text(node: NodeDefinition) -> str:
    """Return all text of a node that dbt renders when it builds the node, and the macros that its config names."""
    attributes = node.attributes
    config = attributes.get("config") or {}
    rendered = [config.get(name) for name in _HOOKS]
    rendered += [attributes.get(name) for name in ("test_metadata", "overrides", "given", "expect")]
    strategies = [str(config.get(name) or "") for name in ("strategy", "incremental_strategy")]
    named = [f"snapshot_{name.split('.')[-1]}_strategy" for name in strategies]
    named += [f"get_incremental_{name.replace('+', '_')}_sql" for name in strategies]
    return "\n".join([str(attributes.get("raw_code") or ""), *_strings(rendered), *named])


def _strings(value: Any) -> Iterator[str]:
    """Yield every string in a value as it stands: in JSON a line break would run into the next word."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from _strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item)


def _jinja_in(value: Any) -> str:
    return "\n".join(text for text in _strings(value) if "{{" in text or "{%" in text)


def _body(node: NodeDefinition) -> Any:
    attributes = node.attributes
    if node.resource_type == "seed":
        return node.content_digest
    if node.resource_type == "unit_test":
        return [attributes.get(name) for name in ("model", "given", "expect", "overrides", "fixtures")]
    extra = [attributes.get(name) for name in ("test_metadata", "column_name", "arguments", "returns", "language")]
    return [attributes.get("raw_code"), extra]


def _attributes(node: NodeDefinition) -> dict[str, Any]:
    return _by_name({name: value for name, value in node.attributes.items() if name not in _VOLATILE_ATTRIBUTES})


def _hooks(config: Mapping[str, Any]) -> list[Any]:
    """Return the hooks, each with whether it runs inside the transaction."""
    return [[name.replace("_", "-"), hook] for name in _HOOKS for hook in config.get(name) or ()]


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
        _by_name(variable_values(reach.variables, definition.variables)),
        _by_name(environment),
        _by_name(variable_values(reach.target_fields, definition.target)),
        [definition.target.get(name) or "" for name in _SESSION_FIELDS],
        [definition.dbt_version, definition.adapter_version] if reach.reads_version else None,
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
