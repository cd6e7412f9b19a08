"""Which world do the tests of the protocol play in?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.database import Database

from faults.world import World

IN_MEMORY = Path("/dev/shm")  # what is written through to a disk takes most of a test's time


@pytest.fixture(params=["postgres", "sqlite"])
def world(request: pytest.FixtureRequest, database: Database) -> Iterator[World]:
    """Give a warehouse with an empty state in it or in a file, on which runs go with a stand-in for dbt."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        created = World(database.url, Path(folder) / "state.sqlite" if request.param == "sqlite" else None)
        try:
            yield created
        finally:
            created.end()
