"""Macros, vars, env vars and context that Jinja text can read.

Everything here errs on the side of "it can": names are found as words anywhere in the text, comments and strings
included, because a macro can be passed as an argument, looked up in `context` or reached through `adapter.dispatch`.
Where a name is computed, everything of its kind counts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from dbt_state_plugin.core.jinja.builtin_macros import (
    VIEW_ENTRIES,
    VIEW_ENTRY_CALLED,
    calls_view_entry_as_known,
    without_index_loops,
)
from dbt_state_plugin.core.reached import reached
from dbt_state_plugin.core.values.definition import MacroDefinition

_WORD = re.compile(r"[^\W\d]\w*")
_LITERAL_VAR = re.compile(r"\bvar\s*(?:\.\s*has_var\s*)?\(\s*(['\"])([^'\"\\]*)\1\s*[,)]")
_LITERAL_ENV_VAR = re.compile(r"\benv_var\s*\(\s*(['\"])([^'\"\\]*)\1\s*[,)]")
_DISPATCH = re.compile(r"\bdispatch\b")
_LITERAL_DISPATCH = re.compile(r"\bdispatch\s*\(\s*(?:macro_name\s*=\s*)?(['\"])\w+\1\s*[,)]")
# The second argument says where dbt searches for the macro; without one the order of no project's `dispatch` counts.
_LITERAL_NAMESPACE = re.compile(
    r"\bdispatch\s*\(\s*(?:macro_name\s*=\s*)?(['\"])\w+\1\s*"
    r"(?:,\s*(?:macro_namespace\s*=\s*)?(['\"])([^'\"\\]*)\2\s*,?\s*)?\)"
)
# `target` and `env` (its old name), `context` and `builtins` are dictionaries: a method of theirs is no literal name.
_DICT_METHODS = "|".join(name for name in dir(dict) if not name.startswith("_"))
_MEMBER = rf"\.\s*(?!(?:{_DICT_METHODS})\b|_)(\w+)\b"
_ITEM = r"\[\s*(['\"])(\w+)\2\s*\]"
_TARGET = re.compile(r"\b(?:target|env)\b")
_TARGET_FIELD = re.compile(rf"\b(?:target|env)\s*(?:{_MEMBER}|{_ITEM})")
_CONTEXT = re.compile(r"\b(?:context|builtins)\b")
_LITERAL_CONTEXT = re.compile(rf"\b(?:context|builtins)\s*(?:{_MEMBER}|{_ITEM}|\.\s*get\s*\(\s*(['\"])\w+\4\s*[,)])")
# `render(text)` renders text that may come from anywhere; `relation.render()` does not.
_RENDERS = re.compile(r"(?<![.\w])render\b|\b(?:context|builtins)\s*\.\s*render\b")
_RUNTIME_CONFIG = re.compile(r"\badapter\s*\.\s*config\b|\bcredentials\b")
_READS_CONFIG = re.compile(r"\bconfig\b(?!\s*\()|\bmodel\b")
# A property of the node that is named: `model.alias`, `model['alias']`, `config.get('meta')`, `model.config.meta`.
_NAMED_ITEM = r"\[\s*(?:'\w+'|\"\w+\")\s*\]"
_NAMED_PROPERTY = re.compile(
    rf"\bmodel\s*(?:\.\s*(?!(?:{_DICT_METHODS}|config)\b)\w|{_NAMED_ITEM})"
    rf"|\bconfig\s*(?:\(|\.\s*(?:get|require)\s*\(\s*['\"]|\.\s*(?!(?:{_DICT_METHODS}|require)\b)\w|{_NAMED_ITEM})"
)
_PROPERTIES = re.compile(r"\bconfig\b|\bmodel\b(?!\s*(?:\.\s*config\b|\[\s*['\"]config['\"]))")
# What asks the database while a node is compiled; the answer depends on more than the project.
_QUERIES = re.compile(
    r"\b(?:run_query|load_result|get_relation|get_columns_in_(?:relation|query)|load_(?:cached_)?relation|"
    r"list_relations\w*|check_schema_exists|get_missing_columns)\b|\bstatement\s*\("
)
_VOLATILE = (
    ("run_started_at", re.compile(r"\brun_started_at\b")),
    ("invocation_id", re.compile(r"\binvocation_id\b")),
    ("invocation_args_dict", re.compile(r"\binvocation_args_dict\b")),
    ("thread_id", re.compile(r"\bthread_id\b")),
    ("otel_trace_id", re.compile(r"\botel_trace_id\b")),
    ("otel_span_id", re.compile(r"\botel_span_id\b")),
    ("flags.WHICH", re.compile(r"\bflags\s*(?:\.\s*(?:WHICH\b|which\b|get\b)|[\[|,)}]|-?%\})")),
    ("selected_resources", re.compile(r"\bselected_resources\b")),
    ("modules.datetime", re.compile(r"\bmodules\b(?!\s*\.\s*(?:re|itertools|pytz)\b)")),
    ("the random filter", re.compile(r"\|\s*random\b")),
)
_CALLED = re.compile(r"(?<![.\w])([^\W\d]\w*)\s*\(")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
# Macros that dbt's adapters call by name from Python (dbt-adapters: the constants `*_MACRO_NAME` in its impl.py files),
# whatever a node is materialized as. Those that make names count through the names that they make.
_CALLED_BY_ADAPTERS = (
    "list_relations_without_caching list_function_relations_without_caching get_columns_in_relation list_schemas "
    "check_schema_exists create_schema drop_schema rename_relation truncate_relation drop_relation alter_column_type "
    "validate_sql get_relations"
).split()


@dataclass(frozen=True, slots=True, kw_only=True)
class JinjaReads:
    """What one text reads by itself; None stands for "everything, the name is computed"."""

    words: frozenset[str]
    variables: frozenset[str] | None
    env_vars: frozenset[str] | None
    target_fields: frozenset[str] | None
    namespaces: frozenset[str] | None
    is_dynamic: bool
    reads_config: bool
    properties: frozenset[str] | None
    reads_graph: bool
    reads_version: bool
    reads_env_metadata: bool
    queries: bool
    volatile: tuple[str, ...]


@cache
def jinja_reads(text: str) -> JinjaReads:
    """Return what a text of Jinja can read by itself, without the macros that it calls."""
    words = frozenset(_WORD.findall(text))
    # `graph` and env vars stay out of this: their names are found wherever they stand in full, and the whole
    # environment differs in every run.
    reads_anything = _has_computed(text, _CONTEXT, _LITERAL_CONTEXT) or _RENDERS.search(text) is not None
    reads_runtime = reads_anything or _RUNTIME_CONFIG.search(text) is not None
    return JinjaReads(
        words=words,
        variables=None if reads_runtime else _names(text, "var", words, _LITERAL_VAR),
        env_vars=_names(text, "env_var", words, _LITERAL_ENV_VAR),
        target_fields=None if reads_runtime else _target_fields(text),
        namespaces=None if reads_anything else _namespaces(text),
        is_dynamic=reads_anything or _has_computed(text, _DISPATCH, _LITERAL_DISPATCH),
        reads_config=reads_anything or _READS_CONFIG.search(text) is not None,
        properties=None if reads_anything else _properties(text, words),
        reads_graph="graph" in words,
        reads_version=reads_anything or "dbt_version" in words,
        reads_env_metadata="dbt_metadata_envs" in words,
        queries=_QUERIES.search(text) is not None,
        volatile=tuple(name for name, pattern in _VOLATILE if pattern.search(text)),
    )


def _count(text: str, word: str) -> int:
    return len(re.findall(rf"\b{word}\b", text))


def _names(text: str, word: str, words: frozenset[str], literal: re.Pattern[str]) -> frozenset[str] | None:
    if word not in words:
        return frozenset()
    found = [match[1] for match in literal.findall(text)]
    return frozenset(found) if len(found) == _count(text, word) else None


def _has_computed(text: str, word: re.Pattern[str], literal: re.Pattern[str]) -> bool:
    return len(literal.findall(text)) != len(word.findall(text))


def _properties(text: str, words: frozenset[str]) -> frozenset[str] | None:
    """Return the words that may name a property of the node, or None if all of them are at hand as a whole."""
    if _READS_CONFIG.search(text) is None:
        return frozenset()
    return words if len(_NAMED_PROPERTY.findall(text)) == len(_PROPERTIES.findall(text)) else None


def _target_fields(text: str) -> frozenset[str] | None:
    found = [match[0] or match[2] for match in _TARGET_FIELD.findall(text)]
    return frozenset(found) if len(found) == len(_TARGET.findall(text)) else None


def _namespaces(text: str) -> frozenset[str] | None:
    """Return the namespaces in which `adapter.dispatch` searches, or None if one of them is computed."""
    found = [match[2] for match in _LITERAL_NAMESPACE.findall(text)]
    return frozenset(found) - {""} if len(found) == len(_DISPATCH.findall(text)) else None


def union(each_reads: Iterable[JinjaReads]) -> JinjaReads:
    """Return what several texts read together."""
    each_reads = tuple(each_reads)

    def names(parts: list[frozenset[str] | None]) -> frozenset[str] | None:
        known = [part for part in parts if part is not None]
        return frozenset().union(*known) if len(known) == len(parts) else None

    return JinjaReads(
        words=frozenset(),
        variables=names([reads.variables for reads in each_reads]),
        env_vars=names([reads.env_vars for reads in each_reads]),
        target_fields=names([reads.target_fields for reads in each_reads]),
        namespaces=names([reads.namespaces for reads in each_reads]),
        is_dynamic=any(reads.is_dynamic for reads in each_reads),
        reads_config=any(reads.reads_config for reads in each_reads),
        properties=names([reads.properties for reads in each_reads]),
        reads_graph=any(reads.reads_graph for reads in each_reads),
        reads_version=any(reads.reads_version for reads in each_reads),
        reads_env_metadata=any(reads.reads_env_metadata for reads in each_reads),
        queries=any(reads.queries for reads in each_reads),
        volatile=tuple(sorted({name for reads in each_reads for name in reads.volatile})),
    )


class MacroIndex:
    """Find the macros of the project and its packages that a text, or what dbt runs for a node, can reach.

    The search goes through dbt's own macros, which find others by name and by dispatch, but they are never part of the
    answer: their text changes with every release, and only the resulting SQL matters.
    """

    def __init__(self, macros: Iterable[MacroDefinition]) -> None:
        """Index the macros by every word that can lead to them."""
        self._macros = {macro.unique_id: macro for macro in macros}
        self._custom = frozenset(macro.unique_id for macro in self._macros.values() if not macro.is_builtin)
        self._by_word: dict[str, set[str]] = defaultdict(set)
        for macro in self._macros.values():
            for word in _words_leading_to(macro.name):
                self._by_word[word].add(macro.unique_id)
        builtin = (macro for macro in self._macros.values() if macro.is_builtin)
        self._builtin_words = frozenset(word for macro in builtin for word in _words_leading_to(macro.name))
        # Jinja allows letters in names that are no word to us: nothing tells who reaches such a macro.
        self._nameless = {name for name in self._custom if not _WORD.fullmatch(self._macros[name].name)}
        self._computed_names = _computed_names({self._macros[name].package for name in self._custom})
        self._neighbours: dict[tuple[str, bool], frozenset[str]] = {}
        self._closures: dict[tuple[frozenset[str], bool], tuple[MacroDefinition, ...]] = {}

    def reachable(self, text: str, *, declared: Iterable[str] = ()) -> tuple[MacroDefinition, ...]:
        """Return the macros that rendering this text can reach, by unique_id.

        `declared` is dbt's own `depends_on.macros`: a hint, not a proof.
        """
        if not self._custom:
            return ()
        start = self._nameless | self._reached_directly(text)
        return self._closure(frozenset(start | {unique_id for unique_id in declared if unique_id in self._custom}))

    def run_with(self, materialized: str, text: str = "", *, has_indexes: bool = True) -> tuple[MacroDefinition, ...]:
        """Return the macros that dbt can reach when it builds a node of this materialization, outside of its SQL.

        `text` holds names of macros that the node's config makes up, such as those of its strategy.
        """
        if not self._custom:
            return ()
        return self._closure(frozenset(self._start_of_run(materialized, text)), has_indexes=has_indexes)

    def shows_only_in_view_ddl(self, names: Iterable[str], text: str = "") -> bool:
        """Return whether these macros can act on a view only through the statement that creates it.

        `names` are unique_ids, those of macros that are gone included; `text` is that of `run_with`. The way that dbt
        takes to a view, without what makes the statement, must not hold a word that leads to any of them. Then it is
        the same way as before they changed.
        """
        materializations = self._by_word.get("materialization_view", set())
        if len(materializations) != 1 or materializations & self._custom:
            return False
        (materialization,) = materializations
        words = {"materialization_view", *_CALLED_BY_ADAPTERS, *jinja_reads(text).words}
        for unique_id in reached(self._start_of_run("view", text), self._outside_of_view_ddl):
            macro = self._macros[unique_id]
            if not macro.is_builtin and self._is_computed(macro.code):
                return False
            known = {VIEW_ENTRY_CALLED} if unique_id == materialization else set()
            words |= set(_WORD.findall(_COMMENT.sub("", macro.code) if macro.is_builtin else macro.code)) - known
        if not calls_view_entry_as_known(_COMMENT.sub("", self._macros[materialization].code)):
            return False
        return VIEW_ENTRIES.isdisjoint(map(_stem, words)) and all(
            _WORD.fullmatch(name) and words.isdisjoint(_words_leading_to(name)) for name in map(_name_in, names)
        )

    def _start_of_run(self, materialized: str, text: str) -> set[str]:
        start = self._nameless | self._reached_directly(text)
        for word in (f"materialization_{materialized}", *_CALLED_BY_ADAPTERS):
            start |= self._by_word.get(word, set())
        return start

    def _is_computed(self, text: str) -> bool:
        return jinja_reads(text).is_dynamic or self._computed_names.search(text) is not None

    def _reached_directly(self, text: str) -> set[str]:
        return set(self._custom) if self._is_computed(text) else self._named(jinja_reads(text).words)

    def _named(self, words: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for word in self._by_word.keys() & words:
            found |= self._by_word[word]
        return found

    def _reached_from(self, macro: MacroDefinition, *, has_indexes: bool) -> set[str]:
        if not macro.is_builtin:
            return self._reached_directly(macro.code)
        # dbt's own macros compute names only where `run_with` gets them spelled out (strategies, hooks). A macro of the
        # project stands in for one of theirs, or for a function that they call; it is not reached by a chance word.
        code = _COMMENT.sub("", macro.code)
        code = code if has_indexes else without_index_loops(code)
        called = frozenset(_CALLED.findall(code))
        return {
            unique_id
            for unique_id in self._named(_WORD.findall(code))
            if unique_id not in self._custom
            or not self._builtin_words.isdisjoint(_words_leading_to(self._macros[unique_id].name))
            or self._macros[unique_id].name in called
        }

    def _closure(self, start: frozenset[str], *, has_indexes: bool = True) -> tuple[MacroDefinition, ...]:
        key = (start, has_indexes)
        if key not in self._closures:
            seen = reached(start, lambda unique_id: self._neighbours_of(unique_id, has_indexes=has_indexes))
            self._closures[key] = tuple(self._macros[unique_id] for unique_id in sorted(seen & self._custom))
        return self._closures[key]

    def _neighbours_of(self, unique_id: str, *, has_indexes: bool = True) -> frozenset[str]:
        key = (unique_id, has_indexes)
        if key not in self._neighbours:
            self._neighbours[key] = frozenset(self._reached_from(self._macros[unique_id], has_indexes=has_indexes))
        return self._neighbours[key]

    def _outside_of_view_ddl(self, unique_id: str) -> frozenset[str]:
        found = self._neighbours_of(unique_id)
        return frozenset(each for each in found if _stem(self._macros[each].name) not in VIEW_ENTRIES)


def _computed_names(packages: set[str]) -> re.Pattern[str]:
    """Return a pattern that finds a macro whose name in a package is computed.

    A package is a dictionary of its macros: `package[name]()`, `package.get(name)`, `{% set macros = package %}`.
    """
    if not packages:
        return re.compile(r"(?!)")
    names = "|".join(re.escape(package) for package in sorted(packages))
    is_value = r"\s*(?:[|,)}]|-?%\})"
    is_item = rf"(?:['\"]\s*[\])]+)?\s*(?:\[(?!\s*(['\"])\w+\1\s*\])|\.\s*(?:{_DICT_METHODS})\b)"
    return re.compile(rf"\b(?:{names})(?:{is_value}|{is_item})")


def _stem(name: str) -> str:
    """Return a macro's name without the prefix of an adapter: `postgres__x` and `default__x` implement `x`."""
    return name.split("__", 1)[1] if "__" in name and not name.startswith("__") else name


def _name_in(unique_id: str) -> str:
    return unique_id.rsplit(".", 1)[-1]


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
