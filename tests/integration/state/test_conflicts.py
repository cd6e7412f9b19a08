"""Transactions that the server ended, run again as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import UUID

import pytest
from psycopg2.extensions import connection as Connection
from support.database import Database
from support.recording import begun

from dbt_state_plugin.errors import StateError
from dbt_state_plugin.postgres.connection import transaction
from dbt_state_plugin.state.executions import begin_step, read_execution
from dbt_state_plugin.state.state import State

LOCKED = "UPDATE dbt_state_plugin.execution SET message = 'written by another' WHERE execution_id = %s"
SHARED = "SELECT 1 FROM dbt_state_plugin.execution WHERE execution_id = %s FOR SHARE"
WAITS = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"


def begin(state: State, execution_id: UUID) -> str:
    return begin_step(
        state, execution_id, name="TRANSFORM", checksums={"a": "1"}, dbt_version="1.11", adapter_version="1"
    )


def hold(session: Connection, execution_id: UUID) -> None:
    with session.cursor() as cursor:
        cursor.execute("BEGIN; SET LOCAL deadlock_timeout = '1h'")
        cursor.execute(SHARED, (str(execution_id),))


def roll_back(session: Connection) -> None:
    with session.cursor() as cursor:
        cursor.execute("ROLLBACK")


def insert_set(session: Connection, checksum_set: str) -> None:
    with session.cursor() as cursor:
        cursor.execute(
            "INSERT INTO dbt_state_plugin.checksum_set VALUES (%s, 'fingerprint') ON CONFLICT DO NOTHING",
            (checksum_set,),
        )


def until_waits(database: Database, session: Connection) -> None:
    while not database.query(WAITS, (session.info.backend_pid,)):
        time.sleep(0.01)


def steps(state: State, execution_id: UUID) -> list[str]:
    return [step.name for step in read_execution(state, str(execution_id)).steps]


def test_what_cannot_be_serialized_is_run_again(copied: Database, state: State) -> None:
    execution_id = begun(state)
    state.execute("SET default_transaction_isolation = 'repeatable read'")

    with closing(copied.connect()) as other, other.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        cursor.execute("BEGIN")
        cursor.execute(LOCKED, (str(execution_id),))
        beginning = pool.submit(begin, state, execution_id)
        until_waits(copied, state.connection)
        cursor.execute("COMMIT")
        beginning.result()

    assert steps(state, execution_id) == ["TRANSFORM"]
    assert read_execution(state, str(execution_id)).message == "written by another"
    assert state.rows("SELECT dbt_version FROM {state}.execution") == [("1.11",)]


def test_the_victim_of_a_deadlock_is_run_again(copied: Database, state: State) -> None:
    execution_id = begun(state)
    covered = begin(state, execution_id)
    state.execute("DELETE FROM {state}.execution_step; DELETE FROM {state}.checksum_set")
    state.execute("SET deadlock_timeout = '100ms'")  # it is the one that the server ends

    with closing(copied.connect()) as gate, closing(copied.connect()) as other, ThreadPoolExecutor(2) as pool:
        hold(gate, execution_id)
        hold(other, execution_id)
        beginning = pool.submit(begin, state, execution_id)
        until_waits(copied, state.connection)  # for the gate, which is the older transaction
        inserting = pool.submit(insert_set, other, covered)
        until_waits(copied, other)
        roll_back(gate)  # now it waits for the other, and looks for deadlocks after that: once for each wait
        inserting.result()
        roll_back(other)
        beginning.result()

    assert steps(state, execution_id) == ["TRANSFORM"]


def test_a_statement_inside_of_a_transaction_is_not_run_again(copied: Database, state: State) -> None:
    execution_id = begun(state)
    state.execute("SET default_transaction_isolation = 'repeatable read'")

    def both() -> None:
        with transaction(state.connection):
            state.execute("UPDATE {state}.environment SET target_name = 'moved'")
            state.execute(LOCKED, (str(execution_id),))

    with pytest.raises(StateError, match="could not serialize"):
        conflicting(copied, state, execution_id, both)

    assert state.rows("SELECT target_name FROM {state}.environment") == [("dev",)]


def test_the_isolation_of_a_role_does_not_count(copied: Database, state: State) -> None:
    assert state.rows("SHOW default_transaction_isolation") == [("read committed",)]


def conflicting(database: Database, state: State, execution_id: UUID, run: Callable[[], None]) -> None:
    """Run something that waits for an execution's row, which another session writes."""
    with closing(database.connect()) as other, other.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        cursor.execute("BEGIN")
        cursor.execute(LOCKED, (str(execution_id),))
        running = pool.submit(run)
        until_waits(database, state.connection)
        cursor.execute("COMMIT")
        running.result()
