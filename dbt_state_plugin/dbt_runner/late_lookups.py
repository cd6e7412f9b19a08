"""Templates that look names up where they use them.

Jinja looks up every name of a macro or template when that begins, also those in a branch that is not taken. For a value
that is a plain text (`invocation_id`) the lookup is all that can be seen, so it must not come before the use.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer


def with_late_lookups(template: nodes.Template, names: Collection[str]) -> nodes.Template:
    """Return the template with `name` as `context['name']` for each of the names that it never assigns itself."""
    assigned = {name.name for name in template.find_all(nodes.Name) if name.ctx != "load"}
    found: nodes.Template = _LateLookups(frozenset(names) - assigned).visit(template)
    return found


class _LateLookups(NodeTransformer):
    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        if node.name not in self._names:
            return node
        lookup: Any = nodes.Getitem(nodes.ContextReference(), nodes.Const(node.name), "load")
        return lookup.set_lineno(node.lineno)  # type: ignore[no-any-return]
