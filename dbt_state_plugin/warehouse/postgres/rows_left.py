"""Columns, rows and their order in a relation at one moment.

Of a view its query is executed, as a session of dbt's would, and the values are hashed as they are sent in binary form,
since a session's settings may leave out some of their text.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.records import RowsLeft
from dbt_state_plugin.postgres.connection import read_only
from dbt_state_plugin.warehouse.answers import value_hash
from dbt_state_plugin.warehouse.postgres.session_settings import SessionOfDbt, enter_session_of_dbt
from dbt_state_plugin.warehouse.postgres.source_data import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from psycopg2.extensions import connection as Connection
    from psycopg2.sql import Composable

    from dbt_state_plugin.core.values.relations import RelationName

# A type that users made is another one when it was made again, whatever its name, when its fields are called otherwise,
# or when its labels sort otherwise. A query that groups by a primary key may show other columns, until that is gone.
# Text tells all of a value, but not where it shows a name for an oid, or leaves out what was declared of XML; of types
# of extensions nobody knows.
_COLUMNS = """
    SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attcollation::pg_catalog.oid::text,
        t.made, t.fields, k.columns, t.is_told
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        WITH RECURSIVE within (id) AS (
            SELECT a.atttypid UNION SELECT x.id FROM within w JOIN pg_catalog.pg_type y ON y.oid = w.id
            CROSS JOIN LATERAL (
                VALUES (y.typelem), (y.typbasetype)
                UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE y.oid IN (r.rngtypid, r.rngmultitypid)
                UNION ALL SELECT p.atttypid FROM pg_catalog.pg_attribute p
                WHERE p.attrelid = y.typrelid AND p.attnum > 0 AND NOT p.attisdropped
            ) x (id) WHERE x.id <> 0
        )
        SELECT pg_catalog.array_to_string(pg_catalog.array_agg(y.oid ORDER BY y.oid), ',') AS made,
            pg_catalog.array_agg(f.names ORDER BY y.oid) FILTER (WHERE f.names IS NOT NULL) AS fields,
            pg_catalog.bool_and(y.oid < 16384 AND y.typname !~ '^(reg|xml$|aclitem$)' OR y.typtype <> 'b'
                OR y.typcategory = 'A'
                OR y.typname IN ('citext', 'hstore', 'ltree', 'geometry', 'geography', 'vector')) AS is_told
        FROM within w JOIN pg_catalog.pg_type y ON y.oid = w.id
        CROSS JOIN LATERAL (
            SELECT coalesce(pg_catalog.array_agg(p.attname::text ORDER BY p.attnum)::text, (
                SELECT pg_catalog.array_agg(e.enumlabel::text ORDER BY e.enumsortorder)::text
                FROM pg_catalog.pg_enum e WHERE e.enumtypid = y.oid
            )) AS names
            FROM pg_catalog.pg_attribute p WHERE p.attrelid = y.typrelid AND p.attnum > 0 AND NOT p.attisdropped
        ) f
    ) t
    LEFT JOIN LATERAL (
        SELECT k.conkey::text AS columns FROM pg_catalog.pg_constraint k
        WHERE k.conrelid = c.oid AND k.contype = 'p' AND a.attnum = ANY (k.conkey)
    ) k ON true
    WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
# As in source_data.py the text of a record tells its values apart, null from empty and each from its neighbours. The
# sum counts a row as often as it is there; in the others a row's place is the seed of its hash.
_ROWS = """
    SELECT pg_catalog.count(*)::text,
        coalesce(pg_catalog.sum(pg_catalog.hashtextextended(q.set_0, 0)::numeric), 0)::text, {sums}
    FROM (SELECT {texts}, pg_catalog.row_number() OVER () AS place FROM {relation}) q
"""
_SUM = "coalesce(pg_catalog.sum(pg_catalog.hashtextextended(q.{name}, q.place)::numeric), 0)::text"
_TEXT = '(ROW({columns})::text) COLLATE "C" AS {name}'
_ROWS_OF_VIEW = "SELECT pg_catalog.count(*)::pg_catalog.text, {sums} FROM {relation} AS q"
_SUM_OF_VIEW = """
    coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
        pg_catalog.encode(pg_catalog.record_send(ROW({columns})), 'hex') COLLATE "C", 0)::pg_catalog.numeric
    ), 0)::pg_catalog.text
"""
# Rows come as they lie: from the beginning, in one process, and not by an index that holds all columns.
_AS_THEY_LIE = """
    SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0;
    SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off
"""


def rows_left(connection: Connection, relation: RelationName, some: Iterable[tuple[str, ...]] = ()) -> RowsLeft | None:
    """Return what a relation holds, in one scan; None if it is not there or cannot be read.

    Each of `some` is a set of columns of which it is told besides, unless one of them is not there.
    """
    with _reading(connection) as cursor:
        cursor.execute(EXACT)
        if asked := _asked(cursor, relation, some):
            cursor.execute(_AS_THEY_LIE)  # not before: the catalog is read by its indexes
            cursor.execute(_statement(relation, asked.listed()))
            count, rows, order, *sums = cursor.fetchone()
            return asked.answer(count, rows, order, sums)
    return None


