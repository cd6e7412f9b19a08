"""Indexes, constraints and comments that a build left of a relation."""

from __future__ import annotations

import json
from typing import Any

from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.warehouse.duckdb.catalog import text_hash
from dbt_state_plugin.warehouse.duckdb.connection import catalog_rows
from dbt_state_plugin.warehouse.duckdb.search_path import relation_name

# Kind, name and what differs when the thing does; those of DuckDB's own names are known by their definition.
_THINGS = """
    SELECT database_name, schema_name, table_name, 'index', index_name,
        concat(is_unique, ' ', expressions) FROM duckdb_indexes()
    UNION ALL SELECT database_name, schema_name, table_name,
        CASE constraint_type WHEN 'PRIMARY KEY' THEN 'primary key' WHEN 'UNIQUE' THEN 'unique constraint'
            WHEN 'CHECK' THEN 'check constraint' WHEN 'FOREIGN KEY' THEN 'foreign key' ELSE 'not null' END,
        array_to_string(constraint_column_names, ', '), constraint_text FROM duckdb_constraints()
    UNION ALL SELECT database_name, schema_name, table_name, 'comment', '', comment
        FROM duckdb_tables() WHERE NOT internal AND comment IS NOT NULL
    UNION ALL SELECT database_name, schema_name, view_name, 'comment', '', comment
        FROM duckdb_views() WHERE NOT internal AND comment IS NOT NULL
    UNION ALL SELECT database_name, schema_name, table_name, 'column comment', column_name, comment
        FROM duckdb_columns() WHERE NOT internal AND comment IS NOT NULL
"""


def read_shapes(cursor: Any) -> dict[RelationName, str]:
    """Return the shape of each relation that has one, as core/versions/shape.py reads it; raises duckdb.Error."""
    things: dict[RelationName, list[list[str]]] = {}
    for database, schema, table, kind, name, text in catalog_rows(cursor, _THINGS):
        things.setdefault(relation_name(database, schema, table), []).append([kind, name, text_hash(str(text))])
    return {name: json.dumps([["server", "", "duckdb"], *sorted(found)]) for name, found in things.items()}
