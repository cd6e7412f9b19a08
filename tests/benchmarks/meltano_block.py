"""Cost of our block in a `meltano run` without new business.

    python tests/benchmarks/meltano_block.py --rounds 3

(or BENCHMARK_ROUNDS) runs the pipeline of integration_project on a PostgreSQL of its own; the tap sends its rows again
in every round. Both blocks stand behind the same load: dbt-state-plugin, and what the dbt plugin of the Hub does for
each command, `dbt deps` and then `dbt run` (without its `dbt clean`), in another schema. Measured is what each block's
own process takes, without Meltano's. With `--plugins DIR` the plugins are installed there and found again next time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "integration_project")]

import pipeline  # noqa: E402 - found by the line above
from contestant import PLUGIN, PROGRAMS, QUIET  # noqa: E402
from pipeline import copy_installed, installed_project  # noqa: E402
from production import fill  # noqa: E402
from warehouse import connection_environment, production_on  # noqa: E402

from dbt_state_plugin.testing.postgres_server import Server, start_server  # noqa: E402

FOREIGN = ("DBT_", "PG", "MELTANO_", "TAP_", "TARGET_", "PRODUCTION_", "WAREHOUSE_")
PLUGINS = ("tap-postgres", "target-postgres", "dbt-state-plugin")
MELTANO_PROGRAMS = os.environ.get("BENCHMARK_MELTANO_PROGRAMS")  # as PROGRAMS, for Meltano
MELTANO = (f"{MELTANO_PROGRAMS}/meltano",) if MELTANO_PROGRAMS else pipeline.MELTANO
OURS, OTHER = "dbt-state-plugin:run", "dbt deps && dbt run"
MOST_CPU, MOST_SHARE = 1.5, 0.2
# Runs commands one after the other, and writes what they took. Its own start is not counted: it is the benchmark's.
MEASURED = """\
#!{python}
import json, resource, subprocess, sys, time
begun = time.monotonic()
for command in {commands!r}:
    ended = subprocess.run([*command, *({arguments})])
    if ended.returncode:
        sys.exit(ended.returncode)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open({costs!r}, "a") as file:
    file.write(json.dumps([time.monotonic() - begun, used.ru_utime + used.ru_stime]) + "\\n")
"""
OTHER_PLUGIN = """\
    - name: dbt-as-the-hub-does
      namespace: dbt_as_the_hub_does
      executable: {executable}
      commands:
        run: run

jobs:
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The copy of the Meltano project, the environment of its commands, and the files with what blocks took."""

    project: Path
    environment: Mapping[str, str]
    costs: Mapping[str, Path]

    def run(self, *arguments: str, directory: Path | None = None) -> str:
        """Run a command; give its output. Raises SystemExit with it where the command fails."""
        ended = subprocess.run(
            arguments,
            cwd=directory or self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if ended.returncode != 0:
            raise SystemExit(f"{' '.join(arguments[-4:])} ended with {ended.returncode}:\n{ended.stdout}")
        return ended.stdout

    def round(self, *, builds: bool) -> None:
        """Run the pipeline with both blocks, and make sure that ours built something, or nothing."""
        output = self.run(
            *MELTANO, "run", "tap-postgres", "target-postgres", "dbt-state-plugin:run", "dbt-as-the-hub-does:run"
        )
        answer = self.run(*PLUGIN, "history", "--limit", "1", "--output", "json", directory=self.project / "transform")
        if bool(json.loads(answer)["executions"][0]["planned"]) != builds:
            raise SystemExit(f"dbt-state-plugin was to build {'something' if builds else 'nothing'}:\n{output}")

    def medians(self, rounds: int) -> dict[str, tuple[float, float]]:
        """Give the median wall and CPU time of each block in the last rounds."""
        found = {}
        for name, file in self.costs.items():
            lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()][-rounds:]
            found[name] = (median(wall for wall, _ in lines), median(cpu for _, cpu in lines))
        return found


def prepared(folder: Path, server: Server, plugins: Path, warm_up: int) -> Place:
    """Copy the project, put a measuring program in front of each block's own, and build everything once."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    production = production_on(server)
    fill(production)
    environment = {**kept, **QUIET, **connection_environment(server), **production.environment()}
    installed = installed_project(plugins, {**kept, **QUIET}, *PLUGINS)
    project = copy_installed(installed, folder)
    programs = Path(PROGRAMS or installed / ".meltano" / "utilities" / "dbt-state-plugin" / "venv" / "bin")
    dbt = [str(programs / "dbt")]
    where = ["--project-dir", str(project / "transform"), "--profiles-dir", str(project / "transform")]
    costs = {OURS: folder / "ours.jsonl", OTHER: folder / "other.jsonl"}
    ours = measuring(folder / "ours", costs[OURS], [[str(programs / "dbt-state-plugin-meltano")]], "sys.argv[1:]")
    target = ["--target", "prod"]
    other = measuring(folder / "other", costs[OTHER], [[*dbt, "deps", *where], [*dbt, "run", *where, *target]], "()")
    file = project / "meltano.yml"
    text = file.read_text(encoding="utf-8").replace("executable: dbt-state-plugin-meltano", f"executable: {ours}")
    file.write_text(text.replace("jobs:\n", OTHER_PLUGIN.format(executable=other), 1), encoding="utf-8")
    place = Place(project=project, environment=environment, costs=costs)
    place.run(*MELTANO, "run", "tap-postgres", "target-postgres", "dbt-state-plugin:build")
    place.run(*dbt, "build", *where, *target)
    for _ in range(warm_up):
        place.round(builds=False)
    return place


