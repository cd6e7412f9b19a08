"""The shop's databases, and what a run of its pipeline built."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, fields
from io import StringIO
from pathlib import Path

import pipeline as meltano_project
import production
from production import Production
from psycopg2 import sql

from dbt_state_plugin.testing.pipeline import Pipeline as TestedPipeline
from dbt_state_plugin.testing.pipeline import Ran
from dbt_state_plugin.testing.throwaway import ThrowawayDatabase
from support import forkserver
from support.database import Database
from support.project import clean_environment

SCHEMA = "analytics_dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A copy of integration_project with its plugins installed, between two databases of the test's own."""

    directory: Path
    production: Production
    warehouse: Database
    environment: Mapping[str, str] = field(repr=False)

    def meltano(self, *arguments: str, check: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run Meltano, as a fork; both streams are in stdout; `check` is the exit code that it must end with."""
        finished = subprocess.run(
            [str(forkserver.meltano_programs() / "meltano"), *arguments],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert check is None or finished.returncode == check, f"{arguments} -> {finished.returncode}\n{finished.stdout}"
        return finished

    def run(self, *blocks: str, check: int = 0) -> Ran:
        """Run a job, or blocks; give what it built. Fails where no new execution was recorded."""
        return self._tested().meltano("run", *(blocks or ("shop",)), check=check)

    def identities(self) -> dict[str, tuple[int, int]]:
        """Give the oid and the relfilenode of every relation that dbt writes, by name."""
        rows = self.warehouse.query(
            "select c.relname, c.oid::bigint, c.relfilenode::bigint from pg_class c "
            "join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname = any(%s) and c.relkind in ('r', 'v', 'm')",
            ([SCHEMA, f"{SCHEMA}_snapshots"],),
        )
        return {name: (oid, filenode) for name, oid, filenode in rows}

    def csv(self, relation: str) -> str:
        """Give a relation's rows as CSV, in the order of its first column."""
        text = StringIO()
        with closing(self.warehouse.connect()) as opened, opened.cursor() as cursor:
            query = sql.SQL("copy (select * from {} order by 1) to stdout with (format csv, header)")
            cursor.copy_expert(query.format(sql.Identifier(SCHEMA, relation)), text)
        return text.getvalue()

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a piece of a file, which must be there."""
        self._tested().edit(path, old, new)

    def _tested(self) -> TestedPipeline:
        """Return the pipeline as the package's own pytest plugin sees it."""
        database = ThrowawayDatabase(
            **{each.name: getattr(self.warehouse, each.name) for each in fields(ThrowawayDatabase)}
        )
        return TestedPipeline(directory=self.directory, database=database, schema=SCHEMA, environment=self.environment)


def changed(before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]]) -> set[str]:
    """Name the relations that are other ones than before: created, dropped, re-created or refreshed."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def write_pipeline(
    folder: Path, installed: Path, source: Production, warehouse: Database, plugins: tuple[str, ...]
) -> Pipeline:
    """Fill the production database, and copy the project with its installed plugins into the folder.

    Meltano and our plugin are forks there; the demo with Meltano starts those that were installed.
    """
    tools = tool_environment(folder / "home")
    environment = {
        **tools,
        "PATH": f"{forkserver.meltano_programs()}:{tools.get('PATH', '')}",
        **source.environment(),
        "WAREHOUSE_HOST": warehouse.host,
        "WAREHOUSE_PORT": str(warehouse.port),
        "WAREHOUSE_USER": warehouse.user,
        "WAREHOUSE_PASSWORD": warehouse.password,
        "WAREHOUSE_NAME": warehouse.dbname,
    }
    project = meltano_project.installed_project(installed, tool_environment(installed / "home"), *plugins)
    production.fill(source)
    copy = meltano_project.copy_installed(project, folder)
    pipeline = Pipeline(directory=copy, production=source, warehouse=warehouse, environment=environment)
    entry = "dbt-state-plugin-meltano"
    pipeline.edit("meltano.yml", f"executable: {entry}", f"executable: {forkserver.programs() / entry}")
    return pipeline


def tool_environment(home: Path) -> dict[str, str]:
    """Give the environment of commands that know nothing of the user but where packages are cached."""
    home.mkdir(parents=True, exist_ok=True)
    foreign = ("PRODUCTION_", "WAREHOUSE_", "TAP_", "TARGET_")
    kept = {name: value for name, value in clean_environment(home).items() if not name.startswith(foreign)}
    return {**kept, **meltano_project.package_cache(), "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false"}
