"""Warnings of dbt on the lines of a terminal."""

from __future__ import annotations

import textwrap

import pytest

from dbt_state_plugin.core.values.wrapping import columns
from dbt_state_plugin.dbt_runner.messages import warning_lines

SENTENCE = (
    "Spaces found in 1 resource name(s). This is deprecated, and may lead to errors when using dbt. Run again with"
    " `--debug` to see them all, 顧客 among them."
)
# As dbt wraps it: colours count.
BY_DBT = "[\x1b[33mWARNING\x1b[0m]: Deprecated functionality\n" + textwrap.fill(SENTENCE, 80, break_on_hyphens=False)


@pytest.mark.parametrize("width", [40, 80, 83, 120])
def test_a_warning_is_folded_for_the_terminal_and_not_where_dbt_has_wrapped_it(width: int) -> None:
    lines = warning_lines(BY_DBT, width=width, wrapped_at=80)

    assert max(map(columns, lines)) <= width
    assert {line[:5] for line in lines} == {"dbt: "}
    texts = [line[5:] for line in lines]
    first = next(number for number, text in enumerate(texts) if text.startswith("Spaces"))
    assert " ".join(texts[:first]) == "[WARNING]: Deprecated functionality"
    assert " ".join(texts[first:]) == SENTENCE
    for text, following in zip(texts[first:], texts[first + 1 :], strict=False):
        assert columns(f"dbt: {text} {following.split()[0]}") > width, "each line is as full as it can be"


def test_a_pipe_has_the_lines_of_dbt_and_names_cannot_steer_a_terminal() -> None:
    assert warning_lines(BY_DBT, width=None, wrapped_at=80) == [
        f"dbt: {line}" for line in BY_DBT.replace("\x1b[33m", "").replace("\x1b[0m", "").splitlines()
    ]
    assert warning_lines("odd \x1b[2J name\n\n- a\n- b", width=80, wrapped_at=80) == [
        r"dbt: odd \x1b[2J name",
        "dbt: ",
        "dbt: - a",
        "dbt: - b",
    ]
