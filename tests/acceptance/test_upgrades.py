"""Upgrades and downgrades of states that earlier versions wrote.

`dumps` holds a real state of each version, with a whole build and a failed one (see `dumps/make.py`).
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from psycopg2 import sql
from support import forkserver
from support.database import Database, fresh_database
from support.project import SCHEMA, Project, profiles

from dbt_state_plugin.core.fingerprint.hashing import SCHEME
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.state.version import EXPECTED_VERSION, KNOWN_VERSIONS
from dbt_state_plugin.testing.postgres_server import Server
from dbt_state_plugin.warehouse.postgres.catalog import read_catalog

ProjectFactory = Callable[[Mapping[str, str]], Project]
DUMPS = Path(__file__).parent / "dumps"
sys.path.append(str(DUMPS))

from make import FILES  # noqa: E402 - found by the line above

# What the project's builds left in the warehouse.
WAREHOUSE = f"""
    CREATE SCHEMA {SCHEMA};
    CREATE TABLE {SCHEMA}.countries AS SELECT * FROM (VALUES (1, 'de'::text), (2, 'fr')) AS v (id, name);
    CREATE TABLE {SCHEMA}.orders AS SELECT 1 AS id, 'eur'::text AS currency;
    CREATE TABLE {SCHEMA}.totals AS SELECT count(*) AS n FROM {SCHEMA}.orders;
    CREATE VIEW {SCHEMA}.report AS SELECT * FROM {SCHEMA}.totals;
    CREATE TABLE {SCHEMA}.due AS SELECT 1 AS n;
"""
IDENTITY = """
    UPDATE dbt_state_plugin.relation SET identity = %s, kind = %s
    WHERE schema_name = %s AND identifier = %s AND identity IS NOT NULL
"""
IDENTITY_UNTIL_0004 = """
    UPDATE dbt_state_plugin.relation SET relation_oid = %s, relfilenode = %s, relkind = %s
    WHERE schema_name = %s AND identifier = %s AND relation_oid IS NOT NULL
"""
MOVED = {"relation_oid", "relfilenode", "relkind"}  # as `identity` and `kind` since 0005
KINDS = {"table": "r", "view": "v"}
NODES = {"seed.shop.countries", *(f"model.shop.{name}" for name in ("orders", "totals", "report", "due"))}
# What a migration may forget: what was parsed the last time. dbt parses again then.
FORGETTABLE = {"project_snapshot", "alembic_version", "manifest"}


def database_of_the_dump(server: Server, version: str) -> AbstractContextManager[Database]:
    """Return a fresh database with the name that the dump's had, which its hashes cover."""
    return fresh_database(server, f"dumped_database_{version}")


def restored(database: Database, version: str) -> None:
    """Load the state of a version beside its warehouse, which has other oids and rows that nobody counted."""
    text = (DUMPS / f"{version}.sql").read_text(encoding="utf-8")
    database.query(text)
    database.query(WAREHOUSE)
    found = present_identities(database)
    assert len(found) == 5
    for identifier, identity, kind in found:
        if version < "0005":
            values = (*identity.split("/"), KINDS[kind], SCHEMA, identifier)
            database.query(IDENTITY_UNTIL_0004, values)
        else:
            database.query(IDENTITY, (identity, kind, SCHEMA, identifier))
    if version >= "0004":
        database.forget_counters()


def present_identities(database: Database) -> list[tuple[str, str, str]]:
    """Return the name, identity and kind of each relation that is in the warehouse."""
    name = RelationName(database=database.dbname, schema=SCHEMA, identifier="orders")
    with closing(database.connect()) as connection:
        found = read_catalog(connection, [name]).identities
    return sorted((relation.identifier, each.text, each.kind.value) for relation, each in found.items())


def contents(database: Database, of: Mapping[str, list[str]] | None = None) -> dict[str, tuple[list[str], Any]]:
    """Return the columns and the rows of each table of the state; `of` names the columns to look at."""
    columns = of or columns_of(database)
    return {
        table: (
            names,
            sorted(
                map(
                    written,
                    database.query(
                        sql.SQL("SELECT {} FROM dbt_state_plugin.{}").format(
                            sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(table)
                        )
                    ),
                )
            ),
        )
        for table, names in columns.items()
        if table not in FORGETTABLE
    }


def written(row: tuple[Any, ...]) -> str:
    return repr([bytes(value) if isinstance(value, memoryview) else value for value in row])


