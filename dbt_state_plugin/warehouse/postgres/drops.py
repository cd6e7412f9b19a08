"""What blocks a DROP, and the drop of the recorded relation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.orphans import Dependant, DropCheck
from dbt_state_plugin.core.values.relations import Identity, RelationKind, RelationName
from dbt_state_plugin.postgres.connection import database_errors, first_line
from dbt_state_plugin.warehouse.answers import DropRefused
from dbt_state_plugin.warehouse.postgres.catalog import IDENTITY

if TYPE_CHECKING:
    from psycopg2 import Error
    from psycopg2.extensions import connection as Connection

LOCK_WAIT_MS = 10_000  # others that want the relation queue behind a waiting DROP, so it does not wait for long
_DROP: Mapping[RelationKind, str] = {
    RelationKind.TABLE: "DROP TABLE {} RESTRICT",
    RelationKind.PARTITIONED_TABLE: "DROP TABLE {} RESTRICT",
    RelationKind.VIEW: "DROP VIEW {} RESTRICT",
    RelationKind.MATERIALIZED_VIEW: "DROP MATERIALIZED VIEW {} RESTRICT",
    RelationKind.FOREIGN_TABLE: "DROP FOREIGN TABLE {} RESTRICT",
}


_STANDINGS = """
    SELECT n.nspname::text, c.relname::text, c.oid::bigint, <identity>,
           pg_catalog.pg_get_userbyid(c.relowner)::text, current_user::text,
           pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.pg_has_role(n.nspowner, 'USAGE')
    FROM unnest(%s::text[], %s::text[]) AS wanted (schema_name, identifier)
    JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.schema_name
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.identifier
""".replace("<identity>", IDENTITY)
# What DROP ... RESTRICT takes along ("doomed"): whatever depends on the relation automatically or as a part of it (see
# pg_depend.deptype in PostgreSQL's manual). A normal dependency from outside makes it refuse ("blockers"). A partition
# or a child of another table would go without a word: here the parent counts as a dependant, as it would lose rows.
_DEPENDENCIES = """
    WITH RECURSIVE doomed (root, classid, objid, objsubid) AS (
        SELECT roots.oid, 'pg_catalog.pg_class'::pg_catalog.regclass::oid, roots.oid, 0
        FROM unnest(%(oids)s::oid[]) AS roots (oid)
        UNION
        SELECT doomed.root, d.classid, d.objid, d.objsubid
        FROM doomed JOIN pg_catalog.pg_depend d ON d.refclassid = doomed.classid AND d.refobjid = doomed.objid
            AND doomed.objsubid IN (0, d.refobjsubid)
        WHERE d.deptype IN ('a', 'i', 'P', 'S')
    ), blockers (root, classid, objid, objsubid) AS (
        SELECT doomed.root, d.classid, d.objid, d.objsubid
        FROM doomed JOIN pg_catalog.pg_depend d ON d.refclassid = doomed.classid AND d.refobjid = doomed.objid
            AND doomed.objsubid IN (0, d.refobjsubid)
            LEFT JOIN doomed mine ON mine.root = doomed.root AND mine.classid = d.classid AND mine.objid = d.objid
            AND mine.objsubid IN (0, d.objsubid)
        WHERE d.deptype = 'n' AND mine.root IS NULL
        UNION
        SELECT i.inhrelid, 'pg_catalog.pg_class'::pg_catalog.regclass::oid, i.inhparent, 0
        FROM pg_catalog.pg_inherits i WHERE i.inhrelid = ANY (%(oids)s::oid[])
    ), wholes AS (  -- a rule is named by its view
        SELECT DISTINCT b.root, coalesce(o.refclassid, b.classid) AS classid, coalesce(o.refobjid, b.objid) AS objid,
               CASE WHEN o.refobjid IS NULL THEN b.objsubid ELSE o.refobjsubid END AS objsubid
        FROM blockers b LEFT JOIN pg_catalog.pg_depend o
            ON (o.classid, o.objid, o.objsubid) = (b.classid, b.objid, b.objsubid) AND o.deptype = 'i'
    )
    SELECT w.root::bigint, pg_catalog.pg_describe_object(w.classid, w.objid, w.objsubid), NULL AS part_schema,
           NULL AS part, array_remove(array_agg(other.root::bigint), NULL)
    FROM wholes w LEFT JOIN doomed other ON other.classid = w.classid AND other.objid = w.objid
        AND other.objsubid IN (0, w.objsubid) AND other.root <> w.root
    GROUP BY w.root, w.classid, w.objid, w.objsubid
    UNION ALL
    SELECT doomed.root::bigint, NULL, n.nspname::text, c.relname::text, NULL
    FROM doomed JOIN pg_catalog.pg_class c ON c.oid = doomed.objid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE doomed.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND doomed.objid <> doomed.root
      AND c.relkind IN ('r', 'p', 'f')
    ORDER BY 1, 2, 3, 4
