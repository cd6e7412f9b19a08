"""Copies of a generated project in which commands are measured."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "integration_project")]

from floor import Cost, cost_of  # noqa: E402 - found by the line above
from psycopg2 import sql  # noqa: E402

from dbt_state_plugin.testing.postgres_server import Server, connect  # noqa: E402

PYTHON = sys.executable
# A folder with other commands: what they cost says nothing, but they show soon that a benchmark works.
PROGRAMS = os.environ.get("BENCHMARK_PROGRAMS")
_FOLDER = PROGRAMS or str(Path(PYTHON).parent)
DBT, PLUGIN = (f"{_FOLDER}/dbt",), (f"{_FOLDER}/dbt-state-plugin",)
# Answers are read as JSON: lines of progress would stand in them where a machine is slow.
QUIET = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_STATE_PLUGIN_PROGRESS": "0", "NO_COLOR": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One copy of the project and the schema that its target writes."""

    server: Server
    directory: Path
    schema: str
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Give the environment of its commands: nothing of the user's dbt settings."""
        # Python's own variables too: PYTHONDONTWRITEBYTECODE alone doubles the time of a short command.
        others = ("DBT_", "PG", "MELTANO_", *([] if PROGRAMS else ["PYTHON"]))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        server = self.server
        connection = {
            "BENCH_HOST": server.host,
            "BENCH_PORT": str(server.port),
            "BENCH_USER": server.user,
            "BENCH_PASSWORD": server.password,
            "BENCH_DBNAME": server.dbname,
            "BENCH_SCHEMA": self.schema,
        }
        return {**kept, **connection, **QUIET, **self.more}

    def run(self, program: Sequence[str], *arguments: str, may_fail: bool = False) -> tuple[Cost, str]:
        """Run a command; give its cost and its answer. Raises SystemExit with its output where it must not fail."""
        cost, code, answer = cost_of([*program, *arguments], directory=self.directory, environment=self.environment)
        if code != 0 and not may_fail:
            raise SystemExit(f"{' '.join([*program[1:], *arguments])} ended with {code}:\n{answer}")
        return cost, answer

    def tracked(self, *, builds: int) -> Cost:
        """Run the plugin and make sure that it built as many models as it had to."""
        cost, output = self.run(PLUGIN, "run")
        _, answer = self.run(PLUGIN, "history", "--limit", "1", "--output", "json")
        last = json.loads(answer)["executions"][0]
        if (last["planned"], last["succeeded"]) != (builds, builds):
            raise SystemExit(
                f"{builds} models were to be built, {last['succeeded']} of {last['planned']} were:\n{output}"
            )
        return cost

    def empty(self) -> None:
        """Drop what models wrote, and the state."""
        with closing(connect(self.server)) as opened, opened.cursor() as cursor:
            for schema in (self.schema, "dbt_state_plugin"):
                cursor.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))


def versions(server: Server) -> str:
    """Give what was measured on which machine."""
    from importlib.metadata import version

    packages = ", ".join(f"{name} {version(name)}" for name in ("dbt-state-plugin", "dbt-core", "dbt-postgres"))
    return f"{packages}, PostgreSQL {server.version}, Python {platform.python_version()}, {os.cpu_count()} CPUs"
