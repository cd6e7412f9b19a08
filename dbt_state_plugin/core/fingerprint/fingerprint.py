"""Fingerprints: one hash per part of a node's definition.

A part is one kind of input that decides what the relation becomes, so that a difference has a name. Three groups:

- `body`, `macros`, `variables`, `references`, `engine` act through the SQL that dbt compiles, `hooks` and
  `project_hooks` through the SQL of the hooks: where one of them differs, that SQL is compared (see core/changes/);
- `config`, `contract`, `docs`, `materialization`, `relation`, `session`, `flags` act outside of it;
- `scheme` names this way of hashing.

All hashes are keyed with the installation's own key, so that values of variables cannot be looked up by their hash.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dbt_state_plugin.core.config.source_config import plugin_settings
from dbt_state_plugin.core.fingerprint.hashing import SCHEME, keyed_digest
from dbt_state_plugin.core.fingerprint.inputs import KnownFingerprints
from dbt_state_plugin.core.fingerprint.loader_columns import LoaderColumns
from dbt_state_plugin.core.fingerprint.parts import (
    OWN_PROPERTIES,
    Code,
    DefinitionParts,
    ProjectParts,
    custom_ddl,
    is_statement,
    keeps_columns,
)
from dbt_state_plugin.core.jinja.layout import (
    without_certain_layout,
    without_discarded_text,
    without_layout,
    without_sql_layout,
)
from dbt_state_plugin.core.values.definition import MacroDefinition, NodeDefinition, ProjectDefinition
from dbt_state_plugin.core.values.dialect import SqlDialect
from dbt_state_plugin.core.values.fingerprinted import FingerprintedProject, FingerprintInputs
from dbt_state_plugin.core.values.project import Exposure, Node, Project


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hashed:
    """The fields of a `Node` that all parts of its definition decide."""

    fingerprint: Mapping[str, str]
    volatile: tuple[str, ...]
    names_loader_columns: bool
    keeps_columns: bool
    custom_ddl: bool


class Fingerprinter:
    """Hashes the definitions of one project: every node's parts at once, the items of a part on demand."""

    def __init__(
        self,
        definition: ProjectDefinition,
        *,
        key: bytes,
        seed_rows: Callable[[str], str] = lambda _: "",
        earlier: FingerprintedProject | None = None,
    ) -> None:
        """Fingerprint all nodes; `key` is the installation's key of 32 bytes.

        `seed_rows` gives a hash of the rows of a seed, whatever its file looks like; it is asked where it matters. A
        node's fingerprint is taken from `earlier` if none of its inputs differs.
        """
        self._seed_rows = seed_rows
        self._definition = definition
        self.dialect = definition.dialect
        self._digest = keyed_digest(key)
        self._parts = ProjectParts(definition, self._digest)
        self._definitions = {node.unique_id: node for node in definition.nodes}
        self.adapters = definition.adapters
        self.macro_paths = {macro.unique_id: macro.path for macro in definition.macros}
        self._hidden: tuple[str, ...] | None = None
        self._settings = {node.unique_id: plugin_settings(node.attributes) for node in definition.nodes}
        self._loader_columns = LoaderColumns(self._settings.values())
        of_all_nodes = [self._parts.event_times, self._loader_columns.names]
        self._known = KnownFingerprints(definition, self._parts, self._digest, earlier, of_all_nodes=of_all_nodes)
        self._tell_of_others: set[str] = set()
        self.project = Project(
            name=definition.name,
            target=definition.target_name,
            database=definition.database,
            schema=definition.schema,
            dbt_version=definition.dbt_version,
            adapter_version=definition.adapter_version,
            nodes={node.unique_id: self._fingerprinted(node) for node in definition.nodes},
            exposures=tuple(_exposures(definition.graph_extras)),
        )

    def inputs(self) -> FingerprintInputs:
        """Return what the fingerprints were computed from, to be kept with them."""
        alone = [node for node in self._definition.nodes if node.unique_id not in self._tell_of_others]
        return self._known.inputs(alone)

    def items(self, unique_id: str) -> dict[str, dict[str, str]]:
        """Return what each part of a node's fingerprint consists of: for each item its hash, or its value as JSON.

        Only values of the configuration and names of relations are given as such, and only where no value of an
        environment variable or of --vars stands in them. A macro has two hashes: of its text, and of its text without
        layout and comments of Jinja.
        """
        definition = self._definitions[unique_id]
        parts = self._parts.of(definition).parts
        items = {
            part: {name: self._item(part, value) for name, value in _each_property(named).items()}
            for part, named in parts.items()
        }
        if definition.resource_type == "seed":
            rows = self._seed_rows(unique_id)
            items["body"]["rows"] = "#" + self._digest(rows) if rows else ""
        return {part: found for part, found in items.items() if found}

    def read_values(self, unique_id: str, names: Iterable[str]) -> dict[str, str]:
        """Return a hash of what each of these names, of `RenderedReads.names`, stands for today."""
        node = self._definitions[unique_id]
        return {name: self._digest(self._parts.value_of(name, node)) for name in sorted(names)}

    def in_view_ddl(self, unique_id: str, changed: Collection[str]) -> bool:
        """Return whether these items of the part `materialization` show only in the statement that creates a view."""
        are_macros = all(name.startswith("macro.") for name in changed)
        return are_macros and self._parts.shows_only_in_view_ddl(self._definitions[unique_id], changed)

    def is_described(self, unique_id: str) -> bool:
        """Return whether a node or one of its columns has a description."""
        attributes = self._definitions[unique_id].attributes
        columns = (attributes.get("columns") or {}).values()
        return any(each.get("description") for each in (attributes, *columns))

    def configured(self, unique_id: str) -> frozenset[str]:
        """Return the keys of a node's config that the project sets."""
        return frozenset(self._definitions[unique_id].attributes.get("unrendered_config") or ())

    def _item(self, part: str, value: Any) -> str:
        if isinstance(value, MacroDefinition):
            return f"{self._digest(value.code)}:{self._digest(_spelled(value, self.dialect))}"
        if isinstance(value, Code):
            return f"{self._digest(value.text)}:{self._digest(without_certain_layout(value.text, self.dialect))}"
        if part in ("config", "references"):
            text = json.dumps(value, ensure_ascii=False, default=str)
            if not any(hidden in text for hidden in self._hidden_values()):
                return text
        return "#" + self._digest(value)

    def _hidden_values(self) -> tuple[str, ...]:
        """Return the values that must not be stored: of env vars and of --vars, except for the shortest."""
        if self._hidden is None:
            given = [defined[0][1] for defined in self._definition.variables.values() if _is_given(defined)]
            values = {*self._definition.environment.values(), *strings_in(given)}
            self._hidden = tuple(json.dumps(value, ensure_ascii=False)[1:-1] for value in values if len(value) > 2)
        return self._hidden

    def _fingerprinted(self, node: NodeDefinition) -> Node:
        attributes = node.attributes
        known = self._known.of(node)
        hashed = known or self._of_parts(node)
        return Node(
            unique_id=node.unique_id,
            resource_type=node.resource_type,
            name=str(attributes.get("name") or ""),
            package=str(attributes.get("package_name") or ""),
            fqn=tuple(str(part) for part in attributes.get("fqn") or ()),
            path=str(attributes.get("original_file_path") or ""),
            materialized=str((attributes.get("config") or {}).get("materialized") or ""),
            relation=node.relation,
            parents=node.parents,
            fingerprint=hashed.fingerprint,
            raw_code=str(attributes.get("raw_code") or ""),
            volatile=hashed.volatile,
            version="" if attributes.get("version") is None else str(attributes.get("version")),
            settings=self._settings[node.unique_id],
            names_loader_columns=hashed.names_loader_columns,
            full_refresh=(attributes.get("config") or {}).get("full_refresh"),
            keeps_columns=hashed.keeps_columns,
            custom_ddl=hashed.custom_ddl,
            shows_failures=(attributes.get("config") or {}).get("store_failures_as") == "view",
        )

    def _of_parts(self, node: NodeDefinition) -> _Hashed:
        parts = self._parts.of(node) if node.resource_type != "source" else DefinitionParts()
        if parts.tells_of_others:
            self._tell_of_others.add(node.unique_id)
        return _Hashed(
            fingerprint=self._hashed(parts) if parts.parts else {},
            volatile=parts.volatile,
            names_loader_columns=self._loader_columns.are_named_in(node, parts),
            keeps_columns=keeps_columns(node.attributes.get("config") or {}, parts),
            custom_ddl=custom_ddl(parts),
        )

    def _hashed(self, parts: DefinitionParts) -> dict[str, str]:
        hashed = {part: self._parts.hash_of(items) for part, items in parts.parts.items()}
        return {"scheme": SCHEME, **hashed}


