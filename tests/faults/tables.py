"""Rows of a project's relations, and of a build from scratch.

Each relation is a real table or view with one row and one column `c`: the code of its node and, in brackets, what its
parents hold. So the oracle is a function of the project and its source, and needs no second warehouse.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING, Any

from psycopg2 import sql
from support.values import node, project

from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.relations import RelationName

if TYPE_CHECKING:
    from psycopg2.extensions import connection

SCHEMA = "wh"
SOURCE = "source.shop.src"
_KINDS = "SELECT c.relkind::text FROM pg_class c WHERE c.oid = to_regclass(%s)"
_DROPS = {"r": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW"}


def relation(database: str, identifier: str) -> RelationName:
    return RelationName(database=database, schema=SCHEMA, identifier=identifier)


def graph(database: str, nodes: Iterable[tuple[str, str, tuple[str, ...]]]) -> Project:
    """Return a project of models (name, materialized, names of parents) above the source `src`."""
    found = [node(SOURCE, relation=relation(database, "src"))]
    for name, materialized, parents in nodes:
        found.append(
            node(
                f"model.shop.{name}",
                [SOURCE if parent == "src" else f"model.shop.{parent}" for parent in parents],
                materialized=materialized,
                relation=relation(database, name),
            )
        )
    return project(*found)


def expected(of: Project, source: str) -> dict[str, str]:
    """Return what a build from scratch leaves in each relation of the project, by name."""
    return {item.name: _text(of, item, source) for item in _models(of) if not item.is_ephemeral}


def _models(of: Project) -> list[Node]:
    return [item for item in of.nodes.values() if item.resource_type == "model"]


def _text(of: Project, item: Node, source: str) -> str:
    if item.resource_type == "source":
        return source
    inner = ",".join(_text(of, of.nodes[parent], source) for parent in sorted(item.parents))
    return f"{_effective(item)}({inner})"


def _effective(item: Node) -> str:
    """Return the code without its comment, which changes nothing, and without `!`, which changes no row."""
    return item.fingerprint["body"].partition("--")[0].strip().rstrip("!")


class Tables:
    """Change the relations as dbt, a loader or somebody with psql does; each change is one transaction."""

    def __init__(self, opened: connection) -> None:
        self._connection = opened
        self._numbers = count(1)
        self.source = ""

    def reconnect(self, opened: connection) -> None:
        """Go on by another connection."""
        self._connection = opened

    def reset(self) -> None:
        """Begin with the source alone."""
        self._execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
        self.load()

    def load(self) -> None:
        """Put another source in the place of the source: a view, whose version does not wait for a counter of rows."""
        self.source = f"load {next(self._numbers)}"
        self.replace("src", self.source, kind="VIEW")

    def replace(self, name: str, text: str, *, kind: str = "TABLE") -> None:
        """Put a relation of somebody else in the place of one."""
        create = sql.SQL("CREATE {} {} AS SELECT {}::text AS c").format(sql.SQL(kind), _name(name), sql.Literal(text))
        self._execute(self._drop(name) + create)

    def drop(self, name: str) -> None:
        """Drop a relation with all views on it."""
        statement = self._drop(name)
        if statement.seq:
            self._execute(statement)

    def build(self, of: Project, unique_id: str) -> None:
        """Build a model as dbt does: an incremental one in its place, all others anew; raises psycopg2.Error."""
        item = of.nodes[unique_id]
        query = sql.SQL("SELECT ({})::text AS c").format(self._query(of, item))
        if item.materialized == "incremental" and self._kind(item.name) == "r":
            self._execute(sql.SQL("UPDATE {} SET c = ({})").format(_name(item.name), self._query(of, item)))
            return
        kind = {"view": "VIEW", "materialized_view": "MATERIALIZED VIEW"}.get(item.materialized, "TABLE")
        create = sql.SQL("CREATE {} {} AS {}").format(sql.SQL(kind), _name(item.name), query)
        self._execute(self._drop(item.name) + create)

    def query(self, of: Project, item: Node) -> str:
        """Return the query of which the build of a model keeps the rows."""
        return sql.SQL("SELECT ({})::text AS c").format(self._query(of, item)).as_string(self._connection)

    def contents(self, names: Iterable[str]) -> dict[str, str]:
        """Return what the relations that exist hold."""
        found = {}
        for name in names:
            if self._kind(name):
                with self._connection.cursor() as cursor:
                    cursor.execute(sql.SQL("SELECT c FROM {}").format(_name(name)))
                    found[name] = cursor.fetchall()[0][0]
        return found

    def identity(self, name: str) -> tuple[int, int]:
        """Return the numbers by which PostgreSQL knows a relation and its file."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT oid::bigint, relfilenode::bigint FROM pg_class WHERE oid = to_regclass(%s)",
                (f"{SCHEMA}.{name}",),
            )
            (found,) = cursor.fetchall()
        return found[0], found[1]

    def _query(self, of: Project, item: Node) -> sql.Composed:
        reads = [
            sql.SQL("({})").format(self._query(of, parent))
            if parent.is_ephemeral
            else sql.SQL("(SELECT c FROM {})").format(_name(parent.name))
            for parent in (of.nodes[parent] for parent in sorted(item.parents))
        ]
        inner = sql.SQL(" || ',' || ").join(reads) if reads else sql.Literal("")
        return sql.SQL("{} || {} || ')'").format(sql.Literal(f"{_effective(item)}("), inner)

    def _drop(self, name: str) -> sql.Composed:
        kind = self._kind(name)
        if not kind:
            return sql.Composed([])
        return sql.SQL("DROP {} {} CASCADE; ").format(sql.SQL(_DROPS[kind]), _name(name))

    def _kind(self, name: str) -> str:
        with self._connection.cursor() as cursor:
            cursor.execute(_KINDS, (f"{SCHEMA}.{name}",))
            row = cursor.fetchone()
        return row[0] if row else ""

    def _execute(self, statement: Any) -> None:
        # What was counted is handed in at once, as when one of dbt's sessions ends; PostgreSQL 14 does so by itself.
        is_asked = self._connection.server_version >= 150000
        hand_in = sql.SQL("SELECT pg_stat_force_next_flush(); " if is_asked else "")
        with self._connection.cursor() as cursor:  # several statements in one message are one transaction
            cursor.execute(hand_in + (sql.SQL(statement) if isinstance(statement, str) else statement))


def _name(name: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, name)
