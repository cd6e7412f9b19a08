"""Text on lines of a terminal, wide and combining characters counted."""

from __future__ import annotations

import re
import textwrap

_WORD = re.compile(r"(\s*)(\S+)")


def columns(text: str) -> int:
    """Return the number of columns that a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def in_lines(text: str, width: int, *, further_in: str = "") -> list[str]:
    """Return a text on lines of a width, those after the first with `further_in` before them."""
    if columns(text) <= width:
        return [text]
    if text.isascii():
        return textwrap.wrap(text, width, subsequent_indent=further_in, break_on_hyphens=False)
    from rich.cells import chop_cells

    lines: list[str] = []
    current, has_words = "", False
    for gap, word in _WORD.findall(text):
        if columns(current + gap + word) <= width:
            current, has_words = current + gap + word, True
            continue
        if has_words:
            lines.append(current)
        begun = (further_in if has_words else gap) + word
        *whole, current = chop_cells(begun, width) if columns(begun) > width else [begun]
        lines += whole
        has_words = True
    return [*lines, current]
