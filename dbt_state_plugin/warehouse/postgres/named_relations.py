"""Relations and functions that a query names, by the server's answer.

The server resolves every name when it stores a view, whatever the query looks like: CTEs, aliases and the search_path
included. The view is temporary and rolled back. Where the server refuses it, the query's words are looked up in the
catalog, which may find more than is meant, and never less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbt_state_plugin.postgres.connection import first_line, read_only, rolled_back
from dbt_state_plugin.warehouse.answers import QueryRefused
from dbt_state_plugin.warehouse.postgres.live_columns import live_columns
from dbt_state_plugin.warehouse.postgres.same_statement import tokens
from dbt_state_plugin.warehouse.postgres.session_settings import SessionOfDbt, enter_session_of_dbt
from dbt_state_plugin.warehouse.postgres.written import names_in

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_VIEW = "CREATE TEMPORARY VIEW dbt_state_plugin_named AS SELECT 1 AS one FROM (\n{query}\n) AS q"
# The stored query holds each relation in it by its oid; pg_depend would leave out those of the server's own catalog.
_NAMED = """
    SELECT DISTINCT n.nspname::text, c.relname::text FROM pg_catalog.pg_rewrite r
    CROSS JOIN LATERAL pg_catalog.regexp_matches(r.ev_action::text, ':relid ([0-9]+)', 'g') AS m (id)
    JOIN pg_catalog.pg_class c ON c.oid = m.id[1]::pg_catalog.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE r.ev_class = 'pg_temp.dbt_state_plugin_named'::pg_catalog.regclass AND c.oid <> r.ev_class
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') ORDER BY 1, 2
"""
_BY_WORDS = """
    SELECT DISTINCT n.nspname::text, c.relname::text FROM pg_catalog.unnest(%s::text[]) AS w (name)
    JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(w.name)
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') ORDER BY 1, 2
"""
# A function that comes with the server (its oid is below 16384) is what the server's version is.
_CALLED = """
    SELECT DISTINCT n.nspname::text, p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')'
    FROM pg_catalog.pg_rewrite r CROSS JOIN LATERAL pg_catalog.regexp_matches(
        r.ev_action::text, ':(?:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') AS m (id)
    JOIN pg_catalog.pg_proc p ON p.oid = m.id[1]::pg_catalog.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE r.ev_class = 'pg_temp.dbt_state_plugin_named'::pg_catalog.regclass AND p.oid >= 16384 ORDER BY 1, 2
"""
# A column that a query reads is one that its view depends on. On a row that is read as a whole, or a system's column,
# it does not: these stand in the stored query alone, as a variable without a column's number.
_COLUMNS = """
    SELECT n.nspname::text, c.relname::text, c.oid::bigint, c.relrowsecurity,
        coalesce(pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL), '{}'),
        coalesce(pg_catalog.array_agg(a.attnum::int ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL), '{}')
    FROM pg_catalog.pg_rewrite r
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class
    JOIN pg_catalog.pg_class c ON c.oid = d.refobjid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
    WHERE r.ev_class = 'pg_temp.dbt_state_plugin_named'::pg_catalog.regclass AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2
"""
_TREE = """
    SELECT r.ev_action::text FROM pg_catalog.pg_rewrite r
    WHERE r.ev_class = 'pg_temp.dbt_state_plugin_named'::pg_catalog.regclass
"""
# So does a type that is made of the rows of a relation (`null::orders`): its fields are all columns of that.
_READS_WHOLE_ROWS = """
    WITH RECURSIVE named AS (
        SELECT r.oid, r.ev_action FROM pg_catalog.pg_rewrite r
        WHERE r.ev_class = 'pg_temp.dbt_state_plugin_named'::pg_catalog.regclass
    ), within (id) AS (
        SELECT d.refobjid FROM named JOIN pg_catalog.pg_depend d
            ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = named.oid
            AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
        UNION SELECT x.id FROM within w JOIN pg_catalog.pg_type y ON y.oid = w.id
        CROSS JOIN LATERAL (
            VALUES (y.typelem), (y.typbasetype)
            UNION ALL SELECT p.atttypid FROM pg_catalog.pg_attribute p
            WHERE p.attrelid = y.typrelid AND p.attnum > 0 AND NOT p.attisdropped
        ) x (id) WHERE x.id <> 0
    )
    SELECT 1 FROM named WHERE ev_action::text ~ ':varattno (0|-)'
    UNION ALL SELECT 1 FROM within w JOIN pg_catalog.pg_type y ON y.oid = w.id
    JOIN pg_catalog.pg_class c ON c.oid = y.typrelid WHERE c.relkind <> 'c'
