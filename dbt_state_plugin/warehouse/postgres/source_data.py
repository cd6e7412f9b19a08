"""Write counters and contents of source tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.core.versions.counters import BESIDE_COUNTERS
from dbt_state_plugin.core.versions.source_version import DEFINITION
from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.postgres.connection import cancelled_by_signals, database_errors, first_line, read_only
from dbt_state_plugin.warehouse.answers import SourceMetadata, columns_hash, value_hash
from dbt_state_plugin.warehouse.postgres.catalog import OTHER_VALUES
from dbt_state_plugin.warehouse.postgres.functions import READS_MORE

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.sql import Composable

_MOST_ROWS = 1000  # of an answer to the user's own query


# The counters of a table move with every row that is inserted, updated or deleted (chapter "The Cumulative Statistics
# System" of PostgreSQL's manual), and start again when the server has crashed or somebody resets them: then the time of
# the reset differs. A partitioned table is its partitions, and a view the tables that it reads; what a view's functions
# read shows nowhere. A function of the server's own is known to read nothing unless it is volatile or tells the time.
_METADATA = """
    WITH RECURSIVE wanted AS (
        SELECT w.nspname, w.relname, c.oid, c.relkind FROM unnest(%s::text[], %s::text[]) AS w (nspname, relname)
        LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.nspname
        LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.relname
    ), tree AS (
        SELECT oid AS root, oid FROM wanted WHERE oid IS NOT NULL
        UNION SELECT tree.root, edge.lower FROM tree CROSS JOIN LATERAL (
            SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = tree.oid
            UNION ALL SELECT d.refobjid FROM pg_catalog.pg_rewrite r
            JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
            JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
                AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class
            WHERE r.ev_class = tree.oid
        ) AS edge (lower)
    ), called AS (
        SELECT v.oid, pg_catalog.string_agg(pg_catalog.concat_ws(':', p.oid, p.xmin), ',' ORDER BY p.oid)
            FILTER (WHERE p.oid >= 16384) AS own_functions,
            pg_catalog.bool_or(<is open>) AS is_open
        FROM (SELECT DISTINCT tree.oid FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid AND c.relkind = 'v') v
        JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid AND r.rulename = '_RETURN'
        CROSS JOIN LATERAL pg_catalog.regexp_matches(
            r.ev_action::text, ':(?:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') AS f (id)
        JOIN pg_catalog.pg_proc p ON p.oid = f.id[1]::pg_catalog.oid
        GROUP BY v.oid
    ), member AS (
        SELECT tree.root, pg_catalog.string_agg(pg_catalog.concat_ws(':', c.oid, c.relfilenode,
                pg_catalog.pg_stat_get_tuples_inserted(c.oid), pg_catalog.pg_stat_get_tuples_updated(c.oid),
                pg_catalog.pg_stat_get_tuples_deleted(c.oid), called.own_functions,
                CASE WHEN c.relkind = 'v' THEN pg_catalog.md5(pg_catalog.pg_get_viewdef(c.oid)) END
            ), ',' ORDER BY c.oid) AS members,
            pg_catalog.sum(greatest(c.reltuples, pg_catalog.pg_stat_get_live_tuples(c.oid), 0))::bigint AS tuples,
            pg_catalog.string_agg(pg_catalog.concat_ws(':', <other values>, policies.definition), ',' ORDER BY c.oid)
                AS beside,
            pg_catalog.min(CASE WHEN c.relkind = 'f' THEN 'foreign'
                WHEN policies.is_open THEN 'policy'
                WHEN c.relkind NOT IN ('r', 'p', 'v', 'm') THEN 'kind'
                WHEN called.is_open THEN 'function'
                WHEN c.relkind = 'v' AND r.ev_action::text ~ %s THEN 'function'
            END) AS blind
        FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid LEFT JOIN called ON called.oid = c.oid
        LEFT JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid AND r.rulename = '_RETURN'
        LEFT JOIN LATERAL (<policies>) AS policies ON c.relrowsecurity GROUP BY tree.root
    )
    SELECT w.nspname::text, w.relname::text, a.names, a.types,
        CASE WHEN w.oid IS NULL THEN CASE WHEN EXISTS (
            SELECT 1 FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
            WHERE n.nspname = w.nspname AND p.proname = w.relname) THEN 'function'
            WHEN f.definition IS NULL THEN 'absent' END
        ELSE member.blind END,
        coalesce(%s || f.definition, pg_catalog.md5(pg_catalog.concat_ws(' ',
            member.members, a.names::text, a.types::text, (SELECT stats_reset FROM pg_catalog.pg_stat_bgwriter),
            (SELECT stats_reset FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database()),
            CASE WHEN pg_catalog.current_setting('track_counts') <> 'on' THEN pg_catalog.clock_timestamp() END))
            || %s || coalesce(pg_catalog.md5(nullif(pg_catalog.btrim(member.beside, ','), '')), '')),
        coalesce(w.relkind IN ('r', 'p'), false), coalesce(member.tuples, 0)
    FROM wanted w LEFT JOIN member ON member.root = w.oid
    LEFT JOIN LATERAL (
        SELECT pg_catalog.array_agg(attname::text ORDER BY attnum) AS names,
            pg_catalog.array_agg(pg_catalog.format_type(atttypid, atttypmod) ORDER BY attnum) AS types
        FROM pg_catalog.pg_attribute WHERE attrelid = w.oid AND attnum > 0 AND NOT attisdropped
    ) a ON true
    LEFT JOIN LATERAL (
        SELECT pg_catalog.md5(CASE WHEN p.prokind = 'a'
            THEN (SELECT pg_catalog.concat_ws(' ', g::text, (
                    SELECT pg_catalog.string_agg(pg_catalog.pg_get_functiondef(s.oid), ' ' ORDER BY s.oid)
                    FROM pg_catalog.pg_proc s WHERE s.oid >= 16384 AND s.oid IN (
                        g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn)))
                FROM pg_catalog.pg_aggregate g WHERE g.aggfnoid = p.oid)
            ELSE pg_catalog.pg_get_functiondef(p.oid) END) AS definition
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE w.oid IS NULL AND w.relname LIKE '%%)' AND n.nspname = w.nspname
            AND p.proname = ANY (ARRAY(
                SELECT pg_catalog.left(w.relname, i - 1)
                FROM pg_catalog.generate_series(2, pg_catalog.length(w.relname)) AS i
                WHERE pg_catalog.substr(w.relname, i, 1) = '('))
            AND w.relname = p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')'
        OFFSET 0
    ) f ON true
