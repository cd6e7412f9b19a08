"""Columns on which the rows of random queries can depend.

Those of which other values change nothing are left out, and no others.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from support.database import Database
from support.size import examples

from dbt_state_plugin.warehouse.postgres.named_relations import MEANING, columns_read
from dbt_state_plugin.warehouse.postgres.session_settings import SessionOfDbt

LOADED = """
create schema main;
create table main.p (id int, a int, b text, c text);
insert into main.p values (1, 3, 'x', 'u'), (2, 0, 'y', null), (3, 3, 'x', ''), (4, null, null, 'u'), (5, 1, 'z', 'w');
create table main.q (id int, a int, d text);
insert into main.q values (1, 3, 'k'), (2, 5, 'l'), (3, 0, 'm');
create function main.other(value anyelement) returns anyelement language sql immutable as 'select value';
"""
COLUMNS = {"p": ("id", "a", "b", "c"), "q": ("id", "a", "d")}
# What else each type of column may hold.
_OTHER = {"id": "9 - id * 2", "a": "case when a is null then 7 when a = 0 then 1 else 0 end"}
_OTHER_TEXT = "case when {0} is null then 'new' when {0} = 'x' then null else {0} || 'n' end"


@pytest.fixture
def connection(database: Database) -> Iterator[Any]:
    database.load(LOADED)
    with closing(database.connect()) as opened:
        yield opened


def read(connection: Any, query: str) -> dict[tuple[str, str], tuple[str, ...]]:
    found = columns_read(connection, query, of_dbt=SessionOfDbt())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("with s as (select * from main.p), r as (select id, a from s) select * from r", ("id", "a")),
        ("select id from (select * from (select * from main.p) x) y", ("id",)),
        ("with s as (select * from main.p) select s.id from s join main.p x using (a)", ("id", "a")),
        ("with s as (select * from main.p where b > '') select id from s", ("id", "b")),
        ("with s as (select *, c || b as cb from main.p) select id from s", ("id", "b", "c")),
        ("with s as (select distinct * from main.p) select id from s", ("id", "a", "b", "c")),
        ("with s as (select distinct on (a) * from main.p) select id from s", ("id", "a", "b", "c")),
        ("with s as (select id, a from main.p union all select id, a from main.p) select id from s", ("id", "a")),
        ("with s as (select * from main.p order by c limit 2) select id from s", ("id", "c")),
        ("with s as (select *, rank() over (partition by b order by c) from main.p) select a from s", ("a", "b", "c")),
        ("with s as (select a, b, count(*) from main.p group by a, b) select a from s", ("a", "b")),
        ("with s as (select p.* from main.p full join main.p z using (b)) select id from s", ("id", "b")),
        ("with s as (select b from main.p full join main.p z using (b)) select 1 as id from s", ("b",)),
        ("with s as (select * from main.p) select id from s where exists (select * from s z)", ("id", "a", "b", "c")),
        ("select id from main.p, lateral (select p.c as n) z", ("id", "c")),
        ("with recursive r as (select id, a from main.p union all select 9, a from r where id < 5) select id from r",
         ("id", "a")),
        ("with s as (select * from main.p), t as (with s as (select c from s) select * from s) select id from s, t",
         ("id",)),
        ("with s as (select * from main.p), t as (with s as (select c from s) select * from s) select t.c from s, t",
         ("c",)),
        ('with ":ctename" as (select id as ":varno", a as "{(" from main.p) select ":varno" from ":ctename"', ("id",)),
        ("select count(*) from (select * from main.p) x", ()),
    ],
)  # fmt: skip
def test_what_nobody_uses_is_left_out_where_nothing_is_made_of_it(
    connection: Any, query: str, columns: tuple[str, ...]
) -> None:
    assert read(connection, query)["main", "p"] == columns


def test_a_table_whose_policies_may_read_other_columns_is_read_as_a_whole(connection: Any, database: Database) -> None:
    database.load("alter table main.p enable row level security")

    assert read(connection, "select id from main.p")["main", "p"] == ()


def test_a_star_that_stands_for_more_columns_means_the_same(connection: Any, database: Database) -> None:
    query = "with s as (select * from main.p), r as (select q.d, s.a from s join main.q using (id)) select * from r"
    before = read(connection, query)
    database.load("drop table main.p; create table main.p (more int, id int, b text, a int, another text)")

    assert read(connection, query) == before


def test_an_alias_by_position_that_means_another_column_is_seen(connection: Any, database: Database) -> None:
    query = "with s (x, y, z, v, w, t) as (select * from main.q l cross join main.q r) select x, y, w from s"
    before = read(connection, query)
    database.load("alter table main.q add more int")
    after = read(connection, query)

    assert before["main", "q"] == after["main", "q"] == ("id", "a")
    assert before[MEANING] != after[MEANING]


class Layers:
    """A random query of layers, each on the one before; all columns have a name that says what they hold."""

    def __init__(self, seed: int) -> None:
        self.chosen = random.Random(seed)
        self.layers: list[str] = []
        self.columns = list(COLUMNS["p"])
        self.last = "main.p"

    def add(self, query: str, columns: list[str]) -> None:
        name = f"l{len(self.layers)}"
        how = self.chosen.choice(("", "materialized", "not materialized"))
        self.layers.append(f"{name} as {how} ({query})")
        self.last, self.columns = name, columns

    def grow(self) -> None:
        """Put one more layer on top."""
        columns, last = self.columns, self.last
        some = self.chosen.sample(columns, self.chosen.randint(1, len(columns)))
        one, other = self.chosen.choice(columns), self.chosen.choice(columns)
        new = f"n{len(self.layers)}"
        listed = ", ".join(some)
        self.add(
            *self.chosen.choice(
                (
                    (f"select * from {last}", columns),
                    (f"select {listed} from {last}", some),
                    (f"select x.* from (select {listed} from {last}) x", some),
                    (f"select *, main.other({one}::text) as {new} from {last}", [*columns, new]),
                    (f"select *, {one} as {new} from {last} where {other} is not null", [*columns, new]),
                    (f"select distinct {listed} from {last}", some),
                    (f"select {listed} from {last} group by {listed}", some),
                    (f"select *, count(*) over (partition by {one}) as {new} from {last}", [*columns, new]),
                    (f"select {listed}, dense_rank() over (order by {one}) as {new} from {last}", [*some, new]),
                    (f"select {listed} from {last} union select {listed} from {last}", some),
                    (f"select {listed} from {last} union all select {listed} from {last} where {one} is null", some),
                    (f"select x.*, q.d as {new} from {last} x left join main.q on q.a = length({one}::text)",
                     [*columns, new]),
                    (f"select x.* from {last} x where exists (select 1 from main.q where d > x.{one}::text)", columns),
                    (f"select x.*, y.v as {new} from {last} x, lateral (select x.{one} as v) y", [*columns, new]),
                    (f"select x.* from {last} x join (select {one} from {last}) y using ({one})", columns),
                    (f"select * from {last} order by {one}::text, {last}::text limit 3", columns)
                    if self.chosen.random() < 0.2
                    else (f"select * from {last} where {one}::text <> 'x'", columns),
                )
            )
        )  # fmt: skip

    def query(self) -> str:
        for _ in range(self.chosen.randint(1, 5)):
            self.grow()
        some = self.chosen.sample(self.columns, self.chosen.randint(1, min(2, len(self.columns))))
        return f"with {', '.join(self.layers)} select {', '.join(some)} from {self.last}"


def rows_with(connection: Any, query: str, change: str = "select") -> Counter[Any] | str:
    """Return what a query gives after a change that is taken back, or the code of its error."""
    with connection.cursor() as cursor:
        cursor.execute("begin")
        try:
            cursor.execute(change)
            cursor.execute(query)
            return Counter(cursor.fetchall())
        except psycopg2.Error as error:
            return str(error.pgcode)
        finally:
            cursor.execute("rollback")


def test_other_values_in_what_is_left_out_change_nothing(connection: Any) -> None:
    left_out = 0
    for seed in range(examples(1500)):
        query = Layers(seed).query()
        found = columns_read(connection, query, of_dbt=SessionOfDbt()) or {}
        before = rows_with(connection, query)
        read = {name: columns for (_, name), columns in found.items() if name and columns}  # none of a whole one
        for name, columns in read.items():
            for column in set(COLUMNS[name]) - set(columns):
                change = f"update main.{name} set {column} = {_OTHER.get(column, _OTHER_TEXT).format(column)}"
                assert rows_with(connection, query, change) == before, (seed, change, query)
                left_out += 1
    assert left_out > examples(1500) / 2
