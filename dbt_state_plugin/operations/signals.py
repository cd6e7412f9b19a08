"""Signals that stop a run."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

# Windows has no SIGHUP; what a console sends there instead is SIGBREAK.
_STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)


@dataclass(slots=True)
class Stop:
    """Remember which signal asked the run to stop, 0 when none did."""

    signal_number: int = 0
    handles_signals: bool = False

    def interrupt(self) -> None:
        """Make the main thread stop as if the user had pressed Ctrl-C, where this run handles signals."""
        if self.handles_signals and os.name == "nt":
            signal.raise_signal(signal.SIGINT)  # os.kill would end the process at once
        elif self.handles_signals:
            os.kill(os.getpid(), signal.SIGINT)


@contextmanager
def stopping_like_sigint() -> Iterator[Stop]:
    """Make SIGTERM and SIGHUP cancel as SIGINT does; a second signal ends the process at once.

    dbt cancels its queries when KeyboardInterrupt reaches its main thread; SIGTERM and SIGHUP would end it in
    milliseconds and leave the queries running. SIGINT is set too, since a shell starts background children with SIGINT
    ignored. Outside the main thread Python allows no handlers, so there nothing is changed.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stop.signal_number:
            os._exit(128 + number)
        stop.signal_number = number
        raise KeyboardInterrupt

    stop.handles_signals = True
    previous = {number: signal.signal(number, on_signal) for number in _STOPPING}
    try:
        yield stop
    finally:
        stop.handles_signals = False
        for number, handler in previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
