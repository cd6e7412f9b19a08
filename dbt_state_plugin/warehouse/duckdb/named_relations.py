"""Tables, files and macros that SQL names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.warehouse.answers import QueryRefused
from dbt_state_plugin.warehouse.duckdb.catalog import Held, read_macros, read_types, resolved
from dbt_state_plugin.warehouse.duckdb.files import SCHEMA, is_file_name, is_local
from dbt_state_plugin.warehouse.duckdb.search_path import SearchPath
from dbt_state_plugin.warehouse.duckdb.statement import SYSTEM, Statement, read_statement, views_of_duckdb

_WORDS = re.compile(r'([^\W\d]\w*)|"((?:[^"]|"")*)"')
_MAIN, _STANDARD = "main", "information_schema"
_TEXTS = re.compile(r"'((?:[^']|'')*)'")


def named_relations(
    cursor: Any, query: str, held: Mapping[RelationName, Held], path: SearchPath
) -> tuple[tuple[str, str], ...]:
    """Return schema and name of what a query names.

    Where a relation is in an attached database its schema has that in front: `other.raw`. What the macros that it
    calls name is named, too, and a type of users is named like a macro. What DuckDB's parser does not tell, as of
    PIVOT, is looked for by its words: all relations that may be meant. Raises QueryRefused for what is in no
    catalogue, such as a table of dbt's own session, and duckdb.Error.
    """
    macros, types = read_macros(cursor), read_types(cursor)
    found: set[tuple[str, str]] = set()
    texts, known = [query], {query}
    while texts:
        text = texts.pop()
        read = read_statement(text) or _read_by_words(text, held)
        found |= {(SCHEMA, path) for path in read.files}
        found |= {_named(parts, held, path) for parts in read.tables}
        called = {name for name, _ in read.functions}
        found |= {(schema, f"{name}()") for schema, name in macros if name in called}
        found |= {(schema, f"{name}()") for schema, name in types if name in read.types}
        texts += {text for (_, name), macro in macros.items() if name in called for text in macro.queries} - known
        known.update(texts)
    return tuple(sorted(found))


def _read_by_words(query: str, held: Iterable[RelationName]) -> Statement:
    """Return all relations, files and functions whose name stands anywhere in a query.

    Views of the information schema have everyday names, so that of the schema has to be there, too.
    """
    words = {(quoted or word).lower() for word, quoted in _WORDS.findall(query)}
    paths = {text.replace("''", "'") for text in _TEXTS.findall(query)} | words
    views = {(SYSTEM, *view) for view in views_of_duckdb() if view[1] in words}
    tables = {(each.database, each.schema, each.identifier) for each in held if each.identifier in words}
    return Statement(
        tables=frozenset(tables | {view for view in views if view[1] != _STANDARD or _STANDARD in words}),
        files=frozenset(filter(is_file_name, paths)),
        functions=frozenset((word, 0) for word in words),
        types=frozenset(words),
    )


def _named(parts: tuple[str, ...], held: Mapping[RelationName, Held], path: SearchPath) -> tuple[str, str]:
    name = resolved(parts, held, path)
    if name is not None:
        return name.schema if name.database == path.database else f"{name.database}.{name.schema}", name.identifier
    if (view := _view_of_catalogue(parts)) is not None:
        return view
    if is_file_name(path_of_file := ".".join(parts)):  # data.csv needs no quotes
        return SCHEMA, path_of_file
    raise QueryRefused(f"there is no {'.'.join(parts)}", is_certain=True)


def _view_of_catalogue(parts: tuple[str, ...]) -> tuple[str, str] | None:
    """Return schema and name of the view of DuckDB itself that a name means: it is in the database `system`."""
    *places, name = (part.lower() for part in parts)
    if places[:1] == [SYSTEM]:
        places = places[1:]
    schemas = places if places else [_MAIN, "pg_catalog"]
    views = views_of_duckdb()
    found = (schema for schema in schemas if len(places) < 2 and (schema, name) in views)
    return next(((f"{SYSTEM}.{schema}", name) for schema in found), None)


def shows_catalogue(view: Held, held: Mapping[RelationName, Held]) -> bool:
    """Return whether a view, or one that it reads, names a view of the catalogue; functions count as volatile."""
    path = SearchPath(database=view.name.database)
    reads = (read_statement(text) or _read_by_words(text, held) for text in texts_of_view(view, held))
    tables = {parts for read in reads for parts in read.tables if resolved(parts, held, path) is None}
    return any(map(_view_of_catalogue, tables))


def texts_of_view(view: Held, held: Mapping[RelationName, Held]) -> tuple[str, ...]:
    """Return the SQL of a view and of all views that it reads."""
    found: dict[RelationName, str] = {}
    todo = [view]
    while todo:
        each = todo.pop()
        text = _query_of(each)
        found[each.name] = text
        read = read_statement(text) or _read_by_words(text, held)
        names = [resolved(parts, held, SearchPath(database=each.name.database)) for parts in read.tables]
        todo += [held[name] for name in names if name is not None and held[name].is_view and name not in found]
    return tuple(found.values())


def files_of_view(view: Held) -> tuple[str, ...]:
    """Return the local files that a view reads, if it reads nothing else."""
    text = _query_of(view)
    read = read_statement(text) if "(" in text else None
    if read is None or read.tables:
        return ()
    return tuple(sorted(filter(is_local, read.files)))


def _query_of(view: Held) -> str:
    return (view.sql or "").partition(" AS ")[2].rstrip("; \n")
