"""Live line at the bottom of a terminal, below other output."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from contextlib import suppress
from typing import Any, TextIO

from dbt_state_plugin.report.width import truncated

_CLEAR = "\r\x1b[2K"


class LiveLine:
    """A line on stderr that is redrawn in place; other output appears above it.

    The cursor is never hidden: a process that is killed leaves the terminal as it was, except for that line.
    """

    def __init__(self, stream: TextIO) -> None:
        """Draw nothing yet."""
        self._stream = stream
        self._lock = threading.RLock()
        self._shown = ""
        self._is_drawn = False
        self._may_draw = True  # not in the middle of somebody's line
        self._replaced: list[tuple[str, TextIO]] = []

    def open(self) -> None:
        """Make everything printed to this terminal from now on clear the line first."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream.isatty() and _is_same_terminal(stream, self._stream):
                self._replaced.append((name, stream))
                setattr(sys, name, _Above(self, stream))

    def draw(self, text: str) -> None:
        """Show the text, cut to the width of the terminal."""
        shown = truncated(text, max(20, shutil.get_terminal_size().columns) - 1)
        with self._lock:
            self._shown = shown
            if self._may_draw:
                self._write(f"{_CLEAR}{shown}")
                self._is_drawn = True

    def write_above(self, stream: TextIO, text: str) -> int:
        """Write other output, and redraw the line below it."""
        with self._lock:
            self._clear()
            written = stream.write(text)
            if text:
                self._may_draw = text.endswith("\n")
            if self._may_draw and self._shown:
                stream.flush()
                self._write(self._shown)
                self._is_drawn = True
            return written

    def close(self) -> None:
        """Remove the line and restore the streams."""
        with self._lock:
            self._clear()
        for name, stream in self._replaced:
            setattr(sys, name, stream)
        self._replaced.clear()

    def _clear(self) -> None:
        if self._is_drawn:
            self._is_drawn = False
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # nobody is there any more to look at it
            self._stream.write(text)
            self._stream.flush()


class _Above:
    """A stream of the terminal whose text appears above the live line."""

    def __init__(self, line: LiveLine, stream: TextIO) -> None:
        self._line = line
        self._stream = stream

    def write(self, text: str) -> int:
        return self._line.write_above(self._stream, text)

    def writelines(self, lines: Any) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _is_same_terminal(one: TextIO, other: TextIO) -> bool:
    try:
        return os.fstat(one.fileno()).st_rdev == os.fstat(other.fileno()).st_rdev
    except (OSError, ValueError):
        return False
