"""Trees of queries as PostgreSQL stores them.

`{LABEL :field value ...}` and `(...)`, with a backslash before each character in a name that would end it. Tried on
PostgreSQL 15; where another version writes anything that is not expected here, its trees are not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_WORD = re.compile(r"[(){}]|(?:\\.|[^\s(){}\\])+", re.DOTALL)
_NOTHING = ("<>",)


class UnknownTreeError(Exception):
    """A tree has something that is not known here."""


@dataclass(eq=False, slots=True)
class TreeNode:
    """A node of a tree: each field has values, which are nodes, lists and words."""

    label: str
    fields: dict[str, tuple[Value, ...]] = field(default_factory=dict)

    def of(self, name: str) -> tuple[Value, ...]:
        """Return the values of a field."""
        if name not in self.fields:
            raise UnknownTreeError(name)
        return self.fields[name]

    def one(self, name: str) -> Value:
        """Return the only value of a field."""
        return _only(self.of(name))

    def has(self, name: str) -> bool:
        """Return whether a field has anything in it."""
        return self.of(name) != _NOTHING

    def number(self, name: str) -> int:
        """Return a field that is a number."""
        value = self.one(name)
        if not isinstance(value, str):
            raise UnknownTreeError(name)
        return int(value)  # raises ValueError where it is another word

    def node(self, name: str) -> TreeNode:
        """Return a field that is a node."""
        return as_node(self.one(name))

    def listed(self, name: str) -> tuple[Value, ...]:
        """Return what a field lists."""
        value = self.one(name) if self.has(name) else ()
        if not isinstance(value, tuple):
            raise UnknownTreeError(name)
        return value

    def nodes(self, name: str) -> list[TreeNode]:
        """Return the nodes that a field lists."""
        return [as_node(value) for value in self.listed(name)]


Value = str | TreeNode | tuple["Value", ...]


def as_node(value: Value) -> TreeNode:
    """Return a value that is a node."""
    if not isinstance(value, TreeNode):
        raise UnknownTreeError(str(value)[:40])
    return value


def parsed(text: str) -> TreeNode:
    """Return the only query of a stored tree; raises UnknownTreeError where the text is none."""
    if _WORD.sub("", text).strip():
        raise UnknownTreeError(text[:40])
    try:
        queries = _only(_values(iter(_WORD.findall(text)), ""))
    except (StopIteration, RecursionError):
        raise UnknownTreeError(text[:40]) from None
    return as_node(_only(queries) if isinstance(queries, tuple) else queries)


def _only(values: tuple[Value, ...]) -> Value:
    if len(values) != 1:
        raise UnknownTreeError(str(values)[:40])
    return values[0]


def _values(words: Iterator[str], end: str) -> tuple[Value, ...]:
    found: list[Value] = []
    for word in words:
        if word == end:
            return tuple(found)
        found.append(_value(word, words))
    if end:
        raise UnknownTreeError(end)
    return tuple(found)


def _value(word: str, words: Iterator[str]) -> Value:
    if word == "(":
        return _values(words, ")")
    if word == "{":
        return _node(words)
    if word in {")", "}"}:
        raise UnknownTreeError(word)
    return word


def _node(words: Iterator[str]) -> TreeNode:
    """Return a node of which the brace was read. The first value of a field is one, whatever it looks like."""
    node = TreeNode(next(words))
    name, values = "", list[Value]()
    for word in words:
        if word == "}":
            return node
        if word.startswith(":"):
            name, values = word[1:], []
            if name in node.fields:
                raise UnknownTreeError(name)
            values.append(_value(next(words), words))
        else:
            values.append(_value(word, words))
        node.fields[name] = tuple(values)
    raise UnknownTreeError(node.label)
