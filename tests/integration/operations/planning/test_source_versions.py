"""Sources whose rows are read, and how often."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from support.database import Database
from support.values import node, project, record, relation

from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.records import Recorded, Trace
from dbt_state_plugin.core.values.relations import Catalog
from dbt_state_plugin.operations.planning.source_versions import Answers, catalog_with_data
from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse

TABLE = """
    CREATE SCHEMA raw;
    CREATE TABLE raw.orders AS SELECT i AS id, now() AS _sdc_batched_at FROM generate_series(1, 9) i
"""
ORDERS = relation("orders", schema="raw")


@pytest.fixture
def connection(database: Database, caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """Give a connection to a database in which a Singer target wrote one table."""
    caplog.set_level(logging.INFO, "dbt_state_plugin")
    database.load(TABLE)
    with closing(database.connect()) as opened:
        yield opened


def source(name: str = "raw", **settings: Any) -> Node:
    return node(f"source.shop.{name}", relation=ORDERS, settings=settings)


def reader(name: str = "a", **fields: Any) -> Node:
    return node(f"model.shop.{name}", ["source.shop.raw"], **fields)


def version(
    connection: Any, of: Project, recorded: Recorded | None = None, answers: Answers | None = None, **fields: str
) -> str:
    """Return the version of the source's data as a run would record it."""
    catalog = catalog_with_data(
        PostgresWarehouse(connection),
        of,
        recorded or Recorded(),
        Catalog(),
        **{"command": "run", "default": "", **fields},
        answers=answers or Answers(),
    )
    found = catalog.data[ORDERS]
    return "/".join(filter(None, (found.columns, found.touched, found.answer)))


def answer(version: str) -> str:
    return version.split("/", 2)[2].split(":")[0] if version.count("/") == 2 else ""


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([source(), reader()], "content"),
        ([source(), reader(materialized="view")], ""),
        ([source(), reader(names_loader_columns=True)], ""),
        ([source(), reader(names_loader_columns=True), reader("b")], "content"),
        ([source(), reader(materialized="ephemeral")], ""),
        ([source(), node("test.shop.t", ["source.shop.raw"])], ""),
        ([source(content_max_rows=8), reader()], ""),
        ([source(content_max_rows=8, data_version="content"), reader()], "content"),
        ([source(data_version="touched"), reader()], ""),
        ([source(data_version="always")], "always"),
        ([source(data_version="never"), reader()], "never"),
        ([source(data_version="query", data_version_query="nonsense")], ""),
        ([source(data_version="query", data_version_query="select 1"), reader(names_loader_columns=True)], "query"),
        ([source(loaded_at_field="_sdc_batched_at"), reader()], "content"),
        ([source(), reader(), source("again", data_version="never")], ""),
    ],
)
def test_rows_are_read_only_where_somebody_stores_them_and_compares_content(
    connection: Any, nodes: list[Node], expected: str
) -> None:
    assert answer(version(connection, project(*nodes))) == expected


def test_what_the_project_says_for_all_sources_is_taken(connection: Any) -> None:
    assert answer(version(connection, project(source(), reader()), default="touched")) == ""


def test_rows_are_read_once_for_the_same_state_of_the_counters(
    connection: Any, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    of, answers = project(source(), reader()), Answers()

    first = version(connection, of, answers=answers)
    second = version(connection, of, answers=answers)
    database.load("UPDATE raw.orders SET _sdc_batched_at = now()")
    third = version(connection, of, answers=answers)

    assert first == second != third
    assert first.split("/")[2] == third.split("/")[2]
    assert [each.getMessage().split()[0] for each in caplog.records] == ["Reading", "Reading"]


def test_rows_that_a_reader_is_known_to_hold_are_not_read_again(
    connection: Any, caplog: pytest.LogCaptureFixture
) -> None:
    of = project(source(), reader(), reader("new"))
    seen = version(connection, of)
    trace = Trace(parents={str(ORDERS): f"-/-/-/{seen}"})
    recorded = Recorded(relations={relation("a"): record(reader(), trace=trace)})
    caplog.clear()

    assert version(connection, of, recorded) == seen
    assert caplog.records == []


def test_a_table_that_a_node_of_the_project_writes_is_not_read(
    connection: Any, caplog: pytest.LogCaptureFixture
) -> None:
    version(connection, project(source(), reader(), node("model.shop.orders", relation=ORDERS)))

    assert caplog.records == []
