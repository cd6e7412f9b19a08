"""Lines with styled parts, whole, cut and in colours."""

from __future__ import annotations

import pytest

from dbt_state_plugin.cli.colours import coloured
from dbt_state_plugin.report.folding import more_line
from dbt_state_plugin.report.line import Line, Style, headed, line_of
from dbt_state_plugin.report.text import node_line, warning_line
from dbt_state_plugin.report.width import truncated, wrapped

BUILT = node_line(("build", Style.BUILD), "orders", 8, "new: no build of it is recorded")
ALL_QUIET = line_of(("  skip   orders", Style.QUIET))


def test_a_line_is_its_text_and_its_parts_have_colours() -> None:
    assert BUILT == "  build  orders    new: no build of it is recorded"
    assert coloured(BUILT) == "  \x1b[32mbuild\x1b[0m  \x1b[1morders\x1b[0m    new: no build of it is recorded"
    assert coloured(f"{BUILT}") == BUILT


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (node_line(("build?", None), "orders", 0, "if a"), "  build? orders  if a"),
        (headed("Plan: 1 new"), "\x1b[1mPlan\x1b[0m: 1 new"),
        (headed("Plan: 1 new") + " (run)", "\x1b[1mPlan\x1b[0m: 1 new (run)"),
        (warning_line("warning", ": old rows: a"), "  \x1b[33mwarning\x1b[0m: old rows: a"),
        (warning_line("refused", " by a rule: a"), "  \x1b[33mrefused\x1b[0m by a rule: a"),
        (warning_line("", "all rows are rebuilt: a"), "  all rows are rebuilt: a"),
        (more_line(3), "  \x1b[2m...\x1b[0m    and 3 more"),
        (line_of(("Failed", Style.FAILED), ("", Style.NODE), "."), "\x1b[1;31mFailed\x1b[0m."),
    ],
)
def test_what_makes_a_line_says_what_its_parts_are(line: str, expected: str) -> None:
    assert coloured(line) == expected


@pytest.mark.parametrize("style", list(Style))
def test_each_style_has_a_colour(style: Style) -> None:
    assert coloured(line_of(("a", style))).startswith("\x1b[")


@pytest.mark.parametrize(
    ("line", "width", "expected"),
    [
        (BUILT, 80, coloured(BUILT)),
        (BUILT, 18, "  \x1b[32mbuild\x1b[0m  \x1b[1morders\x1b[0m  …"),
        (BUILT, 12, "  \x1b[32mbuild\x1b[0m  \x1b[1mor…\x1b[0m"),
        (BUILT, 9, "  \x1b[32mbuild\x1b[0m …"),
        (ALL_QUIET, 10, "\x1b[2m  skip   …\x1b[0m"),
        (line_of("  ", ("顧客顧客", Style.NODE), " a"), 7, "  \x1b[1m顧客…\x1b[0m"),
    ],
)
def test_a_line_that_is_cut_keeps_its_styles_up_to_the_end(line: Line, width: int, expected: str) -> None:
    assert coloured(truncated(line, width)) == expected


def test_the_first_of_the_lines_that_a_line_is_wrapped_to_has_its_styles() -> None:
    lines = wrapped(headed("Saved: about 3 minutes of building"), 20)
    wide = wrapped(line_of(("顧客", Style.HEAD), ": one two three"), 12)

    assert [coloured(line) for line in lines] == ["\x1b[1mSaved\x1b[0m: about 3", "  minutes of", "  building"]
    assert [coloured(line) for line in wide] == ["\x1b[1m顧客\x1b[0m: one", "  two three"]
