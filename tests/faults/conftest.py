"""Which world do the tests of the protocol play in?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.database import Database

from faults.world import World


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """Give a warehouse with an empty state, on which runs go with a stand-in for dbt."""
    created = World(database.url)
    try:
        yield created
    finally:
        created.end()
