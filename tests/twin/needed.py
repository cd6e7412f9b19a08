"""Share of built relations that came out different, over random histories.

Prints a table: `python tests/twin/needed.py --histories 10 --steps 6 --cutoff always`. A relation is needed when its
rows, columns, definition, rights, indexes or comments differ after the run.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "integration_project")]

import psycopg2  # noqa: E402 - found by the line above
from accuracy import warehouse  # noqa: E402
from accuracy.relations import differing, observed  # noqa: E402
from support.project import SCHEMA  # noqa: E402

from dbt_state_plugin.testing.postgres_server import Server, start_server  # noqa: E402
from twin.pair import OURS, Pair, paired  # noqa: E402
from twin.shop import CHANGES, EDITED, LOADED, VERSIONS  # noqa: E402

_BUILT = """
    select r.unique_id, r.status, r.reasons from dbt_state_plugin.node_result r where r.execution_id = (
        select execution_id from dbt_state_plugin.execution order by started_at desc limit 1)
      and r.unique_id !~ '^(test|unit_test)[.]'
"""
_REF = re.compile(r"ref\('(\w+)'\)")
_MENDED = (("models/customer_totals.sql", 0), ("models/order_shares.sql", 0))
# What makes a run fail, which says nothing about what it would have built.
_BROKEN = {("models/customer_totals.sql", 4), ("models/order_shares.sql", 2)}
_BAD_ROW = "1, 13, 'bad'"


def parents_of(versions: dict[str, str]) -> dict[str, set[str]]:
    """Return what each node reads, by the names in its file."""
    return {
        Path(path).stem: set(_REF.findall(text)) for path, text in versions.items() if path.endswith((".sql", "csv"))
    }


def above(name: str, parents: dict[str, set[str]]) -> set[str]:
    """Return all that a node reads, through others too."""
    found: set[str] = set()
    todo = [name]
    while todo:
        fresh = parents.get(todo.pop(), set()) - found
        found |= fresh
        todo += fresh
    return found


def name_of(unique_id: str) -> str:
    """Return the name of the relation of a node."""
    return unique_id.split(".")[-1]


Built = tuple[str, list[dict[str, Any]]]  # the unique_id of a relation, and its reasons


class Measured:
    """What was counted over all histories."""

    def __init__(self) -> None:
        self.runs = 0
        self.of_relations: Counter[str] = Counter()
        self.without_cause: Counter[str] = Counter()
        self.below: Counter[str] = Counter()

    def add(
        self,
        built: list[tuple[str, list[dict[str, Any]]]],
        changed: set[str],
        parents: dict[str, set[str]],
        views: set[str],
    ) -> None:
        """Count one run."""
        self.runs += 1
        for unique_id, reasons in built:
            name = name_of(unique_id)
            self.of_relations["built"] += 1
            if name in changed:
                self.of_relations["needed"] += 1
            elif name in views and _comes_from_above(reasons):
                self.of_relations["dropped along by PostgreSQL, created as before"] += 1
            elif changed & above(name, parents):
                self.of_relations["below one that came out different"] += 1
                self.below[_said(name, reasons)] += 1
            else:
                self.of_relations["nothing different above"] += 1
                self.without_cause[_said(name, reasons)] += 1


def _comes_from_above(reasons: list[dict[str, Any]]) -> bool:
    """Return whether a relation is built only because what it reads is, with which a view goes down."""
    return {reason.get("code") for reason in reasons} <= {"dropped-with-parent", "is-built"}


def _said(name: str, reasons: list[dict[str, Any]]) -> str:
    kinds = dict.fromkeys(f"{reason.get('kind')}: {reason.get('code')}" for reason in reasons)
    return f"{name}, {', '.join(kinds)}"


def measure(server: Server, seed: int, steps: int, options: tuple[str, ...], measured: Measured) -> None:
    """Run one history."""
    chosen = random.Random(seed)
    files = {path: versions[0] for path, versions in VERSIONS.items()}
    edits = [edit for edit in EDITED if edit not in _BROKEN]
    loads = [load for load in CHANGES if _BAD_ROW not in load and "pg_stat_reset" not in load]
    with (
        tempfile.TemporaryDirectory(prefix="twin-") as folder,
        paired(server, Path(folder) / "p", files, LOADED) as pair,
    ):
        for step in range(1, steps + 1):
            if chosen.random() < 0.6:
                path, number = chosen.choice(edits)
                files[path] = VERSIONS[path][number]
                pair.write(path, files[path])
            else:
                pair.execute(chosen.choice(loads).format(n=chosen.randint(1, 9), step=step))
            _run(pair, server, files, options, measured)


def _run(pair: Pair, server: Server, files: dict[str, str], options: tuple[str, ...], measured: Measured) -> None:
    url = server.url(pair.databases[OURS])
    before = observed(url)
    ended = pair._plugin("build", options, None)
    after = observed(url)
    if ended.code != 0:
        print(f"a run failed: {pair.done[-2]}", file=sys.stderr)
        return
    names = {name for name in before.keys() | after.keys() if differing(before.get(name), after.get(name))}
    changed = {name.removeprefix(f"{SCHEMA}.") for name in names if name.startswith(f"{SCHEMA}.")}
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(_BUILT)
        built = [(node, reasons) for node, status, reasons in cursor.fetchall() if status == "success"]
    views = {name.removeprefix(f"{SCHEMA}.") for name, relation in after.items() if relation["kind"] == "v"}
    measured.add(built, changed, parents_of(files), views)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=10)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--first", type=int, default=0, help="the first history's number")
    parser.add_argument("--cutoff", help="handed to dbt-state-plugin")
    given = parser.parse_args()
    options = ("--cutoff", given.cutoff) if given.cutoff else ()
    measured = Measured()
    with start_server() as server:
        warehouse.create_roles(server)
        for seed in range(given.first, given.first + given.histories):
            measure(server, seed, given.steps, options, measured)
    print(f"{measured.runs} runs\n\n| relations | in all | a run |\n|---|---|---|")
    for what, number in measured.of_relations.most_common():
        print(f"| {what} | {number} | {number / measured.runs:.2f} |")
    built, needed = measured.of_relations["built"], measured.of_relations["needed"]
    along = measured.of_relations["dropped along by PostgreSQL, created as before"]
    print(f"\nbuilt for each that was needed: {built / max(needed, 1):.2f}", end="")
    print(f"; without what PostgreSQL dropped along: {(built - along) / max(needed, 1):.2f}")
    for title, counted in (
        ("built with nothing different above", measured.without_cause),
        ("built as before, below one that came out different", measured.below),
    ):
        print(f"\n| {title} | relations |\n|---|---|")
        for what, number in counted.most_common():
            print(f"| {what} | {number} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
