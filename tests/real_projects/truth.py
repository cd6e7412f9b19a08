"""What builds from scratch leave, and what a change touched.

Observed, never declared: the project is built by plain dbt into an empty database before and after a change. Before
anything else it is built twice as it is: what differs between those two is volatile (a clock, a random number) and says
nothing; of rows, only the columns that differ are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg2
from accuracy import dbt_steps
from accuracy.process import in_own_process
from accuracy.relations import Relation, differing, observed
from accuracy.truth import Build, build_of
from accuracy.workspace import Workspace
from psycopg2 import sql
from support import forkserver

from dbt_state_plugin.core.reached import reached
from dbt_state_plugin.testing import postgres_server
from dbt_state_plugin.testing.postgres_server import Server
from real_projects.project import RealProject

_RESERVED = ("existence", "kind")  # never volatile


@dataclass(frozen=True, slots=True, kw_only=True)
class Volatile:
    """What differs between two builds of the same project."""

    columns: Mapping[str, frozenset[str]]
    keys: Mapping[str, frozenset[str]]
    statements: frozenset[str]

    def count(self) -> int:
        """Return how many relations have something volatile."""
        return len({name for name, found in [*self.columns.items(), *self.keys.items()] if found})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """A build from scratch, and what failed in it."""

    build: Build
    failed: tuple[str, ...]


def built(project: RealProject, workspace: Workspace, server: Server, log: Path) -> Scratch:
    """Build the project as it is in its workspace into an emptied database."""
    database = workspace.environment["POSTGRES_DATABASE"]
    postgres_server.drop_database(server, database)
    postgres_server.create_database(server, database)
    failed = [f"dbt {' '.join(command)}" for command in project.before if not _runs(command, workspace, log)]
    # dbt knows no order between a seed and what reads it as a source: loaded once more, it is empty to some of them.
    left_out = ["seed"] if ("seed",) in project.before else []
    answer = in_own_process(workspace, log, dbt_steps.built_from_scratch, list(workspace.arguments), left_out)
    build = build_of(answer, observed(server.url(database)), database)
    return Scratch(build=build, failed=(*failed, *answer["failed"]))


def _runs(command: Iterable[str], workspace: Workspace, log: Path) -> bool:
    arguments = [*command, *workspace.arguments]
    ended = forkserver.run("dbt", arguments, cwd=workspace.directory, environment=workspace.environment)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.with_suffix(f".{arguments[0]}").write_text(ended.stdout + ended.stderr)
    return ended.code == 0


def volatile(one: Scratch, other: Scratch, sums: Mapping[str, Mapping[str, Any]], url: str) -> Volatile:
    """Compare two builds of the same project: `sums` are those of the first one's columns, the other is at `url`."""
    again = column_sums(url, other.build.relations)
    columns = {
        name: frozenset(column for column, value in found.items() if again.get(name, {}).get(column) != value)
        for name, found in sums.items()
    }
    left, right = one.build.relations, other.build.relations
    keys = {
        name: frozenset(differing(left.get(name), right.get(name)) - {"rows", *_RESERVED})
        for name in left.keys() | right.keys()
    }
    before, after = one.build.statements, other.build.statements
    statements = frozenset(node for node in before.keys() | after.keys() if before.get(node) != after.get(node))
    return Volatile(columns=columns, keys=keys, statements=statements)


def column_sums(url: str, relations: Mapping[str, Relation]) -> dict[str, dict[str, Any]]:
    """Return of each table the sums of the hashes of its columns."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        return {name: _sums(cursor, each) for name, each in relations.items() if each["rows"] is not None}


def _sums(cursor: Any, relation: Relation) -> dict[str, Any]:
    query = sql.SQL(
        "select e.key, sum(hashtextextended(e.value::text, 0)::numeric) "
        "from {} as t, jsonb_each(to_jsonb(t)) as e(key, value) group by e.key"
    ).format(sql.Identifier(*relation["name"].split(".", 1)))
    cursor.execute(query)
    return dict(cursor.fetchall())


def comparable(url: str, relations: Mapping[str, Relation], ignored: Volatile) -> dict[str, Relation]:
    """Return the relations with rows that are summed up without the volatile columns."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        return {
            name: {**each, "rows": None if each["rows"] is None else _rows(cursor, name, ignored.columns.get(name, ()))}
            for name, each in relations.items()
        }


