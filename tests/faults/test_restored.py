"""Warehouses and states that were replaced by older copies."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from dbt_state_plugin.testing import postgres_server
from dbt_state_plugin.testing.postgres_server import Server, start_server
from faults.tables import graph
from faults.world import World

NODES = [("a", "incremental", ("src",)), ("b", "table", ("a",))]
NOTICED = "SELECT 1 FROM {state}.environment WHERE restored_at IS NOT NULL"


def begin(world: World) -> None:
    world.begin(graph(world.database, NODES))
    assert world.run().is_success
    assert world.to_build() == set()


@pytest.fixture
def restore(world: World, tmp_path: Path) -> Callable[[], None]:
    """Begin, copy the state as a backup does, and give what puts the copy in its place."""
    begin(world)
    file, copy = world.state_file, tmp_path / "copy"
    assert file is not None
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)

    def put_back() -> None:
        with world.stopped():
            for suffix in ("-wal", "-shm"):
                Path(f"{file}{suffix}").unlink(missing_ok=True)
            shutil.copy(copy, file)

    return put_back


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_an_older_state_puts_everything_in_doubt_until_it_is_built(world: World, restore: Callable[[], None]) -> None:
    assert world.run().is_success
    restore()

    assert world.to_build() == {"a", "b"}
    assert world.run(select=["a"]).built == ["a"]
    assert world.to_build() == {"b"}
    world.check_the_promise()


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_the_doubt_survives_the_run_that_noticed(world: World, restore: Callable[[], None]) -> None:
    assert world.run().is_success
    restore()
    held = world.start()
    world.advance_until(held, lambda: bool(world.state().rows(NOTICED)))
    world.kill(held)

    assert not world.run().took_the_shortcut
    world.check_the_promise()


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_copy_of_now_is_as_good_as_the_state(world: World, restore: Callable[[], None]) -> None:
    restore()

    assert world.to_build() == set()
    world.check_the_promise()


@contextmanager
def files_of(world: World, server: Server) -> Iterator[Path]:
    """Give the files of a server that stands still for a moment."""
    assert server.data_directory is not None
    with world.stopped():
        postgres_server.stop(server)
        yield server.data_directory
        postgres_server.start(server)


def test_an_older_warehouse_puts_everything_in_doubt_though_its_numbers_are_given_again(tmp_path: Path) -> None:
    with start_server(prefer="local", in_memory=True) as server:
        world = World(server.url(), tmp_path / "state.sqlite")
        try:
            begin(world)
            with files_of(world, server) as files:
                copy = files.with_name("copy")
                subprocess.run(["cp", "-a", files, copy], check=True)
            assert world.to_build() == set()  # nothing but the server has been away

            world.edit("b", "2")
            assert world.run().built == ["b"]
            recorded = world.tables.identity("b")
            with files_of(world, server) as files:
                shutil.rmtree(files)
                copy.rename(files)
            while world.query("SELECT lo_create(0)::bigint")[0][0] < recorded[0] - 1:
                """Others are given the numbers in between."""
            world.tables.replace("b", "by hand")

            assert world.tables.identity("b") == recorded
            assert world.to_build() == {"a", "b"}
            world.check_the_promise()
        finally:
            world.end()
