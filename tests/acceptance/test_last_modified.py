"""Sources that are looked at by the time of their last change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contract.adapters import PLAIN_ADAPTER
from support.database import fresh_database
from support.duckdb_project import PROJECT_FILE, DuckDBProject, write_duckdb_project

from dbt_state_plugin.testing.postgres_server import Server

LAST_MODIFIED = "{data_version: last_modified}"
SOURCES = f"""
sources:
  - name: raw
    schema: raw
    tables:
      - {{name: orders, meta: {{dbt_state_plugin: {LAST_MODIFIED}}}}}
      - {{name: lines, meta: {{dbt_state_plugin: {LAST_MODIFIED}}}}}
"""
FILES = {
    "models/sources.yml": SOURCES,
    "models/of_orders.sql": "select count(*) as n from {{ source('raw', 'orders') }}",
    "models/of_lines.sql": "select count(*) as n from {{ source('raw', 'lines') }}",
}
LOOK, LONG_AGO = "2026-11-29 12:00:00+00", "2026-11-29 10:00:00+00"
SETUP = (
    "CREATE SCHEMA raw",
    "CREATE TABLE raw.orders AS SELECT range AS id FROM range(3)",
    "CREATE TABLE raw.lines AS SELECT 1 AS id",
    "CREATE SCHEMA clock",
    f"CREATE TABLE clock.now AS SELECT TIMESTAMPTZ '{LOOK}' AS moment",
    "CREATE TABLE clock.altered (schema_name TEXT, identifier TEXT, last_altered TIMESTAMPTZ)",
    f"INSERT INTO clock.altered VALUES ('raw', 'orders', '{LONG_AGO}'), ('raw', 'lines', '{LONG_AGO}')",
)
NO_TIME = "has no time of a last change in the warehouse: built on every run"


def altered(time: str, table: str = "orders") -> str:
    return f"UPDATE clock.altered SET last_altered = '{time}' WHERE identifier = '{table}'"


def looked_at(time: str) -> str:
    return f"UPDATE clock.now SET moment = '{time}'"


@pytest.fixture
def open_shop(tmp_path: Path, postgres_server: Server) -> Iterator[Callable[..., DuckDBProject]]:
    """Give what writes the project for an adapter; `dated` is the one that tells when tables were altered."""
    with fresh_database(postgres_server) as state:

        def written(kind: str = "dated", *setup: str, **files: str) -> DuckDBProject:
            return write_duckdb_project(
                *(tmp_path / "project", tmp_path / "home", state.url, FILES | files, (*SETUP, *setup)),
                kind=kind,
                packages=str(PLAIN_ADAPTER),
            )

        yield written


@pytest.fixture
def shop(open_shop: Callable[..., DuckDBProject]) -> DuckDBProject:
    return open_shop()


def test_what_was_not_altered_is_quiet_and_what_was_is_built(shop: DuckDBProject) -> None:
    shop.run()
    quiet = shop.reasons()
    shop.query("INSERT INTO raw.orders VALUES (9)", altered("2026-11-29 10:30:00+00"))
    inserted = shop.reasons()
    shop.run()
    shop.query("DELETE FROM raw.orders", altered("2026-11-29 11:00:00+00"))
    deleted = shop.reasons()
    shop.run()

    assert quiet == {}
    assert inserted == {"of_orders": ["was last altered at 2026-11-29T10:30:00+00:00, which its build did not see"]}
    assert deleted.keys() == {"of_orders"}
    assert shop.query("SELECT n FROM main.of_orders") == [(0,)]
    assert shop.reasons() == {}


def test_what_was_altered_just_before_the_look_is_built_once_more_and_then_quiet(shop: DuckDBProject) -> None:
    shop.query(looked_at("2026-11-29 10:01:00+00"), altered("2026-11-29 09:00:00+00", "lines"))
    shop.run()
    shop.query("INSERT INTO raw.orders VALUES (9)")  # at the same time, as far as the clock tells
    at_once = shop.reasons()
    shop.query(looked_at("2026-11-29 10:05:01+00"))
    later = shop.reasons()
    shop.run()
    quiet = shop.reasons()
    shop.query(altered("2026-11-29 08:00:00+00"))  # another table in its place, restored from a copy

    words = "was altered so shortly before its build that more may have come at that time (2026-11-29T10:00:00+00:00)"
    assert at_once == later == {"of_orders": [words]}
    assert quiet == {}
    assert shop.query("SELECT n FROM main.of_orders") == [(4,)]
    assert shop.reasons().keys() == {"of_orders"}


def test_what_has_no_time_of_its_own_rows_is_built_on_every_run(open_shop: Callable[..., DuckDBProject]) -> None:
    more = "      - {name: %s, meta: {dbt_state_plugin: {data_version: last_modified}}}\n"
    names = ("shown", "unlisted", "undated")
    shop = open_shop(
        "dated",
        "CREATE VIEW raw.shown AS SELECT * FROM raw.orders",
        *(f"CREATE TABLE raw.{name} AS SELECT 1 AS id" for name in ("unlisted", "undated")),
        f"INSERT INTO clock.altered VALUES ('raw', 'shown', '{LONG_AGO}'), ('raw', 'undated', NULL)",
        **{"models/sources.yml": SOURCES + "".join(more % name for name in names)},
        **{f"models/of_{name}.sql": f"select id from {{{{ source('raw', '{name}') }}}}" for name in names},
    )
    shop.run()

    no_table = "is no table of the warehouse itself, so the time of its last change says nothing about its rows"
    expected = {
        "of_shown": [f"{no_table}: built on every run"],
        "of_unlisted": [NO_TIME],
        "of_undated": [NO_TIME],
    }
    assert shop.reasons() == expected
    shop.run()
    assert shop.reasons() == expected


def test_who_comes_from_another_way_to_look_is_built_once(open_shop: Callable[..., DuckDBProject]) -> None:
    without = SOURCES.replace("last_modified", "touched")
    asking = SOURCES.replace("last_modified", "query, data_version_query: 'select max(id) from {source}'")
    shop = open_shop(
        "dated",
        "ALTER TABLE clock.altered ALTER last_altered TYPE TIMESTAMP",  # without an offset, as some warehouses do
        **{"models/sources.yml": without},
    )
    shop.run()
    untold = shop.reasons()["of_orders"]
    shop.project.write("models/sources.yml", asking)
    shop.run()
    quiet = shop.reasons()
    shop.query("DELETE FROM raw.orders WHERE id = 0")  # which the query does not tell
    shop.project.write("models/sources.yml", SOURCES)
    switched = shop.reasons()
    shop.run()

    assert untold == [
        "is in a warehouse that tells when rows change only where data_version asks, in one way for all sources of a "
        "table: last_modified, query or content (see docs/warehouses.md): built on every run"
    ]
    assert quiet == {}
    assert switched.keys() == {"of_orders", "of_lines"}
    assert shop.reasons() == {}
    assert shop.query("SELECT n FROM main.of_orders") == [(2,)]


def test_two_sources_on_one_table_may_differ_in_what_the_time_has_nothing_to_do_with(
    open_shop: Callable[..., DuckDBProject],
) -> None:
    again = f"""\
  - name: again
    schema: raw
    loaded_at_field: id
    tables: [{{name: orders, meta: {{dbt_state_plugin: {LAST_MODIFIED}}}}}]
