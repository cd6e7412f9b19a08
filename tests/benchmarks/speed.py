"""Cost of commands beside dbt's as projects grow.

    python tests/benchmarks/speed.py --models 500 2000 10000 --rounds 5 --peers /tmp/peers

generates a project of each size, starts a PostgreSQL, and prints a table of ratios with what is aimed at. Both copies
of a project of up to `--build` models are built by dbt, for the row of the first run. What a larger one holds is made
by SQL and taken over by `adopt`, since dbt would build for half an hour. dbt with more than 2,000 models runs once.
With `--peers` other tools are installed into that folder and measured, too, in projects of up to `--build` models.
Times say something only on a machine that has nothing else to do; compare ratios, not seconds.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "integration_project")]

import peers  # noqa: E402 - found by the line above
from contestant import DBT, PLUGIN, Contestant, versions  # noqa: E402
from floor import Cost, floor_of, medians, start_of_python  # noqa: E402
from project_generator import (  # noqa: E402
    LEAF,
    SEEDS,
    edit_leaf,
    rendered_models,
    seed_rows,
    source_script,
    write_project,
)
from psycopg2 import sql  # noqa: E402

from dbt_state_plugin.project.inputs import project_files  # noqa: E402
from dbt_state_plugin.testing.postgres_server import Server, connect, start_server  # noqa: E402

LARGE = 2000  # of more models than these, peers are measured once, and not the edit of a leaf
TALLY = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del), sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables "


@dataclass(slots=True, kw_only=True)
class Size:
    """Two copies of a project of one size, and what was measured of them."""

    models: int
    plain: Contestant
    tracked: Contestant
    others: dict[peers.Peer, Contestant] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)

    def measure(self, name: str, action: Callable[[], Cost], rounds: int) -> None:
        """Keep the medians of some rounds."""
        self.costs[name] = medians([action() for _ in range(rounds)])


def prepare(size: Size, *, is_built: bool) -> None:
    """Bring both copies to where everything is built and recorded; keep the costs of the first runs."""
    for contestant in (size.plain, size.tracked):
        write_project(contestant.directory, models=size.models)
        if is_built:
            contestant.run(DBT, "seed", "--quiet")
        elif contestant is size.tracked or size.models <= LARGE:
            create_relations(contestant, size.models)
    size.measure("parse, cold", lambda: size.plain.run(DBT, "parse")[0], 1)
    if is_built:
        size.tracked.run(PLUGIN, "plan")  # parsed once, as the other one
        size.measure("first run by dbt", lambda: size.plain.run(DBT, "run")[0], 1)
        size.measure("first run", lambda: size.tracked.tracked(builds=size.models), 1)
    else:
        size.tracked.run(PLUGIN, "adopt", "--yes")
    manifest = size.plain.directory / "last_run"
    manifest.mkdir()
    shutil.copy(size.plain.directory / "target" / "manifest.json", manifest)


def create_relations(contestant: Contestant, models: int) -> None:
    """Create by SQL what dbt would have built."""
    server, schema = contestant.server, contestant.schema
    rendered = rendered_models(contestant.directory, models, database=server.dbname, schema=schema)
    with closing(connect(server)) as opened, opened.cursor() as cursor:
        for name in (schema, f"{schema}_seeds"):
            cursor.execute(sql.SQL("create schema {}").format(sql.Identifier(name)))
        for number in range(SEEDS):
            seed = sql.Identifier(f"{schema}_seeds", f"seed_{number}")
            cursor.execute(sql.SQL("create table {} (customer_id integer, name text)").format(seed))
            rows = sql.SQL(", ").join(map(sql.Literal, seed_rows(number)))
            cursor.execute(sql.SQL("insert into {} values {}").format(seed, rows))
        for name, kind, body in rendered:
            head = sql.SQL("create table {} as " if kind == "table" else "create view {} as ")
            cursor.execute(head.format(sql.Identifier(schema, name)).as_string(opened) + body.replace("%", "%%"))


def measure(size: Size, *, rounds: int, growth_runs: int) -> None:
    """Measure one size, those that are compared one after the other."""
    plain, tracked = size.plain, size.tracked
    peer_rounds = rounds if size.models <= LARGE else 1
    tracked.run(PLUGIN, "run")  # what was adopted gets the calls that its SQL makes
    size.measure("no change, read", lambda: tracked.tracked(builds=0), 1)
    size.measure("parse", lambda: plain.run(DBT, "parse")[0], 1)
    state = ("-s", "state:modified+", "--state", "last_run")
    size.measure("ls", lambda: plain.run(DBT, "ls", *state)[0], peer_rounds)
    tracked.run(PLUGIN, "run")
    size.measure("no change", lambda: tracked.run(PLUGIN, "run")[0], rounds)
    files = project_files(str(tracked.directory))
    size.costs["floor"] = floor_of(files, tracked.server, tracked.directory, tracked.environment, rounds=rounds)
    size.numbers["rows"], size.numbers["growth"] = growth(tracked, growth_runs)
    size.numbers |= own_costs(tracked)
    if size.models <= LARGE:
        edits = iter(range(2 * rounds))

        def edited(contestant: Contestant, run: Callable[[], Cost]) -> Cost:
            edit_leaf(contestant.directory, next(edits))
            return run()

        size.measure("leaf by hand", lambda: edited(plain, lambda: plain.run(DBT, "run", "-s", LEAF)[0]), rounds)
        size.measure("leaf", lambda: edited(tracked, lambda: tracked.tracked(builds=1)), rounds)


def measure_others(size: Size, *, rounds: int) -> None:
    """Measure the other tools, each in a copy of its own."""
    for peer, contestant in size.others.items():
        write_project(contestant.directory, models=size.models)
        size.costs[peer.name] = medians(peers.unchanged(peer, contestant, rounds=rounds))


def growth(contestant: Contestant, runs: int) -> tuple[float, float]:
    """Return how many rows a run without changes writes, and by how many bytes the state grows."""
    before = _tally(contestant.server)
    for _ in range(runs):
        contestant.run(PLUGIN, "run")
    after = _tally(contestant.server)
    return (after[0] - before[0]) / runs, (after[1] - before[1]) / runs


def _tally(server: Server) -> tuple[float, float]:
    """Return how many rows of the state were ever written, and its bytes, once all sessions have reported."""
    with closing(connect(server)) as opened, opened.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dbt-state-plugin'")
            if (cursor.fetchone() or (0,))[0] == 0:
                break
            time.sleep(0.01)
        cursor.execute(TALLY + "WHERE schemaname = 'dbt_state_plugin'")
        rows, size = cursor.fetchone() or (0, 0)
    return float(rows), float(size)


def own_costs(contestant: Contestant) -> dict[str, float]:
    """Return what plan, intents and the selection cost where every node is built, in seconds of CPU."""
    code = "import own_costs; own_costs.main()"
    _, answer = replace(contestant, more={"PYTHONPATH": str(HERE)}).run((sys.executable, "-c", code))
    return {name: float(number) for name, number in (line.split(": ") for line in answer.splitlines())}


Row = tuple[str, str, str, str, str]


HEAD: Row = ("seconds of wall time", "ours", "peer", "ratio", "aim")


def printed(rows: Sequence[Row]) -> None:
    """Print rows of the table, at most 80 columns wide."""
    for case, ours, peer, ratio, aim in rows:
        print(f"{case:<44}{ours:>9}{peer:>9}{ratio:>9}{aim:>8}".rstrip(), flush=True)


def last_rows(sizes: Sequence[Size], small: dict[str, Cost]) -> list[Row]:
    """Give the rows that are not of one size."""
    names = ("--help", "--version", "history")
    rows = [_ratio(f"{name}: CPU / python -c pass", small[name].cpu, small["pass"].cpu, "5") for name in names]
    if len(sizes) > 1:
        rows += [
            (
                "exponent, no change",
                f"{_exponent(sizes, lambda size: size.costs['no change'].wall):.2f}",
                "",
                "",
                "1.1",
            ),
            ("exponent, plan of all", f"{_exponent(sizes, lambda size: size.numbers['plan']):.2f}", "", "", "1.1"),
        ]
    return rows


def _rows(size: Size) -> list[Row]:
    cost, number = size.costs, size.numbers
    n = f"{size.models:,}"
    aim = "0.015" if size.models >= 10_000 else "0.04" if size.models >= LARGE else ""
    no_change = cost["no change"]
    rows = [
        *ratios(f"{n}: no change / ls state:modified+", no_change, cost["ls"], aim, memory="0.2"),
        _ratio(f"{n}: no change / warm dbt parse", no_change.wall, cost["parse"].wall, ""),
        *ratios(f"{n}: no change / floor", no_change, cost["floor"], "2"),
        (f"{n}: no change, where records are read", f"{cost['no change, read'].wall:.2f}", "", "", ""),
    ]
    for peer in size.others:
        rows += ratios(f"{n}: no change / {peer.name} {peer.version}", no_change, cost[peer.name], "", memory="")
    if "leaf" in cost:
        rows += ratios(f"{n}: one leaf / dbt run -s leaf", cost["leaf"], cost["leaf by hand"], "1.10", memory="")
    if "first run" in cost:
        rows += ratios(f"{n}: first run / dbt run", cost["first run"], cost["first run by dbt"], "1.05")
    own = sum(number[name] for name in ("plan", "intents", "selection"))
    rows += [
        (f"{n}: plan, intents, selection of all, CPU", f"{own:.2f}", "", "", "5" if size.models >= 10_000 else ""),
        (f"{n}: rows written without a change", f"{number['rows']:g}", "", "", "3"),
        (f"{n}: growth of the state, bytes", f"{number['growth']:.0f}", "", "", "2048"),
    ]
    return rows


def _ratio(case: str, ours: float, peer: float, aim: str) -> Row:
    return case, f"{ours:.2f}", f"{peer:.2f}", f"{ours / peer:.3f}", aim


def ratios(case: str, ours: Cost, peer: Cost, aim: str, *, memory: str | None = None) -> list[Row]:
    """Give the rows of wall time and CPU, and of memory where there is an aim for it, be it an empty one."""
    indented = f"{case.partition(':')[0]}:   "
    rows = [_ratio(case, ours.wall, peer.wall, aim), _ratio(f"{indented}CPU", ours.cpu, peer.cpu, "")]
    return rows if memory is None else [*rows, _ratio(f"{indented}memory, MB", ours.memory, peer.memory, memory)]


def _exponent(sizes: Sequence[Size], value: Callable[[Size], float]) -> float:
    """Return the slope of the straight line through the logarithms: 1 where a cost grows as the project does."""
    points = [(math.log(size.models), math.log(value(size))) for size in sizes]
    x, y = (sum(column) / len(points) for column in zip(*points, strict=True))
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def small_commands(contestant: Contestant, *, rounds: int) -> dict[str, Cost]:
    """Return what the commands cost that should answer at once."""
    names = ("--help", "--version", "history")
    costs = {name: medians([contestant.run(PLUGIN, name)[0] for _ in range(rounds)]) for name in names}
    return costs | {"pass": start_of_python(contestant.directory, contestant.environment, rounds=rounds)}


def benchmark(
    models: Sequence[int], *, rounds: int, growth_runs: int, builds: int, others: Sequence[peers.Peer]
) -> None:
    """Measure each size in a database of its own, and print."""
    sizes: list[Size] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        for count in models:
            with start_server(settings=peers.SETTINGS if others else None) as server:
                with closing(connect(server)) as opened, opened.cursor() as cursor:
                    cursor.execute(source_script())
                measured = others if count <= builds else ()
                names = ("plain", "tracked", *(peer.name.replace("-", "_") for peer in measured))
                plain, tracked, *more = (
                    Contestant(server=server, directory=Path(folder) / f"{name}_{count}", schema=name) for name in names
                )
                compared = dict(zip(measured, more, strict=True))
                size = Size(models=count, plain=plain, tracked=tracked, others=compared)
                prepare(size, is_built=count <= builds)
                measure(size, rounds=rounds, growth_runs=growth_runs)
                measure_others(size, rounds=rounds)
                if not sizes:
                    small = small_commands(tracked, rounds=rounds)
                    print(f"medians of {rounds}; {versions(server)}\nload {os.getloadavg()[0]:.1f}\n", flush=True)
                    printed([HEAD])
                sizes.append(size)
                printed(_rows(size))
    printed(last_rows(sizes, small))


def main() -> int:
    """Read the arguments and run the benchmark."""
    parser = argparse.ArgumentParser(description="Compare dbt-state-plugin with dbt on generated projects.")
    parser.add_argument("--models", type=int, nargs="+", default=[500, 2000], help="sizes, at least 10")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--growth-runs", type=int, default=20, help="runs after which the state has not grown")
    parser.add_argument("--build", type=int, default=500, help="up to how many models are built by dbt itself")
    parser.add_argument(
        "--peers", type=Path, metavar="FOLDER", help="measure SQLMesh, dbt State and SQLBuild, installed there"
    )
    arguments = parser.parse_args()
    if min(arguments.models) < 10 or arguments.rounds < 1:
        parser.error("at least 10 models and 1 round are needed")
    others = peers.install(arguments.peers) if arguments.peers else []
    benchmark(
        arguments.models,
        rounds=arguments.rounds,
        growth_runs=arguments.growth_runs,
        builds=arguments.build,
        others=others,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
