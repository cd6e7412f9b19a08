"""Exact names of nodes in dbt's selection syntax.

The rules are those of dbt's documented `fqn` method: a selector matches a node when it equals the last part of the
node's fqn, or the first parts of the fqn (with or without its package), where dots inside names count as separators and
`*?[]` are wildcards. A test holds `matches` to dbt itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.errors import SelectionError

# A package name has no hyphen, so this matches no node: it is what stands where nothing is to be built.
NOTHING = "dbt-state-plugin.nothing-to-build"
MAX_LINE_BYTES = 120_000  # Linux takes at most 128 KiB in one argument

_SPECIAL = re.compile(r"[\s,:+@*?\[\]/\\]")
_WILDCARD = re.compile(r"[*?\[\]]")
_LOOKS_LIKE_FILE = re.compile(r"\.(sql|py|csv|ya?ml)$", re.IGNORECASE)
_WAY_OUT = "Use `--output state-dir DIR`, which names nodes exactly, or `dbt-state-plugin run`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Pair a node with the selector that matches it and no other node outside the wanted ones."""

    node: Node
    selector: str


def name_nodes(wanted: Iterable[Node], others: Iterable[Node], *, on_command_line: bool) -> tuple[Named, ...]:
    """Return a selector for each wanted node; together they match none of the others.

    Raises SelectionError where the syntax cannot do that. On the command line more characters are special than in a
    `selectors.yml`.
    """
    index = _Index(others)
    return tuple(Named(node=node, selector=_selector(node, index, on_command_line)) for node in wanted)


def select_line(named: Sequence[Named]) -> str:
    """Return one line for `dbt run --select $(...)`; raises SelectionError when it is too long for an argument."""
    words = [f"fqn:{item.selector}" if _LOOKS_LIKE_FILE.search(item.selector) else item.selector for item in named]
    line = " ".join(words) or NOTHING
    if len(line.encode("utf-8", "surrogatepass")) > MAX_LINE_BYTES:
        raise SelectionError(f"The list of {len(named)} nodes is too long for a command line.", _WAY_OUT)
    return line


def matches(selector: str, fqn: Sequence[str], *, is_versioned: bool) -> bool:
    """Return whether dbt's `fqn` method selects a node, for a selector without wildcards.

    dbt looks at the fqn with and without the package: `shop.orders` selects the model orders in the folder shop too.
    """
    return _matches(selector, fqn, is_versioned) or _matches(selector, fqn[1:], is_versioned)


def _matches(selector: str, fqn: Sequence[str], is_versioned: bool) -> bool:
    parts = selector.split(".")
    if is_versioned and len(fqn) > 1 and (fqn[-2] == selector or "_".join(fqn[-2:]) == "_".join(parts[-2:])):
        return True
    if not is_versioned and fqn and fqn[-1] == selector:
        return True
    flat = _flat(fqn)
    return len(parts) <= len(flat) and flat[: len(parts)] == parts


def _flat(fqn: Sequence[str]) -> list[str]:
    return [part for segment in fqn for part in segment.split(".")]


class _Index:
    """Find the nodes that a selector could match without looking at each of them."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._by_key: dict[str, list[Node]] = {}
        for node in nodes:
            for key in _keys(node):
                self._by_key.setdefault(key, []).append(node)

    def matching(self, selector: str) -> Node | None:
        tail = "_".join(selector.split(".")[-2:])
        candidates = [*self._by_key.get(selector, ()), *self._by_key.get(f"version:{tail}", ())]
        return next((node for node in candidates if matches(selector, node.fqn, is_versioned=bool(node.version))), None)


def _keys(node: Node) -> set[str]:
    keys: set[str] = set()
    for flat in (_flat(node.fqn), _flat(node.fqn[1:])):
        keys |= {".".join(flat[:length]) for length in range(1, len(flat) + 1)}
    keys |= {node.fqn[-1]} if node.fqn else set()
    if node.version and len(node.fqn) > 1:
        keys |= {node.fqn[-2], "version:" + "_".join(node.fqn[-2:])}
    return keys


def _selector(node: Node, index: _Index, on_command_line: bool) -> str:
    selector = ".".join(node.fqn)
    # A selectors.yml escapes control characters; on a command line they would reach the terminal.
    is_special = (_SPECIAL if on_command_line else _WILDCARD).search(selector)
    if not node.fqn or is_special or (on_command_line and not selector.isprintable()):
        raise SelectionError(
            f"dbt's selection syntax cannot name {node.unique_id} (its name has special characters).", _WAY_OUT
        )
    other = index.matching(selector)
    if other is not None:
        raise SelectionError(
            f"dbt's selection syntax cannot name {node.unique_id} alone: {selector} selects {other.unique_id} too.",
            _WAY_OUT,
        )
    return selector
