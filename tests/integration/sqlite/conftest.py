"""The file of a test's state in SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.values import HERE

from dbt_state_plugin.sqlite.address import SqliteAddress
from dbt_state_plugin.sqlite.connection import SqliteConnection, connect
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import State, open_state

SCHEMA = "dbt_state_plugin"


@pytest.fixture
def address(tmp_path: Path) -> SqliteAddress:
    return SqliteAddress(path=tmp_path / "state.sqlite")


@pytest.fixture
def opened(address: SqliteAddress) -> Iterator[SqliteConnection]:
    """Open a file with an empty state."""
    with closing(connect(address)) as connection:
        ensure_schema(connection, SCHEMA)
        yield connection


@pytest.fixture
def state(opened: SqliteConnection) -> State:
    return open_state(opened, SCHEMA, HERE)
