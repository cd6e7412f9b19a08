"""Earlier definitions moved to the schemas and databases of today's target.

A manifest of another target names other schemas all over. A node that only stands elsewhere because of the target is
put where it stands today; one that was moved by the project (another alias, another custom schema) stays where it was.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dbt_state_plugin.core.values.definition import NodeDefinition, ProjectDefinition

# What dbt notes on a node when it parses or compiles: a file holds it or not, whatever the project says.
_NOTES = frozenset(
    "compiled compiled_code compiled_path build_path extra_ctes extra_ctes_injected config_call_dict "
    "unrendered_config_call_dict fixtures".split()
)
_PLACE = ("database", "schema", "alias", "relation_name")
_NAMING = frozenset({"generate_schema_name", "generate_database_name", "generate_alias_name"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocation:
    """Today's place of each node that the target alone puts elsewhere, and what its relation was called there.

    `attributes` maps a unique_id to `schema`, `relation_name` and the like of today; `names` an old name to the new.
    """

    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def relocation_between(before: ProjectDefinition, now: ProjectDefinition) -> Relocation:
    """Return which nodes of the earlier definition stand elsewhere today without having been moved."""
    present = {node.unique_id: node for node in now.nodes}
    pairs = [(node, present[node.unique_id]) for node in before.nodes if node.unique_id in present]
    naming_is_same = _naming_macros(before) == _naming_macros(now)
    usual = _usual_places(pairs)
    attributes: dict[str, dict[str, Any]] = {}
    names: dict[str, str] = {}
    for old, new in pairs:
        if _place(old) == _place(new) or not _is_declared_alike(old, new):
            continue
        if new.resource_type != "source" and not naming_is_same and not _goes_with_others(old, new, usual):
            continue
        attributes[old.unique_id] = {name: new.attributes[name] for name in _PLACE if name in new.attributes}
        if old.attributes.get("relation_name") and new.attributes.get("relation_name"):
            names[str(old.attributes["relation_name"])] = str(new.attributes["relation_name"])
    return Relocation(attributes=attributes, names=names)


def relocated(before: ProjectDefinition, now: ProjectDefinition, relocation: Relocation) -> ProjectDefinition:
    """Return the earlier definition in the places of today, without the notes that dbt adds."""
    present = {node.unique_id: node for node in now.nodes}
    nodes = []
    for node in before.nodes:
        moved = relocation.attributes.get(node.unique_id)
        relation = present[node.unique_id].relation if moved else node.relation
        references = tuple(
            (parent, str(relocation.attributes[parent]["relation_name"]) if parent in relocation.attributes else name)
            for parent, name in node.references
        )
        attributes = {**node.attributes, **(moved or {}), **_macros_noted(node, present.get(node.unique_id))}
        nodes.append(replace(node, attributes=attributes, relation=relation, references=references))
    return as_in_a_file(replace(before, nodes=tuple(nodes)))


def _macros_noted(old: NodeDefinition, new: NodeDefinition | None) -> dict[str, Any]:
    """Return today's list of macros for a node of equal code: dbt adds to it when it compiles."""
    if new is None or old.attributes.get("raw_code") != new.attributes.get("raw_code"):
        return {}
    before, after = (node.attributes.get("depends_on") or {} for node in (old, new))
    return {"depends_on": {**before, "macros": after["macros"]}} if "macros" in after else {}


def as_in_a_file(definition: ProjectDefinition) -> ProjectDefinition:
    """Return a definition with what a manifest in a file can tell: no notes of dbt, and its own checksum of a seed."""
    return replace(definition, nodes=tuple(_as_in_a_file(node) for node in definition.nodes))


def _as_in_a_file(node: NodeDefinition) -> NodeDefinition:
    attributes = {name: value for name, value in node.attributes.items() if name not in _NOTES}
    content = "/".join(seed_checksum(node)) if node.resource_type == "seed" else ""
    return replace(node, attributes=attributes, content_digest=content)


def seed_checksum(node: NodeDefinition) -> tuple[str, str]:
    """Return dbt's checksum of a seed: of what it is (`path` above 1 MiB: nothing is known of the rows), and itself."""
    checksum = node.attributes.get("checksum") or {}
    return str(checksum.get("name") or ""), str(checksum.get("checksum") or "")


def is_too_large(node: NodeDefinition) -> bool:
    """Return whether dbt keeps no checksum of a seed's content."""
    return node.resource_type == "seed" and seed_checksum(node)[0] != "sha256"


def translated(text: str, names: Mapping[str, str]) -> str:
    """Return SQL with each name of a relation replaced by today's; a part of a longer name is not."""
    if not names:
        return text
    longest_first = sorted(names, key=len, reverse=True)
    pattern = "|".join(map(re.escape, longest_first))
    return re.sub(rf'(?<![\w$."])(?:{pattern})(?![\w$"])', lambda found: names[found[0]], text)


def _is_declared_alike(old: NodeDefinition, new: NodeDefinition) -> bool:
    """Return whether the project says the same about where a node belongs."""
    if new.resource_type == "source":
        same_name = old.relation is None or new.relation is None or old.relation.identifier == new.relation.identifier
        return same_name and all(_names_alike(old, new, name) for name in ("database", "schema"))
    before, after = (node.attributes.get("config") or {} for node in (old, new))
    raw_before, raw_after = (node.attributes.get("unrendered_config") or {} for node in (old, new))
    return all(
        before.get(name) == after.get(name)
        or (raw_after.get(name) is not None and raw_before.get(name) == raw_after.get(name))
        for name in ("database", "schema", "alias")
    )


def _names_alike(old: NodeDefinition, new: NodeDefinition, name: str) -> bool:
    """Return whether a source names the same schema or database, or leaves both times the database to the target."""
    before, after = (node.attributes.get(f"unrendered_{name}") for node in (old, new))
    is_declared = after is not None or name == "database"
    return old.attributes.get(name) == new.attributes.get(name) or (before == after and is_declared)


def _naming_macros(definition: ProjectDefinition) -> dict[str, str]:
    return {macro.unique_id: macro.code for macro in definition.macros if macro.name.split("__")[-1] in _NAMING}


Schema = tuple[str, str]


def _goes_with_others(old: NodeDefinition, new: NodeDefinition, usual: Mapping[Schema, Schema]) -> bool:
    """Return whether a node keeps its name and is where most nodes of its earlier schema are."""
    same_name = old.attributes.get("alias") == new.attributes.get("alias")
    return same_name and usual[_schema(old)] == _schema(new)


def _usual_places(pairs: list[tuple[NodeDefinition, NodeDefinition]]) -> dict[Schema, Schema]:
    """Return for each earlier schema the one where most of its nodes are today."""
    counted: dict[Schema, Counter[Schema]] = {}
    for old, new in pairs:
        if new.resource_type != "source":
            counted.setdefault(_schema(old), Counter())[_schema(new)] += 1
    return {schema: found.most_common(1)[0][0] for schema, found in counted.items()}


def _schema(node: NodeDefinition) -> Schema:
    return str(node.attributes.get("database") or ""), str(node.attributes.get("schema") or "")


def _place(node: NodeDefinition) -> tuple[Any, ...]:
    return tuple(node.attributes.get(name) for name in _PLACE)
