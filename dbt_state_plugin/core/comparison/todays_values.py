"""Nodes that read current values, which no manifest file holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from dbt_state_plugin.core.fingerprint.fingerprint import strings_in
from dbt_state_plugin.core.fingerprint.parts import HOOKS, code_text
from dbt_state_plugin.core.jinja.reads import jinja_reads
from dbt_state_plugin.core.lineage import build_order, lineages
from dbt_state_plugin.core.values.definition import ProjectDefinition
from dbt_state_plugin.core.values.dialect import SqlDialect
from dbt_state_plugin.core.values.project import CompiledNode, Project

# Parts whose items name what is read, and how the names of values begin.
_PARTS = ("variables", "hooks", "materialization")
_VALUES = ("var ", "env_var ", "target.")
_IN_SQL, _OF_TARGET = "variables ", "variables target."


def with_unset_values(definition: ProjectDefinition) -> ProjectDefinition:
    """Return a definition in which each var, env var and target field that code names is set.

    A value that is not set today may have been set then; so its readers are found like all others.
    """
    reads = [jinja_reads(text) for text in _texts(definition)]
    variables = {name for each in reads for name in each.variables or ()}
    env_vars = {name for each in reads for name in each.env_vars or ()}
    fields = {name for each in reads for name in each.target_fields or ()}
    return replace(
        definition,
        variables={**dict.fromkeys(variables, ()), **definition.variables},
        environment={**dict.fromkeys(env_vars, ""), **definition.environment},
        target={**dict.fromkeys(fields), **definition.target},
    )


def _texts(definition: ProjectDefinition) -> Iterator[str]:
    yield from (macro.code for macro in definition.macros)
    yield from definition.project_hooks.values()
    yield from strings_in(definition.variables)
    for node in definition.nodes:
        config = node.attributes.get("config") or {}
        yield code_text(node)
        yield from strings_in([config.get(name) for name in HOOKS])


def values_read(
    project: Project, nodes: Iterable[str], items: Callable[[str], Mapping[str, Mapping[str, str]]]
) -> dict[str, frozenset[str]]:
    """Return what values each of these nodes reads, itself or in an ephemeral model, as the part and the name.

    `items` gives the items of a node's fingerprint. Nodes that read none are left out.
    """
    read = {node: _read_by(items(node)) for node in nodes if not project.nodes[node].is_source}
    lineage = lineages(project, build_order(project))
    found = {}
    for node, names in read.items():
        inside = [each for each in lineage[node].inlined if project.nodes[each].is_ephemeral]
        found[node] = names.union(*(read.get(each, frozenset()) for each in inside))
    return {node: names for node, names in found.items() if names}


def _read_by(items: Mapping[str, Mapping[str, str]]) -> frozenset[str]:
    return frozenset(f"{part} {name}" for part in _PARTS for name in items.get(part, ()) if name.startswith(_VALUES))


def shows_values(names: Iterable[str], *, is_of_another_target: bool) -> bool:
    """Return whether compiled SQL shows the values of that time; that of another target shows its target's."""
    return all(
        name.startswith(_IN_SQL) and not (is_of_another_target and name.startswith(_OF_TARGET)) for name in names
    )


def is_among_forms(sql: str, compiled: CompiledNode, dialect: SqlDialect) -> bool:
    """Return whether dbt compiled one of these forms then; which one depended on the database."""
    if compiled.language != "sql":
        return sql in compiled.forms.values()
    return any(dialect.same_statement(sql, form) for form in compiled.forms.values())
