"""What decides on DuckDB beside rows that differ plainly: values, sessions and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from support.database import fresh_database
from support.duckdb_project import DuckDBProject, write_duckdb_project

from dbt_state_plugin.testing.postgres_server import Server

Make = Callable[..., DuckDBProject]


def profile(**more: str) -> str:
    """Return a profile whose target has these keys beside its path, as texts of YAML."""
    keys = "".join(f", {key}: {value}" for key, value in more.items())
    return f"shop: {{target: dev, outputs: {{dev: {{type: duckdb, path: shop.duckdb, threads: 2{keys}}}}}}}\n"


@pytest.fixture
def make(tmp_path: Path, postgres_server: Server) -> Iterator[Make]:
    """Give a function that writes a project of these models and runs it, so that nothing is left to do."""
    with fresh_database(postgres_server) as database:

        def made(models: Mapping[str, str], *setup: str, **keys: str) -> DuckDBProject:
            files = {f"models/{name}": text for name, text in models.items()} | {"profiles.yml": profile(**keys)}
            shop = write_duckdb_project(tmp_path / "project", tmp_path / "home", database.url, files, setup)
            shop.run()
            assert shop.reasons() == {}
            return shop

        yield made


@pytest.mark.parametrize(
    ("type_of_value", "before", "after"),
    [("INT[]", "[]", "NULL"), ("STRUCT(x INT)", "{'x': NULL}", "NULL"), ("VARCHAR COLLATE NOCASE", "'a'", "'A'")],
)
def test_values_that_duckdb_hashes_alike_are_told_apart(
    make: Make, type_of_value: str, before: str, after: str
) -> None:
    setup = f"CREATE TABLE raw AS SELECT 1 AS id; ALTER TABLE raw ADD COLUMN v {type_of_value}; UPDATE raw SET v = "
    shop = make({"m.sql": "select v::varchar as v from main.raw"}, *f"{setup}{before}".split("; "))
    shop.query(f"UPDATE raw SET v = {after}")

    assert shop.reasons() == {"m": ["rows changed"]}
