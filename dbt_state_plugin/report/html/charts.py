"""Bar charts as the rectangles of an SVG picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 100
STEP = 12  # from one bar to the next
_WIDTH = 9
_LEAST = 1.5  # so that a value that is not nothing is seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: its parts from the bottom, each a style and a value, and its title."""

    parts: tuple[tuple[str, float], ...]
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """A part of a bar in the picture's units, its top left corner at x and y."""

    x: float
    y: float
    width: float
    height: float
    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture of bars: its width, the bars with their rectangles, and the words for its largest value."""

    width: int
    bars: tuple[tuple[str, float, tuple[Rectangle, ...]], ...]
    most: str


def bar_chart(bars: Sequence[Bar], most: str) -> Chart:
    """Return the chart of bars, the highest of which takes the whole height."""
    highest = max((sum(value for _, value in bar.parts) for bar in bars), default=0) or 1
    drawn = []
    for number, bar in enumerate(bars):
        x, y = number * STEP + (STEP - _WIDTH) / 2, float(HEIGHT)
        rectangles = []
        for style, value in bar.parts:
            height = max(value / highest * HEIGHT, _LEAST) if value else 0
            y = max(y - height, 0)
            rectangles.append(Rectangle(x=x, y=round(y, 2), width=_WIDTH, height=round(height, 2), style=style))
        drawn.append((bar.title, float(number * STEP), tuple(each for each in rectangles if each.height)))
    return Chart(width=max(len(bars), 20) * STEP, bars=tuple(drawn), most=most)
