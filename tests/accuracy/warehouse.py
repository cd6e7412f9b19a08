"""Databases in a known state, within a second."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg2
from psycopg2 import sql
from support.database import database_on

from dbt_state_plugin.testing import postgres_server
from dbt_state_plugin.testing.postgres_server import Server

ROLES = ("accuracy_reader", "accuracy_writer")
_SOURCES = (Path(__file__).parent / "sources.sql").read_text()


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
    execute(server, name, _SOURCES)


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
