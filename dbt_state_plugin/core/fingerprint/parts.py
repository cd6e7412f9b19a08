"""Parts of a definition: what decides what a relation becomes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dbt_state_plugin.core.fingerprint.hashing import Digest
from dbt_state_plugin.core.fingerprint.python_reads import python_reads
from dbt_state_plugin.core.jinja.reads import JinjaReads, MacroIndex, jinja_reads, union, variable_values
from dbt_state_plugin.core.values.definition import MacroDefinition, NodeDefinition, ProjectDefinition
from dbt_state_plugin.core.values.reasons import GRAPH

# Keys of the resolved config that cannot change the relation, unless Jinja that the node reaches reads its config.
# alias, schema and database count through the relation's name; hooks and contract are parts of their own.
_HARMLESS_CONFIG = frozenset(
    "tags meta docs group access freshness static_analysis enabled alias schema database contract "
    "pre-hook post-hook pre_hook post_hook".split()
)
# What the adapter takes for granted where a key is absent: written out it says the same.
_DEFAULTS: Mapping[str, Any] = {"unlogged": False}
# Attributes of a node that say nothing about its relation, or that a part of its own covers.
_VOLATILE_ATTRIBUTES = frozenset(
    {"created_at", "_event_status", "compiled_path", "build_path", "compiled", "compiled_code"}
)
# Never stored in any form; dbt keeps the first two out of SQL, and does not get to see the last.
_SECRET_PREFIXES = ("DBT_ENV_SECRET", "DBT_ENGINE_ENV_SECRET", "DBT_STATE_PLUGIN_DATABASE_URL")
_METADATA_PREFIX = "DBT_ENV_CUSTOM_ENV_"  # among names it stands for all that begin with it
HOOKS = ("pre-hook", "post-hook", "pre_hook", "post_hook")
# Every statement runs under these fields of the target: they decide what unqualified names mean and who owns a table.
_SESSION_FIELDS = ("search_path", "role")
OWN_PROPERTIES = "the node's own properties"  # all of them, for code that reads them under computed names
_UNKNOWN_QUERY = "the database while it compiles, and no ref or source says which relations"
_DBT = frozenset({"dbt"})  # the namespace in which dbt's own macros search
_OWN_MATERIALIZATION = {"unit_test": "unit"}  # the others are in the config

Items = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a node whose whole text becomes a statement of SQL."""

    text: str


