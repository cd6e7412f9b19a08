"""One value that differs when anything in some schemas does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dbt_state_plugin.postgres.connection import database_errors
from dbt_state_plugin.warehouse.postgres.catalog import TOUCHED
from dbt_state_plugin.warehouse.postgres.shape import PIECES

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# All that catalog.py reads or what that follows from: the views that the server drops along are those whose
# rule names a relation, by its oid. Sums do not depend on an order; each piece begins with the oid of what it is of.
_EVIDENCE = """
    WITH here AS MATERIALIZED (
        SELECT c.oid, n.nspname, c.relname, c.relkind, c.relfilenode, c.relhasindex, c.relhastriggers,
            pg_catalog.concat_ws(' ', c.relowner, c.relacl, c.reloptions, c.relpersistence, c.relreplident,
                c.relrowsecurity, c.relforcerowsecurity) AS kept
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY (%s::text[])
    ), piece (text) AS (
        SELECT pg_catalog.concat_ws(' ', oid, relkind, relfilenode, pg_catalog.quote_ident(nspname),
            pg_catalog.quote_ident(relname), kept) FROM here
        UNION ALL
        SELECT pg_catalog.concat_ws(' ', a.attrelid, a.attnum, pg_catalog.format_type(a.atttypid, a.atttypmod),
            pg_catalog.quote_ident(a.attname), a.attnotnull, a.attacl, a.attmissingval::text)
        FROM here JOIN pg_catalog.pg_attribute a ON a.attrelid = here.oid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT pg_catalog.concat_ws(' ', a.attrelid, e.oid, e.enumlabel)
        FROM here JOIN pg_catalog.pg_attribute a ON a.attrelid = here.oid AND a.atttypid >= 16384
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        JOIN pg_catalog.pg_enum e ON e.enumtypid IN (t.oid, t.typelem)
        UNION ALL
        SELECT pg_catalog.concat_ws(' ', c.oid, <touched>) FROM here AS c WHERE c.relkind IN ('r', 'p', 'm')
        UNION ALL
        SELECT pg_catalog.concat_ws(' ', r.ev_class, pg_catalog.quote_ident(r.rulename), r.ev_action::text)
        FROM here JOIN pg_catalog.pg_rewrite r ON r.ev_class = here.oid WHERE here.relkind IN ('v', 'm')
        UNION ALL
        <shape>
    )
    SELECT pg_catalog.concat_ws(' ', count(*), pg_catalog.sum(pg_catalog.hashtextextended(text, 0)),
        pg_catalog.sum(pg_catalog.hashtextextended(text, 1))) FROM piece
""".replace("<touched>", TOUCHED).replace("<shape>", PIECES)


def catalog_evidence(connection: Connection, schemas: Iterable[str]) -> str:
    """Return a value that differs whenever a relation in these schemas does, its columns, shape, counters or query.

    Raises StateError.
    """
    with database_errors("Cannot read the catalog of the warehouse"), connection.cursor() as cursor:
        cursor.execute(_EVIDENCE, (sorted(schemas),))
        row = cursor.fetchone()
    return str(row[0]) if row else ""
