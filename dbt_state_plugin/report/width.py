"""Width of text in terminal columns, wide and combining characters counted."""

from __future__ import annotations

from dbt_state_plugin.core.values.wrapping import columns, in_lines
from dbt_state_plugin.report.line import beginning


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
    lines = in_lines(line, width, further_in=indent)
    return [beginning(line, lines[0]), *lines[1:]]
