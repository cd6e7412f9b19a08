"""The live line, below what is printed and gone at the end."""

from __future__ import annotations

import io
import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import pytest

from dbt_state_plugin.cli.live_line import LiveLine

CLEAR = "\r\x1b[2K"


@pytest.fixture
def terminal() -> Iterator[tuple[TextIO, int]]:
    """Give a pseudo terminal, and where to read what it was sent."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8", buffering=1) as stream:
        yield stream, ours
    os.close(ours)


@contextmanager
def live_line(stream: TextIO, stdout: TextIO | None = None) -> Iterator[LiveLine]:
    """Let the terminal be this process's own, with a live line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stdout or stream)
        patch.setattr(sys, "stderr", stream)
        patch.setenv("COLUMNS", "30")
        line = LiveLine(stream)
        line.open()
        yield line
        line.close()
        assert sys.stderr is stream


def sent(stream: TextIO, ours: int) -> str:
    stream.close()  # what is read ends then, on Linux with EIO
    found = b""
    with suppress(OSError):
        while piece := os.read(ours, 4096):
            found += piece
    return found.decode().replace("\r\n", "\n")


def test_what_others_print_clears_the_line_first(terminal: tuple[TextIO, int]) -> None:
    stream, ours = terminal
    with live_line(stream) as line:
        line.draw("first")
        print("printed")
        line.draw("second")

    assert sent(stream, ours) == f"{CLEAR}first{CLEAR}printed\nfirst{CLEAR}second{CLEAR}"


def test_nothing_is_drawn_into_the_middle_of_a_line(terminal: tuple[TextIO, int]) -> None:
    stream, ours = terminal
    with live_line(stream) as line:
        sys.stderr.write("a half ")
        line.draw("not now")
        sys.stderr.writelines(["and", " a half\n"])
        line.draw("now")

    assert sent(stream, ours) == f"a half and a half\nnot now{CLEAR}now{CLEAR}"


def test_a_line_is_cut_to_the_columns_of_the_terminal(terminal: tuple[TextIO, int]) -> None:
    stream, ours = terminal
    with live_line(stream) as line:
        line.draw("顧" * 20)

    assert sent(stream, ours) == f"{CLEAR}{'顧' * 14}…{CLEAR}"


def test_a_pipe_beside_the_terminal_is_left_alone(terminal: tuple[TextIO, int]) -> None:
    piped = io.StringIO()
    with live_line(terminal[0], stdout=piped):
        print("printed")
        is_piped = sys.stdout is piped
        is_above = sys.stderr is not terminal[0]

    assert (is_piped, is_above, piped.getvalue()) == (True, True, "printed\n")


def test_a_terminal_that_is_gone_ends_nothing() -> None:
    gone = io.StringIO()
    line = LiveLine(gone)
    gone.close()

    line.draw("nobody sees it")
    line.close()
