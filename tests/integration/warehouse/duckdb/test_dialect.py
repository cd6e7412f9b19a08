"""Statements that are one for the dialect, executed."""

from __future__ import annotations

import duckdb
import pytest

from dbt_state_plugin.warehouse.duckdb.dialect import DUCKDB


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select sum(a) from t", "select SUM(a) from t"),
        ("select 1", "select 1 /* a /* b */ , 2 */"),
        ("select count(*) from t", "SELECT COUNT(*) FROM t"),
        ("select cast(a as int), true from t", "SELECT CAST(a AS INT), TRUE FROM t"),
        ("select extract(year from d) from t", "select EXTRACT(YEAR FROM d) from t"),
        ("select case when a = 1 then 2 end from t", "SELECT CASE WHEN a = 1 THEN 2 END FROM t"),
        ("select * exclude (a) from t", "select * EXCLUDE (a) from t"),
    ],
)
def test_what_is_one_statement_gives_the_same_columns_and_rows(before: str, after: str) -> None:
    found = []
    with duckdb.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a, DATE '2020-01-01' AS d")
        for statement in (before, after):
            connection.execute(f"CREATE OR REPLACE TABLE r AS {statement}")
            connection.execute(f"CREATE OR REPLACE VIEW v AS {statement}")
            text = connection.execute(
                "SELECT sql FROM duckdb_views() WHERE view_name = 'v' AND NOT internal"
            ).fetchall()
            found.append((connection.execute("DESCRIBE r").fetchall(), connection.execute("FROM r").fetchall(), text))

    assert DUCKDB.same_statement(before, after)
    assert found[0] == found[1]
