"""Public names: `plan`, `run`, `explain`, and what they take and return.

dbt imports every installed top-level module called `dbt_*` on each of its commands, so this module stays light:
everything is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt_state_plugin.api import (
        Adoption,
        Covered,
        Earlier,
        ExecutionSummary,
        Explanation,
        Listener,
        Plan,
        Progress,
        RecordedStep,
        RecordResult,
        RunResult,
        Settings,
        Stage,
        Step,
        StepItem,
        adopt,
        explain,
        history,
        plan,
        record,
        run,
    )
    from dbt_state_plugin.core.version import VERSION as __version__
    from dbt_state_plugin.errors import (
        BusyError,
        ConfigurationError,
        EngineError,
        InterruptedRun,
        LockLostError,
        NotFoundError,
        PluginError,
        ProjectError,
        SelectionError,
        StateError,
        UsageError,
    )

__all__ = [
    "Adoption",
    "BusyError",
    "ConfigurationError",
    "Covered",
    "Earlier",
    "EngineError",
    "ExecutionSummary",
    "Explanation",
    "InterruptedRun",
    "Listener",
    "LockLostError",
    "NotFoundError",
    "Plan",
    "PluginError",
    "Progress",
    "ProjectError",
    "RecordResult",
    "RecordedStep",
    "RunResult",
    "SelectionError",
    "Settings",
    "Stage",
    "StateError",
    "Step",
    "StepItem",
    "UsageError",
    "__version__",
    "adopt",
    "explain",
    "history",
    "plan",
    "record",
    "run",
]


def __getattr__(name: str) -> Any:
    """Import the public names on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dbt_state_plugin import api, errors

    return api.VERSION if name == "__version__" else getattr(errors if hasattr(errors, name) else api, name)
