"""Definitions of nodes and macros before they are hashed.

Plain values copied out of dbt's manifest, so that hashing them does not need dbt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.relations import RelationName

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.dialect import SqlDialect

BUILT_TYPES = frozenset({"model", "seed", "snapshot", "test", "unit_test", "function"})
# Sections of a manifest that Jinja's `graph` holds besides what dbt builds, and sources.
GRAPH_EXTRAS = ("exposures", "groups", "metrics", "semantic_models", "saved_queries")


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroDefinition:
    """One macro; `is_builtin` says that it ships with dbt or its adapter."""

    unique_id: str
    name: str
    package: str
    code: str
    is_builtin: bool
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDefinition:
    """One node as dbt parsed it: `attributes` is the node's dictionary in the manifest.

    `content_digest` is the sha256 of a seed's file; `references` are pairs of a parent's unique_id and the name of its
    relation as dbt renders it; `hooks` are the texts of its pre- and post-hooks.
    """

    unique_id: str
    resource_type: str
    attributes: Mapping[str, Any]
    relation: RelationName | None
    parents: tuple[str, ...]
    references: tuple[tuple[str, str], ...] = ()
    content_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDefinition:
    """What every node's definition may depend on, and the `dialect` in which its SQL is read.

    `variables` maps the name of a var to everything that defines it (command line, root project, packages);
    `environment` is the process's environment; `target` is what Jinja's `target` holds; `project_hooks` are the texts
    of on-run-start and on-run-end by their names; `flags` are options that change what dbt builds (such as `--empty`);
    `dispatch` is the search order of macros; `graph_extras` is what Jinja's `graph` holds besides nodes (exposures,
    metrics, groups); `adapters` are the adapter in use and those from which it inherits, by dbt's names, and none where
    that is not known.
    """

    name: str
    target_name: str
    database: str
    schema: str
    dbt_version: str
    adapter_version: str
    macros: tuple[MacroDefinition, ...]
    nodes: tuple[NodeDefinition, ...]
    dialect: SqlDialect
    variables: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    target: Mapping[str, Any] = field(default_factory=dict)
    project_hooks: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    dispatch: Any = None
    graph_extras: Mapping[str, Any] = field(default_factory=dict)
    adapters: tuple[str, ...] = ()
