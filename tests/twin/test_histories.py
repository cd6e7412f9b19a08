"""Warehouses of ours and of plain dbt, equal after histories."""

from __future__ import annotations

import pytest
from accuracy import warehouse

from dbt_state_plugin.testing.postgres_server import Server
from twin.machine import run_as_many_as_asked


def test_random_histories_leave_two_warehouses_the_same(
    postgres_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.create_roles(postgres_server)

    counts = run_as_many_as_asked(postgres_server)

    with capsys.disabled():
        print("\nrandom histories: " + ", ".join(f"{number} {what}" for what, number in sorted(counts.items())))
    compared = sum(number for what, number in counts.items() if what.startswith("compared runs"))
    assert compared >= counts["histories"]
    assert any(what.endswith("runs by dbt, recorded") for what in counts)