def measuring(file: Path, costs: Path, commands: list[list[str]], arguments: str) -> Path:
    """Write a program that runs the commands and adds what they took to a file."""
    text = MEASURED.format(python=sys.executable, commands=commands, arguments=arguments, costs=str(costs))
    file.write_text(text, encoding="utf-8")
    file.chmod(0o755)
    return file


def table(medians: Mapping[str, tuple[float, float]]) -> list[str]:
    """Give the medians and the ratio as lines."""
    lines = [f"{'seconds':<56}{'wall':>8}{'CPU':>8}{'aim':>9}"]
    lines += [
        f"{name:<56}{wall:>8.2f}{cpu:>8.2f}{f'<= {MOST_CPU:.2f}' if name == OURS else '':>9}".rstrip()
        for name, (wall, cpu) in medians.items()
    ]
    (wall, cpu), (other_wall, other_cpu) = medians[OURS], medians[OTHER]
    ratio = f"{'the first / the second':<56}{wall / other_wall:>8.2f}{cpu / other_cpu:>8.2f}"
    return [*lines, "", f"{ratio}{f'<= {MOST_SHARE:.2f}':>9}"]


def versions(server: Server) -> str:
    """Give what was measured on which machine."""
    from importlib.metadata import version

    packages = ", ".join(f"{name} {version(name)}" for name in ("dbt-state-plugin", "dbt-core", "meltano"))
    return f"{packages}, PostgreSQL {server.version}, Python {platform.python_version()}, {os.cpu_count()} CPUs"


def main() -> int:
    """Read the arguments, measure and print."""
    parser = argparse.ArgumentParser(description="Measure the block of dbt-state-plugin in a Meltano pipeline.")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("BENCHMARK_ROUNDS", "3")))
    parser.add_argument("--warm-up", type=int, default=1, help="rounds before the first that counts")
    parser.add_argument("--plugins", type=Path, metavar="DIR", help="where plugins are, or will be, installed")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("at least 1 round is needed")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, start_server() as server:
        folder = Path(name)
        place = prepared(folder, server, (arguments.plugins or folder / "plugins").absolute(), arguments.warm_up)
        rounds = f"{arguments.rounds} round{'' if arguments.rounds == 1 else 's'}"
        print(f"No new business, medians of {rounds}\n{versions(server)}\n", flush=True)
        for _ in range(arguments.rounds):
            place.round(builds=False)
        print("\n".join(table(place.medians(arguments.rounds))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
