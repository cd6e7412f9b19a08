"""Titles of code that differs."""

from __future__ import annotations

import pytest

from dbt_state_plugin.operations.planning.explain import differing_code
from dbt_state_plugin.report.reason_words import short_name


@pytest.mark.parametrize(
    ("unique_id", "title"), [("model.shop.orders", "code of orders"), ("model.shop.dim.v1", "code of dim.v1")]
)
def test_code_is_titled_with_the_name_that_lists_give_its_node(unique_id: str, title: str) -> None:
    text = differing_code(unique_id, "select 1", "select 2")

    assert (text.title, text.before, text.now) == (title, "select 1", "select 2")
    assert short_name(unique_id) in text.title
