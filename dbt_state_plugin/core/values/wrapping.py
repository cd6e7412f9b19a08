"""Text on lines of a terminal, wide and combining characters counted."""

from __future__ import annotations

import textwrap


def columns(text: str) -> int:
    """Return the number of columns that a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def in_lines(text: str, width: int, *, indent: str = "", further_in: str = "") -> list[str]:
    """Return a text that begins with `indent` on lines of a width, those after the first with `further_in` before."""
    if columns(text) <= width:
        return [text]
    if text.isascii():
        return textwrap.wrap(text, width, subsequent_indent=further_in, break_on_hyphens=False)
    from rich.cells import chop_cells

    lines: list[str] = []
    current, gap = indent, ""
    for word in text.split():
        if columns(current + gap + word) <= width:
            current, gap = current + gap + word, " "
            continue
        if gap:
            lines.append(current)
            current = further_in
        *whole, current = chop_cells(current + word, width) if columns(current + word) > width else [current + word]
        lines += whole
        gap = " "
    return [*lines, current]
