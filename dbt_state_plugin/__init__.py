"""Build only the dbt models that need it: `plan`, `run`, and what they take and return.

dbt imports every installed top-level module called `dbt_*` on each of its commands, so this module stays light:
everything is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt_state_plugin.api import plan, run
    from dbt_state_plugin.core.version import VERSION as __version__

__all__ = ["__version__", "plan", "run"]


def __getattr__(name: str) -> Any:
    """Import the public names on first use (PEP 562)."""
    if name == "__version__":
        from dbt_state_plugin.core.version import VERSION

        return VERSION
    if name in __all__:
        from dbt_state_plugin import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
