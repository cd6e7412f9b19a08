"""What does a project say to this tool about a node?"""

from __future__ import annotations

import pytest
from support.values import node

from dbt_state_plugin.core.config.node_config import on_logic_change, volatile_rule
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
