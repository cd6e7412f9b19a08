"""Savings of a pipeline whose sources get rows each hour.

    python tests/benchmarks/hourly_pipeline.py --models 300 --sources 20 --hours 24

generates a project, builds it in two schemas, and then, hour by hour, changes `--changed` of the sources, which both
schemas read, and runs `dbt-state-plugin run` in one and `dbt run` in the other. Sources get rows, and with `--loads
mixed` in turn rows that are sent again as they are, other values in a column that no table reads, or a late correction.
Most tables have a row for each of `--customers`. Prints the models built and the wall time of each hour and the ratios
of all, and ends with 1 when the schemas are not the same at the end. `--beside-never` runs ours in a third schema, too,
without cutoff, and prints what cutoff costs or saves. Times say something only on a machine that has nothing else to
do; compare ratios, not seconds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "integration_project")]

from accuracy.relations import observed  # noqa: E402 - found by the line above
from contestant import DBT, PLUGIN, Contestant, Cost, versions  # noqa: E402
from project_generator import PROFILES  # noqa: E402
from psycopg2 import sql  # noqa: E402

from dbt_state_plugin.testing.postgres_server import Server, connect, start_server  # noqa: E402

PROJECT = "name: bench\nversion: '1.0'\nprofile: bench\nmodels: {bench: {+materialized: table}}\n"
_BUILT = """
    select count(*) from dbt_state_plugin.node_result where status = 'success' and execution_id =
        (select execution_id from dbt_state_plugin.execution order by started_at desc limit 1)
"""
LAYERS = 5  # models of one source stand in so many rows, each reading the one before
# What a loader does to a source; the rows that it sends again are the newest ones.
_LOADS = {
    "new rows": sql.SQL(
        "insert into {} "
        "select %(from)s + n, n %% %(customers)s, n * 3, timestamp '2026-01-01' + n * interval '1 minute', null "
        "from generate_series(1, %(rows)s) as n"
    ),
    "rows sent again": sql.SQL("update {0} set id = id where id > (select max(id) - %(rows)s from {0})"),
    "a column that few read": sql.SQL("update {0} set note = %(from)s::text where id > (select max(id) - 9 from {0})"),
    "a late correction": sql.SQL("update {0} set cents = cents + 1 where id = (select min(id) from {0})"),
}
# As often as each comes in the loads that are mixed.
_MIXED = (*["new rows"] * 3, *["rows sent again"] * 4, *["a column that few read"] * 2, "a late correction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What both did in one hour."""

    sources: tuple[int, ...]
    built: int
    ours: Cost
    plain: Cost
    never: Cost | None = None


