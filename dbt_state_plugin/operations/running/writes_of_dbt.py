"""Relations that an invocation of dbt may have written.

For a warehouse that can tell what was written only by reading all rows again: what certainly was not written need not
be read. In doubt any relation may have been written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.definition import NodeDefinition, ProjectDefinition
    from dbt_state_plugin.core.values.relations import RelationName
    from dbt_state_plugin.core.values.results import NodeOutcome
    from dbt_state_plugin.dbt_runner.execute import DbtOutcome
    from dbt_state_plugin.dbt_runner.invocation import Invocation

# Materializations of dbt's own that write the relation of their node, and others of names that begin with its name.
_PLAIN = ("table", "view", "incremental", "seed", "snapshot", "ephemeral", "test", "unit")
_AT_PARSE = ("generate_schema_name", "generate_alias_name", "generate_database_name")  # they only return a name
_MATERIALIZATION = "materialization_"
_STORE_FAILURES = "store_failures"


def relations_written(
    definition: ProjectDefinition, invocation: Invocation, outcome: DbtOutcome
) -> frozenset[RelationName] | None:
    """Return what dbt may have written, None if that may be anything."""
    if outcome.was_interrupted or outcome.error or outcome.project_hook_sql or _stores_failures(invocation):
        return None
    overrides = _overrides(definition)
    nodes = {node.unique_id: node for node in definition.nodes}
    written = set()
    for unique_id, each in outcome.nodes.items():
        node = nodes.get(unique_id)
        if node is None or not _writes_itself_alone(node, each, overrides):
            return None
        if node.relation is not None:
            written.add(node.relation)
    return frozenset(written)


def _writes_itself_alone(node: NodeDefinition, outcome: NodeOutcome, overrides: frozenset[str]) -> bool:
    config: Mapping[str, Any] = node.attributes.get("config") or {}
    if any(config.get(key) for key in ("pre-hook", "post-hook", "sql_header", _STORE_FAILURES, "store_failures_as")):
        return False
    if config.get("materialized") not in _PLAIN:
        return False
    if node.resource_type == "seed":
        return not overrides
    if outcome.status == "skipped":
        return True
    reads = outcome.reads
    if reads is None or reads.is_opaque or reads.asked_sql or reads.questions or reads.hook_sql:
        return False
    return overrides.isdisjoint(reads.names)


def _overrides(definition: ProjectDefinition) -> frozenset[str]:
    """Return the macros of the project and its packages that dbt may take in the place of its own."""
    own = {_base(macro.name) for macro in definition.macros if macro.is_builtin}
    return frozenset(
        macro.unique_id
        for macro in definition.macros
        if not macro.is_builtin
        if macro.name.startswith(_MATERIALIZATION) or (_base(macro.name) in own and macro.name not in _AT_PARSE)
    )


def _base(name: str) -> str:
    """Return a macro's name without the prefix of an adapter."""
    return name.partition("__")[2] or name


def _stores_failures(invocation: Invocation) -> bool:
    """Return whether tests are told to write what they find."""
    words = (*invocation.extra.given, *(name for name in os.environ if name.startswith("DBT_")))
    return any(_STORE_FAILURES in word.lower().replace("-", "_") for word in words)
