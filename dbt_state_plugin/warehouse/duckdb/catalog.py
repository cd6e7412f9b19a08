"""Relations in DuckDB's catalogue: kinds, columns, definitions of views, macros."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dbt_state_plugin.core.values.relations import Identity, RelationKind, RelationName
from dbt_state_plugin.warehouse.duckdb.connection import catalog_rows, quoted
from dbt_state_plugin.warehouse.duckdb.search_path import SearchPath, relation_name

_RELATIONS = """
    SELECT database_name, schema_name, table_name, NULL, estimated_size FROM duckdb_tables()
    WHERE NOT internal AND NOT temporary
    UNION ALL
    SELECT database_name, schema_name, view_name, sql, NULL FROM duckdb_views() WHERE NOT internal AND NOT temporary
"""
_COLUMNS = """
    SELECT database_name, schema_name, table_name, column_name, data_type FROM duckdb_columns()
    WHERE NOT internal ORDER BY database_name, schema_name, table_name, column_index
"""
_MACROS = """
    SELECT schema_name, function_name, function_type, [parameters, parameter_types]::VARCHAR, macro_definition
    FROM duckdb_functions() WHERE NOT internal AND function_type IN ('macro', 'table_macro') ORDER BY ALL
"""
_USER_TYPES = """
    SELECT DISTINCT database_name, schema_name, type_name FROM duckdb_types() WHERE NOT internal ORDER BY ALL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One relation: `sql` is that of a view, None for a table; `columns` map names to types in their order.

    A relation has no identity in DuckDB but its kind and, for a view, its text: the number that the catalogue gives to
    a table is given again to another one.
    """

    name: RelationName
    quoted: str
    columns: Mapping[str, str]
    sql: str | None = None
    rows: int = 0

    @property
    def is_view(self) -> bool:
        """Return whether it holds no rows of its own."""
        return self.sql is not None

    @property
    def identity(self) -> Identity:
        """Return what tells it from another relation of its name."""
        if self.sql is None:
            return Identity(object_id="table", storage_id="table", kind=RelationKind.TABLE)
        return Identity(object_id="view", storage_id=text_hash(self.sql), kind=RelationKind.VIEW)

    @property
    def columns_document(self) -> str:
        """Return its columns as the state keeps them."""
        return json.dumps(list(self.columns.items()), ensure_ascii=False)


def read_relations(cursor: Any) -> dict[RelationName, Held]:
    """Return everything in all attached databases by its name in small letters; raises duckdb.Error."""
    columns: dict[tuple[str, str, str], dict[str, str]] = {}
    for database, schema, table, column, kind in catalog_rows(cursor, _COLUMNS):
        columns.setdefault((database, schema, table), {})[column] = kind
    found: dict[RelationName, Held] = {}
    for database, schema, identifier, sql, rows in catalog_rows(cursor, _RELATIONS):
        name = relation_name(database, schema, identifier)
        found[name] = Held(
            name=name,
            quoted=".".join(map(quoted, (database, schema, identifier))),
            columns=columns.get((database, schema, identifier), {}),
            sql=sql,
            rows=int(rows or 0),
        )
    return found


@dataclass(slots=True)
class Macro:
    """One macro of users: its definitions, each of a kind, parameters and text."""

    definitions: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def version(self) -> str:
        """Return a hash of all definitions."""
        return text_hash(repr([list(each) for each in self.definitions]))

    @property
    def queries(self) -> frozenset[str]:
        """Return its texts, each as a query."""
        return frozenset(text if kind == "table_macro" else f"SELECT {text}" for kind, _, text in self.definitions)


def read_macros(cursor: Any) -> dict[tuple[str, str], Macro]:
    """Return each macro of users by schema and name in small letters; raises duckdb.Error."""
    found: dict[tuple[str, str], Macro] = {}

    for schema, name, *definition in catalog_rows(cursor, _MACROS):
        found.setdefault((schema.lower(), name.lower()), Macro()).definitions.append(tuple(definition))
    return found


def read_types(cursor: Any) -> dict[tuple[str, str], list[str]]:
    """Return the types of users by schema and name in small letters, each quoted; raises duckdb.Error."""
    found: dict[tuple[str, str], list[str]] = {}
    for names in catalog_rows(cursor, _USER_TYPES):
        found.setdefault((names[1].lower(), names[2].lower()), []).append(".".join(map(quoted, names)))
    return found


def definition_of(cursor: Any, schema: str, name: str) -> str | None:
    """Return a hash of the macros and types of users that have this name, None if there are none; raises duckdb.Error.

    A type is what it stands for, with the labels of enums and through the types in it.
    """
    macro = read_macros(cursor).get((schema, name))
    kinds = []
    for kind in read_types(cursor).get((schema, name), ()):
        cursor.execute(f"SELECT typeof(NULL::{kind})")
        kinds.append(str(cursor.fetchall()[0][0]))
    if not kinds:
        return macro.version if macro is not None else None
    return text_hash(repr([macro.version if macro is not None else "", *kinds]))


def resolved(parts: tuple[str, ...], held: Mapping[RelationName, Held], path: SearchPath) -> RelationName | None:
    """Return the relation that a name of one to three parts means, None if there is none of it."""
    return next((each for each in path.candidates(parts, held) if each in held), None)


def text_hash(text: str) -> str:
    """Return a hash of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
