"""Nodes that read today's values, which no manifest file holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dbt_state_plugin.core.lineage import build_order, lineages
from dbt_state_plugin.core.values.dialect import SqlDialect
from dbt_state_plugin.core.values.project import CompiledNode, Project

# Parts whose items name what is read, and how the names of values begin.
_PARTS = ("variables", "hooks", "materialization")
_VALUES = ("var ", "env_var ", "target.")
_IN_SQL, _OF_TARGET = "variables ", "variables target."


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
