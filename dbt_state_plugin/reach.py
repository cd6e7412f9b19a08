"""Which macros, vars, env vars and other context can a piece of Jinja reach?

Everything here errs towards "it can": names are found as words anywhere in the text, comments and strings included,
because a macro can be passed as an argument, looked up in `context` or reached through `adapter.dispatch`. Where a name
is computed, everything of its kind counts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from dbt_state_plugin.definition import MacroDefinition

_WORD = re.compile(r"[^\W\d]\w*")
_LITERAL_VAR = re.compile(r"\bvar\s*(?:\.\s*has_var\s*)?\(\s*(['\"])([^'\"\\]*)\1\s*[,)]")
_LITERAL_ENV_VAR = re.compile(r"\benv_var\s*\(\s*(['\"])([^'\"\\]*)\1\s*[,)]")
_LITERAL_DISPATCH = re.compile(r"\bdispatch\s*\(\s*(?:macro_name\s*=\s*)?(['\"])\w+\1\s*[,)]")
_LITERAL_CONTEXT = re.compile(
    r"\bcontext\s*(?:\[\s*(['\"])[\w.]+\1\s*\]|\.\s*get\s*\(\s*(['\"])[\w.]+\2\s*[,)]|\.\s*(?!get\b|items\b|values\b|keys\b)\w+)"
)
_TARGET_FIELD = re.compile(r"\btarget\s*(?:\.\s*(?!get\b|items\b|values\b|keys\b|__)(\w+)|\[\s*(['\"])(\w+)\2\s*\])")
_READS_CONFIG = re.compile(r"\bconfig\b(?!\s*\()|\bmodel\b")
_VOLATILE = (
    ("run_started_at", re.compile(r"\brun_started_at\b")),
    ("invocation_id", re.compile(r"\binvocation_id\b")),
    ("invocation_args_dict", re.compile(r"\binvocation_args_dict\b")),
    ("modules.datetime", re.compile(r"\bmodules\b[\s\S]*\bdatetime\b")),
    ("the random filter", re.compile(r"\|\s*random\b")),
)
_NAMING_MACROS = ("generate_schema_name", "generate_alias_name", "generate_database_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Say what one text reads by itself; None stands for "everything, the name is computed"."""

    words: frozenset[str]
    variables: frozenset[str] | None
    env_vars: frozenset[str] | None
    target_fields: frozenset[str] | None
    is_dynamic: bool
    reads_config: bool
    reads_graph: bool
    reads_env_metadata: bool
    volatile: tuple[str, ...]


@cache
def reach_of(text: str) -> Reach:
    """Return what a text of Jinja can read by itself, without the macros that it calls."""
    words = frozenset(_WORD.findall(text))
    return Reach(
        words=words,
        variables=_names(text, "var", words, _LITERAL_VAR),
        env_vars=_names(text, "env_var", words, _LITERAL_ENV_VAR),
        target_fields=_target_fields(text, words),
        is_dynamic=_has_computed(text, "dispatch", words, _LITERAL_DISPATCH)
        or _has_computed(text, "context", words, _LITERAL_CONTEXT)
        or "builtins" in words,
        reads_config=_READS_CONFIG.search(text) is not None,
        reads_graph="graph" in words or "selected_resources" in words,
        reads_env_metadata="dbt_metadata_envs" in words,
        volatile=tuple(name for name, pattern in _VOLATILE if pattern.search(text)),
    )


def _count(text: str, word: str) -> int:
    return len(re.findall(rf"\b{word}\b", text))


def _names(text: str, word: str, words: frozenset[str], literal: re.Pattern[str]) -> frozenset[str] | None:
    if word not in words:
        return frozenset()
    found = [match[1] for match in literal.findall(text)]
    return frozenset(found) if len(found) == _count(text, word) else None


def _has_computed(text: str, word: str, words: frozenset[str], literal: re.Pattern[str]) -> bool:
    return word in words and len(literal.findall(text)) != _count(text, word)


def _target_fields(text: str, words: frozenset[str]) -> frozenset[str] | None:
    if "target" not in words:
        return frozenset()
    found = [match[0] or match[2] for match in _TARGET_FIELD.findall(text)]
    return frozenset(found) if len(found) == _count(text, "target") else None


