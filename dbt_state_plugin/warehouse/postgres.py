"""Which relations exist in PostgreSQL, which incarnation is each, and what does the server drop along with it?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.model import Catalog, PhysicalIdentity, RelationName
from dbt_state_plugin.state.connection import database_errors

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_WHEREABOUTS = """
    SELECT pg_catalog.current_database(), system_identifier::text FROM pg_catalog.pg_control_system()
"""
# A view has no file: a hash of its rewrite rule stands in for it, which CREATE OR REPLACE VIEW changes. The statement
# that records a build (state/marks.py) reads the same.
_IDENTITIES = """
    SELECT n.nspname::text, c.relname::text, c.oid::bigint,
        CASE WHEN c.relkind = 'v' THEN (
            SELECT pg_catalog.hashtext(r.ev_action::text)::bigint & 4294967295 FROM pg_catalog.pg_rewrite r
            WHERE r.ev_class = c.oid AND r.rulename = '_RETURN'
        ) ELSE c.relfilenode::bigint END, c.relkind::text, (
            SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
                a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)::text
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY (%s::text[])
"""
# A view or materialized view depends on relations through its rewrite rule (pg_rewrite); DROP ... CASCADE follows
# these entries of pg_depend.
_VIEW_DEPENDENCIES = """
    SELECT DISTINCT parent_schema.nspname::text, parent.relname::text, child_schema.nspname::text, child.relname::text
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
    JOIN pg_catalog.pg_class child ON child.oid = r.ev_class AND child.relkind IN ('v', 'm')
    JOIN pg_catalog.pg_namespace child_schema ON child_schema.oid = child.relnamespace
    JOIN pg_catalog.pg_class parent ON parent.oid = d.refobjid AND parent.oid <> child.oid
    JOIN pg_catalog.pg_namespace parent_schema ON parent_schema.oid = parent.relnamespace
    WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND child_schema.nspname = ANY (%s::text[])
"""
_IDENTITY = _IDENTITIES + " AND c.relname = %s"


def whereabouts(connection: Connection) -> tuple[str, str]:
    """Return the database's name and the server's system identifier, which together name one warehouse."""
    with database_errors("Cannot identify the database server"), connection.cursor() as cursor:
        cursor.execute(_WHEREABOUTS)
        database, system = cursor.fetchone() or ("", "")
    return str(database), str(system)


# The counters of a table move with every row that is inserted, updated or deleted (chapter "The Cumulative Statistics
# System" of PostgreSQL's manual), and start again when the server has crashed or somebody resets them: then the time of
# the reset differs. A partitioned table is its partitions, and a view the tables that it reads.
_DATA = """
    WITH RECURSIVE wanted AS (
        SELECT n.nspname, c.relname, c.oid FROM unnest(%s::text[], %s::text[]) AS w (nspname, relname)
        JOIN pg_catalog.pg_namespace n ON n.nspname = w.nspname
        JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.relname
    ), edge AS (
        SELECT inhparent AS upper, inhrelid AS lower FROM pg_catalog.pg_inherits
        UNION SELECT r.ev_class, d.refobjid FROM pg_catalog.pg_rewrite r
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class
    ), tree AS (
        SELECT oid AS root, oid FROM wanted
        UNION SELECT tree.root, edge.lower FROM tree JOIN edge ON edge.upper = tree.oid
    ), member AS (
        SELECT tree.root, pg_catalog.string_agg(pg_catalog.concat_ws(':', c.oid, c.relfilenode,
            pg_catalog.pg_stat_get_tuples_inserted(c.oid), pg_catalog.pg_stat_get_tuples_updated(c.oid),
            pg_catalog.pg_stat_get_tuples_deleted(c.oid),
            CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.md5(pg_catalog.pg_get_viewdef(c.oid)) END
        ), ',' ORDER BY c.oid) AS members
        FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid GROUP BY tree.root
    )
    SELECT w.nspname::text, w.relname::text,
        (SELECT pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(
             ' ', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), ',' ORDER BY a.attnum))
         FROM pg_catalog.pg_attribute a WHERE a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped),
        pg_catalog.md5(pg_catalog.concat_ws(' ', member.members, (SELECT stats_reset FROM pg_catalog.pg_stat_bgwriter),
        (SELECT stats_reset FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database()),
        CASE WHEN pg_catalog.current_setting('track_counts') <> 'on' THEN pg_catalog.clock_timestamp() END))
    FROM wanted w JOIN member ON member.root = w.oid
"""


def read_catalog(
    connection: Connection, relations: Iterable[RelationName], sources: Iterable[RelationName] = ()
) -> Catalog:
    """Return what is in the schemas of `relations`, and versions of the data of `sources`.

    Three queries, however many there are. Counters reach their view up to a second after a commit.
    """
    relations = tuple(relations)
    schemas = sorted({relation.schema for relation in relations if relation.schema})
    databases = {relation.schema: relation.database for relation in relations}

    def named(schema: str, identifier: str) -> RelationName:
        return RelationName(database=databases.get(schema, ""), schema=schema, identifier=identifier)

    cascades: dict[RelationName, list[RelationName]] = defaultdict(list)
    with database_errors("Cannot read the catalog of the warehouse"), connection.cursor() as cursor:
        cursor.execute(_IDENTITIES, (schemas,))
        found = {named(row[0], row[1]): row[2:] for row in cursor}
        cursor.execute(_VIEW_DEPENDENCIES, (schemas,))
        for parent_schema, parent, child_schema, child in cursor:
            cascades[named(parent_schema, parent)].append(named(child_schema, child))
        columns = zip(*sorted({(source.schema, source.identifier) for source in sources}), strict=True)
        schema_names, identifiers = tuple(list(column) for column in columns) or ([], [])
        cursor.execute(_DATA, (schema_names, identifiers))
        data = {named(row[0], row[1]): f"{row[2]}/{row[3]}" for row in cursor}
    return Catalog(
        identities={name: _identity(row) for name, row in found.items()},
        cascades={parent: tuple(sorted(views)) for parent, views in cascades.items()},
        data=data,
        columns={name: row[3] for name, row in found.items() if row[3] is not None},
    )


def read_incarnation(connection: Connection, relation: RelationName) -> tuple[PhysicalIdentity | None, str | None]:
    """Return the identity and the columns of one relation now, None when it does not exist; raises psycopg2.Error."""
    with connection.cursor() as cursor:
        cursor.execute(_IDENTITY, ([relation.schema], relation.identifier))
        row = cursor.fetchone()
    return (_identity(row[2:]), row[5]) if row else (None, None)


def _identity(row: tuple[Any, ...]) -> PhysicalIdentity:
    return PhysicalIdentity(oid=row[0], relfilenode=row[1], relkind=row[2])
