"""Relations in which rows written into others may show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

Names = frozenset[tuple[str, str]]

# Views, partitions, parents, and tables whose foreign keys act on a change. What triggers, rules and foreign servers do
# is not known, nor where a view passes rows on. A materialized view is written by REFRESH alone.
_READERS = """
    WITH RECURSIVE tree AS (
        SELECT c.oid, true AS is_written FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN ROWS FROM (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[])) AS w (schema, name)
            ON c.relname = w.name AND w.schema IN ('', n.nspname)
        UNION SELECT edge.oid, edge.is_written FROM tree CROSS JOIN LATERAL (
            SELECT i.inhparent, tree.is_written FROM pg_catalog.pg_inherits i WHERE i.inhrelid = tree.oid
            UNION ALL SELECT i.inhrelid, tree.is_written FROM pg_catalog.pg_inherits i WHERE i.inhparent = tree.oid
            UNION ALL SELECT f.conrelid, tree.is_written FROM pg_catalog.pg_constraint f
            WHERE f.contype = 'f' AND f.confrelid = tree.oid
            UNION ALL SELECT r.ev_class, false FROM pg_catalog.pg_depend d
            JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND r.ev_class <> tree.oid
            WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = tree.oid
        ) AS edge (oid, is_written)
    )
    SELECT n.nspname::text, c.relname::text, tree.is_written AND c.relkind <> 'm' AND (
        c.relkind NOT IN ('r', 'p') OR c.relhasrules
        OR EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal))
    FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""


def readers_of(connection: Connection, written: Names) -> Names | None:
    """Return the relations in which rows written into these may show, with them; None where nobody can tell."""
    pairs = sorted(written)
    with connection.cursor() as cursor:
        cursor.execute(_READERS, ([schema for schema, _ in pairs], [name for _, name in pairs]))
        found = cursor.fetchall()
    if any(is_unknown for _, _, is_unknown in found):
        return None
    return written | {(str(schema), str(name)) for schema, name, _ in found}
