"""What is said on stderr beside dbt, folded in a terminal."""

from __future__ import annotations

import shutil
import sys
from typing import Any

from dbt_state_plugin.core.values.colours import without_colours
from dbt_state_plugin.core.values.wrapping import in_lines

_MARK = "dbt: "


def say(text: str) -> None:
    """Write a sentence of ours."""
    width = _width()
    _write([text] if width is None else in_lines(text, width, further_in="  "))


def repeat_warning(event: Any, *, after: str = "") -> None:
    """Show a warning of dbt on stderr, with what comes `after` its text."""
    from dbt_common.ui import printer_width

    _write(warning_lines(event.info.msg + after, width=_width(), wrapped_at=printer_width()))


def warning_lines(message: str, *, width: int | None, wrapped_at: int) -> list[str]:
    """Return a warning of dbt, marked as dbt's, without its colours and without control characters from names.

    dbt has wrapped it, but with no room for the mark: in a terminal what it took apart is put together and folded.
    """
    lines = message.splitlines()
    texts = [_shown(line) for line in (lines if width is None else _unwrapped(lines, wrapped_at))]
    if width is not None:
        texts = [part for text in texts for part in in_lines(text, width - len(_MARK))]
    return [f"{_MARK}{text}" for text in texts]


def _unwrapped(lines: list[str], width: int) -> list[str]:
    """Return the lines with those put together that dbt took apart, since the next word had no room; colours count."""
    found: list[str] = []
    before = ""
    for line in lines:
        first = line.split(" ", 1)[0]
        if found and before and first and len(before) <= width < len(f"{before} {first}"):
            found[-1] += f" {line}"
        else:
            found.append(line)
        before = line
    return found


def _shown(line: str) -> str:
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in without_colours(line))


def _width() -> int | None:
    return max(20, shutil.get_terminal_size().columns) if sys.stderr.isatty() else None


def _write(lines: list[str]) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in lines))
