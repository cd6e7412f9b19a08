"""Pasts of environments, and what an older state lacks."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.values import HERE

from dbt_state_plugin.sqlite.address import SqliteAddress
from dbt_state_plugin.state.connection import connect
from dbt_state_plugin.state.dialect import is_sqlite
from dbt_state_plugin.state.lock import acquire_lock
from dbt_state_plugin.state.past import note_past, note_position, times_noted, went_back
from dbt_state_plugin.state.state import State, open_state


def noted(state: State, *, noted: int = 0, position: str | None = None, is_restored: bool = False) -> State:
    """Note the past, and return the state as it is opened from then on."""
    note_past(state, noted=noted, position=position, is_restored=is_restored)
    return open_state(state.connection, state.schema, state.environment)


@pytest.mark.parametrize(
    ("before", "now", "is_back"),
    [
        ("1/5/100", "1/5/100", False),
        ("1/5/100", "1/5/101", False),
        ("1/5/100", "1/5/99", True),
        ("1/5/99", "1/5/100", False),  # numbers, not texts
        ("1/5/100", "2/5/200", True),
        ("1/5/100", "1/6/200", True),
        ("1/5/?", "1/5/200", True),
    ],
)
def test_a_warehouse_went_back_if_it_is_before_its_position_or_on_another_line(
    before: str, now: str, is_back: bool
) -> None:
    assert went_back(before, now) is is_back


def test_each_lock_is_counted_and_the_position_kept_until_another_is_known(state: State) -> None:
    acquire_lock(state, timeout=0)
    first = noted(state, position="1/5/100")
    second = noted(state)
    note_position(state, "1/5/200")
    third = noted(state)

    assert [each.times_locked for each in (first, second, third)] == [1, 2, 3]
    assert [each.warehouse_position for each in (first, second, third)] == ["1/5/100", "1/5/100", "1/5/200"]
    assert third.restored_at is None


def test_that_a_state_was_restored_is_kept(state: State) -> None:
    acquire_lock(state, timeout=0)
    restored = noted(state, is_restored=True)
    later = noted(state)

    assert restored.restored_at is not None
    assert later.restored_at == restored.restored_at


def test_an_older_state_counts_on_from_what_was_noted_beside_it(state: State) -> None:
    acquire_lock(state, timeout=0)

    assert noted(state, noted=7).times_locked == 8
    assert noted(state, noted=3).times_locked == 9


def test_only_beside_a_file_is_it_noted_how_often_it_was_locked(state: State, second: State) -> None:
    acquire_lock(state, timeout=0)
    before = times_noted(second.connection, second.schema, HERE)
    noted(state)
    noted(state)

    expected = 2 if is_sqlite(state.connection) else 0
    assert before == 0
    assert times_noted(second.connection, second.schema, HERE) == expected
    assert times_noted(second.connection, second.schema, replace(HERE, target="prod")) == 0


def test_a_copy_of_a_file_that_is_put_back_is_seen_by_what_was_noted(sqlite_template: Path, tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite"
    shutil.copy(sqlite_template, file)
    for turn in range(2):
        with closing(connect(SqliteAddress(path=file))) as connection:
            state = open_state(connection, "dbt_state_plugin", HERE)
            acquire_lock(state, timeout=0)
            noted(state)
        if not turn:
            shutil.copy(file, tmp_path / "backup.sqlite")
    shutil.copy(tmp_path / "backup.sqlite", file)

    with closing(connect(SqliteAddress(path=file))) as connection:
        state = open_state(connection, "dbt_state_plugin", HERE)
        times = times_noted(connection, "dbt_state_plugin", HERE)

    assert (state.times_locked, times) == (1, 2)


def test_each_environment_has_a_past_of_its_own(state: State, prod: State) -> None:
    acquire_lock(state, timeout=0)
    noted(state, position="1/5/100")

    other = open_state(prod.connection, prod.schema, prod.environment)
    assert (other.times_locked, other.warehouse_position) == (0, "")
