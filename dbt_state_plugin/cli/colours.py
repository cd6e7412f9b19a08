"""Colours of lines by their words; alone imports rich's console."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO

from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.text import Text
from rich.theme import Theme

_NODE = r"  ?(?P<node>\S.*?)(?=  |$)"
_STYLES = {
    "build": "green",
    "later": "blue",
    "quiet": "dim",
    "care": "yellow",
    "bad": "red",
    "failed": "bold red",
    "good": "green",
    "succeeded": "bold green",
    "head": "bold",
    "node": "bold",
    "added": "green",
    "gone": "red",
    "place": "cyan",
}


class _Words(RegexHighlighter):
    """The words with which lines begin, and the states of executions and nodes.

    Names and messages of users may hold anything, so only what stands at the beginning of a line counts.
    """

    base_style = "state."
    highlights = [  # noqa: RUF012 - as rich has it
        r"^  (?P<build>build\??) +" + _NODE,
        r"^  (?P<later>later\??) +" + _NODE,
        r"^(?P<quiet>  skip .*)$",
        r"^  (?P<care>removed|gone|hook) ",
        r"^  (?P<bad>again)  " + _NODE,
        r"^  (?P<later>cut|same) +" + _NODE,
        r"^  (?P<quiet>feeds|\.\.\.) ",
        r"^  (?P<care>warning|refused)\b",
        r"^(?P<head>Plan|Estimate|Saved):",
        r"^(?P<succeeded>Succeeded|Ready)\b",
        r"^(?P<failed>Failed|Error|Not ready|Stopped)\b",
        r"^(?P<head>Nothing to build|Recorded|Adopted):",
        r"^(?P<quiet>started \(UTC\).*)$",
        r"^\d{4}-\d\d-\d\d \d\d:\d\d  (?P<node>\S+) +(?P<good>succeeded)",
        r"^\d{4}-\d\d-\d\d \d\d:\d\d  (?P<node>\S+) +(?P<bad>failed)",
        r"^\d{4}-\d\d-\d\d \d\d:\d\d  (?P<node>\S+) +(?P<care>running|cancelled|abandoned)",
        r"^(?P<head>execution \S+)$",
        r"^  (?:run|build|seed|snapshot|record|adopt): (?P<good>succeeded)",
        r"^  (?:run|build|seed|snapshot|record|adopt): (?P<bad>failed)",
        r"^  (?P<node>(?:model|seed|snapshot|test|unit_test|function)\.\S+)  (?P<good>success|pass)\b",
        r"^  (?P<node>(?:model|seed|snapshot|test|unit_test|function)\.\S+)  (?P<bad>error|fail|not \w+)\b",
        r"^  (?P<node>(?:model|seed|snapshot|test|unit_test|function)\.\S+)  (?P<care>skipped|warn)\b",
        r"^  (?P<good>ok)  ",
        r"^  (?P<bad>error)  ",
        r"^  (?P<care>note) ",
        r"^    (?P<added>\+.*)$",
        r"^    (?P<gone>-.*)$",
        r"^    (?P<place>@@ .* @@)",
    ]


def coloured(lines: Iterable[str]) -> list[str]:
    """Return the lines with the codes of a terminal's own 16 colours, which fit light and dark ones."""
    console = Console(
        file=StringIO(),
        force_terminal=True,
        color_system="standard",
        no_color=False,
        theme=Theme({f"state.{name}": style for name, style in _STYLES.items()}),
        highlight=False,
        legacy_windows=False,
    )
    words, found = _Words(), []
    for line in lines:
        text = Text(line)
        words.highlight(text)
        with console.capture() as capture:
            console.print(text, soft_wrap=True, end="")
        found.append(capture.get())
    return found
