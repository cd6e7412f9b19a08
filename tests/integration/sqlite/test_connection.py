"""Connections to a state in a file: durable, exclusive, refused."""

from __future__ import annotations

import os
import resource
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from support.recording import ORDERS, begun, build_of, built, key_of
from support.recording import opened as intended
from support.values import HERE

from dbt_state_plugin.errors import LockLostError, SqliteError, StateError
from dbt_state_plugin.postgres.connection import transaction
from dbt_state_plugin.sqlite import connection as sqlite_connection
from dbt_state_plugin.sqlite.address import SqliteAddress, default_address
from dbt_state_plugin.sqlite.connection import SqliteConnection, connect
from dbt_state_plugin.state.builds import record_build
from dbt_state_plugin.state.relations import read_recorded
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import State, open_state
from dbt_state_plugin.state.version import require_schema

SCHEMA = "dbt_state_plugin"


def test_the_files_are_its_owners_alone(state: State, address: SqliteAddress) -> None:
    built(state, ORDERS)
    files = [path for path in address.path.parent.iterdir() if path.is_file()]
    assert {path.name for path in files} == {"state.sqlite", "state.sqlite-wal", "state.sqlite-shm"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_it_is_written_ahead_and_to_the_disk(opened: SqliteConnection) -> None:
    with opened.cursor() as cursor:
        for pragma, value in {"journal_mode": "wal", "synchronous": 3, "foreign_keys": 1}.items():
            cursor.execute(f"PRAGMA {pragma}")
            assert cursor.fetchone() == (value,)


def test_who_only_reads_creates_nothing(address: SqliteAddress) -> None:
    with closing(connect(address, writes=False)) as reader:
        assert not require_schema(reader, "dbt_state_plugin")
    assert list(address.path.parent.iterdir()) == []


def test_readers_work_while_somebody_writes(state: State, address: SqliteAddress) -> None:
    execution_id = begun(state)
    intended(state, execution_id, ORDERS)
    with closing(connect(address, writes=False)) as reader, transaction(state.connection) as cursor:
        cursor.execute("DELETE FROM intent")
        seen = read_recorded(open_state(reader, state.schema, HERE, create=False), [key_of(ORDERS)])
        assert list(seen.intents) == [key_of(ORDERS)]


def test_writers_wait_for_each_other(state: State, address: SqliteAddress) -> None:
    with closing(connect(address)) as other:
        with transaction(other) as cursor:
            cursor.execute("DELETE FROM intent")
            thread = threading.Thread(target=begun, args=(state,))
            thread.start()
        thread.join(30)
    assert state.rows("SELECT count(*) FROM {state}.execution") == [(1,)]


def test_what_fails_in_a_transaction_is_undone(state: State) -> None:
    def delete() -> None:
        with transaction(state.connection) as cursor:
            cursor.execute("DELETE FROM installation")
            cursor.execute("DELETE FROM nothing")

    with pytest.raises(SqliteError):
        delete()
    assert state.rows("SELECT count(*) FROM {state}.installation") == [(1,)]


def test_several_statements_are_one(state: State) -> None:
    with pytest.raises(SqliteError), state.connection.cursor() as cursor:
        cursor.execute(("DELETE FROM installation", "DELETE FROM nothing"))  # type: ignore[arg-type]
    assert state.rows("SELECT count(*) FROM {state}.installation") == [(1,)]


@pytest.mark.parametrize("happens", [lambda path: path.unlink(), lambda path: path.rename(path.with_name("else"))])
def test_nothing_is_recorded_in_a_file_that_is_gone(state: State, address: SqliteAddress, happens: object) -> None:
    execution_id = begun(state)
    intended(state, execution_id, ORDERS)
    happens(address.path)  # type: ignore[operator]
    with pytest.raises(StateError, match="removed or replaced"):
        record_build(state, build_of(execution_id, ORDERS))


def test_a_full_disk_refuses_a_mark_and_leaves_the_relation_in_doubt(state: State, address: SqliteAddress) -> None:
    """No file may grow any more, as with a quota."""
    execution_id = begun(state)
    intended(state, execution_id, ORDERS)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (address.path.with_name(f"{address.path.name}-wal").stat().st_size, hard))
    try:
        with pytest.raises(StateError, match=r"A build could not be recorded: .*(full|disk)"):
            record_build(state, build_of(execution_id, ORDERS))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    with closing(connect(address)) as other:
        seen = open_state(other, SCHEMA, HERE)  # type: ignore[arg-type]
        assert seen.rows("SELECT count(*) FROM {state}.intent") == [(1,)]
    record_build(state, build_of(execution_id, ORDERS))  # there is room again
    assert state.rows("SELECT count(*) FROM {state}.intent") == [(0,)]


