"""Refactorings that the server decides, and queries that are two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from support.database import fresh_database
from support.sql_pairs import (
    DIFFERENT,
    DIFFERENT_QUERIES,
    EQUAL,
    EQUAL_AS_QUERIES,
    EQUAL_AS_TREES,
    EQUAL_AS_VIEWS,
    TABLES,
)

from dbt_state_plugin.testing.postgres_server import Server
from dbt_state_plugin.warehouse.postgres.same_statement import same_statement
from dbt_state_plugin.warehouse.postgres.session_settings import SessionOfDbt
from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse

Pairs = dict[str, tuple[str, str]]
Ask = Callable[[Pairs, bool], list[str]]


@pytest.fixture(scope="module")
def called_same(postgres_server: Server) -> Iterator[Ask]:
    """Give a function that returns the names of the pairs that are one query, with or without names inside."""
    with fresh_database(postgres_server) as database:
        database.load(TABLES)
        with closing(database.connect()) as connection:
            warehouse = PostgresWarehouse(connection)

            def ask(pairs: Pairs, keeps_names: bool) -> list[str]:
                return [
                    name
                    for name, (before, now) in pairs.items()
                    if warehouse.same_query(before, now, keeps_names=keeps_names, of_dbt=SessionOfDbt())
                ]

            yield ask
            assert database.query("select count(*) from pg_class where relname like 'dbt_state_plugin%'") == [(0,)]


def test_what_texts_decide_and_more_is_decided(called_same: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = {**EQUAL, **EQUAL_AS_TREES, **EQUAL_AS_VIEWS, **EQUAL_AS_QUERIES}

    as_views, as_queries = called_same(pairs, True), called_same(pairs, False)

    by_text = [name for name, pair in pairs.items() if same_statement(*pair)]
    with capsys.disabled():
        print(f"\nsame query: {len(by_text)} of {len(pairs)} by text, {len(as_queries)} by the server")
    assert as_queries == list(pairs)
    assert as_views == [name for name in pairs if name not in EQUAL_AS_QUERIES]
    assert not {*EQUAL_AS_VIEWS, *EQUAL_AS_QUERIES}.intersection(by_text)


@pytest.mark.parametrize("keeps_names", [True, False])
def test_two_queries_are_never_called_one(called_same: Ask, keeps_names: bool) -> None:
    assert called_same({**DIFFERENT, **DIFFERENT_QUERIES}, keeps_names) == []
