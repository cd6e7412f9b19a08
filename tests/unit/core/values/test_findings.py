"""Findings of a check, and what counts as a success."""

from __future__ import annotations

import pytest

from dbt_state_plugin.core.values.findings import Finding, Severity, has_errors
from dbt_state_plugin.core.values.history import NodeResult
from dbt_state_plugin.core.values.results import NodeOutcome


@pytest.mark.parametrize(
    ("severities", "expected"),
    [((), False), ((Severity.OK, Severity.NOTE), False), ((Severity.NOTE, Severity.ERROR), True)],
)
def test_only_errors_have_to_be_mended(severities: tuple[Severity, ...], expected: bool) -> None:
    assert has_errors(tuple(Finding(check="x", severity=each, what="") for each in severities)) is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [("success", True), ("warn", True), ("error", False), ("skipped", False), ("planned", False)],
)
def test_the_result_of_a_node_is_a_success_as_that_of_a_run_is(status: str, expected: bool) -> None:
    result = NodeResult(
        unique_id="model.shop.a",
        resource_type="model",
        reasons=(),
        status=status,
        rows_affected=None,
        duration_ms=None,
        message="",
    )

    assert result.is_success is expected
    assert NodeOutcome(unique_id="model.shop.a", status=status).is_success is expected