def _each_property(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return the items of a part and, beside all properties of the node, each of them, so that a reason can name it."""
    properties = named.get(OWN_PROPERTIES) or {}
    return {**{f"model.{name}": value for name, value in properties.items()}, **named}


def _spelled(macro: MacroDefinition, dialect: SqlDialect) -> str:
    if macro.name.startswith("materialization_"):
        return without_discarded_text(macro.code, dialect)
    return without_sql_layout(macro.code, dialect) if is_statement(macro.name) else without_layout(macro.code)


def _is_given(defined: Any) -> bool:
    return bool(defined) and defined[0][0] == "command line"


def strings_in(value: Any) -> list[str]:
    """Return the texts of all values below a value of YAML's kind, numbers as text; null and booleans give none."""
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in strings_in(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in strings_in(item)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


def _exposures(graph_extras: Mapping[str, Any]) -> Iterator[Exposure]:
    """Yield the exposures among what Jinja's `graph` holds besides nodes."""
    for unique_id, attributes in graph_extras.items():
        if unique_id.startswith("exposure.") and isinstance(attributes, Mapping):
            owner = attributes.get("owner")
            owner = owner if isinstance(owner, Mapping) else {}
            yield Exposure(
                unique_id=unique_id,
                name=str(attributes.get("name") or ""),
                kind=str(attributes.get("type") or "exposure"),
                owner=str(owner.get("name") or owner.get("email") or ""),
                url=str(attributes.get("url") or ""),
                parents=tuple((attributes.get("depends_on") or {}).get("nodes", ())),
            )


def fingerprint_project(definition: ProjectDefinition, *, key: bytes) -> Project:
    """Return the project with a fingerprint for each node; `key` is the installation's key of 32 bytes."""
    return Fingerprinter(definition, key=key).project
