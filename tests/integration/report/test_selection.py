"""Selectors of our own, matched as dbt matches them."""

from __future__ import annotations

from typing import Any

from dbt.graph.selector_methods import QualifiedNameSelectorMethod, is_selected_node
from hypothesis import given, settings
from hypothesis import strategies as st
from support.size import examples

from dbt_state_plugin.report.selection import matches

PARTS = st.sampled_from(["a", "b", "a.b", "b.a", "v1", "a_b", "v1.a", ""])


@settings(max_examples=examples(500), deadline=None)
@given(
    st.lists(PARTS, min_size=1, max_size=4).map(".".join),
    st.lists(PARTS, min_size=3, max_size=5),
    st.booleans(),
)
def test_a_selector_matches_what_dbt_matches(selector: str, fqn: list[str], is_versioned: bool) -> None:
    method: Any = QualifiedNameSelectorMethod.__new__(QualifiedNameSelectorMethod)

    expected = method.node_is_match(selector, fqn, is_versioned)

    assert matches(selector, fqn, is_versioned=is_versioned) == expected
    if is_selected_node(fqn, selector, is_versioned):
        assert matches(selector, fqn, is_versioned=is_versioned)
