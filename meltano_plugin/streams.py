"""Streams of an extractor, and select patterns about each.

The rules are Meltano's (`meltano.core.plugin.singer.catalog`): a pattern that includes, with or without a property,
selects its stream; one that excludes takes the stream out only when it names no property, or all of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

_DOT = re.compile(r"(?<!\\)\.")


class Pattern(NamedTuple):
    """One select pattern, taken apart."""

    stream: str
    attribute: str | None
    excludes: bool


def parsed(pattern: str) -> Pattern:
    """Take a pattern such as `!orders.note` apart; an escaped dot belongs to the stream's name."""
    excludes = pattern.startswith("!")
    stream, dot, attribute = pattern[excludes:], "", ""
    parts = _DOT.split(stream, maxsplit=1)
    if len(parts) == 2:
        stream, dot, attribute = parts[0], ".", parts[1]
    return Pattern(stream=stream.replace(r"\.", "."), attribute=attribute if dot else None, excludes=excludes)


def rules_for(patterns: Iterable[str], stream: str) -> list[str]:
    """Return the patterns that speak of a stream, in an order that tells which of them mean the same.

    Among those that include, and among those that exclude, order and repetition decide nothing.
    """
    matching = {
        f"{'!' if rule.excludes else ''}{rule.attribute or '*'}"
        for rule in map(parsed, patterns)
        if _same(rule.stream, stream)
    }
    return sorted(matching)


def streams_of(
    patterns: Collection[str], filters: Collection[str], *, catalog: Collection[str] | None, known: Collection[str]
) -> tuple[str, ...]:
    """Return the selected streams, sorted.

    `catalog` are the streams that the tap has offered, None if Meltano keeps no catalog: then they are those that the
    patterns name outright and those that were `known` before; a pattern that fits none of these stands for itself.
    """
    rules = [parsed(pattern) for pattern in patterns]
    included = [rule for rule in rules if not rule.excludes]
    named = {rule.stream for rule in included if not _is_wild(rule.stream)}
    seen_before = {stream for stream in known if not _is_wild(stream)}
    universe = named | seen_before if catalog is None else set(catalog)
    found = {stream for stream in universe if _is_selected(rules, stream)}
    if catalog is None:
        found |= {r.stream for r in included if _is_wild(r.stream) and not any(_same(r.stream, s) for s in universe)}
    return tuple(sorted(stream for stream in found if _passes(filters, stream)))


def _is_selected(rules: Iterable[Pattern], stream: str) -> bool:
    matching = [rule for rule in rules if _same(rule.stream, stream)]
    if any(rule.excludes and rule.attribute in (None, "*") for rule in matching):
        return False
    return any(not rule.excludes for rule in matching)


def _passes(filters: Collection[str], stream: str) -> bool:
    rules = [parsed(pattern) for pattern in filters]
    included = [rule.stream for rule in rules if not rule.excludes]
    excluded = [rule.stream for rule in rules if rule.excludes]
    if included and not any(_same(pattern, stream) for pattern in included):
        return False
    return not any(_same(pattern, stream) for pattern in excluded)


def _same(pattern: str, stream: str) -> bool:
    return pattern == stream or fnmatchcase(stream, pattern)


def _is_wild(name: str) -> bool:
    return any(character in name for character in "*?[")
