"""Queries that say how new a source in DuckDB is."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.warehouse.duckdb.files import SCHEMA
from dbt_state_plugin.warehouse.duckdb.warehouse import DuckDBWarehouse

QUERY = "SELECT max(day) FROM {source}"


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DuckDBWarehouse:
    import duckdb

    monkeypatch.chdir(tmp_path)
    with duckdb.connect("shop.duckdb") as connection:
        connection.execute('CREATE SCHEMA raw; CREATE TABLE raw."Or.ders" AS SELECT 1 AS day')
    for name in ("it's (1).csv", "b.csv"):
        Path(name).write_text("day\n1\n")
    return DuckDBWarehouse({"path": "shop.duckdb"})


@pytest.mark.parametrize(
    ("schema", "identifier"),
    [("raw", "or.ders"), (SCHEMA, "it's (1).csv"), (SCHEMA, "read_csv(['it''s (1).csv', 'b.csv'])")],
)
def test_a_source_is_asked_by_its_name_or_as_the_files_it_stands_for(
    warehouse: DuckDBWarehouse, schema: str, identifier: str
) -> None:
    source = RelationName(database="shop", schema=schema, identifier=identifier)
    answers = [warehouse.answer("s", source, QUERY), warehouse.newest_row("s", source, "day")]
    with Path("it's (1).csv").open("a") as file:
        file.write("2\n")
    written = [warehouse.answer("s", source, QUERY), warehouse.newest_row("s", source, "day")]

    assert [now == before for now, before in zip(written, answers, strict=True)] == [schema == "raw"] * 2


def test_what_a_plugin_loads_cannot_be_asked(warehouse: DuckDBWarehouse) -> None:
    source = RelationName(database="shop", schema=SCHEMA, identifier='excel("shop"."main"."orders")')

    with pytest.raises(ConfigurationError, match="The query of s cannot be answered"):
        warehouse.answer("s", source, QUERY)
