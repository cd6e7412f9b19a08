"""The cost of a scan, before and after scans were seen."""

from __future__ import annotations

import pytest

from dbt_state_plugin.core.decision.scan_cost import ScanCost


def test_what_nobody_has_seen_is_assumed() -> None:
    assert ScanCost().of(100_000, 0) == pytest.approx(300)
    assert ScanCost().of(100_000, 4) == pytest.approx(600)


@pytest.mark.parametrize(("sets", "ms"), [(0, 10_000), (4, 20_000)])
def test_a_slow_scan_of_many_rows_is_believed(sets: int, ms: float) -> None:
    slow = ScanCost().after(1_000_000, sets, ms)

    assert slow.of(100_000, 0) == pytest.approx(1_000, rel=0.05)


def test_a_scan_of_few_rows_says_little() -> None:
    assert ScanCost().after(10, 0, 50).of(100_000, 0) < 2 * ScanCost().of(100_000, 0)


def test_scans_add_up() -> None:
    once, twice = ScanCost().after(50_000, 0, 10), ScanCost().after(50_000, 0, 10).after(50_000, 0, 10)

    assert twice.of(1_000, 0) < once.of(1_000, 0) < ScanCost().of(1_000, 0)
