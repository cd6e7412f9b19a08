"""A test's DuckDB project, and other writers of its file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import forkserver
from support.duckdb_processes import opened_by_others
from support.project import Project, clean_environment

NAME = "shop"
PROJECT_FILE = """\
name: shop
version: "1.0"
profile: shop
vars: {rate: 2}
models: {+materialized: table}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuckDBProject:
    """A dbt-duckdb project whose state is in PostgreSQL."""

    project: Project
    file: Path

    def query(self, *statements: str) -> Any:
        """Execute statements in a process of its own, as a loader or somebody by hand does; return the last rows."""
        ended = forkserver.run(
            "support.duckdb_project:execute",
            [str(self.file), *statements],
            cwd=self.project.directory,
            environment={**os.environ},
        )
        assert ended.code == 0, ended.stderr
        return eval(ended.stdout, {"datetime": __import__("datetime")})

    def held(self, *statements: str) -> AbstractContextManager[subprocess.Popen[str]]:
        """Give a process that has executed statements and keeps the file open until the end, or until it is killed."""
        return opened_by_others(self.file, *statements)

    def reasons(self, *options: str) -> dict[str, list[str]]:
        """Return the nodes that would be built with the words of their reasons."""
        return self.project.planned("run", *options)

    def run(self, *options: str) -> str:
        """Run what has to be run; return what was said."""
        ended = self.project.plugin("run", *options, check=0)
        return ended.stdout + ended.stderr


def write_duckdb_project(
    folder: Path,
    home: Path,
    state_url: str,
    files: Mapping[str, str],
    setup: Iterable[str] = (),
    *,
    kind: str = "duckdb",
    packages: str = "",
) -> DuckDBProject:
    """Write a project whose warehouse is `shop.duckdb` in its folder, after these statements.

    `packages` is a folder with the package of the adapter, where that is not installed.
    """
    folder.mkdir(parents=True)
    home.mkdir(parents=True, exist_ok=True)
    environment = {**clean_environment(home), "DBT_STATE_PLUGIN_DATABASE_URL": state_url}
    if packages:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (packages, environment.get("PYTHONPATH"))))
    project = Project(directory=folder, environment=environment)
    profile = f"shop: {{target: dev, outputs: {{dev: {{type: {kind}, path: shop.duckdb, threads: 2}}}}}}\n"
    for path, text in {"dbt_project.yml": PROJECT_FILE, "profiles.yml": profile, **files}.items():
        project.write(path, text)
    found = DuckDBProject(project=project, file=folder / "shop.duckdb")
    if statements := tuple(setup):
        found.query(*statements)
    return found


def execute(file: str, *statements: str) -> int:
    """Execute statements and print the last rows; this is the child's side."""
    import duckdb

    with duckdb.connect(file) as connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    print(repr(rows))
    return 0


def plugin_that_counts(log: str, arguments: Sequence[str]) -> int:
    """Run dbt-state-plugin, and write down how often it opened a file of DuckDB; this is the child's side."""
    import duckdb
    from accuracy import dbt_steps  # whose package imports this one

    opened, connect = [], duckdb.connect

    def counted(*given: Any, **named: Any) -> Any:
        opened.append(given)
        return connect(*given, **named)

    duckdb.connect = counted
    code = dbt_steps.plugin([*arguments])
    Path(log).write_text(str(len(opened)))
    return code


def fresh_mtime(path: Path) -> None:
    """Give a file a time that no earlier content of it had."""
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000))
