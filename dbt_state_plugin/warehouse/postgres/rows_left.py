"""What a relation holds at one moment: columns, rows, and the order in which they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt_state_plugin.core.values.records import RowsLeft
from dbt_state_plugin.postgres.connection import read_only
from dbt_state_plugin.warehouse.answers import value_hash
from dbt_state_plugin.warehouse.postgres.source_data import EXACT

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from dbt_state_plugin.core.values.relations import RelationName

_COLUMNS = """
    SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attcollation::pg_catalog.oid::text
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
# As in source_data.py the text of a record tells its values apart, null from empty and each from its neighbours. The
# sum counts a row as often as it is there; in the other one a row's place is the seed of its hash.
_ROWS = """
    SELECT pg_catalog.count(*)::text || ':' || coalesce(pg_catalog.sum(
            pg_catalog.hashtextextended(q.row, 0)::numeric), 0)::text,
        coalesce(pg_catalog.sum(pg_catalog.hashtextextended(q.row, q.place)::numeric), 0)::text
    FROM (
        SELECT (ROW({columns})::text) COLLATE "C" AS row, pg_catalog.row_number() OVER () AS place FROM {relation}
    ) q
"""
# Rows come as they lie: from the beginning, in one process, and not by an index that holds all columns.
_AS_THEY_LIE = """
    SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0;
    SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off
"""


def rows_left(connection: Connection, relation: RelationName) -> RowsLeft | None:
    """Return what a relation holds, in one scan; None where it is not there or cannot be read."""
    import psycopg2
    from psycopg2 import sql

    try:
        with read_only(connection) as cursor:
            cursor.execute(EXACT)
            cursor.execute(_AS_THEY_LIE)
            cursor.execute(_COLUMNS, (relation.schema, relation.identifier))
            columns = cursor.fetchall()
            statement = sql.SQL(_ROWS).format(
                columns=sql.SQL(", ").join(sql.Identifier(column[0]) for column in columns),
                relation=sql.Identifier(relation.schema, relation.identifier),
            )
            cursor.execute(statement)
            rows, order = cursor.fetchone()
    except psycopg2.Error:
        if connection.closed:
            raise
        return None
    return RowsLeft(columns=value_hash(columns), rows=rows, order=order)
