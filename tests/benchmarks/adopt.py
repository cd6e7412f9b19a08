"""Cost of adopting a project that dbt has built."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import closing
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "integration_project"), str(Path(__file__).parent)]

from contestant import DBT, PLUGIN, Contestant, versions  # noqa: E402
from project_generator import source_script, write_project  # noqa: E402

from dbt_state_plugin.testing.postgres_server import connect, start_server  # noqa: E402 - found by the line above


def measure(models: int) -> None:
    """Build with dbt, adopt, run; raises SystemExit where the run builds something."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, start_server() as server:
        with closing(connect(server)) as opened, opened.cursor() as cursor:
            cursor.execute(source_script())
        contestant = Contestant(server=server, directory=Path(folder) / "adopted", schema="adopted")
        write_project(contestant.directory, models=models)
        contestant.run(DBT, "seed", "--quiet")
        built, _ = contestant.run(DBT, "run", "--quiet")
        adopted, output = contestant.run(PLUGIN, "adopt", "--yes", "--log-level", "info")
        unchanged = contestant.tracked(builds=0)
        print(f"{models} models\n{versions(server)}\n")
        print("\n".join(line for line in output.splitlines() if "adopted." in line and not line.startswith(" ")))
        for name, cost in (("dbt run", built), ("adopt", adopted), ("the run after it", unchanged)):
            print(f"{name:<20}{cost.wall:>8.2f} s wall{cost.cpu:>8.2f} s CPU")


def main() -> int:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description="Adopt a generated project that dbt has built.")
    parser.add_argument("--models", type=int, default=500, help="at least 10")
    arguments = parser.parse_args()
    if arguments.models < 10:
        parser.error("at least 10 models are needed")
    measure(arguments.models)
    return 0


if __name__ == "__main__":
    sys.exit(main())
