"""Long lists, folded."""

from __future__ import annotations

import pytest

from dbt_state_plugin.report.folding import FOLD_AFTER, folded, listed, more_line


def lines(number: int) -> list[str]:
    return [f"line {each}" for each in range(number)]


def test_a_list_that_is_short_enough_is_shown_whole() -> None:
    assert folded(lines(FOLD_AFTER)) == lines(FOLD_AFTER)


def test_a_longer_one_says_how_many_are_left_out_and_what_shows_them() -> None:
    assert folded(lines(FOLD_AFTER + 2)) == [*lines(FOLD_AFTER), "  ...    and 2 more"]
    assert folded(lines(FOLD_AFTER + 1), "`--all` shows them")[-1] == "  ...    and 1 more (`--all` shows them)"
    assert folded(lines(FOLD_AFTER + 1), is_whole=True) == lines(FOLD_AFTER + 1)


def test_the_line_stands_below_the_words_of_the_others() -> None:
    assert more_line(3, column=10) == "  ...       and 3 more"


@pytest.mark.parametrize(
    ("names", "words"),
    [("", ""), ("a", "a"), ("abc", "a, b, c"), ("abcde", "a, b, c and 2 more")],
)
def test_three_names_are_listed_and_the_others_counted(names: str, words: str) -> None:
    assert listed(list(names)) == words
