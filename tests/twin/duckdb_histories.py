"""Twins on DuckDB: two files, equal after every step.

    uv run python tests/twin/duckdb_histories.py --histories 2 --steps 10 --seed 1

Each step is a few changes of the same kind in both: rows of sources, files, code, variables, and what somebody does by
hand. What plain dbt would not repair by itself (it builds everything) is repaired by both. Prints what was done where
they differ, and ends with 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from support.duckdb_project import DuckDBProject, write_duckdb_project  # noqa: E402 - found there

FILES = {
    "models/sources.yml": "sources: [{name: raw, schema: raw, tables: [{name: orders}, {name: customers}]},"
    " {name: files, meta: {external_location: '{name}.csv'}, tables: [{name: rates}]}]",
    "models/staged.sql": "select id, customer, amount from {{ source('raw', 'orders') }}",
    "models/viewed.sql": "{{ config(materialized='view') }} select * from {{ ref('staged') }} where amount > 0",
    "models/inside.sql": "{{ config(materialized='ephemeral') }} select customer, amount from {{ ref('viewed') }}",
    "models/totals.sql": "select customer, {{ money('sum(amount)') }} as total from {{ ref('inside') }} group by 1",
    "models/named.sql": "select c.name, t.total * {{ var('rate') }} as total from {{ ref('totals') }} t"
    " join {{ source('raw', 'customers') }} c on c.id = t.customer",
    "models/converted.sql": "select r.currency, sum(t.total) * any_value(r.rate) as total from {{ ref('totals') }} t,"
    " {{ source('files', 'rates') }} r group by 1",
    "models/growing.sql": "{{ config(materialized='incremental', unique_key='id') }} select id, amount from"
    " {{ ref('staged') }} {% if is_incremental() %} where id >= (select max(id) from {{ this }}) {% endif %}",
    "models/hidden.sql": "select count(*) as n from raw.undeclared",
    "models/through.sql": "select * from of_undeclared()",
    "macros/money.sql": "{% macro money(amount) %}round({{ amount }} * 1.0, 2){% endmacro %}",
    "seeds/regions.csv": "id,name\n1,north\n",
    "rates.csv": "currency,rate\neur,1\n",
}
SETUP = (
    "CREATE SCHEMA raw",
    "CREATE TABLE raw.orders AS SELECT i AS id, i % 3 AS customer, i * 10 AS amount FROM range(1, 8) t(i)",
    "CREATE TABLE raw.customers AS SELECT i AS id, 'name ' || i AS name FROM range(3) t(i)",
    "CREATE TABLE raw.undeclared AS SELECT 1 AS id",
    "CREATE MACRO of_undeclared() AS TABLE SELECT count(*) AS n FROM raw.undeclared",
)
RELATIONS = "staged viewed totals named converted growing hidden through".split()
THERE = (
    "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'"
    " UNION SELECT view_name FROM duckdb_views() WHERE schema_name = 'main'"
)


def content(relations: Iterable[str]) -> str:
    """Return a query for the columns and rows of each relation."""
    return " UNION ALL ".join(
        f"SELECT '{name}', (SELECT list(column_name || ' ' || data_type ORDER BY column_index) FROM duckdb_columns()"
        f" WHERE table_name = '{name}'), (SELECT list(t::VARCHAR ORDER BY t::VARCHAR) FROM main.{name} t)"
        for name in relations
    )


@dataclass(slots=True)
class History:
    """What is done to two projects, in order."""

    chance: random.Random
    ours: DuckDBProject
    plain: DuckDBProject
    done: list[str] = field(default_factory=list)
    number: int = 100

    def step(self) -> None:
        """Change something in both, and run both."""
        for change in self.chance.sample(CHANGES, self.chance.choice([0, 1, 1, 2, 3])):
            self.number += 1
            self.done.append(change(self))
        self.run()

    def run(self) -> None:
        """Run both."""
        self.done.append(self.ours.run().strip().splitlines()[-1])
        self.plain.project.dbt("run", check=0)

    def both(self, *statements: str) -> str:
        """Execute statements in both files."""
        self.ours.query(*statements)
        self.plain.query(*statements)
        return "; ".join(statements)

    def write(self, path: str, text: str) -> str:
        """Write a file into both projects."""
        self.ours.project.write(path, text)
        self.plain.project.write(path, text)
        return f"{path}: {text}"

    def differences(self) -> list[str]:
        """Return the relations that are not in both, or differ in columns or rows."""
        there = [{row[0] for row in project.query(THERE)} for project in (self.ours, self.plain)]
        both = [name for name in RELATIONS if name in there[0] & there[1]]
        ours, plain = self.ours.query(content(both)), self.plain.query(content(both))
        differing = {one[0] for one, other in zip(ours, plain, strict=True) if one != other}
        return sorted(differing | (set(RELATIONS) - set(both)))


def edited(history: History, path: str, before: str, after: str) -> str:
    """Edit a file, or take the same edit back; `after` may contain `before`."""
    text = history.ours.project.read(path)
    now = text.replace(after, before) if after in text else text.replace(before, after)
    assert now != text, f"{path} has neither {before!r} nor {after!r}"
    return history.write(path, now)


CHANGES: list[Callable[[History], str]] = [
    lambda h: h.both(f"INSERT INTO raw.orders VALUES ({h.number}, {h.number % 3}, {h.number})"),
    lambda h: h.both("DELETE FROM raw.orders WHERE id = (SELECT min(id) FROM raw.orders)"),
    lambda h: h.both("UPDATE raw.orders SET amount = amount"),
    lambda h: h.both("UPDATE raw.orders SET amount = amount + 1", "UPDATE raw.orders SET amount = amount + 1"),
    lambda h: h.both(f"UPDATE raw.customers SET name = 'renamed {h.number}' WHERE id = 1"),
    lambda h: h.both("CREATE OR REPLACE TABLE raw.customers AS SELECT * FROM raw.customers ORDER BY id DESC"),
    lambda h: h.both(f"INSERT INTO raw.undeclared VALUES ({h.number})"),
    lambda h: h.write("rates.csv", f"currency,rate\neur,{h.number}\n"),
    lambda h: edited(h, "models/totals.sql", "as total", "as Total"),
    lambda h: edited(h, "models/viewed.sql", "amount > 0", "amount > 15"),
    lambda h: edited(h, "models/inside.sql", "customer, amount", "customer, amount * 2 as amount"),
    lambda h: edited(h, "models/staged.sql", "select id", "-- a comment\nselect  id"),
    lambda h: edited(h, "macros/money.sql", "1.0", "1.5"),
    lambda h: edited(h, "dbt_project.yml", "rate: 2", "rate: 3"),
    lambda h: h.both("UPDATE main.totals SET customer = 99"),
    lambda h: h.both("DROP TABLE main.named"),
    lambda h: h.both("CREATE OR REPLACE VIEW main.viewed AS SELECT 1 AS id, 1 AS customer, 1 AS amount"),
    lambda h: h.both("ALTER TABLE main.converted ADD COLUMN more INT"),
]


def begun(folder: Path, state_url: str, seed: int = 0) -> History:
    """Write both projects and build them, so that all is there that is changed by hand."""
    ours, plain = (
        write_duckdb_project(folder / name, folder / "home", state_url, FILES, SETUP) for name in ("ours", "plain")
    )
    history = History(chance=random.Random(seed), ours=ours, plain=plain)
    history.run()
    return history


def play(seed: int, steps: int, state_url: str) -> list[str]:
    """Play one history; return what was done where the twins differ, nothing where they never do."""
    with tempfile.TemporaryDirectory() as folder:
        history = begun(Path(folder), state_url, seed)
        for _ in range(steps):
            history.step()
            if differing := history.differences():
                return [f"seed {seed}: {', '.join(differing)} differ after", *history.done]
        print(f"seed {seed}: equal after each of {steps} steps, {len(history.done) - steps - 1} changes", flush=True)
        return []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--histories", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()

    from dbt_state_plugin.testing.throwaway import started_server

    with started_server(in_memory=True) as server:
        for seed in range(given.seed, given.seed + given.histories):
            if found := play(seed, given.steps, server.url()):
                print("\n".join(found))
                return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
