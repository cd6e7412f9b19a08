"""DuckDB files in a known state, with SQLite's state beside them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.project import clean_environment

from accuracy import duckdb_port
from accuracy.process import in_own_process
from accuracy.relations import PHYSICAL, SNAPSHOT_CLOCK, Relation
from accuracy.warehouse import SOURCES
from accuracy.workspace import Workspace

_RELATIONS = """
select 'r', schema_name, table_name, null, coalesce(comment, '') from duckdb_tables() where not temporary
union all
select 'v', schema_name, view_name, sql, coalesce(comment, '') from duckdb_views() where not temporary and not internal
"""
_COLUMNS = "select schema_name, table_name, column_name, data_type, comment from duckdb_columns() order by column_index"
_INDEXES = "select schema_name, table_name, sql from duckdb_indexes()"
_CONSTRAINTS = "select schema_name, table_name, constraint_text from duckdb_constraints()"
_NOT_OBSERVED = ("audit", "information_schema")


class DuckDBCopies:
    """One file; what each method does stands in `accuracy.warehouse.Copies`.

    Nothing of DuckDB is imported here: each question is a process of its own, which holds the file no longer than that.
    """

    database = "accuracy"

    def __init__(self, directory: Path) -> None:
        """Write the file of loaded tables."""
        self._directory = directory / "duckdb"
        home = directory / "home"
        for folder in (self._directory, self._kept(""), home):
            folder.mkdir(parents=True, exist_ok=True)
        self._workspace = Workspace(directory=directory, environment=clean_environment(home), arguments=())
        self._execute(duckdb_port.sources(SOURCES))
        self.keep("loaded")

    @property
    def _file(self) -> Path:
        return self._directory / f"{self.database}.duckdb"

    def _kept(self, template: str) -> Path:
        return self._directory.parent / "kept" / template

    def output(self) -> dict[str, Any]:
        """Return the target."""
        return {"type": "duckdb", "path": str(self._file), "schema": "analytics", "threads": 2}

    def ported(self, project: Path) -> None:
        """Rewrite what DuckDB writes otherwise."""
        duckdb_port.ported(project)

    def profile(self, changed: Mapping[str, object]) -> Mapping[str, object]:
        """Return fields that DuckDB's target has."""
        return duckdb_port.ported_profile(changed)

    def copy_loaded(self, statements: str = "") -> None:
        """Copy the file of loaded tables; there is no state beside it."""
        self.copy("loaded", statements)

    def keep(self, template: str) -> None:
        """Move the file away, and what lies beside it."""
        self._directory.rename(self._kept(template))
        self._directory.mkdir()

    def copy(self, template: str, statements: str = "") -> None:
        """Copy the files that were moved away."""
        shutil.rmtree(self._directory)
        shutil.copytree(self._kept(template), self._directory)
        if statements:
            self._execute(duckdb_port.ported_sql(statements))

    def observed(self) -> dict[str, Relation]:
        """Return all relations; a view has a definition and no rows, and nobody owns anything."""
        found: dict[str, Relation] = self._ask(relations_of)
        return found

    def same_queries(self, queries: Mapping[str, tuple[str, str]]) -> frozenset[str]:
        """Return none: DuckDB keeps the text of a view."""
        return frozenset()

    def close(self) -> None:
        """The directory is removed by whoever has made it."""

    def _execute(self, statements: str) -> None:
        self._ask(execute, statements)

    def _ask(self, function: Any, *arguments: Any) -> Any:
        log = self._directory.parent / "logs" / "duckdb.log"
        return in_own_process(self._workspace, log, function, str(self._file), *arguments)


def execute(path: str, statements: str) -> None:
    """Execute statements in a file."""
    import duckdb

    with duckdb.connect(path) as connection:
        connection.execute(statements)


def relations_of(path: str) -> dict[str, Relation]:
    """Return the relations of a file by `schema.name`."""
    import duckdb

    with duckdb.connect(path, read_only=True) as connection:

        def asked(query: str) -> list[Any]:
            connection.execute(query)
            return connection.fetchall()

        columns, indexes, constraints = (_by_relation(asked(query)) for query in (_COLUMNS, _INDEXES, _CONSTRAINTS))
        found = {}
        for kind, schema, name, definition, comment in asked(_RELATIONS):
            if schema in _NOT_OBSERVED:
                continue
            key = f"{schema}.{name}"
            typed = [f"{column} {type_}" for column, type_, _ in columns[key]]
            comments = [comment, *(f"{column}: {said}" for column, _, said in columns[key] if said)]
            found[key] = {
                **dict.fromkeys(PHYSICAL),
                "name": key,
                "kind": kind,
                "columns": typed,
                "indexes": sorted(re.sub(r"INDEX \S+ ON", "INDEX ON", sql) for (sql,) in indexes.get(key, [])),
                "constraints": sorted(text for (text,) in constraints.get(key, [])),
                "comments": [each for each in comments if each],
                "definition": definition,
                "rows": None if kind == "v" else asked(_rows(schema, name, [each[0] for each in columns[key]]))[0],
            }
        return found


def _by_relation(rows: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for schema, table, *more in rows:
        found.setdefault(f"{schema}.{table}", []).append(more)
    return found


def _rows(schema: str, name: str, columns: list[str]) -> str:
    """Return the query for the count and a sum of hashes of the rows, in any order; without a snapshot's clock."""
    parts = [f'"{column}"::varchar' for column in columns]
    if "dbt_scd_id" in columns:
        kept = [f'"{column}"::varchar' for column in columns if column not in SNAPSHOT_CLOCK]
        parts = [*kept, "(dbt_valid_to is null)::varchar"]
    return f'select count(*), sum(hash(row({", ".join(parts)}))) from "{schema}"."{name}"'
