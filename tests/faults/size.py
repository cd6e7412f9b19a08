"""How many faults a test injects: few, or all when asked.

`DBT_STATE_PLUGIN_FAULTS` is `small` (the default), `full`, or a number of examples, kill points or rounds.
"""

from __future__ import annotations

import os

VARIABLE = "DBT_STATE_PLUGIN_FAULTS"


def size(*, small: int, full: int) -> int:
    """Return how many there are to be."""
    wanted = os.environ.get(VARIABLE, "small")
    if wanted in ("small", "full"):
        return small if wanted == "small" else full
    if not wanted.isdecimal() or not int(wanted):
        raise ValueError(f"{VARIABLE} is {wanted!r}; it must be small, full or a number above 0")
    return int(wanted)


def is_small() -> bool:
    return os.environ.get(VARIABLE, "small") == "small"
