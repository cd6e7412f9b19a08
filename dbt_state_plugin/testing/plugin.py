"""Fixtures for pytest, loaded by its entry point `pytest11`.

pytest loads this file in every session, so it imports nothing before a fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dbt_state_plugin.testing.pipeline import Pipeline
    from dbt_state_plugin.testing.postgres_server import Server
    from dbt_state_plugin.testing.throwaway import ThrowawayDatabase


@pytest.fixture(scope="session")
def throwaway_server() -> Iterator[Server]:
    """Start a PostgreSQL for this pytest process, and remove it without a trace.

    It is the server that `DBT_STATE_PLUGIN_TEST_DATABASE_URL` names, else one of this machine's own programs, else the
    embedded one (`pip install "dbt-state-plugin[embedded]"`).
    """
    from dbt_state_plugin.testing.throwaway import started_server

    with started_server() as server:
        yield server


@pytest.fixture
def throwaway_database(throwaway_server: Server) -> Iterator[ThrowawayDatabase]:
    """Create an empty database and drop it afterwards."""
    from dbt_state_plugin.testing.throwaway import created_database

    with created_database(throwaway_server) as database:
        yield database


@pytest.fixture
def dbt_pipeline(tmp_path: Path, throwaway_database: ThrowawayDatabase) -> Callable[..., Pipeline]:
    """Return a function that copies a dbt project, or a Meltano project, for the test's own database.

    `dbt_pipeline("transform")` copies the folder, and dbt finds a profile for the database there, whose schema is
    `analytics`. What a Meltano project needs of the database is passed by `environment`, as in
    `dbt_pipeline(".", environment={"PGHOST": "{host}", "PGPASSWORD": "{password}"})`, with the names `host`, `port`,
    `user`, `password`, `dbname` and `url`.
    """
    from dbt_state_plugin.testing.pipeline import copied_pipeline

    def copy(
        folder: str | Path, *, environment: Mapping[str, str] | None = None, schema: str = "analytics"
    ) -> Pipeline:
        return copied_pipeline(Path(folder), tmp_path, throwaway_database, environment or {}, schema=schema)

    return copy
