"""Roles of a test's database."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote

from psycopg2 import sql

from support.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """Make roles that may log in, and remember them."""

    database: Database
    made: list[str]

    def __call__(self, purpose: str, *, member_of: str = "", password: str = "") -> Database:
        """Give the database as a new role sees it, which is a member of `member_of`, if anything."""
        name, password = f"{purpose}_{secrets.token_hex(6)}", password or secrets.token_hex(12)
        execute(self.database, "CREATE ROLE {} LOGIN PASSWORD {}", sql.Identifier(name), sql.Literal(password))
        self.made.append(name)
        if member_of:
            execute(self.database, "GRANT {} TO {}", sql.Identifier(member_of), sql.Identifier(name))
        return as_role(self.database, name, password)


@contextmanager
def logins(database: Database) -> Iterator[Logins]:
    """Yield what makes roles, and drop them at the end with what they own."""
    made = Logins(database=database, made=[])
    try:
        yield made
    finally:
        drop_roles(database, made.made)


def drop_roles(database: Database, names: list[str]) -> None:
    """Drop roles with all that they own in this database."""
    for name in names:
        execute(database, "DROP OWNED BY {} CASCADE", sql.Identifier(name))
        execute(database, "DROP ROLE {}", sql.Identifier(name))


def as_role(database: Database, name: str, password: str) -> Database:
    """Give the database as a role sees it."""
    at = f"{name}:{quote(password, safe='')}@"
    url = re.sub(r"^postgresql://[^@/]*@", f"postgresql://{at}", database.url)
    assert at in url
    return replace(database, user=name, password=password, url=url)


def execute(database: Database, statement: str, *names: sql.Composable) -> None:
    """Run a statement with names in it."""
    database.query(sql.SQL(statement).format(*names))