def union(reaches: Iterable[Reach]) -> Reach:
    """Return what several texts read together."""
    reaches = tuple(reaches)

    def names(parts: list[frozenset[str] | None]) -> frozenset[str] | None:
        known = [part for part in parts if part is not None]
        return frozenset().union(*known) if len(known) == len(parts) else None

    return Reach(
        words=frozenset(),
        variables=names([reach.variables for reach in reaches]),
        env_vars=names([reach.env_vars for reach in reaches]),
        target_fields=names([reach.target_fields for reach in reaches]),
        is_dynamic=any(reach.is_dynamic for reach in reaches),
        reads_config=any(reach.reads_config for reach in reaches),
        reads_graph=any(reach.reads_graph for reach in reaches),
        reads_env_metadata=any(reach.reads_env_metadata for reach in reaches),
        volatile=tuple(sorted({name for reach in reaches for name in reach.volatile})),
    )


class MacroIndex:
    """Find the macros of the project and its packages that a text can reach."""

    def __init__(self, macros: Iterable[MacroDefinition]) -> None:
        """Index the macros by every word that can lead to them."""
        macros = tuple(macros)
        self._custom = {macro.unique_id: macro for macro in macros if not macro.is_builtin}
        self._by_word: dict[str, set[str]] = defaultdict(set)
        for macro in self._custom.values():
            for word in _words_leading_to(macro.name):
                self._by_word[word].add(macro.unique_id)
        builtin = {word for macro in macros if macro.is_builtin for word in _words_leading_to(macro.name)}
        self._overrides = frozenset(
            macro.unique_id
            for macro in self._custom.values()
            if not builtin.isdisjoint(_words_leading_to(macro.name)) and _stem(macro.name) not in _NAMING_MACROS
        )
        self._neighbours: dict[str, frozenset[str]] = {}
        self._closures: dict[frozenset[str], frozenset[str]] = {}

    def reachable(self, text: str, *, materialized: str, declared: Iterable[str] = ()) -> tuple[MacroDefinition, ...]:
        """Return the macros that a node with this text can reach, by unique_id.

        Macros that override one of dbt's own by its name, and the node's own materialization, are always among them:
        dbt finds them by name at run time. `declared` is dbt's own `depends_on.macros`.
        """
        start = set(self._overrides) | self._reached_directly(text)
        start |= self._by_word.get(f"materialization_{materialized}", set())
        start |= {unique_id for unique_id in declared if unique_id in self._custom}
        return tuple(self._custom[unique_id] for unique_id in sorted(self._closure(frozenset(start))))

    def _reached_directly(self, text: str) -> set[str]:
        reach = reach_of(text)
        if reach.is_dynamic:
            return set(self._custom)
        found: set[str] = set()
        for word in reach.words & self._by_word.keys():
            found |= self._by_word[word]
        return found

    def _closure(self, start: frozenset[str]) -> frozenset[str]:
        if start not in self._closures:
            seen = set(start)
            todo = list(start)
            while todo:
                unique_id = todo.pop()
                if unique_id not in self._neighbours:
                    self._neighbours[unique_id] = frozenset(self._reached_directly(self._custom[unique_id].code))
                fresh = self._neighbours[unique_id] - seen
                seen |= fresh
                todo.extend(fresh)
            self._closures[start] = frozenset(seen)
        return self._closures[start]


def _stem(name: str) -> str:
    """Return a macro's name without the prefix of an adapter: `postgres__x` and `default__x` implement `x`."""
    return name.split("__", 1)[1] if "__" in name and not name.startswith("__") else name


def _words_leading_to(name: str) -> frozenset[str]:
    """Return the words that can lead to a macro: its name, what it implements for dispatch, its materialization."""
    words = {name, _stem(name)}
    if name.startswith("materialization_"):
        words.add(name.rsplit("_", 1)[0])  # materialization_<name>_<adapter or default>
    if name.startswith("test_"):
        words.add(name[len("test_") :])
    return frozenset(words)


def variable_values(names: frozenset[str] | None, defined: Mapping[str, object]) -> dict[str, object]:
    """Return the definitions of the named vars that exist, or of all when the names are not known."""
    return {name: value for name, value in defined.items() if names is None or name in names}
