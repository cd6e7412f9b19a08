"""What is in the shop's production database and in its warehouse, and which models did a run of its pipeline build?"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pipeline as meltano_project
import production
from production import Production
from psycopg2 import sql

from support import forkserver
from support.database import Database
from support.project import clean_environment

SCHEMA = "analytics_dev"
RELATION_TYPES = ("model", "seed", "snapshot")  # among what an execution records are tests and streams, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one run of the pipeline did: its output, and the last recorded execution of dbt-state-plugin.

    `built` has the names of the models, seeds and snapshots that were built, `failed` of those that failed or were left
    out after a failure.
    """

    returncode: int
    output: str
    built: frozenset[str]
    failed: frozenset[str]
    tests: int
    status: str
    steps: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A copy of integration_project with its plugins installed, between two databases of the test's own."""

    directory: Path
    production: Production
    warehouse: Database
    environment: Mapping[str, str] = field(repr=False)

    def meltano(self, *arguments: str, check: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run Meltano as a user would; both streams are in stdout; `check` is the exit code that it must end with."""
        finished = subprocess.run(
            [*meltano_project.MELTANO, *arguments],
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
        before = self._last_execution()
        ended = self.meltano("run", *(blocks or ("shop",)), check=check)
        last = self._last_execution()
        assert last not in ("", before), f"no execution was recorded\n{ended.stdout}"
        shown = json.loads(self._plugin("show", last, "--output", "json"))
        nodes = {
            node["unique_id"]: node["status"] for node in shown["nodes"] if node["resource_type"] in RELATION_TYPES
        }
        tests = [node for node in shown["nodes"] if node["resource_type"] in ("test", "unit_test")]
        return Ran(
            returncode=ended.returncode,
            output=ended.stdout,
            built=frozenset(_name(key) for key, value in nodes.items() if value == "success"),
            failed=frozenset(_name(key) for key, value in nodes.items() if value != "success"),
            tests=len(tests),
            status=shown["status"],
            steps=shown["steps"],
        )

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
        file = self.directory / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{path} holds no {old!r}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def _last_execution(self) -> str:
        if not self.warehouse.query("select 1 from pg_namespace where nspname = 'dbt_state_plugin'"):
            return ""
        executions = json.loads(self._plugin("history", "--limit", "1", "--output", "json"))["executions"]
        return str(executions[0]["execution_id"]) if executions else ""

    def _plugin(self, *arguments: str) -> str:
        answer = forkserver.run(
            "dbt-state-plugin", arguments, cwd=self.directory / "transform", environment=self.environment
        )
        assert answer.code == 0, answer.stderr
        return answer.stdout


def changed(before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]]) -> set[str]:
    """Name the relations that are other ones than before: created, dropped, re-created or refreshed."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def write_pipeline(
    folder: Path, installed: Path, source: Production, warehouse: Database, plugins: tuple[str, ...]
) -> Pipeline:
    """Fill the production database, and copy the project with its installed plugins into the folder."""
    environment = {
        **tool_environment(folder / "home"),
        **source.environment(),
        "WAREHOUSE_HOST": warehouse.host,
        "WAREHOUSE_PORT": str(warehouse.port),
        "WAREHOUSE_USER": warehouse.user,
        "WAREHOUSE_PASSWORD": warehouse.password,
        "WAREHOUSE_NAME": warehouse.dbname,
    }
    project = meltano_project.installed_project(installed, tool_environment(installed / "home"), *plugins)
    production.fill(source)
    return Pipeline(
        directory=meltano_project.copy_installed(project, folder),
        production=source,
        warehouse=warehouse,
        environment=environment,
    )


def tool_environment(home: Path) -> dict[str, str]:
    """Give the environment of commands that know nothing of the user but where packages are cached."""
    home.mkdir(parents=True, exist_ok=True)
    foreign = ("PRODUCTION_", "WAREHOUSE_", "TAP_", "TARGET_")
    kept = {name: value for name, value in clean_environment(home).items() if not name.startswith(foreign)}
    return {**kept, **meltano_project.package_cache(), "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false"}


def _name(unique_id: str) -> str:
    return unique_id.split(".", 2)[2]
