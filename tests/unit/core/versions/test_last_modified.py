"""Answers that say when a source was last altered."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from dbt_state_plugin.core.versions.last_modified import (
    MARGIN,
    is_last_modified,
    is_settled,
    last_modified_answer,
    time_of,
    unknown_last_modified,
    why_unknown,
)

NOON = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("looked_at", "expected"),
    [
        (NOON + MARGIN + SECOND, True),
        (NOON + MARGIN, False),
        (NOON + SECOND, False),
        (NOON, False),
        (NOON - 400 * 24 * timedelta(hours=1), False),
    ],
)
def test_a_time_has_settled_when_the_look_is_later_by_more_than_the_margin(looked_at: datetime, expected: bool) -> None:
    answer = last_modified_answer(NOON, looked_at)

    assert is_settled(answer) is expected
    assert time_of(answer) == "2026-11-29T12:00:00+00:00"
    assert is_last_modified(answer)
    assert "/" not in answer  # which a version has between its fields


def test_a_time_is_the_same_in_any_zone_and_without_one_it_is_utc() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=9)))
    looked_at = NOON + 2 * MARGIN

    answers = {last_modified_answer(time, looked_at) for time in (NOON, NOON.replace(tzinfo=None), east)}
    naive_look = last_modified_answer(NOON, looked_at.replace(tzinfo=None))

    assert answers == {naive_look}
    assert is_settled(naive_look)
    assert time_of(last_modified_answer(NOON + timedelta(microseconds=1), looked_at)) != time_of(naive_look)


def test_a_time_that_is_not_known_is_a_word() -> None:
    answer = unknown_last_modified("no-time")

    assert (why_unknown(answer), time_of(answer), is_last_modified(answer)) == ("no-time", "", True)
    assert why_unknown(last_modified_answer(NOON, NOON)) == ""
    assert (time_of("query:a"), is_last_modified("query:a")) == ("", False)
