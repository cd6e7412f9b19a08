"""What a statement names and calls, from DuckDB's own parser."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

# Names that stand for a function where no column has them.
_VALUES = frozenset(
    "current_date current_time current_timestamp localtime localtimestamp current_catalog current_role current_schema "
    "current_user session_user user".split()
)
_READS_FILES = frozenset(
    "read_csv read_csv_auto read_json read_json_auto read_json_objects read_json_objects_auto read_ndjson "
    "read_ndjson_auto read_ndjson_objects read_parquet parquet_scan parquet_metadata parquet_schema "
    "parquet_file_metadata parquet_kv_metadata parquet_full_metadata read_text read_blob glob sniff_csv".split()
)
SYSTEM = "system"  # the database in which DuckDB keeps the views of its catalogue
_TYPES = ("type_name", "user_type_name", "pivot_enum")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one statement uses.

    `tables` are the names as they are written, one to three parts; `files` the paths that functions are given as they
    stand there; `functions` all that is called, in small letters with the number of arguments, except for readers of
    such files; `types` all types that it names, in small letters; `is_sampled` says that rows are taken at random,
    without a seed, `is_listing` that SHOW reads the catalogue.
    """

    tables: frozenset[tuple[str, ...]] = frozenset()
    files: frozenset[str] = frozenset()
    functions: frozenset[tuple[str, int]] = frozenset()
    types: frozenset[str] = frozenset()
    is_sampled: bool = False
    is_listing: bool = False


@dataclass(slots=True)
class _Found:
    tables: set[tuple[str, ...]] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    functions: set[tuple[str, int]] = field(default_factory=set)
    types: set[str] = field(default_factory=set)
    is_sampled: bool = False
    is_listing: bool = False


_of_thread = threading.local()
_mutex = threading.Lock()


@lru_cache(maxsize=1)
def _database() -> Any:
    """Return a connection to a database in memory, which takes 50 times as long to open as a statement to parse."""
    import duckdb

    return duckdb.connect(":memory:", config={"threads": 1})


def _parser() -> Any:
    """Return this thread's cursor in the one database of the process."""
    if not hasattr(_of_thread, "parser"):
        with _mutex:
            _of_thread.parser = _database().cursor()
    return _of_thread.parser


@lru_cache(maxsize=1)
def functions_of_duckdb() -> frozenset[str]:
    """Return the names of all functions that a session has from the beginning, in small letters."""
    parser = _parser()
    parser.execute("SELECT DISTINCT lower(function_name) FROM duckdb_functions()")
    return frozenset(row[0] for row in parser.fetchall())


@lru_cache(maxsize=1)
def views_of_duckdb() -> frozenset[tuple[str, str]]:
    """Return schema and name of the views that show what the catalogue holds, in small letters."""
    parser = _parser()
    parser.execute("SELECT lower(schema_name), lower(view_name) FROM duckdb_views() WHERE internal")
    return frozenset((schema, name) for schema, name in parser.fetchall())


def parsed(sql: str) -> Any:
    """Return DuckDB's tree of a query without the places in its text, None if DuckDB cannot parse it."""
    try:
        import duckdb

        parser = _parser()
    except ModuleNotFoundError:  # code is compared without a warehouse, too
        return None
    try:
        parser.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql])
        document = json.loads(parser.fetchall()[0][0], object_hook=_without_place)
    except (duckdb.Error, ValueError, RecursionError):
        return None
    return None if document.get("error") else document.get("statements") or None


def _without_place(value: dict[str, Any]) -> dict[str, Any]:
    value.pop("query_location", None)
    return value


@lru_cache(maxsize=512)
def read_statement(sql: str) -> Statement | None:
    """Return what a query uses, None if DuckDB cannot parse it: then anything may be in it."""
    statements = parsed(sql)
    if statements is None:
        return None
    found = _Found()
    _walk(statements, found, frozenset())
    return Statement(
        tables=frozenset(found.tables),
        files=frozenset(found.files),
        functions=frozenset(found.functions),
        types=frozenset(found.types),
        is_sampled=found.is_sampled,
        is_listing=found.is_listing,
    )


def _walk(value: Any, found: _Found, scope: frozenset[str]) -> None:
    if isinstance(value, list):
        for each in value:
            _walk(each, found, scope)
    elif isinstance(value, dict):
        if isinstance(value.get("cte_map"), dict):
            scope = _with_tables_of_the_statement(value, found, scope)
        _note(value, found, scope)
        for name, each in value.items():
            if name != "cte_map":
                _walk(each, found, _scope_of_part(value, name, scope))


def _scope_of_part(value: dict[str, Any], part: str, scope: frozenset[str]) -> frozenset[str]:
    """Return the names that a part of a node sees: a recursive query sees itself where it is repeated alone."""
    is_repeated = value.get("type") == "RECURSIVE_CTE_NODE" and part == "right"
    return scope | {str(value.get("cte_name")).lower()} if is_repeated else scope


def _with_tables_of_the_statement(value: dict[str, Any], found: _Found, scope: frozenset[str]) -> frozenset[str]:
    """Read the queries in front of a statement, each of which sees those before it; return the names of all."""
    for entry in value["cte_map"].get("map") or ():
        name = str(entry["key"]).lower()
        _walk(entry["value"], found, scope)
        scope = scope | {name}
    return scope


def _note(value: dict[str, Any], found: _Found, scope: frozenset[str]) -> None:
    kind = value.get("type")
    sample = value.get("sample")
    found.types |= {str(value[key]).lower() for key in _TYPES if value.get(key)}
    found.is_sampled = found.is_sampled or (isinstance(sample, dict) and not sample.get("repeatable"))
    if kind == "BASE_TABLE":
        parts = [value.get(each) for each in ("catalog_name", "schema_name", "table_name")]
        name = tuple(str(part) for part in parts if part)
        is_of_the_statement = len(name) == 1 and name[-1].lower() in scope
        if name and not is_of_the_statement:
            found.tables.add(name)
    elif kind == "COLUMN_REF":
        names: list[str] = value.get("column_names") or []
        if len(names) == 1 and names[0].lower() in _VALUES:
            found.functions.add((names[0].lower(), 0))
    elif kind == "SHOW_REF" and not value.get("query"):
        found.is_listing = True
    elif "function_name" in value:
        _note_call(value, found)


def _note_call(value: dict[str, Any], found: _Found) -> None:
    name = str(value["function_name"]).lower()
    paths = list(_first_literals(value)) if name in _READS_FILES else None
    if paths and None not in paths:
        found.files.update(path for path in paths if path is not None)
    else:
        arguments = len(value.get("arguments") or value.get("children") or ())
        found.functions.add((name, arguments))
        if value.get("schema"):  # or a column: d.age() is age(d)
            found.functions.add((name, arguments + 1))


def _first_literals(call: dict[str, Any]) -> Iterator[str | None]:
    """Yield the texts of a call's first argument, which is one or a list of them; None if it is anything else."""
    arguments = call.get("arguments") or call.get("children") or [None]
    first = arguments[0]
    first = first.get("expression", first) if isinstance(first, dict) else {}
    if first.get("function_name") == "list_value":
        for each in first.get("arguments") or first.get("children") or [None]:
            yield _literal(each.get("expression", each) if isinstance(each, dict) else {})
    else:
        yield _literal(first)


def _literal(expression: dict[str, Any]) -> str | None:
    value = expression.get("literal") or expression.get("value")
    if expression.get("class") != "CONSTANT" or not isinstance(value, dict):
        return None
    text = value.get("text", value.get("value"))
    return text if isinstance(text, str) else None
