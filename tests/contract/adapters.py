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

from support.duckdb_project import write_duckdb_project
from support.project import Project
from support.spark_project import write_spark_project

PLAIN_ADAPTER = Path(__file__).parents[1] / "support" / "plain_adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A project in a warehouse.

    `plugin` runs dbt-state-plugin, which must end with 0, and gives what it printed; `query` executes statements.
    """

    project: Project
    plugin: Callable[..., str]
    query: Callable[..., Any]


# Given a folder, the address of a database for the state, the project's files, and statements that come before it.
Opener = Callable[[Path, str, Mapping[str, str], Iterable[str]], AbstractContextManager[Shop]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One of dbt's types, and what its plans say that it cannot tell.

    `superfluous` is built without a need. `statements` are executed in place of some of the contract's.
    """

    opened: Opener
    untold: frozenset[str] = frozenset()
    superfluous: frozenset[str] = frozenset()
    statements: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def in_duckdb(
    folder: Path, state: str, files: Mapping[str, str], setup: Iterable[str], *, kind: str, packages: str = ""
) -> Iterator[Shop]:
    """Give a shop in a DuckDB file, by the adapter of a name; `packages` is where that lies."""
    written = write_duckdb_project(
        folder / "project", folder / "home", state, files, setup, kind=kind, packages=packages
    )
    project = written.project
    yield Shop(
        project=project,
        plugin=lambda *arguments: project.plugin(*arguments, check=0).stdout,
        query=written.query,
    )


@contextmanager
def in_spark(folder: Path, _state: str, files: Mapping[str, str], setup: Iterable[str]) -> Iterator[Shop]:
    """Give a shop in a session of Spark, with its state in SQLite."""
    written = write_spark_project(folder, files)
    with written.notebook() as notebook:
        notebook.query(*setup)
        yield Shop(project=written.project, plugin=notebook.plugin, query=notebook.query)


ADAPTERS: Mapping[str, Adapter] = {
    "duckdb": Adapter(opened=partial(in_duckdb, kind="duckdb")),
    # DuckDB with everything optional switched off, as any adapter that the product does not know.
    "plain": Adapter(
        opened=partial(in_duckdb, kind="plain", packages=str(PLAIN_ADAPTER)),
        untold=frozenset({"rows", "views", "shape", "named"}),
        superfluous=frozenset({"reads_source"}),
    ),
    "spark": Adapter(
        opened=in_spark,
        statements={  # it changes no row in place
            "UPDATE main.written SET id = 2": "INSERT OVERWRITE main.written VALUES (2)",
            "DELETE FROM raw.orders WHERE id = 2": "INSERT OVERWRITE raw.orders VALUES (1)",
            "UPDATE raw.compared SET id = 3 WHERE id = 2": "INSERT OVERWRITE raw.compared VALUES (1), (3)",
        },
    ),
}
