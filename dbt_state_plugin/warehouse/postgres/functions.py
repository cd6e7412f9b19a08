"""Functions and views in PostgreSQL's catalog."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.warehouse.answers import Function, FunctionBody

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# Stable functions of the server that read more than they are given: its counters, tables by their names, its catalogs.
# The pattern means the same to Python and to PostgreSQL.
READS_MORE = (
    "pg_stat_get_.*|(table|schema|database)_to_xml.*|(obj|col|shobj)_description|to_reg[a-z]+|regclass|format_type"
    "|has_[a-z_]+_privilege|pg_has_role|pg_[a-z_]+_is_visible|pg_get_(?!keywords)[a-z_]+|pg_relation_[a-z_]+"
    "|pg_(describe|identify)_object[a-z_]*|pg_(index|indexam|index_column)_has_property|pg_column_is_updatable"
    "|pg_sequence_parameters|pg_filenode_relation|pg_tablespace_[a-z]+|enum_(first|last|range)"
)
# What returns nothing, such as pg_sleep(), is volatile for what it does: no row comes out differently.
_FUNCTIONS = """
    SELECT n.nspname::text, p.proname::text,
        CASE WHEN n.nspname = 'pg_catalog' AND p.prorettype = 'pg_catalog.void'::pg_catalog.regtype THEN 'i'
            ELSE p.provolatile::text END,
        p.pronargs - p.pronargdefaults,
        CASE WHEN p.provariadic = 0 THEN p.pronargs END
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE p.proname = ANY (%s::text[])
"""
# The body of a function in SQL stands in `prosrc`, or as a parse tree where it was written in SQL's own way.
_BODIES = """
    SELECT p.provolatile::text, l.lanname::text, coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc)
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang WHERE p.proname = %s
"""
# A view depends on what it reads through its rewrite rule; materialized views hold rows and end the way.
_VIEWS = """
    WITH RECURSIVE tree AS (
        SELECT n.nspname, c.relname, c.oid, c.relkind FROM unnest(%s::text[], %s::text[]) AS w (nspname, relname)
        JOIN pg_catalog.pg_namespace n ON n.nspname = w.nspname
        JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.relname
        UNION SELECT tree.nspname, tree.relname, c.oid, c.relkind FROM tree
        JOIN pg_catalog.pg_rewrite r ON r.ev_class = tree.oid
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class
        JOIN pg_catalog.pg_class c ON c.oid = d.refobjid
        WHERE tree.relkind = 'v'
    )
    SELECT nspname::text, relname::text, pg_catalog.pg_get_viewdef(oid) FROM tree WHERE relkind = 'v'
"""


def read_functions(connection: Connection, names: Iterable[str]) -> tuple[Function, ...]:
    """Return all functions of these names, in whichever schema; raises psycopg2.Error."""
    with connection.cursor() as cursor:
        cursor.execute(_FUNCTIONS, (sorted(names),))
        return tuple(
            Function(schema=row[0], name=row[1], volatility=row[2], least=row[3], most=row[4]) for row in cursor
        )


def read_function_bodies(connection: Connection, name: str) -> tuple[FunctionBody, ...]:
    """Return the bodies of all functions of this name, in whichever schema; raises psycopg2.Error."""
    with connection.cursor() as cursor:
        cursor.execute(_BODIES, (name,))
        return tuple(FunctionBody(volatility=row[0], language=row[1], text=row[2]) for row in cursor)


def read_view_definitions(
    connection: Connection, relations: Iterable[RelationName]
) -> dict[RelationName, tuple[str, ...]]:
    """Return the SQL of those relations that are views, with that of the views below; raises psycopg2.Error."""
    wanted = {(relation.schema, relation.identifier): relation for relation in relations}
    found: dict[RelationName, tuple[str, ...]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_VIEWS, ([schema for schema, _ in wanted], [identifier for _, identifier in wanted]))
        for schema, identifier, definition in cursor:
            relation = wanted[(schema, identifier)]
            found[relation] = (*found.get(relation, ()), str(definition))
    return found
