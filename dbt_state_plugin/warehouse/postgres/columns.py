"""Columns of relations and of queries, found without running them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.comparison.adoption import Columns
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.postgres.connection import database_errors, first_line, read_only
from dbt_state_plugin.warehouse.answers import QueryRefused
from dbt_state_plugin.warehouse.postgres.session_settings import SessionOfDbt, enter_session_of_dbt

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# A result's description names the type below a domain, so that is what is compared.
_COLUMNS = """
    SELECT n.nspname::text, c.relname::text, pg_catalog.array_agg(a.attname::text ORDER BY a.attnum),
        pg_catalog.array_agg((CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END)::bigint ORDER BY a.attnum)
    FROM unnest(%s::text[], %s::text[]) AS w (nspname, relname)
    JOIN pg_catalog.pg_namespace n ON n.nspname = w.nspname
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.relname
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    GROUP BY n.nspname, c.relname
"""
_PATIENCE = "10s"


def read_columns(connection: Connection, relations: Iterable[RelationName]) -> dict[tuple[str, str], Columns]:
    """Return the columns of each relation by schema and name."""
    names = [(relation.schema, relation.identifier) for relation in relations]
    with database_errors("Cannot read the catalog of the warehouse"), connection.cursor() as cursor:
        cursor.execute(_COLUMNS, ([schema for schema, _ in names], [name for _, name in names]))
        return {(row[0], row[1]): tuple(zip(row[2], row[3], strict=True)) for row in cursor.fetchall()}


def described_columns(connection: Connection, query: str, *, of_dbt: SessionOfDbt) -> Columns:
    """Return the columns that a query would give; raises QueryRefused.

    The server plans it and gives no row of it, in a transaction that may not write. The search_path is that of
    the profile, or else of the role.
    """
    rows = _answer(connection, "SELECT * FROM (\n", query, "\n) AS dbt_state_plugin_columns LIMIT 0", of_dbt)
    return tuple((str(column.name), int(column.type_code)) for column in rows[0] or ())


def count_rows(connection: Connection, relation: RelationName) -> int:
    """Return how many rows a relation has; raises QueryRefused."""
    from psycopg2 import sql

    name = sql.Identifier(relation.schema, relation.identifier)
    return int(_answer(connection, sql.SQL("SELECT count(*) FROM {}").format(name), "", "", SessionOfDbt())[1][0][0])


def _answer(
    connection: Connection, before: Any, query: str, after: str, of_dbt: SessionOfDbt
) -> tuple[Any, list[tuple[Any, ...]]]:
    import psycopg2

    with read_only(connection) as cursor:
        try:
            enter_session_of_dbt(cursor, patience=_PATIENCE, of_dbt=of_dbt, as_role=False)
            # The query is the project's own, as dbt would run it; without values psycopg2 sends it as it is.
            cursor.execute(before + query + after if isinstance(before, str) else before)
            return cursor.description, cursor.fetchall()
        except psycopg2.Error as error:
            is_certain = (error.pgcode or "").startswith("42")  # it names what is not there, or is no query
            raise QueryRefused(first_line(error), is_certain=is_certain) from error
