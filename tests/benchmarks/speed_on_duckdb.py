"""Cost of a run without changes on DuckDB beside dbt's.

    python tests/benchmarks/speed_on_duckdb.py --models 2000 --rounds 3

generates the project of `speed.py` with a DuckDB file, in which SQL makes what dbt would have built, lets `adopt` take
it over, and prints the ratio of a run without changes to `dbt ls -s state:modified+`. One more such run goes on while
another process has the file, which DuckDB gives to one at a time: it ends well only where nothing is opened or scanned.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "integration_project")]

from contestant import DBT, PLUGIN, PYTHON  # noqa: E402 - found by the line above
from floor import Cost, cost_of, medians  # noqa: E402
from project_generator import SEEDS, rendered_models, seed_rows, source_script, write_project  # noqa: E402

NAME, SCHEMA = "bench", "built"  # of the file, and so of the database; of what dbt builds
PROFILE = "bench: {target: dev, outputs: {dev: {type: duckdb, path: bench.duckdb, schema: built, threads: 4}}}\n"
STATE = ("-s", "state:modified+", "--state", "last_run")
HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The generated project with its file."""

    directory: Path

    @property
    def file(self) -> Path:
        """Return the warehouse."""
        return self.directory / f"{NAME}.duckdb"

    def run(self, *command: str) -> tuple[Cost, str]:
        """Run a command; raises SystemExit with its output where it fails."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "PYTHON"))}
        environment = {**kept, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "NO_COLOR": "1"}
        cost, code, answer = cost_of(list(command), directory=self.directory, environment=environment)
        if code != 0:
            raise SystemExit(f"{' '.join(command[1:])} ended with {code}:\n{answer}")
        return cost, answer

    def without_changes(self) -> Cost:
        """Run the plugin, and make sure that it built nothing."""
        cost, answer = self.run(*PLUGIN, "run")
        if "nothing to build" not in answer:
            raise SystemExit(f"nothing was to be built:\n{answer}")
        return cost

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let another process have the file."""
        with subprocess.Popen(
            [PYTHON, "-c", HOLD, str(self.file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            yield
            holder.communicate()


def prepare(project: Project, models: int) -> None:
    """Write the project, make its relations, and let the plugin take them over."""
    import duckdb

    write_project(project.directory, models=models)
    (project.directory / "profiles.yml").write_text(PROFILE, encoding="utf-8")
    with duckdb.connect(str(project.file)) as opened:
        opened.execute(f"{source_script()} create schema {SCHEMA}; create schema {SCHEMA}_seeds")
        for number in range(SEEDS):
            rows = json.dumps(seed_rows(number)).replace("[", "(").replace("]", ")").replace('"', "'")[1:-1]
            opened.execute(
                f"create table {SCHEMA}_seeds.seed_{number} as select * from (values {rows}) t(customer_id, name)"
            )
        for name, kind, body in rendered_models(project.directory, models, database=NAME, schema=SCHEMA):
            opened.execute(f"create {kind} {SCHEMA}.{name} as {body}")
    project.run(*PLUGIN, "adopt", "--yes")
    project.run(*PLUGIN, "run")  # what was adopted gets the calls that its SQL makes
    project.run(*DBT, "parse")
    (project.directory / "last_run").mkdir()
    shutil.copy(project.directory / "target" / "manifest.json", project.directory / "last_run")


def measure(project: Project, models: int, rounds: int) -> None:
    """Measure both commands in turn, and print."""
    project.without_changes()
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(project.run(*DBT, "ls", *STATE)[0])
        ours.append(project.without_changes())
    with project.held():
        project.without_changes()
    our, their = medians(ours), medians(theirs)
    print(f"{models} models: no change / ls state:modified+, medians of {rounds}; load {os.getloadavg()[0]:.1f}")
    for name, one, other in (("wall", our.wall, their.wall), ("CPU", our.cpu, their.cpu)):
        print(f"{name:<5}{one:>8.2f} s{other:>8.2f} s  {one / other:.3f}")
    print("while another process had the file: nothing was opened")


def main() -> int:
    """Read the arguments and run the benchmark."""
    parser = argparse.ArgumentParser(description="Compare a run without changes on DuckDB with dbt.")
    parser.add_argument("--models", type=int, default=2000, help="at least 10")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        project = Project(directory=Path(folder))
        prepare(project, arguments.models)
        measure(project, arguments.models, arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
