"""The adapters that are put through the contract.

For another one, write how its project is opened, and put it into `ADAPTERS`: what gives a `Shop` writes the project
with its target in profiles.yml, and says how statements are executed there as somebody else would (`dbt run-operation`
with a macro that runs the statement will do).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from support.database import Database
from support.duckdb_project import PROJECT_FILE, write_duckdb_project
from support.project import SCHEMA, Project, write_project
from support.spark_project import write_spark_project

from dbt_state_plugin.core.values.capabilities import Capabilities
from dbt_state_plugin.warehouse.capabilities import DUCKDB, GENERIC, POSTGRES, SPARK

EVERYTHING = ("--log-level", "debug")
PLAIN_ADAPTER = Path(__file__).parents[1] / "support" / "plain_adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A project in a warehouse.

    `plugin` runs dbt-state-plugin and `dbt` dbt, which must end with 0, and give what they printed, `logged` what
    dbt-state-plugin logs; `query` executes statements, in which models are in the schema `main`.
    """

    project: Project
    plugin: Callable[..., str]
    dbt: Callable[..., str]
    logged: Callable[..., str]
    query: Callable[..., Any]


# Given a folder, a database for the state, the project's files, and statements that come before it.
Opener = Callable[[Path, Database, Mapping[str, str], Iterable[str]], AbstractContextManager[Shop]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One of dbt's types, and what it is declared to tell: what is not told must be said, and all else be noticed.

    `superfluous` is built without a need. `statements` are executed in place of some of the contract's.
    """

    opened: Opener
    known: Capabilities
    superfluous: frozenset[str] = frozenset()
    statements: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def in_duckdb(
    folder: Path, state: Database, files: Mapping[str, str], setup: Iterable[str], *, kind: str, packages: str = ""
) -> Iterator[Shop]:
    """Give a shop in a DuckDB file, by the adapter of a name; `packages` is where that lies."""
    written = write_duckdb_project(
        folder / "project", folder / "home", state.url, files, setup, kind=kind, packages=packages
    )
    project = written.project
    yield Shop(
        project=project,
        plugin=lambda *arguments: project.plugin(*arguments, check=0).stdout,
        dbt=lambda *arguments: project.dbt(*arguments, check=0).stdout,
        logged=lambda *arguments: project.plugin(*EVERYTHING, *arguments, check=0).stderr,
        query=written.query,
    )


def in_dated(
    folder: Path, state: Database, files: Mapping[str, str], setup: Iterable[str]
) -> AbstractContextManager[Shop]:
    """Give a shop in a DuckDB file of which the adapter says when tables were altered, as `clock` has it."""
    clock = (
        "CREATE SCHEMA clock",
        "CREATE TABLE clock.now (moment TIMESTAMPTZ)",
        "CREATE TABLE clock.altered AS SELECT 'raw' AS schema_name, 'timed' AS identifier,"
        " TIMESTAMPTZ '2026-01-01 10:00:00+00' AS last_altered",
    )
    return in_duckdb(folder, state, files, (*setup, *clock), kind="dated", packages=str(PLAIN_ADAPTER))


@contextmanager
def in_postgres(folder: Path, database: Database, files: Mapping[str, str], setup: Iterable[str]) -> Iterator[Shop]:
    """Give a shop in the database that holds the state, too."""
    home = folder / "home"
    home.mkdir()
    project = write_project(folder / "project", database, home, {"dbt_project.yml": PROJECT_FILE, **files})

    def query(*statements: str) -> None:
        for statement in statements:
            database.load(statement.replace("main.", f"{SCHEMA}."))

    query(*setup)
    yield Shop(
        project=project,
        plugin=lambda *arguments: project.plugin(*arguments, check=0).stdout,
        dbt=lambda *arguments: project.dbt(*arguments, check=0).stdout,
        logged=lambda *arguments: project.plugin(*EVERYTHING, *arguments, check=0).stderr,
        query=query,
    )


@contextmanager
def in_spark(folder: Path, _state: Database, files: Mapping[str, str], setup: Iterable[str]) -> Iterator[Shop]:
    """Give a shop in a session of Spark, with its state in SQLite."""
    written = write_spark_project(folder, files)
    with written.notebook() as notebook:
        notebook.query(*setup)
        yield Shop(
            project=written.project,
            plugin=notebook.plugin,
            dbt=notebook.dbt,
            logged=lambda *arguments: notebook.logged(*EVERYTHING, *arguments),
            query=notebook.query,
        )


ADAPTERS: Mapping[str, Adapter] = {
    "postgres": Adapter(opened=in_postgres, known=POSTGRES),
    "duckdb": Adapter(opened=partial(in_duckdb, kind="duckdb"), known=DUCKDB),
    # DuckDB with everything optional switched off, as any adapter that the product does not know.
    "plain": Adapter(
        opened=partial(in_duckdb, kind="plain", packages=str(PLAIN_ADAPTER)),
        known=GENERIC,
        superfluous=frozenset({"reads_source", "reads_timed", "asks"}),
    ),
    # The same, but that it says when a table was altered.
    "dated": Adapter(
        opened=in_dated,
        known=GENERIC,
        superfluous=frozenset({"reads_source", "asks"}),
        statements={
            "INSERT INTO raw.timed VALUES (2)": "INSERT INTO raw.timed VALUES (2);"
            " UPDATE clock.altered SET last_altered = TIMESTAMPTZ '2026-01-01 11:00:00+00'",
        },
    ),
    "spark": Adapter(
        opened=in_spark,
        known=SPARK,
        superfluous=frozenset({"asks"}),
        statements={  # it changes no row in place
            "UPDATE main.written SET id = 2": "INSERT OVERWRITE main.written VALUES (2)",
            "DELETE FROM raw.orders WHERE id = 2": "INSERT OVERWRITE raw.orders VALUES (1)",
            "UPDATE raw.compared SET id = 3 WHERE id = 2": "INSERT OVERWRITE raw.compared VALUES (1), (3)",
            "DELETE FROM raw.compared": "INSERT OVERWRITE raw.compared SELECT id FROM raw.copied",
            "INSERT INTO raw.compared SELECT id FROM raw.copied": "SELECT 1",
        },
    ),
}
