"""Versions of a source's data, and when they differ."""

from __future__ import annotations

from typing import Any

import pytest

from dbt_state_plugin.core.versions.source_version import (
    SourceVersion,
    data_change,
    known_answer,
    parse_version,
    with_checked,
)
from dbt_state_plugin.report.reason_words import NOT_COUNTED, detail

ABSENT = "-/absent"


def version(**fields: str) -> str:
    values = {"data": "-", "object_id": "1", "storage_id": "1", "columns": "c1", "touched": "t1"}
    return str(SourceVersion(**(values | fields)))


def change(seen: str | None, now: str, **fields: bool) -> str:
    """Return what is said about a change, nothing where there is none."""
    found = data_change(seen, now, **({"by_rows": True, "by_touch": False} | fields))
    return "" if found is None else detail(found)


def content(rows: str, columns: str = "c1", **fields: str) -> str:
    return version(columns=columns, answer=f"content:{columns}:{rows}", **fields)


def test_a_version_is_a_text_and_can_be_read_again() -> None:
    full = version(answer="content:c1:2:5", checked="-:1:1:t2")

    parsed = parse_version(full)

    assert str(parsed) == full == "-/1/1/c1/t1/content:c1:2:5/-:1:1:t2"
    assert version() == "-/1/1/c1/t1"
    assert parse_version(ABSENT) is None


@pytest.mark.parametrize(
    ("seen", "now", "words"),
    [
        (version(), version(), ""),
        (version(), version(touched="t2"), "rows changed"),
        (version(), version(data="other"), "rows changed"),
        (version(touched="definition-1"), version(touched="definition-1"), ""),
        (version(touched="definition-1"), version(touched="definition-2"), "its definition changed"),
        (version(), version(object_id="2", touched="t2"), "was re-created"),
        (version(), version(storage_id="2", touched="t2"), "was emptied or rewritten"),
        (version(), version(columns="c2", touched="t2"), "columns changed"),
        (None, version(), "is new here"),
        (ABSENT, version(), "was re-created or emptied"),
        (version(), ABSENT, "was re-created or emptied"),
        (None, ABSENT, "is new here"),
        (ABSENT, ABSENT, ""),
    ],
)
def test_any_movement_of_the_counters_is_said(seen: str | None, now: str, words: str) -> None:
    assert change(seen, now) == words


@pytest.mark.parametrize(
    ("seen", "now", "words"),
    [
        (content("2:5"), content("2:5", touched="t2"), ""),
        (content("2:5"), content("2:5", touched="t2", object_id="2", storage_id="2"), ""),
        (content("2:5"), content("2:6", touched="t2"), "rows changed"),
        (content("2:5"), content("2:5", columns="c2", touched="t2"), "columns changed"),
        (version(), content("2:5"), ""),
        (version(), content("2:5", touched="t2"), "rows changed"),
        (content("2:5"), version(answer="content:?rights"), ""),
        (
            content("2:5"),
            version(touched="t2", answer="content:?rights"),
            "was written, and this role may not read its rows to compare them",
        ),
        (
            version(answer="content:?error"),
            version(touched="t2", answer="content:?error"),
            "was written, and its rows could not be read to compare them",
        ),
        (content("2:5", checked="-:1:1:t2"), version(touched="t2", answer="content:?error"), ""),
        (content("2:5", touched="?foreign"), content("2:5", touched="?foreign"), ""),
        (content("2:5", touched="?foreign"), content("2:6", touched="?foreign"), "rows changed"),
        (
            version(touched="?foreign", answer="content:?error"),
            version(touched="?foreign", answer="content:?error"),
            "was written, and its rows could not be read to compare them",
        ),
    ],
)
def test_equal_rows_are_no_change_however_often_they_were_written(seen: str, now: str, words: str) -> None:
    assert change(seen, now) == words


@pytest.mark.parametrize("now", [content("2:5", touched="t2"), content("2:5", touched="t2", data="x")])
def test_who_reads_the_columns_of_the_loader_has_to_look_at_the_counters(now: str) -> None:
    assert change(content("2:5"), now, by_touch=True) == "rows changed"
    assert change(content("2:5", checked="-:1:1:t2"), now, by_touch=True) == "rows changed"
    assert change(content("2:5"), content("2:5"), by_touch=True) == ""


def test_who_reads_the_columns_of_the_loader_is_content_with_a_content_of_all_columns() -> None:
    seen, other = (version(touched="?untold", answer=f"content:all-c1:{rows}") for rows in ("2:5", "2:6"))
    without_the_loader = content("2:5", touched="?untold")

    assert change(seen, seen, by_touch=True) == ""
    assert change(seen, other, by_touch=True) == "rows changed"
    assert change(without_the_loader, without_the_loader, by_touch=True) == change(seen, version(touched="?untold"))


@pytest.mark.parametrize(
    ("seen", "now", "words"),
    [
        (version(answer="query:a"), version(answer="query:a", touched="t2"), ""),
        (version(answer="query:a"), version(answer="query:b"), "gives its query another answer"),
        (version(), version(answer="query:a"), "gives its query another answer"),
        (version(touched="?foreign"), version(touched="?foreign", answer="query:a"), "gives its query another answer"),
        (version(), version(answer="never", touched="t2", object_id="2"), ""),
        (version(), version(answer="never", columns="c2"), "columns changed"),
        (None, version(answer="never"), "is new here"),
        ("unknown", version(answer="never"), "nobody had looked at it before dbt built this by itself"),
        (version(answer="always"), version(answer="always"), "has data_version always: built on every run"),
        (version(answer="always"), version(), ""),
        (version(touched="?foreign"), version(touched="?foreign", answer="never"), ""),
    ],
)
def test_what_is_configured_decides(seen: str | None, now: str, words: str) -> None:
    assert change(seen, now) == words


