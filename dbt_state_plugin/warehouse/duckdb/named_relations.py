"""Tables, files and macros that SQL names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.warehouse.answers import QueryRefused
from dbt_state_plugin.warehouse.duckdb.catalog import Held, read_macros, resolved
from dbt_state_plugin.warehouse.duckdb.files import SCHEMA, is_file_name
from dbt_state_plugin.warehouse.duckdb.statement import read_statement


def named_relations(
    cursor: Any, query: str, held: Mapping[RelationName, Held], database: str
) -> tuple[tuple[str, str], ...] | None:
    """Return schema and name of what a query names, None where DuckDB cannot take it apart.

    Raises QueryRefused for what is in no catalogue, such as a table of dbt's own session, and duckdb.Error.
    """
    read = read_statement(query)
    if read is None:
        return None
    found = {(SCHEMA, path) for path in read.files}
    for parts in read.tables:
        name = resolved(parts, held, database)
        if name is not None:
            found.add((name.schema, name.identifier))
        elif len(parts) == 1 and is_file_name(parts[0]):
            found.add((SCHEMA, parts[0]))
        else:
            raise QueryRefused(f"there is no {'.'.join(parts)}", is_certain=True)
    called = {name for name, _ in read.functions}
    found |= {(schema, f"{name}()") for schema, name in read_macros(cursor) if name in called}
    return tuple(sorted(found))


def texts_of_view(view: Held, held: Mapping[RelationName, Held]) -> tuple[str, ...]:
    """Return the SQL of a view and of all views that it reads."""
    found: dict[RelationName, str] = {}
    todo = [view]
    while todo:
        each = todo.pop()
        text = (each.sql or "").partition(" AS ")[2].rstrip("; \n")
        found[each.name] = text
        read = read_statement(text)
        names = [resolved(parts, held, each.name.database) for parts in read.tables] if read else []
        todo += [held[name] for name in names if name is not None and held[name].is_view and name not in found]
    return tuple(found.values())
