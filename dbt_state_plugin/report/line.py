"""Lines of text that know the style of their parts."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from enum import Enum, auto
from typing import NamedTuple


class Style(Enum):
    """What a part of a line is; the command line has a colour for each."""

    BUILD = auto()
    LATER = auto()
    QUIET = auto()
    CARE = auto()
    BAD = auto()
    GOOD = auto()
    FAILED = auto()
    SUCCEEDED = auto()
    HEAD = auto()
    NODE = auto()
    ADDED = auto()
    GONE = auto()
    PLACE = auto()


class Span(NamedTuple):
    """A part of a line, by its characters, and its style."""

    start: int
    end: int
    style: Style


class Line(str):
    """A line with styled parts, in their order. It is its text: where there are no colours nobody need know more."""

    __slots__ = ("spans",)

    spans: tuple[Span, ...]

    def __new__(cls, text: str, spans: Iterable[Span] = ()) -> Line:
        """Return the text with these spans."""
        line = super().__new__(cls, text)
        line.spans = tuple(spans)
        return line

    def __add__(self, more: str) -> Line:
        """Return the line with plain text after it."""
        return Line(f"{self}{more}", self.spans)


def line_of(*parts: str | tuple[str, Style | None]) -> Line:
    """Return a line of plain texts and of texts with a style."""
    text, spans = "", []
    for part in parts:
        words, style = (part, None) if isinstance(part, str) else part
        if style is not None and words:
            spans.append(Span(len(text), len(text) + len(words), style))
        text += words
    return Line(text, spans)


def headed(line: str) -> Line:
    """Return a line with the words before its colon as its head."""
    head, colon, rest = line.partition(":")
    return line_of((head, Style.HEAD), colon, rest)


def beginning(line: str, text: str) -> str:
    """Return `text`, with which a line begins except perhaps for an ellipsis, in the styles of the line.

    What is cut through keeps its style up to the end.
    """
    if not isinstance(line, Line):
        return text
    same = len(posixpath.commonprefix([line, text]))
    spans = (span if span.end <= same else span._replace(end=len(text)) for span in line.spans if span.start < same)
    return Line(text, spans)
