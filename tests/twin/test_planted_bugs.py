"""Planted bugs, each found by the history named for it.

Every twentieth bug by itself, all of them where `DBT_STATE_PLUGIN_TWIN` asks for more than the suite's own size.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from accuracy import warehouse

from dbt_state_plugin.testing.postgres_server import Server
from twin.machine import SIZE_VARIABLE
from twin.pair import Difference, paired
from twin.planted_bugs import PLANTED_BUGS
from twin.traces import LOADED, TRACES

PLANTED = sorted(PLANTED_BUGS) if SIZE_VARIABLE in os.environ else sorted(PLANTED_BUGS)[::20]


@pytest.fixture(scope="module")
def server(postgres_server: Server) -> Server:
    """Give a server that has the roles of the project."""
    warehouse.create_roles(postgres_server)
    return postgres_server


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, server: Server, tmp_path: Path) -> None:
    trace = next(trace for trace in TRACES if trace.name == PLANTED_BUGS[bug].found_by)

    with (
        paired(server, tmp_path / "pair", trace.files, LOADED, bug=bug) as pair,
        pytest.raises(Difference),
    ):
        trace.steps(pair)
