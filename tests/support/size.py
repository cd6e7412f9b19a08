"""Number of examples that a property is tried with.

`DBT_STATE_PLUGIN_EXAMPLES` is `small` (the default, also in `.ci/run`) or `full`.
"""

from __future__ import annotations

import os

VARIABLE = "DBT_STATE_PLUGIN_EXAMPLES"
_FEWEST = 25


def examples(full: int) -> int:
    """Return all of the examples where they are wanted, else a twentieth of them."""
    wanted = os.environ.get(VARIABLE, "small")
    if wanted not in ("small", "full"):
        raise ValueError(f"{VARIABLE} is {wanted!r}; it must be small or full")
    return full if wanted == "full" else max(_FEWEST, full // 20)
