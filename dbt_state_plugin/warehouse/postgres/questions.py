"""Questions that dbt asked while nodes compiled, asked again without writing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.reads import MOST_ROWS, Question, answer_text, relations_text
from dbt_state_plugin.postgres.connection import cancelled_by_signals, database_errors, read_only
from dbt_state_plugin.warehouse.postgres.session_settings import SessionOfDbt, enter_session_of_dbt

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# dbt's own words for the kinds of relations that it lists (dbt-postgres, list_relations_without_caching); it has none
# for foreign tables and others, which it does not list.
_RELATIONS = """
    SELECT lower(n.nspname), c.relname::text,
        CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' ELSE 'table' END
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm') AND lower(n.nspname) = ANY (%s)
"""
_PATIENCE = "30s"


def ask(connection: Connection, questions: Iterable[Question], *, of_dbt: SessionOfDbt) -> dict[Question, Question]:
    """Return each question with today's answer, or with the problem that there is none; raises StateError.

    In one transaction that may not write, at most `_PATIENCE` for each, in the session that dbt would have.
    """
    asked = tuple(questions)
    with database_errors("Cannot ask the warehouse again what dbt asked it"), connection.cursor() as cursor:
        found = _relations(cursor, [each for each in asked if not each.sql])
        queries = [each for each in asked if each.sql]
        return found | (_answered(connection, queries, of_dbt=of_dbt) if queries else {})


def _relations(cursor: Any, questions: list[Question]) -> dict[Question, Question]:
    if not questions:
        return {}
    cursor.execute(_RELATIONS, (sorted({each.relation[1].lower() for each in questions}),))
    held: dict[str, dict[str, str]] = {}
    for schema, identifier, kind in cursor.fetchall():
        held.setdefault(schema, {})[identifier] = kind
    return {each: replace(each, answer=_listed(held.get(each.relation[1].lower(), {}), each)) for each in questions}


def _listed(held: dict[str, str], question: Question) -> str:
    """Return what dbt finds under a name: as it is written, else in lower case, as the server folds it."""
    identifier = question.relation[2]
    if not identifier:
        return relations_text(held.items())
    found = identifier if identifier in held else identifier.lower()
    return relations_text([(found, held[found])] if found in held else [])


def _answered(connection: Connection, queries: list[Question], *, of_dbt: SessionOfDbt) -> dict[Question, Question]:
    def ask_all() -> dict[Question, Question]:
        with read_only(connection) as cursor:
            enter_session_of_dbt(cursor, patience=_PATIENCE, of_dbt=of_dbt)
            return {query: _ask(cursor, query) for query in queries}

    return cancelled_by_signals(connection, ask_all)


def _ask(cursor: Any, question: Question) -> Question:
    import psycopg2

    cursor.execute("SAVEPOINT dbt_state_plugin_question")
    try:
        cursor.execute(question.sql)  # the project's own; without values psycopg2 sends it as it is
        rows = cursor.fetchmany(MOST_ROWS + 1) if cursor.description else []
        columns = [str(column.name) for column in cursor.description or ()]
    except psycopg2.Error as error:
        if cursor.connection.closed:
            raise
        cursor.execute("ROLLBACK TO SAVEPOINT dbt_state_plugin_question")
        return replace(question, answer="", problem=_PROBLEMS.get(error.pgcode or "", "error"))
    cursor.execute("RELEASE SAVEPOINT dbt_state_plugin_question")
    if len(rows) > MOST_ROWS:
        return replace(question, answer="", problem="large")
    return replace(question, answer=answer_text(columns, rows))


_PROBLEMS = {"25006": "writes", "57014": "slow"}  # read_only_sql_transaction, query_canceled
