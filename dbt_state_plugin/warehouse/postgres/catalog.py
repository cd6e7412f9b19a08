"""Relations of PostgreSQL: identities, columns, shapes, and dropped dependents."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationName
from dbt_state_plugin.core.versions.counters import BESIDE_COUNTERS
from dbt_state_plugin.errors import StateError
from dbt_state_plugin.postgres.connection import database_errors, is_pooled
from dbt_state_plugin.warehouse.answers import Present
from dbt_state_plugin.warehouse.postgres.shape import FOREIGN_KEY, SHAPE

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_DATABASE_AND_CLUSTER = """
    SELECT pg_catalog.current_database(), system_identifier::text FROM pg_catalog.pg_control_system()
"""
# What was flushed is there after a crash, too. A standby lags behind, so that it tells nothing.
_POSITION = """
    SELECT pg_catalog.concat_ws('/', pg_catalog.left(pg_catalog.pg_walfile_name(w.flushed), 8),
        (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()),
        pg_catalog.pg_wal_lsn_diff(w.flushed, '0/0'))
    FROM (SELECT pg_catalog.pg_current_wal_flush_lsn() AS flushed WHERE NOT pg_catalog.pg_is_in_recovery()) w
"""
# Counts what is written into a table (chapter "The Cumulative Statistics System" of PostgreSQL's manual). The counters
# start again when the server has crashed or somebody resets them: then the time of the reset differs. Where the server
# does not count it is null.
TOUCHED = """
    CASE WHEN pg_catalog.current_setting('track_counts') = 'on' AND c.relkind IN ('r', 'm', 'p') THEN
        pg_catalog.concat_ws(':', CASE WHEN c.relkind = 'p' THEN (
                SELECT pg_catalog.string_agg(pg_catalog.concat_ws('.', t.relid::pg_catalog.oid,
                    pg_catalog.pg_stat_get_tuples_inserted(t.relid),
                    pg_catalog.pg_stat_get_tuples_updated(t.relid),
                    pg_catalog.pg_stat_get_tuples_deleted(t.relid)), ',' ORDER BY t.relid::pg_catalog.oid)
                FROM pg_catalog.pg_partition_tree(c.oid) t WHERE t.isleaf
            ) ELSE pg_catalog.concat_ws('.', pg_catalog.pg_stat_get_tuples_inserted(c.oid),
                pg_catalog.pg_stat_get_tuples_updated(c.oid), pg_catalog.pg_stat_get_tuples_deleted(c.oid)) END,
            (SELECT pg_catalog.date_part('epoch', stats_reset) FROM pg_catalog.pg_stat_bgwriter),
            (SELECT pg_catalog.date_part('epoch', stats_reset) FROM pg_catalog.pg_stat_database
             WHERE datname = pg_catalog.current_database()))
    END
"""
# What differs where a column was dropped and came back under its name with other values, or the label of an enum has
# changed, which no counter shows: the numbers of the columns where some are missing, values of rows that are older than
# their column, and labels. Null where there is nothing of it.
OTHER_VALUES = """
    (SELECT pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(':', a.attnum, a.attmissingval::text,
            (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d
             WHERE a.attgenerated = 'v' AND d.adrelid = a.attrelid AND d.adnum = a.attnum),
            CASE WHEN a.atttypid >= 16384 THEN (
                SELECT pg_catalog.string_agg(pg_catalog.concat_ws(':', e.oid, e.enumlabel), ',' ORDER BY e.oid)
                FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON e.enumtypid IN (t.oid, t.typelem)
                WHERE t.oid = a.atttypid) END), ',' ORDER BY a.attnum))
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'm', 'p')
        HAVING pg_catalog.max(a.attnum) > count(*) OR pg_catalog.bool_or(
            a.atthasmissing OR a.attgenerated = 'v' OR a.atttypid >= 16384))
"""
_TOUCHED = f"{TOUCHED} || '{BESIDE_COUNTERS}' || coalesce({OTHER_VALUES}, '')"
# A view has no file: a hash of its rewrite rule stands in for it, which CREATE OR REPLACE VIEW changes.
IDENTITY = """
    pg_catalog.concat_ws('/', c.oid, CASE WHEN c.relkind = 'v' THEN (
            SELECT pg_catalog.hashtext(r.ev_action::text)::bigint & 4294967295 FROM pg_catalog.pg_rewrite r
            WHERE r.ev_class = c.oid AND r.rulename = '_RETURN'
        ) ELSE c.relfilenode::bigint END) AS identity,
    CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'other' END AS kind
