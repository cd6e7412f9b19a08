"""A terminal's own 16 colours, which fit light and dark ones."""

from __future__ import annotations

from dbt_state_plugin.report.line import Line, Style

# Parameters of the control sequence that selects a rendition (ECMA-48, SGR).
_CODES = {
    Style.BUILD: "32",
    Style.LATER: "34",
    Style.QUIET: "2",
    Style.CARE: "33",
    Style.BAD: "31",
    Style.GOOD: "32",
    Style.FAILED: "1;31",
    Style.SUCCEEDED: "1;32",
    Style.HEAD: "1",
    Style.NODE: "1",
    Style.ADDED: "32",
    Style.GONE: "31",
    Style.PLACE: "36",
}


def coloured(line: str) -> str:
    """Return a line with the codes for its styled parts."""
    if not isinstance(line, Line):
        return line
    text, done = "", 0
    for start, end, style in line.spans:
        text += f"{line[done:start]}\x1b[{_CODES[style]}m{line[start:end]}\x1b[0m"
        done = end
    return text + line[done:]
