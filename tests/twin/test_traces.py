"""Histories known to be hard, with warehouses compared.

Every thirtieth one by itself, all of them where `DBT_STATE_PLUGIN_TWIN` asks for more than the suite's own size.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from accuracy import warehouse

from dbt_state_plugin.testing.postgres_server import Server
from twin.machine import SIZE_VARIABLE
from twin.pair import paired
from twin.traces import LOADED, TRACES, Trace

PLAYED = TRACES if SIZE_VARIABLE in os.environ else TRACES[::30]


@pytest.fixture(scope="module")
def server(postgres_server: Server) -> Server:
    """Give a server that has the roles of the project."""
    warehouse.create_roles(postgres_server)
    return postgres_server


@pytest.mark.parametrize("trace", PLAYED, ids=lambda trace: trace.name)
def test_both_warehouses_are_the_same_when(trace: Trace, server: Server, tmp_path: Path) -> None:
    with paired(server, tmp_path / "pair", trace.files, LOADED) as pair:
        trace.steps(pair)
