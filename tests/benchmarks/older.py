"""Cost beside an older version of this tool, in one run.

    python tests/benchmarks/older.py --older /path/to/older/environment/bin/python --models 500 2000 --rounds 15

`--introspecting 50` lets 50 of the models ask the database while they are compiled.

Each version has a copy of the same generated project and a state of its own on one server; their commands take turns,
so that a machine that becomes slower slows both. Read the ratios.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "integration_project")]

from contestant import PLUGIN, PYTHON, Contestant, versions  # noqa: E402 - found by the line above
from floor import Cost, medians  # noqa: E402
from project_generator import edit_leaf, source_script, write_project  # noqa: E402
from speed import HEAD, create_relations, printed, ratios  # noqa: E402

from dbt_state_plugin.testing.postgres_server import Server, connect, start_server  # noqa: E402


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of the tool with its copy of the project."""

    program: tuple[str, ...]
    contestant: Contestant

    def run(self, *arguments: str) -> Cost:
        """Run a command of this version."""
        return self.contestant.run(self.program, *arguments)[0]


def prepared(python: str, server: Server, folder: Path, name: str, models: int, introspecting: int) -> Version:
    """Bring a copy of the project to where everything is built and recorded by this version."""
    contestant = Contestant(
        server=server, directory=folder / name, schema=name, more={"DBT_STATE_PLUGIN_SCHEMA": f"state_{name}"}
    )
    write_project(contestant.directory, models=models - introspecting, introspecting=introspecting)
    create_relations(contestant, models - introspecting)
    program = PLUGIN if python == PYTHON else (str(Path(python).with_name("dbt-state-plugin")),)
    version = Version(program=program, contestant=contestant)
    version.run("adopt", "--yes")
    for _ in range(3):  # the first completes and builds, the second finds nothing to do, the third is as any later one
        version.run("run")
    return version


def in_turn(versions: Sequence[Version], action: Callable[[Version], Cost], rounds: int) -> list[Cost]:
    """Return the medians of each version, measured in turn."""
    costs: list[list[Cost]] = [[] for _ in versions]
    for number in range(rounds):
        for index in (0, 1) if number % 2 else (1, 0):
            costs[index].append(action(versions[index]))
    return [medians(each) for each in costs]


def benchmark(older: str, models: int, *, introspecting: int, rounds: int) -> None:
    """Measure one size, and print."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, start_server() as server:
        with closing(connect(server)) as opened, opened.cursor() as cursor:
            cursor.execute(source_script())
        pair = [
            prepared(python, server, Path(folder), name, models, introspecting)
            for python, name in ((PYTHON, "now"), (older, "older"))
        ]
        edits = {id(version): iter(range(rounds)) for version in pair}

        def edited(version: Version) -> Cost:
            edit_leaf(version.contestant.directory, next(edits[id(version)]))
            return version.run("plan")

        print(f"medians of {rounds}; {versions(server)}\nload {os.getloadavg()[0]:.1f}\n", flush=True)
        printed([HEAD])
        project = f"{models:,}" + (f" of which {introspecting:,} introspect" if introspecting else "")
        cases: list[tuple[str, Callable[[Version], Cost], str]] = [
            ("no change", lambda version: version.run("run"), "1.10"),
            ("plan after an edit", edited, "1.50" if introspecting else "0.70"),
        ]
        for case, action, aim in cases:
            now, before = in_turn(pair, action, rounds)
            printed(ratios(f"{project}: {case} / older", now, before, aim, memory=""))


def main() -> int:
    """Read the arguments and run the benchmark."""
    parser = argparse.ArgumentParser(description="Compare dbt-state-plugin with an older version of it.")
    parser.add_argument("--older", default=PYTHON, help="the Python of an environment that has the older version")
    parser.add_argument("--models", type=int, nargs="+", default=[500])
    parser.add_argument("--introspecting", type=int, default=0, help="how many of them ask while they are compiled")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    for models in arguments.models:
        benchmark(arguments.older, models, introspecting=arguments.introspecting, rounds=arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
