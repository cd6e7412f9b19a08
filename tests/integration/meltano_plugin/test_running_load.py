"""Loads in progress, found in Meltano's own database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from support.database import Database

from dbt_state_plugin.errors import BusyError
from meltano_plugin.bookmarks import Meltano, reset_bookmarks
from meltano_plugin.project import MeltanoProject
from meltano_plugin.running_load import running_load

TABLE = "CREATE TABLE runs (job_name text, state text, started_at timestamp, last_heartbeat_at timestamp)"
STARTED = datetime(2026, 1, 1, 12, 30)


def runs() -> list[tuple[str, str, datetime, datetime]]:
    """Return runs whose heartbeats are of this moment, and one that is dead."""
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    return [
        ("dev:running", "RUNNING", STARTED, now),
        ("dev:dead", "RUNNING", STARTED, now - timedelta(minutes=9)),
        ("dev:done", "SUCCESS", STARTED, now),
    ]


def project(directory: Path, uri: str) -> MeltanoProject:
    return MeltanoProject(
        root=directory, system_dir=directory, environment="dev", content={}, environ={"MELTANO_DATABASE_URI": uri}
    )


@pytest.fixture
def sqlite_uri(tmp_path: Path) -> str:
    path = tmp_path / "meltano.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(TABLE)
        rows = [(name, state, str(started), str(beat)) for name, state, started, beat in runs()]
        connection.executemany("INSERT INTO runs VALUES (?, ?, ?, ?)", rows)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_uri(database: Database) -> str:
    with closing(database.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
        for run in runs():
            cursor.execute("INSERT INTO runs VALUES (%s, %s, %s, %s)", run)
    return database.url.replace("postgresql://", "postgresql+psycopg2://")


@pytest.mark.parametrize("fixture", ["sqlite_uri", "postgres_uri"])
def test_only_a_live_run_of_this_id_counts(request: pytest.FixtureRequest, tmp_path: Path, fixture: str) -> None:
    meltano = project(tmp_path, request.getfixturevalue(fixture))

    assert running_load(meltano, "dev:running") == str(STARTED)
    assert [running_load(meltano, name) for name in ("dev:dead", "dev:done", "dev:other")] == ["", "", ""]


@pytest.mark.parametrize("uri", ["", "sqlite:///nowhere/meltano.db", "postgresql://localhost:1/x", "mysql://host/x"])
def test_a_database_that_cannot_be_asked_tells_of_no_load(tmp_path: Path, uri: str) -> None:
    assert running_load(project(tmp_path, uri), "dev:running") == ""


def test_bookmarks_are_not_reset_while_a_load_goes_on(tmp_path: Path, sqlite_uri: str) -> None:
    meltano = Meltano(executable="never-called", project=project(tmp_path, sqlite_uri))

    with pytest.raises(BusyError, match="is loading under dev:running since"):
        reset_bookmarks(meltano, "dev:running", {"orders"})
