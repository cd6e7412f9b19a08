"""Equality of two statements, by the query that the server itself parses.

Both become temporary views in a transaction that is rolled back, with the names, types and functions of this moment.
PostgreSQL prints a view so that it means the same when it is read again: equal definitions are one query. So are equal
trees of what it stores, except for what they are called inside: aliases, common table expressions, columns of
subqueries.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.postgres.connection import rolled_back
from dbt_state_plugin.warehouse.postgres.same_statement import tokens
from dbt_state_plugin.warehouse.postgres.session_settings import SessionOfDbt, enter_session_of_dbt
from dbt_state_plugin.warehouse.postgres.source_data import EXACT

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_VIEW = "CREATE TEMPORARY VIEW dbt_state_plugin_{name} AS SELECT * FROM (\n{query}\n) AS q"
_NAMES = ("before", "now")
# The tree names the view itself by its oid.
_PARSED = """
    SELECT (SELECT pg_catalog.array_agg(
            ARRAY[a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attcollation::text]
            ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = r.ev_class AND a.attnum > 0)::text,
        pg_catalog.pg_get_viewdef(r.ev_class),
        pg_catalog.regexp_replace(r.ev_action::text, ':relid ' || r.ev_class || '\\M', ':relid own', 'g')
    FROM pg_catalog.pg_rewrite r
    WHERE r.ev_class = ANY (ARRAY['pg_temp.dbt_state_plugin_before', 'pg_temp.dbt_state_plugin_now']
        ::pg_catalog.regclass[]) ORDER BY r.ev_class
"""
_PATIENCE = "10s"
# XML is printed without the encoding that was declared; the tree has its bytes.
_IS_NOT_PRINTED = re.compile(r":consttype 14[23]\b")
# Where a row is read as a whole its type has the names of its columns.
_WHOLE_ROW = re.compile(r":varattno 0\b")
# These clauses of a recursive query name columns of it by their names.
_BY_NAME = re.compile(r":(?:search|cycle)_clause \{")
# Where a piece of text stood, and how a cast was spelled; equal() of PostgreSQL's equalfuncs.c does not look at these.
_SPELLING = re.compile(
    r" :(?:location|stmt_location|stmt_len|funcformat|relabelformat|coerceformat|convertformat|row_format) -?\d+"
)
# A name as outfuncs.c writes it, with a backslash before each of its spaces, parentheses and braces; a list of names.
_NAME = r"(?:[^\s\\(){}]|\\.)+"
_LIST = r"(?:<>|\((?:[^()\\]|\\.)*\))"
_ALIAS = re.compile(rf" :(?:alias|eref) (?:<>|\{{ALIAS :aliasname {_NAME} :colnames {_LIST}\}})")
# Names of columns of common table expressions, and of target entries, which are columns when they are at the top.
_INSIDE = re.compile(rf" :(?:aliascolnames|ctecolnames) {_LIST}| :resname {_NAME}")
_CTE = re.compile(rf":ctename ({_NAME})")


def same_query(connection: Connection, before: str, now: str, *, keeps_names: bool, of_dbt: SessionOfDbt) -> bool:
    """Return whether the server surely reads one query in two statements; what it does not take for a query differs.

    With `keeps_names` the names inside count, as they do in the definition of a view.
    """
    import psycopg2

    if not all(map(_is_one_statement, (before, now))):
        return False
    with rolled_back(connection) as cursor:
        try:
            enter_session_of_dbt(cursor, patience=_PATIENCE, of_dbt=of_dbt)
            for name, query in zip(_NAMES, (before, now), strict=True):
                cursor.execute(_VIEW.format(name=name, query=query))
            cursor.execute("SET LOCAL search_path TO ''")  # then every name is printed with its schema
            cursor.execute(EXACT)
            cursor.execute(_PARSED)
            return _are_equal(*cursor.fetchall(), keeps_names=keeps_names)
        except psycopg2.Error:
            if connection.closed:
                raise
    return False


def _is_one_statement(query: str) -> bool:
    found = tokens(query)
    return found is not None and ";" not in found


def _are_equal(before: Any, now: Any, *, keeps_names: bool) -> bool:
    if before[0] != now[0]:
        return False
    is_printed = not any(_IS_NOT_PRINTED.search(each[2]) for each in (before, now))
    is_equal = before[1] == now[1] and is_printed
    return is_equal or (not keeps_names and _without_names(before[2]) == _without_names(now[2]))


def _without_names(tree: str) -> str:
    """Return a stored query without what things are called inside; all of it where a name may be seen."""
    bare = _SPELLING.sub("", tree)
    if _WHOLE_ROW.search(bare) or _BY_NAME.search(bare):
        return bare
    bare = _INSIDE.sub("", _ALIAS.sub("", bare))
    numbers: dict[str, int] = {}
    return _CTE.sub(lambda match: f":ctename {numbers.setdefault(match[1], len(numbers))}", bare)
