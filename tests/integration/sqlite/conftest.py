"""The file of a test's state in SQLite."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.values import HERE

from dbt_state_plugin.sqlite.address import SqliteAddress
from dbt_state_plugin.sqlite.connection import SqliteConnection, connect
from dbt_state_plugin.state.state import State, open_state

SCHEMA = "dbt_state_plugin"


@pytest.fixture
def address(tmp_path: Path) -> SqliteAddress:
    return SqliteAddress(path=tmp_path / "state.sqlite")


@pytest.fixture
def opened(address: SqliteAddress, sqlite_template: Path) -> Iterator[SqliteConnection]:
    """Open a file with an empty state."""
    shutil.copy(sqlite_template, address.path)
    with closing(connect(address)) as connection:
        yield connection


@pytest.fixture
def state(opened: SqliteConnection) -> State:
    return open_state(opened, SCHEMA, HERE)