HOUR, SHORTLY = "modified:2026-11-29T10:00:00+00:00", "modified:2026-11-29T10:00:00+00:00+unsettled"
OTHER_TIME = "was last altered at 2026-11-29T10:00:00+00:00, which its build did not see"


@pytest.mark.parametrize(
    ("seen", "now", "words"),
    [
        (HOUR, HOUR, ""),
        (HOUR, SHORTLY, ""),  # a clock that was set back since
        ("modified:2026-11-29T09:00:00+00:00", HOUR, OTHER_TIME),
        ("modified:2026-11-29T11:00:00+00:00", HOUR, OTHER_TIME),
        ("modified:2026-11-29T11:00:00+00:00", SHORTLY, OTHER_TIME),
        ("modified:?no-time", HOUR, OTHER_TIME),
        ("query:a", HOUR, OTHER_TIME),
        ("", HOUR, OTHER_TIME),
        (
            SHORTLY,
            HOUR,
            "was altered so shortly before its build that more may have come at that time (2026-11-29T10:00:00+00:00)",
        ),
        (HOUR, "modified:?no-time", "has no time of a last change in the warehouse: built on every run"),
        ("modified:?no-time", "modified:?no-time", "has no time of a last change in the warehouse: built on every run"),
        (HOUR, "query:a", "gives its query another answer"),
        (
            HOUR,
            "",
            "is in a warehouse that does not tell when rows change (see docs/warehouses.md): built on every run",
        ),
        (HOUR, "never", ""),
    ],
)
@pytest.mark.parametrize("by_touch", [True, False])
def test_any_other_time_of_the_last_change_and_one_that_may_come_again_is_a_change(
    seen: str, now: str, words: str, by_touch: bool
) -> None:
    before, today = (version(touched="?untold", answer=answer) for answer in (seen, now))

    assert change(before, today, by_touch=by_touch) == words
    assert change(before, today, by_rows=False) == ""
    assert with_checked(before, today) is None


def test_a_source_that_is_gone_does_not_exist_rather_than_having_other_columns() -> None:
    gone = version(columns="-", touched="?absent")

    assert change(version(), gone) == change(version(), gone, by_rows=False) == "does not exist"
    assert change(gone, gone) == "does not exist: built on every run"
    assert change(gone, version()) == "columns changed"


@pytest.mark.parametrize("word", [*NOT_COUNTED, "unheard-of"])
def test_what_cannot_be_seen_into_is_new_on_every_run(word: str) -> None:
    same = version(touched=f"?{word}")

    words = change(same, same)

    assert words.endswith(": built on every run")
    assert words.startswith(NOT_COUNTED.get(word, "cannot be seen into"))
    assert change(same, version()) == "rows changed"


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (version(touched="t2"), ""),
        (version(touched="t2", storage_id="2"), ""),
        (version(answer="always"), ""),
        (version(touched="?foreign"), ""),
        (version(answer="query:b"), ""),
        (version(object_id="2"), "was re-created"),
        (version(columns="c2"), "columns changed"),
    ],
)
def test_a_view_holds_no_rows_and_another_table_or_other_columns_concern_it(now: str, words: str) -> None:
    assert change(version(), now, by_rows=False) == words


def test_equal_content_is_remembered_beside_the_counters_of_the_build() -> None:
    seen, now = content("2:5"), content("2:5", touched="t2", object_id="2")

    kept = with_checked(seen, now)

    assert kept == content("2:5", checked="-:2:1:t2")
    assert with_checked(str(kept), now) is None
    assert change(kept, now, by_touch=True) == "was re-created"  # what the build saw of the loader's columns is older
    assert change(kept, version(object_id="2", touched="t2")) == "was re-created"


@pytest.mark.parametrize(
    ("seen", "now"),
    [
        (content("2:5"), content("2:5")),
        (version(), version(touched="t2")),
        (version(answer="query:a"), version(answer="query:a", touched="t2")),
        (version(), version(answer="never", touched="t2")),
        (content("2:5"), version(answer="content:?rights")),
        (content("2:5", touched="?foreign"), content("2:5", touched="?foreign")),
        (ABSENT, content("2:5")),
        (content("2:5"), ABSENT),
    ],
)
def test_nothing_is_remembered_where_rows_were_not_compared_or_nothing_is_newer(seen: str, now: str) -> None:
    assert with_checked(seen, now) is None


def test_the_content_of_rows_that_were_only_counted_is_remembered_once_it_is_known() -> None:
    assert with_checked(version(), content("2:5")) == content("2:5", checked="-:1:1:t1")
    assert with_checked(version(answer="content:?rights"), content("2:5")) == content("2:5", checked="-:1:1:t1")


@pytest.mark.parametrize(
    ("seen", "fields", "known"),
    [
        (content("2:5"), {}, "content:c1:2:5"),
        (content("2:5", checked="-:1:1:t2"), {"touched": "t2"}, "content:c1:2:5"),
        (content("2:5"), {"touched": "t2"}, ""),
        (content("2:5", columns="c2"), {}, ""),
        (content("2:5", touched="?foreign"), {"touched": "?foreign"}, ""),
        (version(), {}, ""),
        (ABSENT, {}, ""),
    ],
)
def test_rows_are_read_again_only_where_something_was_written(seen: str, fields: dict[str, Any], known: str) -> None:
    now = parse_version(version(**fields))
    assert now is not None

    assert known_answer(seen, now, "content:c1:") == known
