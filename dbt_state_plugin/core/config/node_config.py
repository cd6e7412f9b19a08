"""Node config: what happens on logic changes, volatile SQL and drift.

It is said in `meta: {dbt_state_plugin: {...}}` of the node (see source_config.py); what says nothing follows a default.
"""

from __future__ import annotations

from collections.abc import Iterable

from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.errors import ConfigurationError, did_you_mean

META = "dbt_state_plugin"
ON_LOGIC_CHANGE = ("run", "full_refresh", "fail")
VOLATILE = ("always", "daily", "never")
DRIFT = ("tolerant", "strict")


def on_logic_change(node: Node, default: str | None) -> str:
    """Return what is to happen to the rows of an incremental model whose logic changed: one of ON_LOGIC_CHANGE."""
    return _chosen(node, "on_logic_change", ON_LOGIC_CHANGE, default)


def volatile_rule(node: Node, default: str | None) -> str:
    """Return how often a node is built that calls the clock: one of VOLATILE."""
    return _chosen(node, "volatile", VOLATILE, default)


def is_strict(node: Node, default: str | None) -> bool:
    """Return whether things that were added to a relation by hand are drift, as those are that are gone."""
    return _chosen(node, "drift", DRIFT, default) == "strict"


def _chosen(node: Node, name: str, choices: tuple[str, ...], default: str | None) -> str:
    value = node.settings.get(name)
    if value is None:
        return default or choices[0]
    if value not in choices:
        raise wrong_setting(node, f"{name} is {value!r}", nearest(value, choices))
    return str(value)


def wrong_setting(node: Node, what: str, do: str) -> ConfigurationError:
    """Return the error for a setting that cannot be used, with the node and its file."""
    return ConfigurationError(f"meta.{META} of {node.unique_id} ({node.path}) cannot be used: {what}.", do)


def nearest(value: object, choices: Iterable[str], words: str = "Use one of") -> str:
    """Return what may stand in place of a value, first what was probably meant."""
    choices = tuple(choices)
    return f"{did_you_mean(value, choices)}{words} {', '.join(choices)}."
