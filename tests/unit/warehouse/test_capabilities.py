"""The page of warehouses, held to what adapters declare."""

from __future__ import annotations

import pytest
from support.warehouse_table import PAGE, with_table

from dbt_state_plugin.core.values.capabilities import FEATURES, Told, capabilities, untold
from dbt_state_plugin.report.reason_words import untold_words
from dbt_state_plugin.warehouse.capabilities import BY_ADAPTER, DUCKDB, GENERIC, POSTGRES


def test_the_page_has_the_table_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert page == with_table(page), "run `uv run python tests/support/warehouse_table.py`"


def test_each_adapter_declares_each_feature() -> None:
    assert all(known.keys() == FEATURES.keys() for known in BY_ADAPTER.values())


def test_what_goes_unnoticed_is_said_with_a_way_out() -> None:
    assert untold(POSTGRES) == untold(DUCKDB) == ()
    assert untold(GENERIC) == ("rows", "views", "shape", "named")
    assert all(FEATURES[feature].way_out in untold_words(feature) for feature in untold(GENERIC))


def test_a_feature_that_is_not_given_is_not_told_and_a_misspelled_one_is_an_error() -> None:
    assert capabilities(code="E")["rows"] is Told.NOT
    with pytest.raises(KeyError, match="kode"):
        capabilities(kode="E")
