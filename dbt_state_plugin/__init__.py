"""Build only the dbt models that need it. The public names are `plan`, `run` and what they return.

dbt imports every installed top-level module called `dbt_*` on each of its commands, so this module stays light:
everything is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt_state_plugin.execution.api import plan, run

__version__ = "0.1.0"
__all__ = ["__version__", "plan", "run"]


def __getattr__(name: str) -> Any:
    """Import the public functions on first use (PEP 562)."""
    if name in ("plan", "run"):
        from dbt_state_plugin.execution import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
