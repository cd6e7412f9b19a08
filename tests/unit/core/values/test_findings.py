"""Is something to be mended, by what a check has found?"""

from __future__ import annotations

import pytest

from dbt_state_plugin.core.values.findings import Finding, Severity, has_errors


@pytest.mark.parametrize(
    ("severities", "expected"),
    [((), False), ((Severity.OK, Severity.NOTE), False), ((Severity.NOTE, Severity.ERROR), True)],
)
def test_only_errors_have_to_be_mended(severities: tuple[Severity, ...], expected: bool) -> None:
    assert has_errors(tuple(Finding(check="x", severity=each, what="") for each in severities)) is expected
