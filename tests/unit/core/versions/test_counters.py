"""Counters of two times."""

from __future__ import annotations

import pytest

from dbt_state_plugin.core.versions.counters import are_same_counters


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("3.0.0:17", "3.0.0:17", True),
        ("3.0.0:17", "4.0.0:17", False),
        ("3.0.0:17+beside:", "3.0.0:17+beside:", True),
        ("3.0.0:17+beside:", "3.0.0:17+beside:ab", False),
        ("3.0.0:17+beside:ab", "3.0.0:17+beside:", False),
        ("3.0.0:17+beside:ab", "3.0.0:17", False),
        ("3.0.0:17", "3.0.0:17+beside:ab", True),  # recorded before anything beside the counters was
        ("3.0.0:17", "4.0.0:17+beside:ab", False),
    ],
)
def test_what_was_not_recorded_says_nothing(before: str, now: str, expected: bool) -> None:
    assert are_same_counters(before, now) is expected
