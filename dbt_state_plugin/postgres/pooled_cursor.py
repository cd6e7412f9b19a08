"""Statements that run through a connection pooler.

Settings of a session would stay with the server's connection, and so with other clients of the pooler; without any, a
function that someone has put into `public` may fit our arguments better than PostgreSQL's own. So each statement brings
its settings along, for its own transaction.
"""

from __future__ import annotations

from typing import Any

from dbt_state_plugin.postgres.own_settings import FOR_TRANSACTION

_LOCALLY = f"SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), {FOR_TRANSACTION}"


def pooled_cursor(role: str | None) -> Any:
    """Return the class of cursors whose every statement runs with an empty search_path, and as `role` if there is one.

    Sent in one message with a statement, the settings hold for its transaction: PostgreSQL runs both in one.
    """
    from psycopg2.extensions import TRANSACTION_STATUS_IDLE, cursor

    locally = _LOCALLY if role is None else f"{_LOCALLY}, pg_catalog.set_config('role', %s, true)"
    values = None if role is None else (role,)

    class PooledCursor(cursor):
        def execute(self, query: Any, vars: Any = None) -> None:
            statement = self.mogrify(query, vars)
            if self.connection.info.transaction_status == TRANSACTION_STATUS_IDLE:
                statement = self.mogrify(locally, values) + b";\n" + statement
            super().execute(statement)

    return PooledCursor