"""
# Sums and averages of anything but these depend on the order of rows.
_SUMS_INEXACTLY = """
    SELECT 1 FROM pg_catalog.pg_rewrite r
    CROSS JOIN LATERAL pg_catalog.regexp_matches(r.ev_action::text, ':aggfnoid ([0-9]+)', 'g') AS m (id)
    JOIN pg_catalog.pg_proc p ON p.oid = m.id[1]::pg_catalog.oid
    WHERE r.ev_class = 'pg_temp.dbt_state_plugin_named'::pg_catalog.regclass AND p.proname IN ('sum', 'avg')
      AND NOT (p.oid < 16384 AND p.proargtypes[0]
          IN (20, 21, 23, 'numeric'::pg_catalog.regtype, 'money'::pg_catalog.regtype, 'interval'::pg_catalog.regtype))
"""
# undefined_table, undefined_column, undefined_function, invalid_schema_name, undefined_object
_OF_ITS_OWN_SESSION = frozenset({"42P01", "42703", "42883", "3F000", "42704"})
_PATIENCE = "10s"
MEANING = ("", "")  # the name of no relation


def named_relations(connection: Connection, query: str, *, of_dbt: SessionOfDbt) -> tuple[tuple[str, str], ...] | None:
    """Return the schema and name of each relation that a query names, None if its words cannot be read for certain.

    Functions of users are among them, as `name(arguments)`: of their definition `read_source_metadata` tells. The
    server refuses the view of what is no query, of what writes, and every view to a role that may create no temporary
    objects: then words decide, which find no functions. Raises QueryRefused where the query names what only the session
    that runs it knows, such as a temporary table of a hook.
    """
    import psycopg2

    with rolled_back(connection) as cursor:
        try:
            enter_session_of_dbt(cursor, patience=_PATIENCE, of_dbt=of_dbt)
            cursor.execute(_VIEW.format(query=query))
            cursor.execute(_NAMED)
            found = cursor.fetchall()
            cursor.execute("SET LOCAL search_path TO ''")  # in it stands which types are spelled without a schema
            cursor.execute(_CALLED)
            return tuple((str(schema), str(identifier)) for schema, identifier in [*found, *cursor.fetchall()])
        except psycopg2.Error as error:
            if connection.closed:
                raise
            if error.pgcode in _OF_ITS_OWN_SESSION:
                raise QueryRefused(first_line(error), is_certain=True) from error
    return _named_by_words(connection, query, of_dbt=of_dbt)


def columns_read(
    connection: Connection, query: str, *, of_dbt: SessionOfDbt
) -> dict[tuple[str, str], tuple[str, ...]] | None:
    """Return the columns that a query reads of each relation, none of one that it reads as a whole.

    None if the server takes it for no query, or where it reads rows as a whole. Where columns that nothing uses were
    left out, what the others mean is returned by the name of no relation.
    """
    import psycopg2

    with rolled_back(connection) as cursor:
        try:
            enter_session_of_dbt(cursor, patience=_PATIENCE, of_dbt=of_dbt)
            cursor.execute(_VIEW.format(query=query))
            cursor.execute(_READS_WHOLE_ROWS)
            if cursor.fetchone() is not None:
                return None
            cursor.execute(_COLUMNS)
            named = [_Named(*row) for row in cursor.fetchall()]
            cursor.execute(_TREE)
            return _used(named, *cursor.fetchone())
        except psycopg2.Error:
            if connection.closed:
                raise
    return None


class _Named(NamedTuple):
    """A relation that a query names, with the columns that it names, and whether a policy may read others too."""

    schema: str
    identifier: str
    oid: int
    has_policies: bool
    columns: list[str]
    numbers: list[int]


def _used(named: list[_Named], tree: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the columns on which the rows of a query can depend: at most those that it names."""
    names = {
        (each.oid, number): f"{each.schema}.{each.identifier}.{column}"
        for each in named
        for number, column in zip(each.numbers, each.columns, strict=True)
    }
    live = live_columns(tree, names)
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for each in named:
        numbers = each.numbers if live is None else live.columns.get(each.oid, frozenset())
        columns = [column for number, column in zip(each.numbers, each.columns, strict=True) if number in numbers]
        found[each.schema, each.identifier] = () if each.has_policies else tuple(columns)
    return found | ({MEANING: (live.meaning,)} if live is not None else {})


def sums_exactly(connection: Connection, query: str, *, of_dbt: SessionOfDbt) -> bool:
    """Return whether the server knows all sums and averages in a query as those of exact numbers."""
    import psycopg2

    with rolled_back(connection) as cursor:
        try:
            enter_session_of_dbt(cursor, patience=_PATIENCE, of_dbt=of_dbt)
            cursor.execute(_VIEW.format(query=query))
            cursor.execute(_SUMS_INEXACTLY)
            return cursor.fetchone() is None
        except psycopg2.Error:
            if connection.closed:
                raise
    return False


def _named_by_words(connection: Connection, query: str, *, of_dbt: SessionOfDbt) -> tuple[tuple[str, str], ...] | None:
    found = tokens(query)
    if found is None:
        return None
    with read_only(connection) as cursor:
        enter_session_of_dbt(cursor, patience=_PATIENCE, of_dbt=of_dbt)
        cursor.execute(_BY_WORDS, (sorted(names_in(found)),))
        return tuple((str(schema), str(identifier)) for schema, identifier in cursor.fetchall())
