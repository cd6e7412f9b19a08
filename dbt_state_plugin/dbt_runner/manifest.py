"""dbt's manifest objects as plain definitions.

Nothing here imports dbt: the objects are handed in, and only attributes of the manifest's documented schema are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.definition import BUILT_TYPES, GRAPH_EXTRAS, MacroDefinition, NodeDefinition
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.dbt_runner.seed_file import seed_digest

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.dialect import SqlDialect

_RELATION_TYPES = frozenset({"model", "seed", "snapshot", "source"})


def macro_definitions(manifest: Any, builtin_packages: Iterable[str]) -> tuple[MacroDefinition, ...]:
    """Return every macro of the manifest."""
    builtin = frozenset(builtin_packages)
    return tuple(
        MacroDefinition(
            unique_id=macro.unique_id,
            name=macro.name,
            package=macro.package_name,
            code=macro.macro_sql,
            is_builtin=macro.package_name in builtin,
            path=str(macro.original_file_path),
        )
        for macro in manifest.macros.values()
    )


def node_definitions(manifest: Any, project_dir: Path | None, dialect: SqlDialect) -> tuple[NodeDefinition, ...]:
    """Return every enabled node that dbt builds, and every source. Raises ProjectError for an unreadable seed.

    Without a folder no seed is read: the manifest is not of the files that are there.
    """
    everything = _resources(manifest)
    known = {node.unique_id: node for node in everything}
    return tuple(_definition(node, known, manifest, project_dir, dialect) for node in everything)


def project_hooks(manifest: Any) -> dict[str, str]:
    """Return the texts of on-run-start and on-run-end by unique_id, in the order in which dbt runs them."""
    operations = [node for node in manifest.nodes.values() if _type(node) == "operation"]
    return {node.unique_id: str(node.raw_code) for node in sorted(operations, key=lambda node: str(node.unique_id))}


def graph_extras(manifest: Any) -> dict[str, Any]:
    """Return what Jinja's `graph` holds besides the nodes that dbt builds, by unique_id."""
    found: dict[str, Any] = {}
    for kind in GRAPH_EXTRAS:
        for unique_id, resource in getattr(manifest, kind, {}).items():
            found[unique_id] = {
                name: value for name, value in resource.to_dict(omit_none=False).items() if name != "created_at"
            }
    return found


def _resources(manifest: Any) -> list[Any]:
    found = [node for node in manifest.nodes.values() if _type(node) in BUILT_TYPES]
    found += manifest.sources.values()
    found += getattr(manifest, "unit_tests", {}).values()
    found += getattr(manifest, "functions", {}).values()  # user-defined functions, since dbt 1.11
    return [node for node in found if _is_enabled(node)]


def _is_enabled(node: Any) -> bool:
    """Return whether dbt runs a node: after a full parse it keeps tests of disabled models among the enabled nodes."""
    config = getattr(node, "config", None)
    return config is None or config.get("enabled") is not False


def _type(node: Any) -> str:
    return str(getattr(node.resource_type, "value", node.resource_type))


def _definition(
    node: Any, known: dict[str, Any], manifest: Any, project_dir: Path | None, dialect: SqlDialect
) -> NodeDefinition:
    attributes = node.to_dict(omit_none=False)
    resource_type = "source" if getattr(node, "is_external_node", False) else _type(node)
    depends_on = getattr(node, "depends_on", None)
    parents = tuple(parent for parent in getattr(depends_on, "nodes", ()) or () if parent in known)
    if resource_type == "unit_test":
        attributes["fixtures"] = _fixtures(node, manifest)
    return NodeDefinition(
        unique_id=node.unique_id,
        resource_type=resource_type,
        attributes=attributes,
        relation=_relation_name(node, dialect)
        if resource_type in _RELATION_TYPES and not _is_ephemeral(node)
        else None,
        parents=parents,
        references=tuple((parent, str(getattr(known[parent], "relation_name", ""))) for parent in parents),
        content_digest=seed_digest(seed_path(node, project_dir)) if resource_type == "seed" and project_dir else "",
    )


def _is_ephemeral(node: Any) -> bool:
    config = getattr(node, "config", None)
    return _type(node) == "model" and config is not None and config.get("materialized") == "ephemeral"


def seed_path(node: Any, project_dir: Path) -> Path:
    """Return where the file of a seed is; seeds of packages lie below the package."""
    return Path(node.root_path or project_dir) / str(node.original_file_path)


def seed_files(manifest: Any, project_dir: Path) -> dict[str, Path]:
    """Return the file of each seed by unique_id."""
    seeds = [node for node in manifest.nodes.values() if _type(node) == "seed"]
    return {seed.unique_id: seed_path(seed, project_dir) for seed in seeds}


def _fixtures(unit_test: Any, manifest: Any) -> list[Any]:
    """Return the rows of the fixture files that a unit test names."""
    blocks = [*unit_test.given, unit_test.expect]
    names = {block.fixture for block in blocks if getattr(block, "fixture", None)}
    fixtures = getattr(manifest, "fixtures", {}).values()
    return sorted([str(fixture.name), str(fixture.rows)] for fixture in fixtures if fixture.name in names)


def _relation_name(node: Any, dialect: SqlDialect) -> RelationName:
    """Return the relation's name as the server stores it; dbt's `relation_name` shows which parts it quotes."""
    identifier = getattr(node, "identifier", None) or getattr(node, "alias", None) or node.name
    rendered = node.relation_name or ""
    if place := dialect.external_place(_place(node, rendered)):
        return RelationName(database=dialect.stored_name(node.database or "", ""), schema=place[0], identifier=place[1])
    return RelationName(
        database=dialect.stored_name(node.database or "", rendered),
        schema=dialect.stored_name(node.schema or "", rendered),
        identifier=dialect.stored_name(identifier, rendered),
    )


def _place(node: Any, rendered: str) -> str:
    """Return where rows are read from: a plugin of dbt-duckdb loads the table of a source anew while dbt compiles."""
    if _type(node) != "source":
        return rendered
    told = {**(getattr(node, "meta", None) or {}), **(getattr(node.config, "extra", None) or {})}
    is_loaded = "plugin" in told and told.get("save_mode") != "ignore"
    return f"{told['plugin']}({rendered})" if is_loaded else rendered


def microbatch_models(manifest: Any) -> Iterator[str]:
    """Yield the models whose NodeFinished event dbt sends once for each batch."""
    for node in manifest.nodes.values():
        config = node.config
        if config.get("materialized") == "incremental" and config.get("incremental_strategy") == "microbatch":
            yield node.unique_id
