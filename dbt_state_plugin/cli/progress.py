"""Progress of a command on stderr, live or as occasional lines."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from dbt_state_plugin.api import Stage, Step
from dbt_state_plugin.cli.options import says
from dbt_state_plugin.cli.screen import SCREEN

if TYPE_CHECKING:
    from dbt_state_plugin.cli.live_line import LiveLine

_ANNOUNCED_AFTER = 0.5  # seconds that a stage takes before it is said
_ANNOUNCED_AT_ONCE = {Stage.PARSE: 0.0}
_ANNOUNCED_IN_A_LOG = {**_ANNOUNCED_AT_ONCE, Stage.BUILD: 10.0}  # dbt itself says what it builds
_LOG_WIDTH = 80  # columns
_REPEATED_AFTER = 10.0  # seconds between two lines of a log about the same stage
_DRAWN_AFTER = 0.3  # seconds until there is a live line
_DRAWN_EVERY = 0.2
_SPINNER = "|/-\\"
_SAID_ELSEWHERE = (Stage.WAIT, Stage.ROWS)  # when they begin, a line of their own says so


class Reporter:
    """Keeps the latest step and prints it, in its own thread."""

    def __init__(
        self,
        draw: Callable[[str], None] | None,
        say: Callable[[Step, str], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        announced_after: Mapping[Stage, float] = _ANNOUNCED_IN_A_LOG,
    ) -> None:
        """`draw` shows a live line; without it `say` writes lines that stay.

        `announced_after` is how many seconds a stage lasts before it is printed, if not the default.
        """
        self._draw = draw
        self._say = say
        self._clock = clock
        self._announced_after = announced_after
        self._step: Step | None = None
        self._since = self._begun = self._noted = clock()
        self._said_at: float | None = None
        self._drawn = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
        self.is_held = False

    def __call__(self, step: Step) -> None:
        """Note a step; may be called from any thread."""
        before, self._step, self._noted = self._step, step, self._clock()
        if before is None or before.stage is not step.stage:
            self._since = self._noted
            self._said_at = self._since if step.stage in _SAID_ELSEWHERE else None

    def start(self) -> None:
        """Start printing."""
        self._thread.start()

    def stop(self) -> None:
        """Stop printing."""
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(_DRAWN_EVERY):
            with suppress(Exception):  # a line about progress is not worth a failure
                self.show()

    def show(self) -> None:
        """Redraw the line, or print a stage that takes long."""
        step, now = self._step, self._clock()
        if step is None or self.is_held:
            return
        elapsed = now - self._since
        if step.left_ms is not None:
            step = replace(step, left_ms=max(0, step.left_ms - round((now - self._noted) * 1000)))
        if self._draw is not None:
            if now - self._begun >= _DRAWN_AFTER:
                self._draw(f"{_SPINNER[self._drawn % len(_SPINNER)]} {elapsed:3.0f} s  {_line(step)}")
                self._drawn += 1
        elif self._is_due(step, elapsed, now):
            self._said_at = now
            self._say(step, _timed(step, elapsed))

    def _is_due(self, step: Step, elapsed: float, now: float) -> bool:
        if self._said_at is not None:
            return now - self._said_at >= _REPEATED_AFTER
        return elapsed >= self._announced_after.get(step.stage, _ANNOUNCED_AFTER)


def _timed(step: Step, seconds: float) -> str:
    time = f" ({seconds:.0f} s)" if seconds >= 1 else ""
    return _line(step, _LOG_WIDTH - len(time)) + time


def _line(step: Step, width: int | None = None) -> str:
    from dbt_state_plugin.report.progress import progress_line  # not before something takes its time

    return progress_line(step, width=width)


@contextmanager
def reporting(context: click.Context, *, holds: bool = False, doing: str = "") -> Iterator[Reporter]:
    """Yield the reporter of progress; with `holds` it prints nothing until `is_held` is set to False.

    `doing` describes what a command does with the state, if that is all that it reports.
    """
    line = _live_line() if SCREEN.is_live else None
    announced_after = _ANNOUNCED_AT_ONCE if SCREEN.is_json else _ANNOUNCED_IN_A_LOG
    reporter = Reporter(line.draw if line else None, _say, announced_after=announced_after)
    if not SCREEN.shows_progress or not says(context):
        yield reporter
        return
    reporter.is_held = holds
    reporter(Step(stage=Stage.STATE, detail=doing) if doing else Step(stage=Stage.CONNECT))
    if line:
        line.open()
    reporter.start()
    try:
        yield reporter
    finally:
        reporter.stop()
        if line:
            line.close()


def _live_line() -> LiveLine:
    from dbt_state_plugin.cli.live_line import LiveLine

    return LiveLine(sys.stderr)


def _say(step: Step, text: str) -> None:
    from dbt_state_plugin.report.progress import step_document

    SCREEN.say([text], event="StateProgress", data=step_document(step))
