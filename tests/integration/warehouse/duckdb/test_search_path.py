"""Names without a schema, resolved as DuckDB does."""

from __future__ import annotations

import duckdb
import pytest

from dbt_state_plugin.warehouse.duckdb.catalog import read_relations, resolved
from dbt_state_plugin.warehouse.duckdb.search_path import search_path

SETUP = """
    ATTACH ':memory:' AS other; CREATE SCHEMA raw; CREATE SCHEMA other.raw; CREATE SCHEMA "a,b";
    CREATE TABLE main.t AS SELECT 'memory.main.t' AS name; CREATE TABLE raw.t AS SELECT 'memory.raw.t' AS name;
    CREATE TABLE main.u AS SELECT 'memory.main.u' AS name; CREATE TABLE "a,b".t AS SELECT 'memory.a,b.t' AS name;
    CREATE TABLE other.raw.t AS SELECT 'other.raw.t' AS name; CREATE TABLE other.raw.x AS SELECT 'other.raw.x' AS name;
    CREATE TABLE other.main.w AS SELECT 'other.main.w' AS name;
    CREATE TABLE other.main.x AS SELECT 'other.main.x' AS name;
    CREATE TABLE other.main.u AS SELECT 'other.main.u' AS name;
"""


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"search_path": "raw,main"},
        {"search_path": "main,raw"},
        {"SEARCH_PATH": "RAW"},
        {"search_path": '"a,b",raw'},
        {"search_path": "other"},
        {"search_path": "other.raw,memory.main"},
        {"schema": "raw"},
        {"search_path": "raw", "schema": "main"},
    ],
)
@pytest.mark.parametrize("name", ["t", "u", "w", "x", "raw.t", "other.w", "other.x", "other.raw.t", "memory.u"])
def test_a_name_means_what_it_means_to_duckdb(settings: dict[str, str], name: str) -> None:
    with duckdb.connect(":memory:") as connection:
        connection.execute(SETUP)
        for key, value in settings.items():
            connection.execute(f"SET {key} = '{value}'")
        try:
            meant = str(connection.execute(f"SELECT name FROM {name}").fetchall()[0][0])
        except duckdb.Error:
            meant = ""  # no model can be built of it
        connection.execute("SET search_path = 'memory.main'")
        held = read_relations(connection)
        found = resolved(tuple(name.split(".")), held, search_path({"settings": settings}, "memory"))

    assert meant in ("", f"{found.database}.{found.schema}.{found.identifier}" if found else "nothing")


def test_what_nobody_holds_means_nothing() -> None:
    assert resolved(("t",), {}, search_path({}, "memory")) is None
