"""What a project says to this tool about a node."""

from __future__ import annotations

import pytest
from support.values import node

from dbt_state_plugin.core.config.node_config import cutoff_max_rows, cutoff_rule, on_logic_change, volatile_rule
from dbt_state_plugin.errors import ConfigurationError


def test_the_node_wins_over_the_default_and_that_over_the_first_choice() -> None:
    silent = node("model.shop.a")
    says = node("model.shop.a", settings={"volatile": "never", "on_logic_change": "fail"})

    assert [volatile_rule(silent, None), volatile_rule(silent, "daily"), volatile_rule(says, "daily")] == [
        "always",
        "daily",
        "never",
    ]
    assert [on_logic_change(silent, None), on_logic_change(says, "run")] == ["run", "fail"]


@pytest.mark.parametrize("value", ["weekly", ["never"], False, 1])
def test_an_unknown_word_is_refused_with_the_known_ones(value: object) -> None:
    with pytest.raises(ConfigurationError, match="always, daily, never"):
        volatile_rule(node("model.shop.a", settings={"volatile": value}), None)


def test_cutoff_is_auto_where_nothing_is_said_and_never_on_the_command_line_wins() -> None:
    silent, says = node("model.shop.a"), node("model.shop.a", settings={"cutoff": "always"})

    assert [cutoff_rule(silent, None), cutoff_rule(silent, "auto"), cutoff_rule(says, "auto")] == [
        "auto",
        "auto",
        "always",
    ]
    assert cutoff_rule(says, "never") == "never"


def test_the_most_rows_that_are_compared_are_a_whole_number() -> None:
    assert cutoff_max_rows(node("model.shop.a")) == 10_000_000
    assert cutoff_max_rows(node("model.shop.a", settings={"cutoff_max_rows": 5})) == 5


@pytest.mark.parametrize("value", [True, -1, "many", 1.5])
def test_any_other_number_of_rows_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="whole number of rows"):
        cutoff_max_rows(node("model.shop.a", settings={"cutoff_max_rows": value}))