def rows_shown(
    connection: Connection,
    view: RelationName,
    some: Iterable[tuple[str, ...]],
    *,
    most_rows: int,
    patience_ms: int,
    of_dbt: SessionOfDbt,
) -> RowsLeft | None:
    """Return what the query of a view gives in a session of dbt's, by rows in no order.

    None if it is not there, cannot be read, is not done after `patience_ms` (0: whenever it is), or where the planner
    expects to pass on more than `most_rows` rows, those inside of it included.
    """
    with _reading(connection) as cursor:
        if asked := _asked(cursor, view, some):
            enter_session_of_dbt(cursor, patience=f"{patience_ms}ms", of_dbt=of_dbt)
            statement = _statement_of_view(view, asked.listed())
            if _expected_rows(cursor, statement) <= most_rows:
                cursor.execute(statement)
                count, rows, *sums = cursor.fetchone()
                return asked.answer(count, rows, "", sums)
    return None


@contextmanager
def _reading(connection: Connection) -> Iterator[Any]:
    """Yield a cursor in a transaction that may only read; what the server refuses ends it, and raises nothing."""
    import psycopg2

    try:
        with read_only(connection) as cursor:
            yield cursor
    except psycopg2.Error:
        if connection.closed:
            raise


def _expected_rows(cursor: Any, statement: Composable) -> int:
    from psycopg2 import sql

    cursor.execute(sql.SQL("EXPLAIN (FORMAT JSON) {}").format(statement))
    [[[plan]]] = cursor.fetchall()
    todo, found = [plan["Plan"]], 0
    while todo:
        node = todo.pop()
        found += int(node["Plan Rows"])
        todo += node.get("Plans", ())
    return found


@dataclass(frozen=True, slots=True)
class _Asked:
    """The columns of a relation, with what is told of each, and the sets of them that were asked for."""

    columns: Mapping[str, list[object]]
    sets: list[tuple[str, ...]]

    def listed(self) -> list[list[str]]:
        """Return all columns, and those of each set, in the order of the relation."""
        return [list(self.columns), *([c for c in self.columns if c in names] for names in self.sets)]

    def answer(self, count: str, rows: str, order: str, sums: Iterable[str]) -> RowsLeft:
        """Return what was found, given the number of rows and the hashes of all columns, their order and each set."""
        kept = {
            names: f"{value_hash([self.columns[name] for name in self.columns if name in names])}:{count}:{found}"
            for names, found in zip(self.sets, sums, strict=True)
        }
        columns = value_hash(list(self.columns.values()))
        return RowsLeft(
            columns=columns,
            rows=f"{count}:{rows}",
            order=order,
            some=kept,
            names=tuple(self.columns),
            number=int(count),
        )


def _asked(cursor: Any, relation: RelationName, some: Iterable[tuple[str, ...]]) -> _Asked | None:
    """Return the columns of a relation and the sets that it has, None if the text of one does not tell its value."""
    cursor.execute(_COLUMNS, (relation.schema, relation.identifier))
    described = cursor.fetchall()
    if not all(is_told for *_, is_told in described):
        return None
    columns = {name: _told(name, *others) for name, *others, _ in described}
    return _Asked(columns, [names for names in dict.fromkeys(some) if columns.keys() >= set(names)])


def _told(*values: object) -> list[object]:
    """Return what is told of a column, with nothing for what it has not."""
    return [value for value in values if value is not None]


def _statement_of_view(view: RelationName, sets: list[list[str]]) -> Composable:
    """Return the statement that hashes each set of columns; the first holds all of them."""
    from psycopg2 import sql

    sums = [
        sql.SQL(_SUM_OF_VIEW).format(columns=sql.SQL(", ").join(sql.Identifier("q", name) for name in names))
        for names in sets
    ]
    relation = sql.Identifier(view.schema, view.identifier)
    return sql.SQL(_ROWS_OF_VIEW).format(sums=sql.SQL(", ").join(sums), relation=relation)


def _statement(relation: RelationName, sets: list[list[str]]) -> Composable:
    """Return the statement that hashes each set of columns; the first holds all of them."""
    from psycopg2 import sql

    def listed(names: list[str]) -> Composable:
        return sql.SQL(", ").join(map(sql.Identifier, names))

    names = [sql.Identifier(f"set_{number}") for number in range(len(sets))]
    texts = [sql.SQL(_TEXT).format(columns=listed(each), name=name) for each, name in zip(sets, names, strict=True)]
    return sql.SQL(_ROWS).format(
        sums=sql.SQL(", ").join(sql.SQL(_SUM).format(name=name) for name in names),
        texts=sql.SQL(", ").join(texts),
        relation=sql.Identifier(relation.schema, relation.identifier),
    )
