"""What a command shows in a real terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Mapping, Sequence

from support import forkserver
from support.project import Project

ON_A_DESK = {"NO_COLOR": "", "CI": "", "TERM": "xterm-256color", "DBT_STATE_PLUGIN_PROGRESS": "1"}
_REDRAWN = re.compile(r"[^\n]*\r\x1b\[2K")
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def in_terminal(
    project: Project,
    *arguments: str,
    columns: int,
    env: Mapping[str, str] | None = None,
    check: int = 0,
    program: Sequence[str] = (),
) -> str:
    """Return all that a command sends to a terminal of this width, lines end as in a file.

    It is a fork of dbt-state-plugin, where no other program is given.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*(program or [str(forkserver.programs() / "dbt-state-plugin")]), *arguments],
        cwd=project.directory,
        env={**project.environment, "COLUMNS": str(columns), **(env or {})},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # Linux ends a terminal that nobody holds any more with EIO
        pass
    finally:
        os.close(ours)
    assert process.wait() == check, shown.decode()
    return shown.decode().replace("\r\n", "\n")


def left_standing(shown: str) -> str:
    """Return what is to be read in the end, without lines that were drawn over and without styles."""
    return _STYLE.sub("", _REDRAWN.sub("", shown))


def drawn(shown: str) -> list[str]:
    """Return the live lines in the order in which they were drawn."""
    last_lines = [piece.rpartition("\n")[2] for piece in shown.split("\r\x1b[2K")]
    return [line for line in last_lines if line.startswith(("|", "/", "-", "\\"))]
