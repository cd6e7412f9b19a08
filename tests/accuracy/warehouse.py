"""PostgreSQL databases in a known state, within a second.

`PostgresCopies` and, for DuckDB, `DuckDBCopies` have the same methods: all copies that a worker makes have the same
name in turn, since the database's name is part of what dbt writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg2
from psycopg2 import sql
from support.database import database_on

from accuracy.relations import Relation, observed
from dbt_state_plugin.testing import postgres_server
from dbt_state_plugin.testing.postgres_server import Server

ROLES = ("accuracy_reader", "accuracy_writer")
SOURCES = (Path(__file__).parent / "sources.sql").read_text()


class Copies(Protocol):
    """One warehouse that a worker puts into a known state again and again."""

    @property
    def database(self) -> str:
        """Return its name, which is that of all copies."""

    def output(self) -> dict[str, Any]:
        """Return the target of a profile that connects to it."""

    def ported(self, project: Path) -> None:
        """Rewrite a project that was written for PostgreSQL."""

    def profile(self, changed: Mapping[str, object]) -> Mapping[str, object]:
        """Return what a mutation of PostgreSQL's profile changes in this one."""

    def copy_loaded(self, statements: str = "") -> None:
        """Put nothing but the loaded tables there, changed by statements."""

    def keep(self, template: str) -> None:
        """Keep what is there under another name; nothing is there after that."""

    def copy(self, template: str, statements: str = "") -> None:
        """Put what was kept there again, changed by statements."""

    def observed(self) -> dict[str, Relation]:
        """Return all relations by `schema.name`."""

    def same_queries(self, queries: Mapping[str, tuple[str, str]]) -> frozenset[str]:
        """Return those of which both texts are one query to the server itself."""

    def close(self) -> None:
        """Drop all that was made."""


class PostgresCopies:
    """A database of one server; what each method does stands in `Copies`."""

    def __init__(self, server: Server, name: str) -> None:
        """Create the database of loaded tables."""
        self.server = server
        self.database = name
        self._kept: list[str] = []
        create_sources(server, f"{name}_loaded")

    def output(self) -> dict[str, Any]:
        """Return the target."""
        return output_of(self.server, self.database)

    def ported(self, project: Path) -> None:
        """Leave it as it is."""

    def profile(self, changed: Mapping[str, object]) -> Mapping[str, object]:
        """Return it as it is."""
        return changed

    def copy_loaded(self, statements: str = "") -> None:
        """Copy the database of loaded tables."""
        self._copy(f"{self.database}_loaded", statements)

    def keep(self, template: str) -> None:
        """Rename the database."""
        # The copies are to bear the name that the state has recorded.
        rename(self.server, self.database, f"{self.database}_{template}")
        self._kept.append(f"{self.database}_{template}")

    def copy(self, template: str, statements: str = "") -> None:
        """Copy the database that was renamed."""
        self._copy(f"{self.database}_{template}", statements)

    def observed(self) -> dict[str, Relation]:
        """Return all relations."""
        return observed(self.server.url(self.database))

    def same_queries(self, queries: Mapping[str, tuple[str, str]]) -> frozenset[str]:
        """Compare the definitions of two views, which say what a query means without its names and its layout."""
        with closing(postgres_server.connect(self.server, self.database)) as connection:
            return frozenset(node for node, texts in queries.items() if len(set(_views(connection, texts))) == 1)

    def close(self) -> None:
        """Drop the databases."""
        for name in (self.database, f"{self.database}_loaded", *self._kept):
            postgres_server.drop_database(self.server, name)

    def _copy(self, template: str, statements: str) -> None:
        copy(self.server, template, self.database)
        if statements:
            execute(self.server, self.database, statements)


def _views(connection: Any, texts: tuple[str, str]) -> Iterator[str]:
    for text in texts:
        with connection.cursor() as cursor:
            cursor.execute("begin")
            try:
                cursor.execute(f"create temporary view asked as {text}")
                cursor.execute("select pg_get_viewdef('asked'::regclass)")
                yield cursor.fetchone()[0]
            except psycopg2.Error:
                yield text
            finally:
                cursor.execute("rollback")


def output_of(server: Server, database: str) -> dict[str, Any]:
    """Return a target of a profile."""
    return {
        "type": "postgres",
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": server.password,
        "dbname": database,
        "schema": "analytics",
        "threads": 4,
    }


def create_roles(server: Server) -> None:
    """Create the roles that the project grants to, once per server; they stay."""
    with closing(postgres_server.connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(7215311)")  # two suites may start at the same time
        for role in ROLES:
            cursor.execute("select 1 from pg_roles where rolname = %s", [role])
            if not cursor.fetchone():
                cursor.execute(sql.SQL("create role {} superuser nologin").format(sql.Identifier(role)))


def create_sources(server: Server, name: str) -> None:
    """Create a database that holds the loaded tables and nothing else."""
    postgres_server.create_database(server, name)
    execute(server, name, SOURCES)


def copy(server: Server, template: str, name: str) -> None:
    """Replace a database by a copy of another, with the same object identifiers.

    The server does not copy its counters, so the state in the copy forgets them.
    """
    postgres_server.drop_database(server, name)
    _administer(server, "create database {} template {}", name, template)
    database_on(server, name).forget_counters()


def rename(server: Server, old: str, new: str) -> None:
    """Rename a database, to keep it as a template."""
    _administer(server, "alter database {} rename to {}", old, new)


def execute(server: Server, name: str, statements: str) -> None:
    """Run SQL in a database."""
    with closing(psycopg2.connect(server.url(name))) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statements)


def _administer(server: Server, statement: str, *names: str) -> None:
    with closing(postgres_server.connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