def _rows(cursor: Any, name: str, without: Iterable[str]) -> list[str]:
    query = sql.SQL("select count(*), sum(hashtextextended((to_jsonb(t) - {}::text[])::text, 0)::numeric) from {} as t")
    cursor.execute(query.format(sql.Literal(list(without)), sql.Identifier(*name.split(".", 1))))
    return [str(value) for value in cursor.fetchone()]


def with_comparable_rows(scratch: Scratch, url: str, ignored: Volatile) -> Scratch:
    """Return the build with rows that can be compared."""
    relations = comparable(url, scratch.build.relations, ignored)
    build = replace(scratch.build, relations=relations)
    return replace(scratch, build=build)


def differences(left: Mapping[str, Relation], right: Mapping[str, Relation], ignored: Volatile) -> dict[str, set[str]]:
    """Return what differs between two warehouses, by relation, without what is volatile."""
    found = {
        name: differing(left.get(name), right.get(name)) - ignored.keys.get(name, frozenset())
        for name in left.keys() | right.keys()
    }
    return {name: keys for name, keys in sorted(found.items()) if keys}


@dataclass(frozen=True, slots=True, kw_only=True)
class Concerned:
    """The nodes whose relations differ after a change, and those that may be built for it: they read what differs."""

    needed: frozenset[str]
    allowed: frozenset[str]


def concerned(before: Scratch, after: Scratch, ignored: Volatile) -> Concerned:
    """Compare the builds before and after a change."""
    old, new = before.build, after.build
    differs = differences(old.relations, new.relations, ignored)
    needed = {node for node, facts in new.nodes.items() if facts["relation"] in differs}
    executed = {
        node
        for node in new.nodes
        if node not in ignored.statements and old.statements.get(node) != new.statements.get(node)
    }
    relations = {node for node in needed if new.has_relation(node)}
    return Concerned(needed=frozenset(relations), allowed=below(needed | executed, new))


def by_chance(before: Scratch, after: Scratch, ignored: Volatile) -> frozenset[str]:
    """Return the models that two builds of plain dbt left with other rows by chance.

    dbt executed the same for them, and the same in hooks of the project, and nothing that they read differs: their SQL
    takes one of several rows that are equal to it, as `row_number()` does over an order with ties.
    """
    if _of_hooks(before.build) != _of_hooks(after.build):
        return frozenset()
    return _other_rows_of_the_same(before.build, after.build, ignored)


def by_hooks(before: Scratch, after: Scratch, ignored: Volatile) -> frozenset[str]:
    """Return the models of which dbt executed the same on the same, and into which its other hooks wrote other rows."""
    if _of_hooks(before.build) == _of_hooks(after.build):
        return frozenset()
    return _other_rows_of_the_same(before.build, after.build, ignored)


def _other_rows_of_the_same(old: Build, new: Build, ignored: Volatile) -> frozenset[str]:
    differs = differences(old.relations, new.relations, ignored)
    return frozenset(
        node
        for node, facts in new.nodes.items()
        if facts["type"] == "model" and differs.get(str(facts["relation"])) == {"rows"}
        if old.statements.get(node) == new.statements.get(node)
        and not any(_reads_what_differs(parent, new, differs) for parent in facts["parents"])
    )


def _of_hooks(build: Build) -> dict[str, Any]:
    return {node: builds for node, builds in build.statements.items() if node.startswith("operation.")}


def _reads_what_differs(node: str, build: Build, differs: Mapping[str, set[str]]) -> bool:
    facts = build.nodes.get(node)
    if facts is None:
        return True  # nobody knows
    if facts["relation"] in differs:
        return True
    is_looked_through = facts["materialized"] in ("view", "ephemeral")
    return is_looked_through and any(_reads_what_differs(parent, build, differs) for parent in facts["parents"])


def relations_below(nodes: Iterable[str], build: Build) -> frozenset[str]:
    """Return the relations of nodes and of all that reads them."""
    return frozenset(str(build.nodes[node]["relation"]) for node in below(nodes, build))


def below(nodes: Iterable[str], build: Build) -> frozenset[str]:
    """Return nodes and all that reads them."""
    children: dict[str, set[str]] = {}
    for node, facts in build.nodes.items():
        for parent in facts["parents"]:
            children.setdefault(parent, set()).add(node)
    return frozenset(reached(nodes, lambda node: children.get(node, set())))


def keeps_rows(build: Build) -> frozenset[str]:
    """Return the relations of incremental models and snapshots, and of all that reads them.

    They hold rows of earlier builds, so that a build from scratch is no yardstick for them after a change.
    """
    keep = {node for node, facts in build.nodes.items() if facts["materialized"] in ("incremental", "snapshot")}
    return relations_below(keep, build)
