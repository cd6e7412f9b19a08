"""Content of tables, equal exactly where the rows are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import duckdb
import pytest

from dbt_state_plugin.warehouse.duckdb.catalog import read_relations
from dbt_state_plugin.warehouse.duckdb.content import content_of
from dbt_state_plugin.warehouse.duckdb.search_path import relation_name

ORDERS = relation_name("memory", "main", "orders")


@pytest.fixture
def connection() -> Iterator[Any]:
    with duckdb.connect(":memory:") as opened:
        yield opened


def content(connection: Any, query: str) -> str:
    connection.execute(f"CREATE OR REPLACE TABLE orders AS {query}")
    held = read_relations(connection)[ORDERS]
    return content_of(connection, held.quoted, held.columns)


@pytest.mark.parametrize(
    "queries",
    [
        ["SELECT 1 AS a, 2 AS b", "SELECT 2 AS a, 1 AS b", "SELECT 1 AS a, 1 AS b", "SELECT 2 AS a, 2 AS b"],
        ["SELECT NULL::VARCHAR AS a", "SELECT '' AS a", "SELECT 'null' AS a", "SELECT '' AS a WHERE false"],
        ["SELECT 0.0::DOUBLE AS a", "SELECT -0.0::DOUBLE AS a", "SELECT 'nan'::DOUBLE AS a"],
        ["SELECT INTERVAL 1 MONTH AS a", "SELECT INTERVAL 30 DAYS AS a", "SELECT INTERVAL 720 HOURS AS a"],
        ["SELECT {'x': -0.0::DOUBLE} AS a", "SELECT {'x': 0.0::DOUBLE} AS a"],
        ["SELECT '12:00:00+01'::TIMETZ AS a", "SELECT '11:00:00+00'::TIMETZ AS a"],
        ["SELECT [1, NULL] AS a", "SELECT [NULL, 1] AS a", "SELECT [1] AS a", "SELECT NULL::INT[] AS a"],
        ["SELECT []::INT[] AS a", "SELECT NULL::INT[] AS a", "SELECT [NULL]::INT[] AS a"],
        ["SELECT [0] AS a", "SELECT [0, 0] AS a", "SELECT []::INT[] AS a"],
        ["SELECT [[0]] AS a", "SELECT [[0, 0]] AS a", "SELECT [[0], [0]] AS a"],
        ["SELECT {'x': NULL::INT} AS a", "SELECT NULL::STRUCT(x INT) AS a", "SELECT {'x': 0} AS a"],
        ["SELECT [{'x': []::INT[]}] AS a", "SELECT [{'x': NULL::INT[]}] AS a"],
        ["SELECT MAP {}::MAP(VARCHAR, INT) AS a", "SELECT NULL::MAP(VARCHAR, INT) AS a"],
        ["SELECT [NULL, NULL]::INT[2] AS a", "SELECT NULL::INT[2] AS a"],
        ["SELECT 1::UNION(i INT, t VARCHAR) AS a", "SELECT '1'::VARCHAR::UNION(i INT, t VARCHAR) AS a"],
        ["SELECT [0.0::DOUBLE] AS a", "SELECT [-0.0::DOUBLE] AS a", "SELECT [0.0::DOUBLE, 0.0::DOUBLE] AS a"],
        ["SELECT ['epoch'::TIMESTAMPTZ] AS a", "SELECT ['epoch'::TIMESTAMPTZ, 'epoch'] AS a"],
        ["SELECT {'x': 'a' COLLATE NOCASE} AS a", "SELECT {'x': 'A' COLLATE NOCASE} AS a"],
        ["SELECT 1 AS a", "SELECT 1 AS a UNION ALL SELECT 1", "SELECT 1 AS a UNION ALL SELECT 2"],
        ["SELECT 'a' AS a, 'bc' AS b", "SELECT 'ab' AS a, 'c' AS b"],
        ["FROM (VALUES (1, 2), (3, 4)) t(a, b)", "FROM (VALUES (1, 4), (3, 2)) t(a, b)"],
    ],
)
def test_other_rows_have_another_content(connection: Any, queries: list[str]) -> None:
    contents = [content(connection, query) for query in queries]

    assert all(one != other for one, other in combinations(contents, 2)), contents


@pytest.mark.parametrize(("collation", "value", "equal"), [("NOCASE", "a", "A"), ("NOACCENT", "o", "ö")])
def test_values_that_a_collation_takes_for_equal_differ(
    connection: Any, collation: str, value: str, equal: str
) -> None:
    connection.execute(f"CREATE TABLE orders (a VARCHAR COLLATE {collation}, b VARCHAR)")
    connection.execute("INSERT INTO orders VALUES (?, 'x')", [value])
    before = read_relations(connection)[ORDERS]
    one = content_of(connection, before.quoted, before.columns)
    connection.execute("UPDATE orders SET a = ?", [equal])

    assert content_of(connection, before.quoted, before.columns) != one


@pytest.mark.parametrize(
    "value",
    [
        "TIMESTAMPTZ '2020-07-01 12:00:00.5+02'",
        "[TIMESTAMPTZ '2020-07-01 12:00:00.5+02', '1850-01-01 00:00:00+00', 'epoch', 'infinity', NULL]",
        "{'x': TIMESTAMPTZ '0044-03-15 (BC) 12:00:00+00', 'y': 'ides'}",
    ],
)
def test_who_reads_from_another_time_zone_reads_the_same(connection: Any, value: str) -> None:
    contents = set()
    for zone in ("UTC", "Europe/Amsterdam", "Asia/Kathmandu"):
        contents.add(content(connection, f"SELECT {value} AS a"))
        connection.execute(f"SET TimeZone = '{zone}'")
    contents.add(content(connection, f"SELECT {value} AS a"))

    assert len(contents) == 1


def test_plain_values_have_the_content_that_earlier_records_hold(connection: Any) -> None:
    found = content(connection, "SELECT 1 AS a, 'ä' AS b, -0.0::DOUBLE AS c, DATE '2020-01-01' AS d, NULL::TEXT AS e")
    connection.execute("SELECT hash(row(a, b, c::VARCHAR, d, e)), hash(row(e, d, c::VARCHAR, b, a, 0)) FROM orders")

    assert found == "-".join(map(str, (1, *connection.fetchall()[0])))


def test_small_rows_do_not_collide(connection: Any) -> None:
    pairs = {content(connection, f"SELECT {a} AS a, {b} AS b") for a in range(12) for b in range(12)}

    assert len(pairs) == 144


def test_the_order_of_rows_does_not_count(connection: Any) -> None:
    ascending = content(connection, "SELECT i, i::VARCHAR AS t FROM range(5000) r(i) ORDER BY i")

    assert content(connection, "SELECT i, i::VARCHAR AS t FROM range(5000) r(i) ORDER BY hash(i)") == ascending


def test_columns_that_are_left_out_do_not_count(connection: Any) -> None:
    connection.execute("CREATE TABLE orders AS SELECT 1 AS id, now() AS loaded_at")
    before = read_relations(connection)[ORDERS]
    one = content_of(connection, before.quoted, before.columns, ["id"])
    connection.execute("UPDATE orders SET loaded_at = loaded_at + INTERVAL 1 DAY")

    assert content_of(connection, before.quoted, before.columns, ["id"]) == one
    assert content_of(connection, before.quoted, before.columns, []) == "1-0-0"
