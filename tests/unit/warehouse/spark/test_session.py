"""Sessions that are refused before they start."""

from __future__ import annotations

import pytest

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.warehouse.spark.session import SparkSessions


def test_a_catalogue_in_memory_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="in memory"):
        SparkSessions({"server_side_parameters": {"spark.sql.catalogImplementation": "in-memory"}})


def test_nothing_is_open_before_a_question_and_nobody_else_holds_derby_for_us() -> None:
    sessions = SparkSessions({"server_side_parameters": {"spark.sql.shuffle.partitions": 1}})

    assert sessions.parameters == {"spark.sql.shuffle.partitions": "1"}
    assert (sessions.is_open, sessions.is_ours, sessions.holds_derby) == (False, False, False)
    sessions.close()
