"""Connections to the database that holds the state."""

from __future__ import annotations

from typing import Any

from dbt_state_plugin.postgres import connection as postgres
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.sqlite.address import SqliteAddress, address_of_url, is_sqlite_url

StateDatabase = DatabaseSettings | SqliteAddress


def database_of_url(url: str, *, named: str) -> StateDatabase:
    """Return the database that a URL names, as messages call it `named`; raises ConfigurationError."""
    return address_of_url(url, named=named) if is_sqlite_url(url) else DatabaseSettings.from_url(url, named=named)


def connect(database: StateDatabase, *, writes: bool = True) -> Any:
    """Open an autocommit connection that can be trusted with a lock, psycopg2's or one like it; raises StateError."""
    if isinstance(database, SqliteAddress):
        from dbt_state_plugin.sqlite.connection import connect as connect_to_file

        return connect_to_file(database, writes=writes)
    return postgres.connect(database, writes=writes)
