"""Cost of exact change detection beside dbt.

    python tests/benchmarks/change_detection.py --models 2000 --rounds 3

(or BENCHMARK_MODELS and BENCHMARK_ROUNDS) generates a project in which every model uses one macro, builds it once, and
then measures `plan` after edits: a comment in what that macro renders, so that every model is compiled and its SQL
compared, beside `dbt compile` of the same edit; and one edited model, beside a `plan` that has to parse just as much
but finds no edit.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "integration_project")]

from contestant import DBT, PLUGIN, Contestant, Cost, versions  # noqa: E402
from project_generator import edit_leaf, source_script, write_project  # noqa: E402

from dbt_state_plugin.testing.postgres_server import connect, start_server  # noqa: E402 - found by the line above

COMPILE = "dbt compile, after an edit of a macro that all models use"
ALL_CANDIDATES = "dbt-state-plugin plan, after the same edit (no SQL changes)"
PARSED = "dbt-state-plugin plan, after an edit that concerns no model"
ONE_MODEL = "dbt-state-plugin plan, after that edit and one of a model"
ORDER = (COMPILE, ALL_CANDIDATES, PARSED, ONE_MODEL)
RATIOS = ((ALL_CANDIDATES, COMPILE, "1.50"), (ONE_MODEL, PARSED, "1.10"))
MACRO = "macros/everywhere.sql"


@dataclass(slots=True, kw_only=True)
class Benchmark:
    """Two copies of one project, and the costs of every command so far."""

    models: int
    plain: Contestant
    tracked: Contestant
    costs: dict[str, list[Cost]] = field(default_factory=lambda: {name: [] for name in ORDER})

    def prepare(self) -> None:
        """Let every model use one macro, build everything once, and fill dbt's caches."""
        for contestant in (self.plain, self.tracked):
            for file in contestant.directory.glob("models/*/*.sql"):
                file.write_text(file.read_text(encoding="utf-8") + "{{ everywhere() }}\n", encoding="utf-8")
            self._edit_macro(contestant, 0)
            contestant.run(DBT, "seed", "--quiet")
        self.tracked.tracked(builds=self.models)
        self.plain.run(DBT, "parse")

    def measure(self, number: int) -> None:
        """Measure every command once."""
        for contestant in (self.plain, self.tracked):
            self._edit_macro(contestant, number + 1)
        self.costs[COMPILE].append(self.plain.run(DBT, "compile", "--quiet")[0])
        self.costs[ALL_CANDIDATES].append(self._plan("Plan: nothing to build"))
        self._edit_macro(self.tracked, 0)
        self._edit_documentation(number + 2_000)  # without any difference dbt would not be asked, and keep its cache
        self.tracked.run(PLUGIN, "plan")
        self._edit_documentation(number)
        self.costs[PARSED].append(self._plan("Plan: nothing to build"))
        leaf = self.tracked.directory / "models" / "marts" / "mart_leaf.sql"
        before = leaf.read_text(encoding="utf-8")
        edit_leaf(self.tracked.directory, number)
        self._edit_documentation(number + 1_000)
        self.costs[ONE_MODEL].append(self._plan("Plan: 1 changed"))
        leaf.write_text(before, encoding="utf-8")

    def _plan(self, expected: str) -> Cost:
        cost, output = self.tracked.run(PLUGIN, "plan")
        if expected not in output:
            raise SystemExit(f"{expected!r} was expected:\n{output}")
        return cost

    @staticmethod
    def _edit_macro(contestant: Contestant, number: int) -> None:
        text = f"{{% macro everywhere() %}}-- edit {number}{{% endmacro %}}\n"
        (contestant.directory / MACRO).write_text(text, encoding="utf-8")

    def _edit_documentation(self, number: int) -> None:
        text = f"models:\n  - name: int_0001\n    description: Edit {number}.\n"
        (self.tracked.directory / "models" / "intermediate" / "int_0001.yml").write_text(text, encoding="utf-8")


def table(costs: dict[str, list[Cost]]) -> list[str]:
    """Give the medians and the ratios as lines."""
    wall = {name: median(cost.wall for cost in found) for name, found in costs.items()}
    cpu = {name: median(cost.cpu for cost in found) for name, found in costs.items()}
    lines = [f"{'seconds':<64}{'wall':>8}{'CPU':>8}"]
    lines += [f"{name:<64}{wall[name]:>8.2f}{cpu[name]:>8.2f}" for name in ORDER]
    lines += ["", f"{'ratio':<64}{'wall':>8}{'CPU':>8}{'aim':>9}"]
    for ours, other, aim in RATIOS:
        name = "all models compiled / dbt compile" if ours == ALL_CANDIDATES else "one model edited / no model edited"
        lines.append(f"{name:<64}{wall[ours] / wall[other]:>8.2f}{cpu[ours] / cpu[other]:>8.2f}{'<= ' + aim:>9}")
    return lines


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
        print(f"{models} models, medians of {rounds}\n{versions(server)}\n", flush=True)
        measured.prepare()
        for number in range(rounds):
            measured.measure(number)
        print("\n".join(table(measured.costs)))


def main() -> int:
    """Read the arguments and run the benchmark."""
    parser = argparse.ArgumentParser(description="Measure what exact change detection costs.")
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
