"""Output of the command line: plain, coloured, or JSON lines."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

_VARIABLES = ("DBT_STATE_PLUGIN_USE_COLORS", "DBT_ENGINE_USE_COLORS", "DBT_USE_COLORS")
_UNABLE = ("dumb", "unknown")  # terminals, by TERM, that only print


@dataclass(slots=True)
class Screen:
    """How this process writes its output.

    `colours` is what was asked for, None if nothing was; `log_format` is dbt's term. `is_log` says that the output is
    read in a log, even if it is a terminal.
    """

    colours: bool | None = None
    log_format: str = "text"
    progress: bool | None = None
    is_log: bool = False

    def is_coloured(self, stream: TextIO) -> bool:
        """Return whether text on a stream is coloured: as asked for, else if it is a terminal that shows colours."""
        if self.colours is not None:
            return self.colours
        if os.environ.get("NO_COLOR") or any(_is_off(os.environ.get(name, "")) for name in _VARIABLES):
            return False
        return stream.isatty() and self._is_terminal

    @property
    def is_live(self) -> bool:
        """Return whether stderr is a terminal in which a line can be redrawn."""
        return sys.stderr.isatty() and self._is_terminal and not self.is_json

    @property
    def shows_progress(self) -> bool:
        """Return whether progress is wanted."""
        return self.progress is not False

    @property
    def is_json(self) -> bool:
        """Return whether messages are lines of JSON."""
        return self.log_format == "json"

    @property
    def _is_terminal(self) -> bool:
        return not self.is_log and not os.environ.get("CI") and os.environ.get("TERM", "") not in _UNABLE

    def write(self, lines: Iterable[str], stream: TextIO) -> None:
        """Write lines of text and flush, so that they keep their order with dbt's own."""
        from dbt_state_plugin.report.text import write_lines

        if self.is_coloured(stream):
            from dbt_state_plugin.cli.colours import coloured

            lines = map(coloured, lines)
        write_lines(lines, stream)

    def say(
        self,
        lines: Iterable[str],
        *,
        event: str = "StateNote",
        level: str = "info",
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Write to stderr: lines of text, or one event that has them as its message."""
        if not self.is_json:
            self.write(lines, sys.stderr)
            return
        text = "\n".join(lines)
        stream = sys.stderr.stream if isinstance(sys.stderr, JsonLines) else sys.stderr
        stream.write(f"{event_line(text, event=event, level=level, data=data or {})}\n")
        stream.flush()


SCREEN = Screen()


def _is_off(value: str) -> bool:
    return value.strip().lower() in ("0", "false", "f", "no", "n", "off")


def write_lines(lines: Iterable[str], stream: TextIO | None = None) -> None:
    """Write lines to a stream (default: stderr), coloured where it is a terminal."""
    if stream is None:
        SCREEN.say(lines)
    else:
        SCREEN.write(lines, stream)


def event_line(message: str, *, event: str, level: str = "info", data: Mapping[str, Any]) -> str:
    """Return one event as JSON, with the names of the fields of dbt's own events."""
    import json
    from datetime import datetime, timezone

    info = {
        "category": "",
        "code": "",
        "extra": {},
        "invocation_id": _invocation_id(),
        "level": "warn" if level == "warning" else level,
        "msg": message,
        "name": event,
        "pid": os.getpid(),
        "thread": threading.current_thread().name,
        "ts": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    return json.dumps({"data": dict(data), "info": info}, default=str)


def _invocation_id() -> str:
    from uuid import uuid4

    if not _INVOCATION:
        _INVOCATION.append(str(uuid4()))
    return _INVOCATION[0]


_INVOCATION: list[str] = []


class JsonLines:
    """Stderr on which every line that is not yet JSON becomes an event."""

    def __init__(self, stream: TextIO) -> None:
        """Write to this stream."""
        self.stream = stream
        self._rest = ""

    def write(self, text: str) -> int:
        """Write complete lines; an incomplete one is kept for later."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                is_json = line.startswith("{") and line.endswith("}")
                self.stream.write(f"{line if is_json else event_line(line, event='StateNote', data={})}\n")
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def talk_json() -> None:
    """Turn everything that is written to stderr from now on into lines of JSON."""
    if not isinstance(sys.stderr, JsonLines):
        sys.stderr = JsonLines(sys.stderr)