"""
# Which rows a role sees of a table with row security. What a policy asks of other tables, of the clock or of functions
# that may read anything shows nowhere; the roles that it is for, and who asks, stand in its definition.
_POLICIES = """
    SELECT pg_catalog.concat_ws(' ', c.relforcerowsecurity,
            CASE WHEN pg_catalog.row_security_active(c.oid) THEN pg_catalog.quote_ident(current_user) END,
            pg_catalog.string_agg(pg_catalog.concat_ws(' ', y.polname, y.polcmd, y.polpermissive, y.polroles::oid[],
                pg_catalog.pg_get_expr(y.polqual, y.polrelid)), ',' ORDER BY y.polname)) AS definition,
        pg_catalog.bool_or(y.polqual::text ~ '[{](SUBLINK|SQLVALUEFUNCTION :op [0-8]) ' OR EXISTS (
            SELECT 1 FROM pg_catalog.regexp_matches(y.polqual::text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') AS f (id)
            JOIN pg_catalog.pg_proc p ON p.oid = f.id[1]::pg_catalog.oid WHERE <is open>
        )) AND (tree.root <> c.oid OR pg_catalog.row_security_active(c.oid)) AS is_open
    FROM pg_catalog.pg_policy y WHERE y.polrelid = c.oid
"""
# A function `p`, a row of pg_proc, that may read anything, or tells the time.
_IS_OPEN = """
    p.provolatile = 'v' OR (p.provolatile = 's' AND p.oid >= 16384)
        OR p.proname IN ('now', 'transaction_timestamp', 'statement_timestamp', 'current_setting')
        OR (p.proname = 'age' AND p.pronargs = 1)
        OR (p.provolatile = 's' AND p.proname ~ '^(<reads more>)$')
""".replace("<reads more>", READS_MORE)
_METADATA = (
    _METADATA.replace("<other values>", OTHER_VALUES).replace("<policies>", _POLICIES).replace("<is open>", _IS_OPEN)
)


# current_date and its like, a sample of a table, and the server's own catalogs (their oids are below 16384).
_OPEN_VIEW = (
    "[{](SQLVALUEFUNCTION|TABLESAMPLECLAUSE) "
    "|:relid ([1-9][0-9]{0,3}|1[0-5][0-9]{3}|16[0-2][0-9]{2}|163[0-7][0-9]|1638[0-3]) "
)


def read_source_metadata(connection: Connection, sources: Iterable[RelationName]) -> dict[RelationName, SourceMetadata]:
    """Return what the catalog says about each source, in one query; rows are not read.

    An identifier like `name(arguments)` is a function: its definition stands for the counters. Counters reach their
    view up to a second after a commit. Raises StateError.
    """
    named = {(source.schema, source.identifier): source for source in sources}
    if not named:
        return {}
    schemas, identifiers = (list(column) for column in zip(*sorted(named), strict=True))
    with database_errors("Cannot read the catalog of the warehouse"), connection.cursor() as cursor:
        cursor.execute(_METADATA, (schemas, identifiers, _OPEN_VIEW, DEFINITION, BESIDE_COUNTERS))
        return {
            named[schema, identifier]: SourceMetadata(
                columns=dict(zip(names or (), types or (), strict=True)),
                touched=f"?{blind}" if blind else touched,
                is_table=is_table,
                rows=rows,
            )
            for schema, identifier, names, types, blind, touched, is_table, rows in cursor
        }


# A record's text tells all values of all types apart, null from empty too; the sum does not depend on the order, and
# counts a row as often as it is there. (hash_record_extended would not do: it adds up the hashes of the columns, so
# that two rows may swap values; and it finds 1.0 equal to 1.00.)
_CONTENT = """
    SELECT count(*)::text,
        coalesce(sum(pg_catalog.hashtextextended((ROW({columns})::text) COLLATE "C", 0)::numeric), 0)::text
    FROM {relation}
"""
# The texts of values must not depend on the settings of the role or the server.
EXACT = """
    SET LOCAL extra_float_digits = 3; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'postgres';
    SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C'; SET LOCAL timezone = 'UTC'
"""


def content_of(connection: Connection, relation: RelationName, columns: Iterable[str]) -> str:
    """Return a value of all rows of a relation that differs when a row of these columns differs.

    One scan. Returns `?rights` or `?error` where the rows cannot be read.
    """
    import psycopg2
    from psycopg2 import sql

    statement = sql.SQL(_CONTENT).format(
        columns=sql.SQL(", ").join(sql.Identifier(column) for column in columns), relation=_name(relation)
    )
    try:
        rows = _answer(connection, statement)
    except psycopg2.errors.InsufficientPrivilege:
        return "?rights"
    except psycopg2.Error:
        if connection.closed:
            raise
        return "?error"
    return ":".join(rows[0])


def content_of_build(connection: Connection, relation: RelationName) -> str:
    """Return a value of all columns and rows of a relation that was just built, or nothing if unreadable."""
    metadata = read_source_metadata(connection, [relation])[relation]
    content = content_of(connection, relation, metadata.columns)
    return "" if content.startswith("?") else f"{columns_hash(metadata, metadata.columns)}:{content}"


def answer_of_query(connection: Connection, source: str, relation: RelationName, query: str) -> str:
    """Return a hash of the answer to the user's own SQL, in which `{source}` stands for the relation.

    It runs in a read-only transaction. Raises ConfigurationError, naming the source, where it cannot be run.
    """
    import psycopg2
    from psycopg2 import sql

    first, *others = (sql.SQL(piece) for piece in query.split("{source}"))
    statement = sql.Composed([first, *(part for piece in others for part in (_name(relation), piece))])
    try:
        rows = _answer(connection, statement, of_user=True)
    except psycopg2.Error as error:
        if connection.closed:
            raise
        raise ConfigurationError(
            f"The data version of {source} cannot be read: {first_line(error)}.",
            "Correct its data_version_query, loaded_at_query or loaded_at_field, or choose another data_version.",
        ) from error
    if len(rows) > _MOST_ROWS:
        raise ConfigurationError(
            f"The data version of {source} cannot be read: its query gives more than {_MOST_ROWS} rows.",
            "Write one that gives a single row, such as select max(updated_at).",
        )
    return value_hash([query, [[str(value) for value in row] for row in rows]])


def newest_row(connection: Connection, source: str, relation: RelationName, loaded_at: str) -> str:
    """Return a hash of the number of rows and the greatest value of dbt's `loaded_at_field`.

    Raises ConfigurationError, naming the source, where it cannot be read.
    """
    query = "SELECT count(*), max({field}) FROM {source}".replace("{field}", loaded_at)  # an expression, as in dbt
    return answer_of_query(connection, source, relation, query)


def _name(relation: RelationName) -> Composable:
    from psycopg2 import sql

    return sql.Identifier(relation.schema, relation.identifier)


def _answer(connection: Connection, statement: Composable, *, of_user: bool = False) -> list[tuple[Any, ...]]:
    """Return the rows that a read-only statement gives, cut short; a signal cancels it in the server."""

    def ask() -> list[tuple[Any, ...]]:
        with read_only(connection) as cursor:
            if of_user:
                cursor.execute("SET LOCAL search_path TO DEFAULT")
            else:
                cursor.execute(EXACT)
            cursor.execute(statement)
            return list(cursor.fetchmany(_MOST_ROWS + 1)) if cursor.description else []

    return cancelled_by_signals(connection, ask)
