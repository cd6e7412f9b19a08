"""The lock of an environment, and its holder."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from support.values import HERE

from dbt_state_plugin.errors import BusyError
from dbt_state_plugin.state.dialect import is_sqlite
from dbt_state_plugin.state.lock import acquire_lock, is_environment_locked, lock_key
from dbt_state_plugin.state.state import State, open_state


def test_a_second_run_is_refused_and_told_of_the_first(state: State, second: State) -> None:
    acquire_lock(state, timeout=0)
    who = f"process {os.getpid()} on "
    if not is_sqlite(state.connection):
        who = f"database session {state.connection.info.backend_pid} "
    with pytest.raises(BusyError, match=who):
        acquire_lock(second, timeout=0)


def test_the_lock_is_free_once_its_connection_is_gone(state: State, second: State) -> None:
    acquire_lock(state, timeout=0)
    state.connection.close()
    acquire_lock(second, timeout=5)
    assert is_environment_locked(second, HERE)


def test_who_waits_is_told_once_for_whom(state: State, second: State) -> None:
    acquire_lock(state, timeout=0)
    told: list[str] = []
    with pytest.raises(BusyError):
        acquire_lock(second, timeout=0.5, on_wait=told.append)
    assert len(told) == 1


def test_the_lock_of_another_environment_is_free(state: State, second: State) -> None:
    acquire_lock(state, timeout=0)
    other = replace(HERE, target="prod")
    assert not is_environment_locked(second, other)
    acquire_lock(open_state(second.connection, second.schema, other), timeout=0)


@pytest.mark.parametrize("part", ["warehouse", "pipeline", "project", "target", "database", "schema"])
def test_each_part_of_an_environment_makes_another_lock(part: str) -> None:
    assert lock_key(replace(HERE, **{part: "else"}), "s") != lock_key(HERE, "s")
