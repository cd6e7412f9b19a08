"""Connections of their own for scans, several at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.database import Database

from dbt_state_plugin.errors import StateError
from dbt_state_plugin.operations.running.scans import Scans
from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse

NAME = "scans of this test"
OPEN = "select count(*) from pg_stat_activity where application_name = %s"


@pytest.fixture
def shared(database: Database) -> Iterator[PostgresWarehouse]:
    """Give the warehouse that everything else is asked of."""
    with closing(database.connect()) as opened:
        yield PostgresWarehouse(opened)


@pytest.fixture
def scans(database: Database, shared: PostgresWarehouse) -> Iterator[Scans]:
    """Give scans that open connections of a name of their own, closed at the end."""

    def open_another() -> PostgresWarehouse:
        return PostgresWarehouse(database.connect(application_name=NAME))

    found = Scans(_session(shared, open_another), threading.Lock(), is_apart=True)
    yield found
    found.close()
    database.wait_until_gone(NAME)


def _session(warehouse: PostgresWarehouse, open_another: Any) -> Any:
    return SimpleNamespace(warehouse=warehouse, open_another=open_another)


def _connection(warehouse: Any) -> Any:
    return cast("PostgresWarehouse", warehouse).connection


def test_there_are_as_many_connections_as_scans_at_once(scans: Scans, database: Database) -> None:
    with scans.warehouse() as first:
        pass
    with scans.warehouse() as again, scans.warehouse() as second:
        assert again is first
        assert second is not first
        assert database.query(OPEN, [NAME]) == [(2,)]


def test_a_scan_that_failed_takes_its_connection_along(scans: Scans, database: Database) -> None:
    def fail() -> None:
        with scans.warehouse():
            raise StateError("gone", "")

    with pytest.raises(StateError, match="gone"):
        fail()
    database.wait_until_gone(NAME)


def test_who_stops_does_not_wait_for_scans(scans: Scans, database: Database) -> None:
    ended: list[str] = []

    def scan() -> None:
        try:
            with scans.warehouse() as warehouse, _connection(warehouse).cursor() as cursor:
                cursor.execute("select pg_sleep(600)")
        except Exception as error:
            ended.append(type(error).__name__)

    thread = threading.Thread(target=scan)
    thread.start()
    while database.query(OPEN + " and state = 'active'", [NAME]) != [(1,)]:
        pass

    scans.cancel()

    thread.join(60)
    assert ended == ["QueryCanceled"]
    with pytest.raises(StateError, match="The run was stopped"):
        scans.warehouse().__enter__()


@pytest.mark.parametrize(("is_apart", "opens"), [(True, False), (False, True)])
def test_where_there_is_one_connection_everything_takes_its_turn(
    shared: PostgresWarehouse, *, is_apart: bool, opens: bool
) -> None:
    turn = threading.Lock()
    scans = Scans(_session(shared, (lambda: pytest.fail("it was opened")) if opens else None), turn, is_apart=is_apart)

    with ExitStack() as stack:
        assert stack.enter_context(scans.warehouse()) is shared
        assert turn.locked()
    assert not turn.locked()
    scans.close()
    assert shared.server_identity()