def is_statement(macro_name: str) -> bool:
    """Return whether all that a macro renders is SQL that is executed, by the names of dbt's own macros.

    What another macro renders may end up anywhere, in a string of SQL too.
    """
    stem = macro_name.split("__", 1)[-1]
    return stem.startswith(("create_", "get_")) and stem.endswith(("_as", "_sql"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionParts:
    """The items of each part by name, and what makes the compiled SQL differ on every run.

    `tells_of_others` says that the definitions of all other nodes are among them.
    """

    parts: Mapping[str, Items] = field(default_factory=dict)
    volatile: tuple[str, ...] = ()
    tells_of_others: bool = False


def keeps_columns(config: Mapping[str, Any], parts: DefinitionParts) -> bool:
    """Return whether dbt's incremental materialization writes into the table without altering it; hooks may."""
    return (
        config.get("materialized") == "incremental"
        and config.get("on_schema_change") in (None, "ignore", "fail")
        and not config.get("full_refresh")
        and not (custom_ddl(parts) or parts.parts.get("hooks") or parts.parts.get("project_hooks"))
    )


def custom_ddl(parts: DefinitionParts) -> bool:
    """Return whether macros that are not dbt's own take part in how dbt writes a node."""
    return any(isinstance(item, MacroDefinition) for item in parts.parts.get("materialization", {}).values())


class ProjectParts:
    """Find the parts of each node; what is the same for many nodes is found once."""

    def __init__(self, definition: ProjectDefinition, digest: Digest) -> None:
        """Index the macros and find what all nodes share."""
        self._definition = definition
        self._digest = digest
        self._index = MacroIndex(definition.macros)
        self._macros = {macro.unique_id: macro for macro in definition.macros}
        self._jinja_values = {name: _jinja_in(value) for name, value in definition.variables.items()}
        self._graph = ""
        self._environment_read: set[str] | None = set()
        self._macro_digests: dict[str, str] = {}
        self._run_parts: dict[tuple[str, str, bool], tuple[Items, JinjaReads]] = {}
        self.event_times = {
            node.unique_id: (node.attributes.get("config") or {}).get("event_time")
            for node in definition.nodes
            if node.resource_type == "source"
        }
        self._session = {name: definition.target.get(name) or "" for name in _SESSION_FIELDS}
        self._flags = {"flags": list(definition.flags)}
        self._engine = {"dbt": _minor(definition.dbt_version), "adapter": _minor(definition.adapter_version)}
        self._project_hooks = self._hooks_of_project() if definition.project_hooks else {}
        # By identity, all of them kept as long as this object is; empty until one is asked for.
        shared = (self._session, self._flags, self._engine, self._project_hooks)
        self._hashes_of_shared = dict.fromkeys(map(id, shared), "")
        self._hash_of_nothing = self._hash_of({})

    def of(self, node: NodeDefinition) -> DefinitionParts:
        """Return the parts of one node that dbt builds."""
        attributes = node.attributes
        config = attributes.get("config") or {}
        declared = (attributes.get("depends_on") or {}).get("macros") or ()
        macros, reads = self._read_by(code_text(node), declared)
        run, run_reach = self._run_part(node, config)
        hooks, hook_reach = self._hooks_of(config)
        parts = {
            "body": _body(node),
            "config": _config(config) | self._event_times_of(node),
            "variables": self._read_values(reads) | self._properties_read(node, reads) | self._graph_if(reads),
            "macros": self._macro_items(macros, reads),
            "materialization": self._with_properties(run, node, run_reach),
            "contract": _contract(node, config),
            "hooks": hooks | self._properties_read(node, hook_reach),
            "project_hooks": self._project_hooks,
            "docs": _docs(attributes, config),
            "relation": {"relation": [attributes.get("relation_name"), str(node.relation)]},
            "references": dict(sorted(node.references)),
            "session": self._session,
            "flags": self._flags,
            "engine": self._engine,
        }
        volatile = sorted({*reads.volatile, *run_reach.volatile, *hook_reach.volatile})
        if reads.queries and not node.parents:
            volatile.append(_UNKNOWN_QUERY)
        if _is_python(node):
            volatile += python_reads(str(attributes.get("raw_code") or ""))
        reads_graph = reads.reads_graph or run_reach.reads_graph or hook_reach.reads_graph
        return DefinitionParts(parts=parts, volatile=tuple(volatile), tells_of_others=reads_graph)

    @property
    def environment_read(self) -> tuple[str, ...] | None:
        """The names of the environment's variables that have been looked at so far, None if all of them were."""
        return None if self._environment_read is None else tuple(sorted(self._environment_read))

    def note_environment(self, names: Iterable[str] | None) -> None:
        """Note that variables of the environment count, all of them for None."""
        if names is None or self._environment_read is None:
            self._environment_read = None
        else:
            self._environment_read.update(names)

    def environment_of(self, names: Collection[str] | None) -> dict[str, str]:
        """Return the variables of the environment that are named and may be hashed, all of them for None."""
        return {
            name: value
            for name, value in self._definition.environment.items()
            if (names is None or name in names or (_METADATA_PREFIX in names and name.startswith(_METADATA_PREFIX)))
            and not name.startswith(_SECRET_PREFIXES)
        }

    def value_of(self, name: str, node: NodeDefinition) -> Any:
        """Return what a name of `RenderedReads.names` stands for in this project, None if it stands for nothing."""
        definition = self._definition
        kind, _, rest = name.partition(" ")
        if rest:
            return definition.variables.get(rest) if kind == "var" else self._env_var(rest)
        whole = {"target": definition.target, "model": _attributes(node), "config": node.attributes.get("config")}
        kind, _, rest = name.partition(".")
        if kind in whole:
            return whole[kind] if rest == "*" else (whole[kind] or {}).get(rest)
        if kind == "macro":
            macro = self._macros.get(name)
            return macro and self._digest_of(macro)
        return self._read_values(_EVERYTHING).get(name) if name == "dbt_version" else self._shared_value(name)

    def _env_var(self, name: str) -> str | None:
        return None if name.startswith(_SECRET_PREFIXES) else self._definition.environment.get(name)

    def _shared_value(self, name: str) -> Any:
        if name == GRAPH:
            return self._graph_if(_EVERYTHING)[GRAPH]
        environment = self._definition.environment.items()
        return {each: value for each, value in environment if each.startswith(_METADATA_PREFIX)}

    def hash_of(self, items: Mapping[str, Any]) -> str:
        """Return one hash over all items of a part, whatever their order."""
        if not items:
            return self._hash_of_nothing
        known = self._hashes_of_shared.get(id(items))
        found = known or self._hash_of(items)
        if known == "":
            self._hashes_of_shared[id(items)] = found
        return found

    def _hash_of(self, items: Mapping[str, Any]) -> str:
        return self._digest([[name, self._plain(value)] for name, value in sorted(items.items())])

    def _plain(self, value: Any) -> Any:
        if isinstance(value, MacroDefinition):
            return self._digest_of(value)
        return value.text if isinstance(value, Code) else value

    def _digest_of(self, macro: MacroDefinition) -> str:
        if macro.unique_id not in self._macro_digests:
            self._macro_digests[macro.unique_id] = self._digest(macro.code)
        return self._macro_digests[macro.unique_id]

    def shows_only_in_view_ddl(self, node: NodeDefinition, names: Iterable[str]) -> bool:
        """Return whether these items of the part `materialization` act on a view only through its DDL."""
        config = node.attributes.get("config") or {}
        is_view = node.resource_type == "model" and config.get("materialized") == "view"
        return is_view and self._index.shows_only_in_view_ddl(names, _names_made_by(config))

    def _macro_items(self, macros: Iterable[MacroDefinition], reads: JinjaReads) -> Items:
        items: Items = {macro.unique_id: macro for macro in macros}
        searched = None if reads.namespaces is None else reads.namespaces | _DBT
        entries = [
            entry
            for entry in self._definition.dispatch or ()
            if searched is None or entry.get("macro_namespace") in searched
        ]
        return items | ({"dispatch": entries} if items and entries else {})

    def _read_by(self, text: str, declared: Iterable[str] = ()) -> tuple[tuple[MacroDefinition, ...], JinjaReads]:
        """Return the macros that rendering a text can reach, and what they and the text read together.

        dbt renders the value of a var as Jinja when it is read, so that values are texts like any other.
        """
        while True:
            macros = self._index.reachable(text, declared=declared)
            reads = union([jinja_reads(text), *(jinja_reads(macro.code) for macro in macros)])
            more = self._values_beyond(text, reads)
            if not more:
                return macros, reads
            text = "\n".join([text, *more])

    def _values_beyond(self, text: str, reads: JinjaReads) -> list[str]:
        values = {str(value) for value in variable_values(reads.variables, self._jinja_values).values()}
        return [value for value in sorted(values) if value not in text]

    def _run_part(self, node: NodeDefinition, config: Mapping[str, Any]) -> tuple[Items, JinjaReads]:
        """Return what acts outside of the compiled SQL: custom materializations, strategies, overrides of DDL."""
        materialized = _OWN_MATERIALIZATION.get(node.resource_type, str(config.get("materialized") or ""))
        names = _names_made_by(config)
        # Some versions of dbt look for a key of the config among its `meta` as well.
        has_indexes = bool(config.get("indexes")) or "indexes" in (config.get("meta") or {})
        key = (materialized, names, has_indexes)
        if key not in self._run_parts:
            macros = self._index.run_with(materialized, names, has_indexes=has_indexes)
            reads = union(jinja_reads(macro.code) for macro in macros)
            extra = self._values_beyond("", reads)
            if extra:
                more, their_reach = self._read_by("\n".join(extra))
                macros, reads = tuple(dict.fromkeys((*macros, *more))), union([reads, their_reach])
            items = self._macro_items(macros, reads) | self._read_values(reads) | self._graph_if(reads)
            self._run_parts[key] = (items, reads)
            self._hashes_of_shared[id(items)] = ""
        return self._run_parts[key]

    def _hooks_of(self, config: Mapping[str, Any]) -> tuple[Items, JinjaReads]:
        hooks = [[name.replace("_", "-"), hook] for name in HOOKS for hook in config.get(name) or ()]
        if not hooks:
            return {}, _NOTHING
        macros, reads = self._read_by("\n".join(_strings(hooks)))
        items: Items = {f"{name} {position}": hook for position, (name, hook) in enumerate(hooks, 1)}
        return items | self._macro_items(macros, reads) | self._read_values(reads) | self._graph_if(reads), reads

    def _hooks_of_project(self) -> Items:
        hooks = dict(self._definition.project_hooks)
        macros, reads = self._read_by("\n".join(hooks.values()))
        # Packages ask here for env vars by computed names (which orchestrator is this?): never all of them.
        known = replace(reads, env_vars=reads.env_vars or frozenset())
        return hooks | self._macro_items(macros, reads) | self._read_values(known)

    def _graph_if(self, reads: JinjaReads) -> Items:
        """Return a hash over all nodes, for code that loops over dbt's `graph`."""
        if not reads.reads_graph:
            return {}
        if not self._graph:
            nodes = {node.unique_id: _attributes(node) for node in self._definition.nodes}
            self._graph = self._digest([_by_name(nodes), _by_name(self._definition.graph_extras)])
        return {GRAPH: self._graph}

    def _event_times_of(self, node: NodeDefinition) -> Items:
        """Return the event times of the sources among its parents: dbt filters rows by them (microbatch, sample)."""
        sources = [parent for parent in node.parents if self.event_times.get(parent)]
        return {f"event_time of {parent}": self.event_times[parent] for parent in sources}

    def _with_properties(self, items: Items, node: NodeDefinition, reads: JinjaReads) -> Items:
        """Return the items and the properties that are read; the very same items where there are none."""
        properties = self._properties_read(node, reads)
        return items | properties if properties else items

    @staticmethod
    def _properties_read(node: NodeDefinition, reads: JinjaReads) -> Items:
        """Return the properties of the node that the code reads; what other parts hold of its config is left out."""
        if not reads.reads_config:
            return {}
        attributes = _attributes(node)
        if reads.properties is None:
            return {OWN_PROPERTIES: attributes}
        config = attributes.get("config") or {}
        named = {f"model.{name}": value for name, value in attributes.items() if name in reads.properties}
        named.pop("model.config", None)
        harmless = {f"config.{name}": config.get(name) for name in _READ_BY_NAME & reads.properties}
        return {name: value for name, value in {**named, **harmless}.items() if value not in (None, {}, [], "")}

    def _read_values(self, reads: JinjaReads) -> Items:
        """Return the values of the vars, env vars and target fields that the code can read."""
        definition = self._definition
        names = None if reads.env_vars is None else reads.env_vars | _prefixes(reads)
        self.note_environment(names)
        environment = {f"env_var {name}": value for name, value in self.environment_of(names).items()}
        variables = variable_values(reads.variables, definition.variables)
        target = variable_values(reads.target_fields, definition.target)
        return {
            **{f"var {name}": value for name, value in variables.items()},
            **environment,
            **{f"target.{name}": value for name, value in target.items()},
            **({"dbt_version": [definition.dbt_version, definition.adapter_version]} if reads.reads_version else {}),
        }


def _prefixes(reads: JinjaReads) -> frozenset[str]:
    return frozenset({_METADATA_PREFIX}) if reads.reads_env_metadata else frozenset()


def code_text(node: NodeDefinition) -> str:
    """Return all text of a node that dbt renders to get its SQL."""
    attributes = node.attributes
    rendered = [attributes.get(name) for name in ("test_metadata", "overrides", "given", "expect")]
    made = ["py_script_postfix"] if _is_python(node) else []
    made += ["get_fixture_sql", "get_expected_sql"] if node.resource_type == "unit_test" else []
    return "\n".join([str(attributes.get("raw_code") or ""), *_strings(rendered), *made])


def _is_python(node: NodeDefinition) -> bool:
    return str(node.attributes.get("language") or "").endswith("python")


def _names_made_by(config: Mapping[str, Any]) -> str:
    """Return the names of macros that dbt makes up from a strategy, as a text."""
    strategies = [str(config.get(name) or "") for name in ("strategy", "incremental_strategy")]
    strategies += ["default"] if config.get("materialized") == "incremental" else []
    named = [f"snapshot_{name.split('.')[-1]}_strategy" for name in strategies if name]
    named += [f"get_incremental_{name.replace('+', '_')}_sql" for name in strategies if name]
    return "\n".join(named)


def _strings(value: Any) -> Iterator[str]:
    """Yield every string in a value as it is: in JSON a line break would run into the next word."""
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


def _by_name(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(mapping.items(), key=lambda item: str(item[0])))


def _config(config: Mapping[str, Any]) -> Items:
    """Return the keys that may change the relation; one that is empty says what its absence says."""
    return {
        name: value
        for name, value in config.items()
        if name not in _HARMLESS_CONFIG and value is not None and value not in ({}, []) and not _is_default(name, value)
    }


def _is_default(name: str, value: Any) -> bool:
    return name in _DEFAULTS and value is _DEFAULTS[name]


def _body(node: NodeDefinition) -> Items:
    attributes = node.attributes
    if node.resource_type == "seed":
        return {"content": node.content_digest}
    if node.resource_type == "unit_test":
        return {name: attributes.get(name) for name in ("model", "given", "expect", "overrides", "fixtures")}
    extra = ("test_metadata", "column_name", "arguments", "returns", "language")
    given = {name: attributes[name] for name in extra if attributes.get(name)}
    code = str(attributes.get("raw_code") or "")
    return {"code": code if _is_python(node) else Code(code), **given}


def told_attributes(node: NodeDefinition) -> dict[str, Any]:
    """Return what a fingerprint may be made of, of all that dbt says about a node."""
    return {name: value for name, value in node.attributes.items() if name not in _VOLATILE_ATTRIBUTES}


def _attributes(node: NodeDefinition) -> dict[str, Any]:
    return _by_name(told_attributes(node))


def _columns(attributes: Mapping[str, Any], *wanted: str) -> list[Any]:
    columns = attributes.get("columns") or {}
    return [[column.get(name) for name in wanted] for column in columns.values()]


def _contract(node: NodeDefinition, config: Mapping[str, Any]) -> Items:
    """Return the columns and constraints where a contract enforces them; without one dbt puts them to no use."""
    contract = config.get("contract") or {}
    if not contract.get("enforced"):
        return {}
    attributes = node.attributes
    columns = _columns(attributes, "name", "data_type", "constraints", "quote")
    constraints = attributes.get("constraints")
    # A foreign key names the relation of a ref, which the compiled SQL does not show.
    names = dict(sorted(node.references)) if "foreign_key" in str([columns, constraints]) else {}
    return {"contract": dict(contract), "columns": columns, "constraints": constraints, "foreign keys": names}


def _docs(attributes: Mapping[str, Any], config: Mapping[str, Any]) -> Items:
    """Return the descriptions that `persist_docs` writes to the relation."""
    persisted = config.get("persist_docs") or {}
    relation = {"description": attributes.get("description")} if persisted.get("relation") else {}
    columns = {"columns": _columns(attributes, "name", "quote", "description")} if persisted.get("columns") else {}
    return {**relation, **columns}


def _minor(version: str) -> str:
    """Return major.minor: a patch release of dbt must not rebuild everything, a minor one may."""
    return ".".join(version.split(".")[:2])


_READ_BY_NAME = _HARMLESS_CONFIG | _DEFAULTS.keys()
_NOTHING = jinja_reads("")
_EVERYTHING = replace(_NOTHING, reads_graph=True, reads_version=True)
