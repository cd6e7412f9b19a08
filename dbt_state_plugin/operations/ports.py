"""Ports: how operations reach dbt, the state and the warehouse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.progress import Progress, silent
from dbt_state_plugin.dbt_runner.in_process import DbtInProcess
from dbt_state_plugin.state.connection import connect
from dbt_state_plugin.warehouse.adapters import open_warehouse

if TYPE_CHECKING:
    from dbt_state_plugin.dbt_runner.interface import Dbt
    from dbt_state_plugin.warehouse.interface import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """dbt, connections, the adapter of a warehouse, and how often a run asks whether it still holds its lock.

    `progress` is called with each step of a command; by default it does nothing.

    Users never set these. The fault tests hand in a dbt of their own and connections that can be held and cut off.
    """

    dbt: Dbt = field(default_factory=DbtInProcess)
    connect: Callable[..., Any] = connect
    open_warehouse: Callable[[str, Any], Warehouse] = open_warehouse
    heartbeat_seconds: float = 5.0
    progress: Progress = silent

    @classmethod
    def reporting_to(cls, progress: Progress) -> Ports:
        """Return the ports of users, with everything that takes its time reported to `progress`."""
        return cls(dbt=DbtInProcess(progress), progress=progress)
