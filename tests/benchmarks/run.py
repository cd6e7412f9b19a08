"""How long does dbt-state-plugin take beside plain dbt, on one machine, in one run?

    python tests/benchmarks/run.py --models 500 --rounds 3

(or BENCHMARK_MODELS and BENCHMARK_ROUNDS) generates a project and starts a PostgreSQL, both thrown away at the end, and
prints the medians of all rounds, wall and CPU time of the commands without the server's, and the ratios that matter.
Plain dbt and dbt-state-plugin work in two copies of the project and two schemas. Times say something only on a machine
that has nothing else to do; compare ratios, not seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "integration_project")]

from floor import Cost, cost_of, medians  # noqa: E402 - found by the line above
from postgres_server import Server, connect, start_server  # noqa: E402
from project_generator import LEAF, edit_leaf, source_script, write_project  # noqa: E402
from psycopg2 import sql  # noqa: E402

PYTHON = sys.executable
DBT = (PYTHON, "-c", "from dbt.cli.main import cli; cli()")
PLUGIN = (PYTHON, "-m", "dbt_state_plugin")

PARSE = "dbt parse, warm"
PLAIN = "dbt run"
FIRST = "dbt-state-plugin run, first"
LIST = "dbt ls -s state:modified+ --state DIR"
UNCHANGED = "dbt-state-plugin run, no change"
BY_HAND = "dbt run -s leaf"
ONE_LEAF = "dbt-state-plugin run, one leaf edited"
ORDER = (PARSE, PLAIN, FIRST, LIST, UNCHANGED, BY_HAND, ONE_LEAF)
RATIOS = ((FIRST, PLAIN, "1.10"), (UNCHANGED, LIST, "0.50"), (ONE_LEAF, BY_HAND, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """Hold one copy of the project and the schema that its target writes."""

    server: Server
    directory: Path
    schema: str
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Give the environment of its commands: nothing of the user's dbt settings."""
        # Python's own variables too: PYTHONDONTWRITEBYTECODE alone doubles the time of a short command.
        others = ("DBT_", "PG", "MELTANO_", "PYTHON")
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
        return {**kept, **connection, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "NO_COLOR": "1", **self.more}

    def run(self, program: Sequence[str], *arguments: str) -> tuple[Cost, str]:
        """Run a command; give its cost and its answer. Raises SystemExit with its output where it fails."""
        cost, code, answer = cost_of([*program, *arguments], directory=self.directory, environment=self.environment)
        if code != 0:
            raise SystemExit(f"{' '.join(arguments)} ended with {code}:\n{answer}")
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


@dataclass(slots=True, kw_only=True)
class Benchmark:
    """Hold two copies of one project, and the costs of every command so far."""

    models: int
    plain: Contestant
    tracked: Contestant
    costs: dict[str, list[Cost]] = field(default_factory=lambda: {name: [] for name in ORDER})

    def prepare(self) -> None:
        """Load the seeds and fill dbt's caches, so that every measured command finds them warm."""
        for contestant in (self.plain, self.tracked):
            contestant.run(DBT, "seed", "--quiet")
        self.plain.run(DBT, "parse")
        self.tracked.run(PLUGIN, "plan")

    def measure(self, number: int) -> None:
        """Measure every command once, those that are compared one after the other."""
        manifest = self.plain.directory / "last_run"
        steps: Mapping[str, Callable[[], Cost]] = {
            PARSE: lambda: self.plain.run(DBT, "parse")[0],
            PLAIN: lambda: self.plain.run(DBT, "run")[0],
            FIRST: lambda: self.tracked.tracked(builds=self.models),
            LIST: lambda: self.plain.run(DBT, "ls", "-s", "state:modified+", "--state", str(manifest))[0],
            UNCHANGED: lambda: self.tracked.tracked(builds=0),
            BY_HAND: lambda: self.plain.run(DBT, "run", "-s", LEAF)[0],
            ONE_LEAF: lambda: self.tracked.tracked(builds=1),
        }
        for name in ORDER:
            if name in (PLAIN, FIRST):
                (self.plain if name == PLAIN else self.tracked).empty()
            if name in (BY_HAND, ONE_LEAF):
                edit_leaf((self.plain if name == BY_HAND else self.tracked).directory, number)
            if name == LIST:
                manifest.mkdir(exist_ok=True)
                shutil.copy(self.plain.directory / "target" / "manifest.json", manifest)
            self.costs[name].append(steps[name]())

    def medians(self) -> dict[str, Cost]:
        """Give the median wall and CPU time of each command."""
        return {name: medians(costs) for name, costs in self.costs.items()}


def table(medians: Mapping[str, Cost]) -> list[str]:
    """Give the medians and the ratios as lines."""
    lines = [f"{'seconds':<64}{'wall':>8}{'CPU':>8}"]
    lines += [f"{name:<64}{medians[name].wall:>8.2f}{medians[name].cpu:>8.2f}" for name in ORDER]
    lines += ["", f"{'ratio':<64}{'wall':>8}{'CPU':>8}{'aim':>9}"]
    for ours, other, aim in RATIOS:
        wall, cpu = medians[ours].wall / medians[other].wall, medians[ours].cpu / medians[other].cpu
        name = f"{ours.removeprefix('dbt-state-plugin ')} / {other}"
        lines.append(f"{name:<64}{wall:>8.2f}{cpu:>8.2f}{'<= ' + aim if aim else '':>9}".rstrip())
    return lines


def versions(server: Server) -> str:
    """Give what was measured on which machine."""
    from importlib.metadata import version

    packages = ", ".join(f"{name} {version(name)}" for name in ("dbt-state-plugin", "dbt-core", "dbt-postgres"))
    return f"{packages}, PostgreSQL {server.version}, Python {platform.python_version()}, {os.cpu_count()} CPUs"


def benchmark(*, models: int, rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, start_server() as server:
        with closing(connect(server)) as opened, opened.cursor() as cursor:
            cursor.execute(source_script())
        contestants = [
            Contestant(server=server, directory=Path(folder) / name, schema=name) for name in ("plain", "tracked")
        ]
        for contestant in contestants:
            write_project(contestant.directory, models=models)
        measured = Benchmark(models=models, plain=contestants[0], tracked=contestants[1])
        print(
            f"{models} models, medians of {rounds} round{'' if rounds == 1 else 's'}\n{versions(server)}\n", flush=True
        )
        measured.prepare()
        for number in range(rounds):
            measured.measure(number)
        print("\n".join(table(measured.medians())))


def main() -> int:
    """Read the arguments and run the benchmark."""
    parser = argparse.ArgumentParser(description="Compare dbt-state-plugin with plain dbt on a generated project.")
    parser.add_argument(
        "--models", type=int, default=int(os.environ.get("BENCHMARK_MODELS", "500")), help="at least 10"
    )
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("BENCHMARK_ROUNDS", "3")))
    arguments = parser.parse_args()
    if arguments.models < 10 or arguments.rounds < 1:
        parser.error("at least 10 models and 1 round are needed")
    benchmark(models=arguments.models, rounds=arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
