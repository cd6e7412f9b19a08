"""Share of built relations that came out different, over random histories.

Prints a table by cause: `python tests/twin/needed.py --histories 50 --steps 6`. A relation is needed when its rows,
columns, definition, rights, indexes or comments differ after the run.
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
from accuracy.relations import differing_names, observed  # noqa: E402
from support.project import SCHEMA  # noqa: E402

from dbt_state_plugin.core.reached import reached  # noqa: E402
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
    return reached([name], lambda each: parents.get(each, set())) - {name}


def name_of(unique_id: str) -> str:
    """Return the name of the relation of a node."""
    return unique_id.split(".")[-1]


# Why something was built that came out as before, the first that fits; a build has one of these reasons or more.
DROPPED_ALONG = "a view that PostgreSQL dropped with what it reads"
EDITED_ITSELF = "edited itself, and came out equal"
ABOVE_DIFFERS = "below one that came out different"
ABOVE_VIEW = "below an edited view that hands on the same rows"
ABOVE_EQUAL = "all above came out equal, and still built"
_BY_KIND = {
    "data": "a source was written into, of whose rows it shows nothing else",
    "volatile": "calls the clock or chance",
    "interrupted": "an earlier run did not end, or left it out",
    "failed": "an earlier build failed",
    "missing": "was not there",
    "drifted": "was altered by hand",
    "forced": "was forced",
}


class Measured:
    """What was counted over all histories."""

    def __init__(self) -> None:
        self.runs = 0
        self.built = 0
        self.needed = 0
        self.causes: Counter[str] = Counter()
        self.nodes: Counter[tuple[str, str]] = Counter()

    def add(
        self,
        built: list[tuple[str, list[dict[str, Any]]]],
        changed: set[str],
        parents: dict[str, set[str]],
        views: set[str],
    ) -> None:
        """Count one run."""
        self.runs += 1
        self.built += len(built)
        edited = {name_of(node) for node, reasons in built if not _comes_from_above(reasons)}
        for unique_id, reasons in built:
            name = name_of(unique_id)
            if name in changed:
                self.needed += 1
                continue
            cause = _cause(name, reasons, changed, edited, parents, views)
            self.causes[cause] += 1
            self.nodes[cause, _said(name, reasons)] += 1


def _cause(
    name: str,
    reasons: list[dict[str, Any]],
    changed: set[str],
    edited: set[str],
    parents: dict[str, set[str]],
    views: set[str],
) -> str:
    if not _comes_from_above(reasons):
        kinds = [str(reason.get("kind")) for reason in reasons if reason.get("code") not in _FROM_ABOVE]
        return next((_BY_KIND[kind] for kind in kinds if kind in _BY_KIND), EDITED_ITSELF)
    if name in views:
        return DROPPED_ALONG
    different = changed & above(name, parents)
    if different <= views & edited and different:
        return ABOVE_VIEW
    return ABOVE_DIFFERS if different else ABOVE_EQUAL


_FROM_ABOVE = {"dropped-with-parent", "is-built"}


def _comes_from_above(reasons: list[dict[str, Any]]) -> bool:
    """Return whether a relation is built only because what it reads is, with which a view goes down."""
    return {reason.get("code") for reason in reasons} <= _FROM_ABOVE


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
    names = differing_names(before, after)
    changed = {name.removeprefix(f"{SCHEMA}.") for name in names if name.startswith(f"{SCHEMA}.")}
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(_BUILT)
        built = [(node, reasons) for node, status, reasons in cursor.fetchall() if status == "success"]
    views = {name.removeprefix(f"{SCHEMA}.") for name, relation in after.items() if relation["kind"] == "v"}
    measured.add(built, changed, parents_of(files), views)


def print_table(measured: Measured) -> None:
    """Print what was built, by cause, and each node of a cause."""
    built, needed, along = measured.built, measured.needed, measured.causes[DROPPED_ALONG]
    rows = [("built", built), ("came out different: needed", needed), *measured.causes.most_common()]
    print(f"{measured.runs} runs\n\n| relations | in all | a run |\n|---|---|---|")
    for what, number in rows:
        print(f"| {what} | {number} | {number / measured.runs:.2f} |")
    for what, number in (
        ("built for each that was needed", built),
        ("without views that PostgreSQL dropped along", built - along),
        ("without those, and without what was edited itself", built - along - measured.causes[EDITED_ITSELF]),
    ):
        print(f"\n{what}: {number / max(needed, 1):.2f}", end="")
    print("\n\n| cause | node, and why it was planned | relations |\n|---|---|---|")
    for (cause, said), number in measured.nodes.most_common():
        print(f"| {cause} | {said} | {number} |")


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
    print_table(measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
