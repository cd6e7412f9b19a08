"""Sets of checksums: one for each content, and compared by the server."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.database import Database
from support.hostile_names import hostile_names

from dbt_state_plugin.errors import StateError
from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.state.checksum_sets import compare_checksum_sets, record_checksum_set
from dbt_state_plugin.state.state import State

SETS = "SELECT checksum_set_id, kind FROM {state}.checksum_set ORDER BY 1"
CHECKSUMS = "SELECT name, checksum FROM {state}.checksum WHERE checksum_set_id = %s"


def recorded(state: State, checksums: Mapping[str, str], kind: str = "file") -> str:
    with database_errors("Cannot record the set"), transaction(state.connection) as cursor:
        return record_checksum_set(cursor, state, kind=kind, checksums=checksums)


def compared(state: State, new: str, *old: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    with state.connection.cursor() as cursor:
        return compare_checksum_sets(cursor, state, new, *old)


def test_a_set_is_recorded_with_its_kind_and_all_its_checksums(state: State) -> None:
    found = recorded(state, {"b": "2", "a": "1"}, "manifest")

    assert state.rows(SETS) == [(found, "manifest")]
    assert dict(state.rows(CHECKSUMS, (found,))) == {"a": "1", "b": "2"}


def test_equal_sets_are_one_in_whatever_order_they_come(state: State) -> None:
    assert recorded(state, {"a": "1", "b": "2"}) == recorded(state, {"b": "2", "a": "1"})
    assert len(state.rows(SETS)) == 1


@pytest.mark.parametrize(
    "other", [{"a": "2"}, {"b": "1"}, {"a": "1", "b": "1"}, {}, {"a": ""}, {'a", "1"], ["b': "1"}], ids=repr
)
def test_other_checksums_are_another_set(state: State, other: Mapping[str, str]) -> None:
    first, second = recorded(state, {"a": "1"}), recorded(state, other)

    assert first != second
    assert (dict(state.rows(CHECKSUMS, (first,))), dict(state.rows(CHECKSUMS, (second,)))) == ({"a": "1"}, other)


def test_equal_checksums_of_another_kind_are_another_set(state: State) -> None:
    assert len({recorded(state, {"a": "1"}, kind) for kind in ("file", "manifest", "fingerprint")}) == 3


def test_an_empty_set_is_a_set(state: State) -> None:
    found = recorded(state, {})

    assert state.rows(SETS) == [(found, "file")]
    assert state.rows(CHECKSUMS, (found,)) == []


def test_hostile_names_are_recorded_and_compared_as_they_are(state: State) -> None:
    names = hostile_names()
    old, new = recorded(state, dict.fromkeys(names[1:], "1")), recorded(state, dict.fromkeys(names[:-1], "2"))

    assert compared(state, new, old) == (tuple(sorted(names[:-1])), (names[-1],))


def test_a_kind_that_there_is_not_is_refused_and_nothing_is_recorded(state: State) -> None:
    with pytest.raises(StateError, match=r"checksum_set_kind_check|CHECK constraint failed: kind"):
        recorded(state, {"a": "1"}, "folder")

    assert state.rows(SETS) == []


def test_what_is_new_or_differs_is_changed_and_what_is_gone_removed_in_the_order_of_names(state: State) -> None:
    old = recorded(state, {"same": "1", "other": "1", "gone": "1", "Gone": "1", "Same": "1"})
    new = recorded(state, {"same": "1", "other": "2", "new": "1", "New": "1", "Other": "1"})

    assert compared(state, new, old) == (("New", "Other", "new", "other"), ("Gone", "Same", "gone"))


def test_a_set_does_not_differ_from_itself(state: State) -> None:
    found = recorded(state, {"a": "1", "b": ""})

    assert compared(state, found, found) == ((), ())


def test_without_an_old_set_everything_is_new(state: State) -> None:
    recorded(state, {"of another set": "1"})

    assert compared(state, recorded(state, {"b": "1", "a": "1"})) == (("a", "b"), ())


@pytest.mark.parametrize(("old", "new", "expected"), [(("a",), (), ((), ("a",))), ((), ("a",), (("a",), ()))])
def test_against_an_empty_set_everything_differs(
    state: State, old: tuple[str, ...], new: tuple[str, ...], expected: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    sets = [recorded(state, dict.fromkeys(names, "1")) for names in (new, old)]

    assert compared(state, sets[0], sets[1]) == expected


def test_against_a_set_of_another_kind_everything_differs(state: State) -> None:
    old = recorded(state, {"a": "1", "gone": "1"}, "manifest")

    assert compared(state, recorded(state, {"a": "1", "b": "1"}), old) == (("a", "b"), ("gone",))


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_who_records_a_set_that_another_is_just_recording_has_all_of_it(
    copied: Database, state: State, second: State, end: str
) -> None:
    covered = {str(number): "1" for number in range(50)}
    with ThreadPoolExecutor() as pool, state.connection.cursor() as cursor:
        cursor.execute("BEGIN")
        record_checksum_set(cursor, state, kind="file", checksums=covered)
        following = pool.submit(recorded, second, covered)
        copied.wait_until_blocked(second.connection.info.backend_pid)

        cursor.execute(end)

        found = following.result()
    assert dict(state.rows(CHECKSUMS, (found,))) == covered


def test_of_several_earlier_sets_the_last_that_holds_a_name_counts(state: State) -> None:
    first = recorded(state, {"a": "1", "b": "1", "c": "1"})
    second = recorded(state, {"b": "2", "d": "1"})
    new = recorded(state, {"a": "1", "b": "1", "d": "1"})

    assert compared(state, new, first, second) == (("b",), ("c",))
    assert compared(state, new, second, first) == ((), ("c",))
