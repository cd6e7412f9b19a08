"""Width of text in terminal columns, wide and combining characters counted."""

from __future__ import annotations

import textwrap

from dbt_state_plugin.report.line import beginning


def columns(text: str) -> int:
    """Return the number of columns that a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def padded(text: str, width: int) -> str:
    """Return the text with spaces after it up to a width."""
    return text + " " * (width - columns(text))


def truncated(line: str, width: int | None) -> str:
    """Return the line cut to the width, with an ellipsis where something is missing."""
    if width is None or columns(line) <= width:
        return line
    return beginning(line, _cut(line, width - 1) + "…")


def _cut(line: str, width: int) -> str:
    if line.isascii():
        return line[:width]
    from rich.cells import set_cell_size

    return set_cell_size(line, width)


def wrapped(line: str, width: int | None) -> list[str]:
    """Return a sentence on as many lines as the width needs; what follows the first is indented further and plain."""
    if width is None or columns(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip())) + "  "
    if line.isascii():
        lines = textwrap.wrap(line, width, subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False)
    else:
        lines = _wrapped_by_columns(line, width, indent)
    return [beginning(line, lines[0]), *lines[1:]]


def _wrapped_by_columns(line: str, width: int, indent: str) -> list[str]:
    from rich.cells import chop_cells

    lines: list[str] = []
    current, gap = indent[:-2], ""
    for word in line.split():
        if columns(current + gap + word) <= width:
            current, gap = current + gap + word, " "
            continue
        if gap:
            lines.append(current)
            current = indent
        *whole, current = chop_cells(current + word, width) if columns(current + word) > width else [current + word]
        lines += whole
        gap = " "
    return [*lines, current]