"""
_COLUMNS = """
    (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(
            a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum), '[]')
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
"""
_FROM_CLASSES = """
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname
"""


def _sql(text: str) -> str:
    parts = {
        "identity": IDENTITY,
        "columns": _COLUMNS,
        "shape": SHAPE,
        "touched": _TOUCHED,
        "from classes": _FROM_CLASSES,
    }
    for name, part in parts.items():
        text = text.replace(f"<{name}>", part)
    return text


_IDENTITIES = _sql("""
    SELECT n.nspname::text, c.relname::text, <identity>, <columns>::text, <touched>, <shape>::text
    <from classes> = ANY (%s::text[])
""")
# The same as a part of the statement that records a build (state/builds.py), which has the name's two values.
IDENTITY_SQL = _sql("""
    SELECT <identity>, <columns> AS columns, <shape> AS shape <from classes> = %(schema)s AND c.relname = %(identifier)s
""")
# A view or materialized view depends on relations through its rewrite rule (pg_rewrite); DROP ... CASCADE follows
# these entries of pg_depend. Of a table it takes only the foreign keys that point at what is dropped.
_DEPENDENCIES = """
    SELECT DISTINCT parent_schema.nspname::text, parent.relname::text, child_schema.nspname::text, child.relname::text,
        NULL::text
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
    JOIN pg_catalog.pg_class child ON child.oid = r.ev_class AND child.relkind IN ('v', 'm')
    JOIN pg_catalog.pg_namespace child_schema ON child_schema.oid = child.relnamespace
    JOIN pg_catalog.pg_class parent ON parent.oid = d.refobjid AND parent.oid <> child.oid
    JOIN pg_catalog.pg_namespace parent_schema ON parent_schema.oid = parent.relnamespace
    WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND child_schema.nspname = ANY (%(schemas)s::text[])
    UNION ALL
    SELECT parent_schema.nspname::text, parent.relname::text, child_schema.nspname::text, child.relname::text,
        <foreign key>
    FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_class child ON child.oid = k.conrelid
    JOIN pg_catalog.pg_namespace child_schema ON child_schema.oid = child.relnamespace
    JOIN pg_catalog.pg_class parent ON parent.oid = k.confrelid AND parent.oid <> child.oid
    JOIN pg_catalog.pg_namespace parent_schema ON parent_schema.oid = parent.relnamespace
    WHERE k.contype = 'f' AND child_schema.nspname = ANY (%(schemas)s::text[])
""".replace("<foreign key>", FOREIGN_KEY)
_IDENTITY = _IDENTITIES + " AND c.relname = %s"
_OF_NAMED = """
    SELECT n.nspname::text, c.relname::text, <identity>, <asked>
    FROM unnest(%s::text[], %s::text[]) AS w (nspname, relname)
    JOIN pg_catalog.pg_namespace n ON n.nspname = w.nspname
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.relname
"""
_COUNTERS = _sql(_OF_NAMED.replace("<asked>", "<touched>"))
_SHAPES = _sql(_OF_NAMED.replace("<asked>", "<shape>::text"))
# A session hands in what it counted when it ends, before it leaves this view.
_SESSIONS = """
    SELECT 1 FROM pg_catalog.pg_stat_activity
    WHERE datname = pg_catalog.current_database() AND usename = %s AND application_name = %s AND backend_start > (
        SELECT own.backend_start FROM pg_catalog.pg_stat_activity own WHERE own.pid = pg_catalog.pg_backend_pid())
    LIMIT 1
"""
_COUNTERS_ARE_SHARED = 150000  # until then a collector of its own wrote them to a file, up to half a second late
_COLLECTED_AFTER = 0.6  # seconds


def server_identity(connection: Connection) -> tuple[str, str]:
    """Return the database's name and the server's system identifier, which together name one warehouse."""
    with database_errors("Cannot identify the database server"), connection.cursor() as cursor:
        cursor.execute(_DATABASE_AND_CLUSTER)
        database, system = cursor.fetchone() or ("", "")
    return str(database), str(system)


def position(connection: Connection) -> str | None:
    """Return the timeline, the database's oid and the bytes that were written ahead, None if no server tells."""
    try:
        with database_errors("Cannot read the position of the server"), connection.cursor() as cursor:
            cursor.execute(_POSITION)
            row = cursor.fetchone()
    except StateError:  # servers of clouds that keep their log in another way
        return None
    return str(row[0]) if row else None