def test_the_log_does_not_grow_beside_readers_that_come_and_go(state: State, address: SqliteAddress) -> None:
    log, sizes = address.path.with_name(f"{address.path.name}-wal"), []
    with closing(connect(address, writes=False)) as reader, reader.cursor() as cursor:
        for _ in range(600):
            begun(state)
            cursor.execute("SELECT count(*) FROM execution")
            sizes.append(log.stat().st_size)

    # It begins again where all of it is in the file; a reader may delay that by a transaction or two.
    assert max(sizes[-200:]) < 1.1 * max(sizes[:-200])
    assert max(sizes) < 5_000_000


def test_a_closed_connection_is_a_lost_lock(state: State) -> None:
    execution_id = begun(state)
    intended(state, execution_id, ORDERS)
    state.connection.close()
    with pytest.raises(LockLostError):
        record_build(state, build_of(execution_id, ORDERS))


def test_an_older_sqlite_is_refused(address: SqliteAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(StateError, match=r"3\.35 or later is needed"):
        connect(address)


def test_the_database_of_another_program_is_refused(address: SqliteAddress) -> None:
    with closing(sqlite3.connect(address.path)) as theirs:
        theirs.execute("CREATE TABLE theirs (a)")
    with pytest.raises(StateError, match="another program"):
        connect(address)


@pytest.mark.parametrize("content", [b"no database at all, but longer than its header" * 20, b"SQLite format 3\0 cut"])
def test_what_is_no_database_is_refused(address: SqliteAddress, content: bytes) -> None:
    address.path.write_bytes(content)
    with pytest.raises(StateError, match=r"Cannot use the state in .*: file is not a database") as refused:
        connect(address)
    assert "Where it holds something else, let DBT_STATE_PLUGIN_DATABASE_URL name another file." in refused.value.do


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="there is no folder"):
        connect(SqliteAddress(path=tmp_path / "none" / "state.sqlite"))


def test_the_folder_of_the_project_is_created_and_not_committed(tmp_path: Path) -> None:
    with closing(connect(default_address(tmp_path))):
        pass
    assert (tmp_path / ".dbt_state_plugin" / ".gitignore").read_text() == "*\n"
    assert stat.S_IMODE((tmp_path / ".dbt_state_plugin").stat().st_mode) == 0o700


def test_two_that_begin_at_once_create_one_state(address: SqliteAddress) -> None:
    failed: list[BaseException] = []

    def create() -> None:
        try:
            with closing(connect(address)) as connection:
                ensure_schema(connection, "dbt_state_plugin")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    with closing(connect(address)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM installation")
        assert cursor.fetchone() == (1,)


def test_what_a_killed_process_had_begun_is_undone(state: State, address: SqliteAddress) -> None:
    child = os.fork()
    if child == 0:
        try:
            other = connect(address)
            with other.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("DELETE FROM installation")
        finally:
            os._exit(0)  # as after SIGKILL: nothing is closed or rolled back
    os.waitpid(child, 0)
    assert state.rows("SELECT count(*) FROM {state}.installation") == [(1,)]
    begun(state)


def test_the_minimum_is_what_the_statements_need() -> None:
    assert sqlite_connection.MINIMUM_VERSION == (3, 35, 0)