def pipeline_files(models: int, sources: int) -> dict[str, str]:
    """Give the project: for each source a view, a chain of tables and an incremental model, and marts over two sources.

    Of ten models of one source one is a view and one incremental; every twelfth model of all joins two sources.
    """
    marts = max(1, models // 12)
    files = {"dbt_project.yml": PROJECT, "profiles.yml": PROFILES, "models/sources.yml": _sources(sources)}
    for number in range(models - marts):
        source, place = number % sources, number // sources
        files[f"models/{_name(source, place)}.sql"] = _model(source, place)
    for mart in range(marts):
        one, other = mart % sources, (mart + 1) % sources
        text = (
            "select a.customer_id, a.n, b.n as other from {{ ref('%s') }} a join {{ ref('%s') }} b using (customer_id)"
        )
        files[f"models/mart_{mart:03}.sql"] = text % (_name(one, 1), _name(other, 1))
    return files


def _name(source: int, place: int) -> str:
    return f"s{source:02}_{place:03}"


def _model(source: int, place: int) -> str:
    if place == 0:
        return f"{{{{ config(materialized='view') }}}}\nselect * from {{{{ source('raw', 'events_{source}') }}}}\n"
    if place == 1:
        return f"select customer_id, count(*) as n, sum(cents) as cents from {_ref(source, 0)} group by customer_id\n"
    if place % 10 == 2:
        return (
            "{{ config(materialized='incremental', unique_key='id') }}\n"
            f"select id, customer_id, cents, happened_at from {_ref(source, 0)}\n"
            "{% if is_incremental() %}where id > (select max(id) from {{ this }}){% endif %}\n"
        )
    below = place - 1 if place % LAYERS != 3 and (place - 1) % 10 != 2 else 1
    return f"select customer_id, n, cents + {place} as cents from {_ref(source, below)}\n"


def _ref(source: int, place: int) -> str:
    return f"{{{{ ref('{_name(source, place)}') }}}}"


def _sources(count: int) -> str:
    tables = "".join(f"      - name: events_{number}\n" for number in range(count))
    return f"sources:\n  - name: raw\n    schema: raw\n    tables:\n{tables}"


def load(server: Server, source: int, *, first: int, rows: int, customers: int, which: str = "new rows") -> None:
    """Add rows to a source or change some, on a connection of its own, as a loader does."""
    given = {"from": first, "rows": rows, "customers": customers}
    with closing(connect(server)) as opened, opened.cursor() as cursor:
        cursor.execute(_LOADS[which].format(sql.Identifier("raw", f"events_{source}")), given)


def prepared(
    server: Server, folder: Path, names: Sequence[str], *, models: int, sources: int, rows: int, customers: int
) -> list[Contestant]:
    """Fill the sources and build everything in a schema of each name, `plain` by plain dbt."""
    with closing(connect(server)) as opened, opened.cursor() as cursor:
        cursor.execute("create schema raw")
        for number in range(sources):
            table = sql.Identifier("raw", f"events_{number}")
            columns = sql.SQL("(id bigint, customer_id int, cents bigint, happened_at timestamp, note text)")
            cursor.execute(sql.SQL("create table {} {}").format(table, columns))
    for number in range(sources):
        load(server, number, first=0, rows=rows, customers=customers)
    contestants = [Contestant(server=server, directory=folder / name, schema=name) for name in names]
    for contestant in contestants:
        for path, text in pipeline_files(models, sources).items():
            file = contestant.directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        if contestant.schema == "plain":
            contestant.run(DBT, "run", "--quiet")
        else:
            contestant.tracked(builds=models)
    return contestants


def one_hour(contestants: Sequence[Contestant], loads: Mapping[int, str], *, cutoff: str) -> Hour:
    """Run all after these loads: ours, the plain one, and perhaps one of ours without cutoff."""
    ours, plain, *others = contestants
    mine, _ = ours.run(PLUGIN, "run", "--cutoff", cutoff, "--", "--quiet")
    number = built(ours.server)
    theirs, _ = plain.run(DBT, "run", "--quiet")
    never = [other.run(PLUGIN, "run", "--no-cutoff", "--", "--quiet")[0] for other in others]
    return Hour(sources=tuple(loads), built=number, ours=mine, plain=theirs, never=never[0] if never else None)


def built(server: Server) -> int:
    """Give how many models the last run of ours has built."""
    with closing(connect(server)) as opened, opened.cursor() as cursor:
        cursor.execute(_BUILT)
        return int(cursor.fetchone()[0])


def different(server: Server, schemas: Sequence[str] = ("ours", "plain")) -> list[str]:
    """Give the relations that are not the same in all schemas."""
    found = observed(server.url())
    keys = ("kind", "columns", "rows", "definition")
    first, *others = (
        {
            name.removeprefix(f"{schema}."): [str(each[key]).replace(f"{schema}.", "") for key in keys]
            for name, each in found.items()
            if name.startswith(f"{schema}.")
        }
        for schema in schemas
    )
    return sorted({name for each in others for name in first.keys() | each.keys() if first.get(name) != each.get(name)})


def line(number: int, hour: Hour, models: int) -> str:
    """Give the line of one hour."""
    sources = ", ".join(str(source) for source in hour.sources)
    ours, plain = hour.ours.wall, hour.plain.wall
    return f"{number:>4}  {sources:<16}{hour.built:>6} of {models:<6}{ours:>8.2f}{plain:>9.2f}{ours / plain:>8.2f}"


def summary(hours: list[Hour], models: int, aim: str) -> list[str]:
    """Give the ratios of all hours."""
    built = sum(hour.built for hour in hours) / (models * len(hours))
    wall = sum(hour.ours.wall for hour in hours) / sum(hour.plain.wall for hour in hours)
    cpu = sum(hour.ours.cpu for hour in hours) / sum(hour.plain.cpu for hour in hours)
    head = f"{'dbt-state-plugin run / dbt run, all hours':<44}"
    lines = [
        f"{head}{'models':>8}{'wall':>8}{'CPU':>8}{'aim':>9}",
        f"{'ratio':<44}{built:>8.2f}{wall:>8.2f}{cpu:>8.2f}{aim:>9}",
    ]
    beside = [(hour.ours, hour.never) for hour in hours if hour.never is not None]
    if beside:
        wall, cpu = (
            sum(getattr(ours, kind) for ours, _ in beside) / sum(getattr(never, kind) for _, never in beside)
            for kind in ("wall", "cpu")
        )
        lines.append(f"{'with cutoff / without':<52}{wall:>8.2f}{cpu:>8.2f}")
    return lines


def main() -> int:
    """Read the arguments, run the hours and print them."""
    parser = argparse.ArgumentParser(description="Compare a day of hourly runs with plain dbt.")
    for name, default in (
        ("models", 300),
        ("sources", 20),
        ("hours", 24),
        ("changed", 2),
        ("rows", 20_000),
        ("customers", 17),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--loads", choices=("new", "mixed"), default="new")
    parser.add_argument("--cutoff", choices=("never", "auto", "always"), default="never")
    parser.add_argument("--beside-never", action="store_true", help="run ours without cutoff in a third schema, too")
    given = parser.parse_args()
    if (
        not 1 <= given.changed <= given.sources
        or given.models < 4 * given.sources
        or given.hours < 1
        or given.rows < 20
        or given.customers < 1
    ):
        parser.error(
            "at least four models a source, an hour, 20 rows, a customer, and no more changed sources than there are"
        )
    random = Random(given.models)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, start_server() as server:
        print(f"{given.models} models, {given.sources} sources of {given.rows} rows, {given.customers} customers")
        print(f"{versions(server)}\n", flush=True)
        names = ("ours", "plain", *(["never"] if given.beside_never else []))
        size = {"rows": given.rows, "customers": given.customers}
        contestants = prepared(server, Path(folder), names, models=given.models, sources=given.sources, **size)
        print("hour  sources         models built     ours      dbt   ratio", flush=True)
        hours = []
        for number in range(given.hours):
            sources = sorted(random.sample(range(given.sources), given.changed))
            loads = {each: random.choice(_MIXED) if given.loads == "mixed" else "new rows" for each in sources}
            size["rows"] = max(1, given.rows // 20)
            for source, which in loads.items():
                load(server, source, first=given.rows * (number + 1), which=which, **size)
            hours.append(one_hour(contestants, loads, cutoff=given.cutoff))
            print(line(number, hours[-1], given.models), flush=True)
        print("\n" + "\n".join(summary(hours, given.models, "<= 0.15" if given.loads == "mixed" else "<= 0.25")))
        wrong = different(server, names)
        print(f"\nwarehouses: {'equal' if not wrong else 'different in ' + ', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
