"""Scans of relations while dbt's threads go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from dbt_state_plugin.errors import StateError

if TYPE_CHECKING:
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.warehouse.interface import Warehouse


class Scans:
    """Gives each thread a warehouse of its own to scan in, so that only the node waits whose rows are read.

    Connections are opened when they are needed and used again: there are as many as scans went on at once. Where a
    warehouse has none to give, or `is_apart` is False, everything is asked of the session's, `in_turn` with the rest.
    """

    def __init__(self, session: Session, in_turn: AbstractContextManager[object], *, is_apart: bool) -> None:
        """Open nothing yet."""
        self._shared, self._in_turn = session.warehouse, in_turn
        self._open = session.open_another if is_apart else None
        self._mutex = threading.Lock()
        self._idle: list[Warehouse] = []
        self._busy: list[Warehouse] = []
        self._is_over = False

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """Yield a warehouse that no other thread asks meanwhile; raises StateError if it cannot be connected to."""
        if self._open is None:
            with self._in_turn:
                yield self._shared
            return
        found = self._idle_one() or self._open()
        with self._mutex:
            self._busy.append(found)
        try:
            yield found
        except BaseException:
            self._give_back(found, is_usable=False)
            raise
        self._give_back(found, is_usable=True)

    def _idle_one(self) -> Warehouse | None:
        with self._mutex:
            if self._is_over:
                raise StateError("The run was stopped", "Run the command again.")
            return self._idle.pop() if self._idle else None

    def _give_back(self, warehouse: Warehouse, *, is_usable: bool) -> None:
        with self._mutex:
            self._busy.remove(warehouse)
            if is_usable and not self._is_over:
                self._idle.append(warehouse)
                return
        warehouse.close()

    def cancel(self) -> None:
        """End the scans that go on; later ones raise StateError."""
        with self._mutex:
            self._is_over = True
            for warehouse in self._busy:
                warehouse.cancel()

    def close(self) -> None:
        """Close the connections; dbt has ended, and nothing is scanned any more."""
        with self._mutex:
            self._is_over = True
            while self._idle:
                self._idle.pop().close()
