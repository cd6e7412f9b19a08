"""Node config: what happens on logic changes, volatile SQL, drift and cutoff.

It is set in `meta: {dbt_state_plugin: {...}}` of the node (see source_config.py); what is not set has a default.
"""

from __future__ import annotations

from collections.abc import Iterable

from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.errors import ConfigurationError, did_you_mean

META = "dbt_state_plugin"
ON_LOGIC_CHANGE = ("run", "full_refresh", "fail")
VOLATILE = ("always", "daily", "never")
DRIFT = ("tolerant", "strict")
CUTOFF = ("auto", "always", "never")
CUTOFF_MAX_ROWS = 10_000_000


def on_logic_change(node: Node, default: str | None) -> str:
    """Return how the rows of an incremental model whose logic changed are treated: one of ON_LOGIC_CHANGE."""
    return _chosen(node, "on_logic_change", ON_LOGIC_CHANGE, default)


def volatile_rule(node: Node, default: str | None) -> str:
    """Return how often a node that calls the clock is built: one of VOLATILE."""
    return _chosen(node, "volatile", VOLATILE, default)


def is_strict(node: Node, default: str | None) -> bool:
    """Return whether things that were added to a relation by hand count as drift, as removed ones always do."""
    return _chosen(node, "drift", DRIFT, default) == "strict"


def cutoff_rule(node: Node, default: str | None) -> str:
    """Return whether a node is skipped if its inputs come out equal in a run: one of CUTOFF.

    A `default` of `never` was given by the user of this run and wins over the project's setting.
    """
    return "never" if default == "never" else _chosen(node, "cutoff", CUTOFF, default)


def cutoff_max_rows(node: Node) -> int:
    """Return above how many rows a relation is not compared with its former rows; raises ConfigurationError."""
    value = node.settings.get("cutoff_max_rows", CUTOFF_MAX_ROWS)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise wrong_setting(node, f"cutoff_max_rows is {value!r}", "Give it a whole number of rows, such as 1000000.")
    return int(value)


def _chosen(node: Node, name: str, choices: tuple[str, ...], default: str | None) -> str:
    value = node.settings.get(name)
    if value is None:
        return default or choices[0]
    if value not in choices:
        raise wrong_setting(node, f"{name} is {value!r}", nearest(value, choices))
    return str(value)


def wrong_setting(node: Node, what: str, do: str) -> ConfigurationError:
    """Return the error for an invalid setting, with the node and its file."""
    return ConfigurationError(f"meta.{META} of {node.unique_id} ({node.path}) cannot be used: {what}.", do)


def nearest(value: object, choices: Iterable[str], words: str = "Use one of") -> str:
    """Return the allowed values as a sentence, first the one that was probably meant."""
    choices = tuple(choices)
    return f"{did_you_mean(value, choices)}{words} {', '.join(choices)}."
