"""The world that tests of the protocol play in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.database import Database

from faults.world import World

IN_MEMORY = Path("/dev/shm")  # what is written through to a disk takes most of a test's time


@contextmanager
def state_folder() -> Iterator[Path]:
    """Give a folder for a state in a file."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def world(request: pytest.FixtureRequest, database: Database) -> Iterator[World]:
    """Give a warehouse with an empty state in it, or in a file where a test asks for it; a stand-in is its dbt."""
    is_file = getattr(request, "param", "postgres") == "sqlite"
    with state_folder() as folder:
        created = World(database.url, folder / "state.sqlite" if is_file else None)
        try:
            yield created
        finally:
            created.end()
