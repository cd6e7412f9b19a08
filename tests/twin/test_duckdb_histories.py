"""DuckDB files of ours and of plain dbt, equal after histories.

One short history; `tests/twin/duckdb_histories.py` plays more and longer ones.
"""

from __future__ import annotations

from support.database import fresh_database

from dbt_state_plugin.testing.postgres_server import Server
from twin.duckdb_histories import play


def test_twins_stay_equal(postgres_server: Server) -> None:
    with fresh_database(postgres_server) as database:
        assert play(seed=7, steps=2, state_url=database.url) == []
