"""Questions that dbt asked while it compiled, asked again without writing.

dbt's session has what a profile sets and loads; where it does, another session may give another answer, so that
nothing is asked there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dbt_state_plugin.core.values.reads import MOST_ROWS, Question, answer_text, relations_text
from dbt_state_plugin.warehouse.duckdb.catalog import Held

_PATIENCE = 30.0  # seconds for each


def relations_answered(question: Question, held: Iterable[Held], database: str) -> Question:
    """Return a look for relations with what is there now."""
    named, schema, identifier = (part.lower() for part in question.relation)
    listed = [
        (each.name.identifier, "view" if each.is_view else "table")
        for each in held
        if each.name.schema == schema and each.name.database == (named or database)
        if not identifier or each.name.identifier == identifier
    ]
    return replace(question, answer=relations_text(listed), problem="")


def query_answered(cursor: Any, question: Question) -> Question:
    """Return a query with its answer, or with the problem that there is none."""
    import duckdb

    try:
        if any(each.type != duckdb.StatementType.SELECT for each in cursor.extract_statements(question.sql)):
            return replace(question, answer="", problem="writes")
        cursor.execute("BEGIN TRANSACTION READ ONLY")
    except duckdb.Error:
        return replace(question, answer="", problem="error")
    timer = threading.Timer(_PATIENCE, cursor.interrupt)
    timer.start()
    try:
        cursor.execute(question.sql)
        rows = cursor.fetchmany(MOST_ROWS + 1)
        columns = [str(column[0]) for column in cursor.description or ()]
    except duckdb.InterruptException:
        return replace(question, answer="", problem="slow")
    except duckdb.Error:
        return replace(question, answer="", problem="error")
    finally:
        timer.cancel()
        with suppress(duckdb.Error):
            cursor.execute("ROLLBACK")
    if len(rows) > MOST_ROWS:
        return replace(question, answer="", problem="large")
    return replace(question, answer=answer_text(columns, rows), problem="")