"""
    shop = open_shop(**{"models/sources.yml": SOURCES + again})
    shop.run()
    quiet = shop.reasons()
    shop.query(altered("2026-11-29 10:30:00+00"))
    written = shop.reasons()
    shop.project.delete("models/of_lines.sql")

    assert quiet == {}
    assert written.keys() == {"of_orders"}
    assert 'Asking when "shop"."raw"."orders" was last altered.' in shop.project.plugin("plan", check=0).stderr


def test_what_is_refused_for_several_tables_is_asked_for_each(open_shop: Callable[..., DuckDBProject]) -> None:
    shop = open_shop(**{"dbt_project.yml": PROJECT_FILE.replace("rate: 2", "refuses_batches: true")})
    shop.run()

    logged = shop.project.plugin("--log-level", "info", "plan", check=0)

    assert "Asking when 2 sources were last altered." in logged.stderr
    assert "one after the other, please" in logged.stderr
    assert shop.reasons() == {}


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("plain", "the time of a table's last change is not told by dbt's adapter for plain"),
        ("duckdb", "this warehouse itself tells more exactly what was written"),
    ],
)
def test_where_nobody_tells_the_time_or_it_is_not_needed_the_setting_is_an_error(
    open_shop: Callable[..., DuckDBProject], kind: str, why: str
) -> None:
    shop = open_shop(kind)
    conditional = "{data_version: \"{{ 'last_modified' if target.type == 'dated' else 'touched' }}\"}"

    refused = shop.project.plugin("plan", check=2).stderr
    shop.project.write("models/sources.yml", SOURCES.replace(LAST_MODIFIED, conditional))

    assert (
        f"source.shop.raw.lines (models/sources.yml) cannot be used: data_version is last_modified, and {why}."
        in refused
    )
    assert shop.reasons().keys() == {"of_orders", "of_lines"}
