"""Width of text in a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_state_plugin.core.values.wrapping import columns
from dbt_state_plugin.report.width import padded, truncated, wrapped


@pytest.mark.parametrize(("text", "width"), [("orders", 6), ("顧客", 4), ("é", 1), ("e\u0301", 1), ("", 0)])
def test_a_character_takes_the_columns_that_a_terminal_gives_it(text: str, width: int) -> None:
    assert columns(text) == width
    assert padded(text, 8) == text + " " * (8 - width)


def test_a_long_line_ends_with_an_ellipsis() -> None:
    assert truncated("abcdef", 6) == truncated("abcdef", None) == "abcdef"
    assert truncated("abcdefg", 6) == "abcde…"
    assert truncated("顧客顧客", 7) == "顧客顧…"
    assert truncated("顧客顧客", 6) == "顧客 …"


def test_a_sentence_goes_on_further_in() -> None:
    assert wrapped("  one two three", 10) == ["  one two", "    three"]
    assert wrapped("  顧客 顧客 three", 10) == ["  顧客", "    顧客", "    three"]
    assert wrapped("  again  顧客 three", 15) == ["  again  顧客", "    three"], "columns stay where they are"
    assert wrapped("顧客顧客顧客 a", 10) == ["顧客顧客顧", "客 a"]


@given(st.text(alphabet="ab 顧é", max_size=40), st.integers(12, 30))
def test_no_line_is_wider_than_the_terminal_and_no_letter_is_lost(text: str, width: int) -> None:
    lines = wrapped(f"x{text}", width)

    assert all(columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(f"x{text}".split())
    assert columns(truncated(text, width)) <= width
