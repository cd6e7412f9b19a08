"""Heartbeat that keeps the lock's connection alive during long queries.

Without it a run whose connection to the state was cut off would notice only at the end of the query. It also keeps
firewalls from closing the connection after minutes without traffic.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def heartbeat(check: Callable[[], object], *, seconds: float) -> Iterator[None]:
    """Call `check`, which must not raise, every `seconds` in a separate thread."""
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(seconds):
            check()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()  # what it found must reach the main thread before the run goes on
