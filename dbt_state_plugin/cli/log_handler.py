"""Log handler that writes to whatever stderr is at that moment."""

from __future__ import annotations

import logging
import sys


class StderrHandler(logging.Handler):
    """Write each record as a line, above the live line if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:  # as logging's own handlers do
            self.handleError(record)
