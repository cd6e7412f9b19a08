"""Finder of planted bugs by random histories.

Prints a Markdown table: `python tests/twin/find_planted_bugs.py --histories 20`.
Each bug meets the trace that is named for it, and with `--histories` random histories until one finds it. With
`--all-traces` every trace is tried, to see what else finds it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "integration_project")]

from accuracy import warehouse  # noqa: E402 - found by the line above

from dbt_state_plugin.testing.postgres_server import Server, start_server  # noqa: E402
from twin.machine import FULL_STEPS, run_histories  # noqa: E402
from twin.pair import Difference, paired  # noqa: E402
from twin.planted_bugs import PLANTED_BUGS  # noqa: E402
from twin.traces import LOADED, TRACES  # noqa: E402


def traces_that_find(server: Server, bug: str, names: Iterable[str]) -> list[str]:
    """Return which of these traces ends with a difference when the bug is planted."""
    wanted = set(names)
    found = []
    for trace in (trace for trace in TRACES if trace.name in wanted):
        with (
            tempfile.TemporaryDirectory(prefix="twin-") as folder,
            paired(server, Path(folder) / "pair", trace.files, LOADED, bug=bug) as pair,
        ):
            try:
                trace.steps(pair)
            except Difference:
                found.append(trace.name)
    return found


def random_history_that_finds(server: Server, bug: str, histories: int) -> str:
    """Return which of so many random histories finds the bug, or that none does."""
    counts: dict[str, int] = {}
    try:
        run_histories(server, bug=bug, histories=histories, length=FULL_STEPS, counts=counts)
    except Difference:
        return f"within {counts['histories']}"
    return f"none of {counts['histories']}"


def main() -> int:
    """Print the table; end with 1 when the trace of a bug does not find it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="SUBSTRING", help="bugs named so")
    parser.add_argument("--histories", type=int, default=0, help="random histories for each bug at the most")
    parser.add_argument("--all-traces", action="store_true")
    given = parser.parse_args()
    chosen = [name for name in PLANTED_BUGS if not given.only or any(text in name for text in given.only)]
    missed = []
    print("| planted bug | trace that finds it | random histories |\n|---|---|---|", flush=True)
    with start_server() as server:
        warehouse.create_roles(server)
        for name in chosen:
            bug = PLANTED_BUGS[name]
            tried = [trace.name for trace in TRACES] if given.all_traces else [bug.found_by]
            found = traces_that_find(server, name, tried)
            missed += [] if bug.found_by in found else [name]
            by_chance = random_history_that_finds(server, name, given.histories) if given.histories else "not run"
            texts = ", ".join(f"`{each}`" for each in found) or "**none**"
            print(f"| {bug.what} | {texts} | {by_chance} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