def read_catalog(connection: Connection, relations: Iterable[RelationName]) -> Catalog:
    """Return what is in the schemas of `relations`: two queries, however many there are."""
    relations = tuple(relations)
    schemas = sorted({relation.schema for relation in relations if relation.schema})
    databases = {relation.schema: relation.database for relation in relations}

    def named(schema: str, identifier: str) -> RelationName:
        return RelationName(database=databases.get(schema, ""), schema=schema, identifier=identifier)

    cascades: dict[RelationName, list[RelationName]] = defaultdict(list)
    foreign_keys: dict[RelationName, list[tuple[RelationName, str]]] = defaultdict(list)
    with database_errors("Cannot read the catalog of the warehouse"), connection.cursor() as cursor:
        cursor.execute(_IDENTITIES, (schemas,))
        found = {named(row[0], row[1]): row[2:] for row in cursor}
        cursor.execute(_DEPENDENCIES, {"schemas": schemas})
        for parent_schema, parent, child_schema, child, key in cursor:
            if key is None:
                cascades[named(parent_schema, parent)].append(named(child_schema, child))
            else:
                foreign_keys[named(parent_schema, parent)].append((named(child_schema, child), key))
    return Catalog(
        identities={name: _identity(row) for name, row in found.items()},
        cascades={parent: tuple(sorted(views)) for parent, views in cascades.items()},
        columns={name: row[2] for name, row in found.items() if row[2] is not None},
        touched={name: row[3] for name, row in found.items() if row[3] is not None},
        shapes={name: row[4] for name, row in found.items()},
        foreign_keys={parent: tuple(sorted(tables)) for parent, tables in foreign_keys.items()},
    )


def sessions_ended(connection: Connection, user: str, application: str, *, patience: float) -> bool:
    """Wait until no session of a user and application that is younger than ours is left, `patience` seconds at most.

    Tells whether that came true; never through a pooler, which keeps sessions. Raises StateError.
    """
    if is_pooled(connection):
        return False
    end = time.monotonic() + patience
    with database_errors("Cannot see the sessions of the warehouse"), connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute(_SESSIONS, (user, application))
            if cursor.fetchone() is None:
                if connection.server_version < _COUNTERS_ARE_SHARED:
                    time.sleep(_COLLECTED_AFTER)
                return True
            time.sleep(0.01)
    return False


def read_counters(
    connection: Connection, relations: Iterable[RelationName]
) -> dict[RelationName, tuple[Identity, str]]:
    """Return for each table among `relations` its identity and the counters of what was written into it."""
    named = {(relation.schema, relation.identifier): relation for relation in relations}
    columns = [list(column) for column in zip(*sorted(named), strict=True)] if named else [[], []]
    with database_errors("Cannot read the counters of the warehouse"), connection.cursor() as cursor:
        cursor.execute(_COUNTERS, columns)
        return {named[row[0], row[1]]: (_identity(row[2:]), row[4]) for row in cursor if row[4] is not None}


def read_present(connection: Connection, relation: RelationName) -> Present | None:
    """Return what one relation is now, None when it does not exist; raises psycopg2.Error."""
    with connection.cursor() as cursor:
        cursor.execute(_IDENTITY, ([relation.schema], relation.identifier))
        row = cursor.fetchone()
    return Present(identity=_identity(row[2:]), columns=row[4], shape=row[6]) if row else None


def read_shapes(connection: Connection, relations: Iterable[RelationName]) -> dict[RelationName, tuple[Identity, str]]:
    """Return for each relation that exists its identity and its shape."""
    named = {(relation.schema, relation.identifier): relation for relation in relations}
    columns = [list(column) for column in zip(*sorted(named), strict=True)] if named else [[], []]
    with database_errors("Cannot read the catalog of the warehouse"), connection.cursor() as cursor:
        cursor.execute(_SHAPES, columns)
        return {named[row[0], row[1]]: (_identity(row[2:]), row[4]) for row in cursor}


def _identity(row: tuple[Any, ...]) -> Identity:
    return Identity.from_text(row[0], row[1])