"""


def read_drop_checks(connection: Connection, relations: Iterable[RelationName]) -> dict[RelationName, DropCheck]:
    """Return which relation has each of these names now; unused names are left out. Nothing is locked."""
    names = {(name.schema, name.identifier): name for name in relations}
    dependants: dict[int, list[Dependant]] = defaultdict(list)
    parts: dict[int, list[tuple[str, str]]] = defaultdict(list)
    with database_errors("Cannot read the catalog of the warehouse"), connection.cursor() as cursor:
        cursor.execute(_STANDINGS, ([schema for schema, _ in names], [identifier for _, identifier in names]))
        found = {names[row[0], row[1]]: row[2:] for row in cursor.fetchall()}
        roots = {row[0]: name for name, row in found.items()}
        cursor.execute(_DEPENDENCIES, {"oids": list(roots)})
        for root, description, schema, identifier, goes_with in cursor.fetchall():
            if description is None:
                parts[root].append((schema, identifier))
            else:
                dependants[root].append(
                    Dependant(description=description, goes_with=frozenset(roots[each] for each in goes_with))
                )
    return {
        name: DropCheck(
            identity=Identity.from_text(row[1], row[2]),
            owner=row[3],
            role=row[4],
            may_drop=row[5],
            dependants=tuple(dependants[row[0]]),
            parts=tuple(RelationName(database=name.database, schema=s, identifier=i) for s, i in parts[row[0]]),
        )
        for name, row in found.items()
    }


_SET_LOCK_TIMEOUT = "SELECT pg_catalog.set_config('lock_timeout', %s, true)"
_DROPPED_HERE = """
    SELECT 1 FROM pg_catalog.pg_locks
    WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND mode = 'AccessExclusiveLock' AND granted
      AND relation = %s::oid
      AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
"""


def drop_relation(cursor: Any, relation: RelationName, identity: Identity, *, lock_wait_ms: int = LOCK_WAIT_MS) -> None:
    """Drop exactly the relation of this identity in the cursor's transaction, and nothing that depends on it.

    Raises DropRefused, after which the transaction must be rolled back, and psycopg2.Error when the connection is gone.
    """
    import psycopg2
    from psycopg2 import sql

    if identity.kind not in _DROP:
        raise DropRefused("it is neither a table nor a view")
    name = sql.Identifier(relation.schema, relation.identifier)
    try:
        cursor.execute(_SET_LOCK_TIMEOUT, (f"{lock_wait_ms}ms",))
        cursor.execute(sql.SQL(_DROP[identity.kind]).format(name))
        # Not every kind can be locked before (LOCK TABLE knows no materialized views, and locks what a view reads). The
        # DROP itself locks what the name meant in the end: the lock tells which relation that was.
        cursor.execute(_DROPPED_HERE, (identity.object_id,))
    except psycopg2.Error as error:
        if cursor.connection.closed:
            raise
        raise DropRefused(_refusal(error)) from error
    if cursor.fetchone() is None:
        raise DropRefused("it is not the one that was recorded: it was replaced just now")


def _refusal(error: Error) -> str:
    from psycopg2 import errors

    if isinstance(error, errors.DependentObjectsStillExist):
        detail = (error.diag.message_detail or error.diag.message_primary or "").splitlines()
        return f"others depend on it: {detail[0] if detail else first_line(error)}"
    if isinstance(error, (errors.LockNotAvailable, errors.DeadlockDetected)):
        return "it is in use (pg_stat_activity shows by whom)"
    if isinstance(error, (errors.UndefinedTable, errors.InvalidSchemaName, errors.WrongObjectType)):
        return "it is not the one that was recorded: it was dropped or replaced just now"
    return error.diag.message_primary or first_line(error)
