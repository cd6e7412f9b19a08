"""The state of a test, copied from one created once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.database import Database, Databases, fresh_database
from support.recording import PROD
from support.values import HERE

from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.sqlite.address import SqliteAddress
from dbt_state_plugin.state.connection import StateDatabase, connect
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import State, open_state
from dbt_state_plugin.testing.postgres_server import Server

SCHEMA = "dbt_state_plugin"


@pytest.fixture(scope="session")
def template(postgres_server: Server) -> Iterator[Database]:
    """Create a database with an empty state, to be copied."""
    with fresh_database(postgres_server) as made:
        with closing(connect(DatabaseSettings.from_url(made.url))) as opened:
            ensure_schema(opened, SCHEMA)
        yield made


@pytest.fixture(scope="session")
def copies(postgres_server: Server, template: Database) -> Iterator[Databases]:
    """Give copies of the database with the empty state."""
    with closing(Databases(postgres_server, template.dbname)) as found:
        yield found


@pytest.fixture
def copied(copies: Databases) -> Iterator[Database]:
    """Copy the database with the empty state, and drop the copy afterwards."""
    with copies.fresh() as copy:
        yield copy


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let a test of a state run on both kinds, unless it looks at the server itself."""
    if "place" in metafunc.fixturenames:
        kinds = ["postgres"] if "copied" in metafunc.fixturenames else ["postgres", "sqlite"]
        metafunc.parametrize("state_kind", kinds, indirect=True)


@pytest.fixture
def state_kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of the state."""
    return str(request.param)


@pytest.fixture
def place(state_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> StateDatabase:
    """Return where an empty state is: in a copy of a database, or in a file."""
    if state_kind == "postgres":
        return DatabaseSettings.from_url(request.getfixturevalue("copied").url)
    template: Path = request.getfixturevalue("sqlite_template")
    return SqliteAddress(path=Path(shutil.copy(template, tmp_path / "state.sqlite")))


@pytest.fixture
def state(place: StateDatabase) -> Iterator[State]:
    """Open the state of an environment, as a run does."""
    with closing(connect(place)) as opened:
        yield open_state(opened, SCHEMA, HERE)


@pytest.fixture
def second(place: StateDatabase, state: State) -> Iterator[State]:
    """Open the same state on another connection."""
    with closing(connect(place)) as opened:
        yield open_state(opened, state.schema, HERE)


@pytest.fixture
def prod(state: State) -> State:
    """Open the state of another environment on the same connection."""
    return open_state(state.connection, state.schema, PROD)
