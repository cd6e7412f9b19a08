"""Long lists, folded, with the number of what is left out."""

from __future__ import annotations

from collections.abc import Sequence

from dbt_state_plugin.report.line import Style, line_of

FOLD_AFTER = 20  # a longer list is folded, and the fold is said
_NAMED = 3


def folded(lines: Sequence[str], hint: str = "", *, is_whole: bool = False) -> list[str]:
    """Return the first lines of a long list and one that counts the others; with `is_whole` all of them."""
    if is_whole or len(lines) <= FOLD_AFTER:
        return list(lines)
    return [*lines[:FOLD_AFTER], more_line(len(lines) - FOLD_AFTER, hint)]


def more_line(number: int, hint: str = "", *, column: int = 7) -> str:
    """Return the line that counts what a list leaves out; `hint` says what shows it, `column` where words begin."""
    return line_of("  ", ("...", Style.QUIET), f"{'':<{column - 3}}and {number} more{f' ({hint})' if hint else ''}")


def listed(names: Sequence[str], most: int = _NAMED) -> str:
    """Return the first names and how many more there are: `a, b, c and 2 more`."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