def columns_of(database: Database) -> dict[str, list[str]]:
    rows = database.query(
        "SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attname) FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'dbt_state_plugin'::regnamespace "
        "AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped GROUP BY 1 ORDER BY 1"
    )
    return {row[0]: row[1] for row in rows}


def version_of(database: Database) -> str:
    return str(database.query("SELECT version_num FROM dbt_state_plugin.alembic_version")[0][0])


def test_there_is_a_dump_of_each_version() -> None:
    assert {path.stem for path in DUMPS.glob("*.sql")} == set(KNOWN_VERSIONS)


@pytest.mark.state_in_postgres("tests/integration/sqlite has those of files")
@pytest.mark.parametrize("version", KNOWN_VERSIONS)
def test_a_state_of_each_version_is_upgraded_without_loss_and_only_another_way_of_hashing_builds_again(
    version: str, dbt_project: ProjectFactory, postgres_server: Server
) -> None:
    with database_of_the_dump(postgres_server, version) as database:
        restored(database, version)
        columns, before = columns_of(database), contents(database)
        kept = {table: [name for name in names if name not in MOVED] for table, names in columns.items()}
        before_kept, identities = contents(database, kept), present_identities(database)
        scheme = database.query("SELECT DISTINCT fingerprint ->> 'scheme' FROM dbt_state_plugin.relation")
        project = dbt_project({**FILES, "profiles.yml": profiles(database)})

        project.plugin("state", "upgrade", check=0)

        assert version_of(database) == EXPECTED_VERSION
        assert contents(database, kept) == before_kept
        recorded = database.query("SELECT identifier, identity, kind FROM dbt_state_plugin.relation WHERE kind <> ''")
        assert sorted(recorded) == identities
        history = project.plugin("history", check=0).stdout
        assert "succeeded" in history
        assert "failed" in history

        # An upgrade alone builds nothing; hashes that are made in another way since build everything once, and say so.
        planned = json.loads(project.plugin("plan", "--for", "build", "--output", "json", check=0).stdout)
        reasons = {
            node["unique_id"]: {reason["kind"] for reason in node["reasons"]}
            for node in planned["nodes"]
            if node["decision"] == "build"
        }
        assert "failed" in reasons["model.shop.due"]
        if scheme == [(SCHEME,)]:
            others = {node: kinds for node, kinds in reasons.items() if node != "model.shop.due"}
            assert all(kinds <= {"engine", "upstream"} for kinds in others.values()), (
                others
            )  # another dbt than the dump's
            assert NODES - reasons.keys() == NODES - {"model.shop.due"} or others
        else:
            assert reasons.keys() == NODES
            assert all("engine" in kinds for kinds in reasons.values()), reasons

        # Back again nothing is lost that the earlier version knew.
        project.plugin("state", "downgrade", version, "--yes", check=0)

        assert version_of(database) == version
        assert columns_of(database) == columns
        assert contents(database) == before


@pytest.mark.state_in_postgres("tests/integration/sqlite has those of files")
@pytest.mark.parametrize(
    ("start", "arguments", "blocked"),
    [
        ("0001", ("upgrade",), "execution"),  # when the columns of the version before are there already
        (EXPECTED_VERSION, ("downgrade", "0001", "--yes"), "project_snapshot"),
    ],
)
def test_a_migration_that_is_killed_half_way_has_not_happened(
    start: str, arguments: tuple[str, ...], blocked: str, dbt_project: ProjectFactory, database: Database
) -> None:
    restored(database, start)
    columns, before = columns_of(database), contents(database)
    project = dbt_project(FILES)

    with closing(database.connect()) as reader, reader.cursor() as cursor:
        cursor.execute(
            sql.SQL("BEGIN; LOCK TABLE dbt_state_plugin.{} IN ACCESS SHARE MODE").format(sql.Identifier(blocked))
        )
        process = project.plugin_process("state", *arguments)
        wait_for(database, process, "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = %s::regclass", blocked)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        cursor.execute("COMMIT")
    wait_for(database, None, "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = %s)", "")

    assert version_of(database) == start
    assert columns_of(database) == columns
    assert contents(database) == before
    project.plugin("state", *arguments, check=0)
    assert version_of(database) == (EXPECTED_VERSION if start == "0001" else "0001")


def wait_for(database: Database, process: forkserver.Process | None, query: str, table: str) -> None:
    value = f"dbt_state_plugin.{table}" if table else "dbt-state-plugin"
    while not database.query(query, (value,)):
        assert process is None or process.poll() is None, process.communicate() if process else ""
        time.sleep(0.05)
