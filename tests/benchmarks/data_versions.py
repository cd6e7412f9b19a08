"""Cost of seeing whether a large source has new rows.

    python tests/benchmarks/data_versions.py --rows 5000000

fills one table and prints the medians of reading its version from PostgreSQL's catalog, as each plan does, and of
reading all its rows.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "integration_project")]

from contestant import versions  # noqa: E402

from dbt_state_plugin.core.values.relations import RelationName  # noqa: E402
from dbt_state_plugin.testing.postgres_server import connect, start_server  # noqa: E402 - found by the line above
from dbt_state_plugin.warehouse.postgres.source_data import read_source_metadata  # noqa: E402

_FILL = """
    create schema raw;
    create table raw.events as
    select n as id, n %% 17 as customer_id, md5(n::text) as payload from generate_series(1, %s) as n
"""
_SCAN = "select count(*), sum(hashtextextended(t::text, 0)::numeric) from raw.events as t"


def milliseconds(function: Callable[[], Any], rounds: int) -> float:
    """Give the median time of a call."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        function()
        times.append((time.perf_counter() - started) * 1000)
    return median(times)


def main() -> int:
    """Fill the table, measure and print."""
    parser = argparse.ArgumentParser(description="Measure what a version of a source's data costs.")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    with start_server() as server, closing(connect(server)) as opened, opened.cursor() as cursor:
        cursor.execute(_FILL, (given.rows,))
        source = RelationName(database=server.dbname, schema="raw", identifier="events")
        catalog = milliseconds(lambda: read_source_metadata(opened, [source]), given.rounds)
        scan = milliseconds(lambda: cursor.execute(_SCAN), min(given.rounds, 3))
        print(f"a source of {given.rows} rows\n{versions(server)}\n")
        print(f"{'milliseconds':<52}{'median':>10}{'aim':>9}")
        print(f"{'version from the catalog':<52}{catalog:>10.2f}{'< 20':>9}")
        print(f"{'scan of all rows':<52}{scan:>10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
