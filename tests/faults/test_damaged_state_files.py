"""Damaged files of states in SQLite: refused or read."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path

import pytest
from support.recording import ORDERS, REPORT, built, ended, key_of
from support.values import HERE

from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.sqlite.address import SqliteAddress
from dbt_state_plugin.sqlite.connection import connect
from dbt_state_plugin.state.executions import read_execution, read_history
from dbt_state_plugin.state.invariants import violations
from dbt_state_plugin.state.relations import installation_key, read_definitions, read_recorded
from dbt_state_plugin.state.retention import prune
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import State, open_state
from faults.conftest import state_folder
from faults.size import size

SCHEMA = "dbt_state_plugin"
LOG = "-wal"
Damage = Callable[[bytearray, random.Random], bytes]


def flipped(content: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 2, 20))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def cut(content: bytearray, chance: random.Random) -> bytes:
    return bytes(content[: chance.randrange(len(content))])


def overwritten(content: bytearray, chance: random.Random) -> bytes:
    start, length = chance.randrange(len(content)), chance.choice((1, 16, 100, 4096))
    what = chance.choice((bytes(length), b"\xff" * length, chance.randbytes(length), b"{" * length))
    return bytes(content[:start]) + what + bytes(content[start + length :])


def exchanged(content: bytearray, chance: random.Random) -> bytes:
    """Put one page in the place of another."""
    pages = [bytes(content[at : at + 4096]) for at in range(0, len(content), 4096)]
    pages[chance.randrange(len(pages))] = pages[chance.randrange(len(pages))]
    return b"".join(pages)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Give the file of a state with two runs and the log that goes on from it."""
    path = tmp_path_factory.mktemp("whole") / "state.sqlite"
    with closing(connect(SqliteAddress(path=path))) as connection:
        ensure_schema(connection, SCHEMA)  # type: ignore[arg-type]
        state = open_state(connection, SCHEMA, HERE)  # type: ignore[arg-type]
        ended(state, built(state, ORDERS, REPORT))
        connection.cursor().execute("PRAGMA wal_checkpoint")
        built(state, ORDERS)
        return {suffix: Path(f"{path}{suffix}").read_bytes() for suffix in ("", LOG)}


def used(path: Path) -> None:
    """Do what commands do that read and write a state."""
    with closing(connect(SqliteAddress(path=path))) as connection:
        ensure_schema(connection, SCHEMA)  # type: ignore[arg-type]
        state = open_state(connection, SCHEMA, HERE)  # type: ignore[arg-type]
        read(state)
        violations(state.connection, SCHEMA)
        ended(state, built(state, ORDERS, REPORT))
        prune(state.connection, SCHEMA, keep_days=0)


def read(state: State) -> None:
    installation_key(state)
    keys = [key_of(ORDERS), key_of(REPORT)]
    read_recorded(state, keys)
    read_definitions(state, keys)
    for each in read_history(state, limit=10):
        read_execution(state, str(each.execution_id))


def test_a_damaged_file_is_refused_with_what_to_do_or_read(files: dict[str, bytes]) -> None:
    refused = []  # no error, which would hold on to the files that it met
    number = size(small=30, full=20_000)
    with state_folder() as folder:
        for seed, damaged, said in islice(damages(files), number):
            path = folder / f"{seed}.sqlite"
            for suffix, content in damaged.items():
                Path(f"{path}{suffix}").write_bytes(content)
            try:
                used(path)
            except PluginError as error:
                refused.append(error.do)
            except Exception as error:
                raise AssertionError(f"seed {seed}: {said}") from error
            for file in folder.glob(f"{seed}.sqlite*"):
                if file.is_file():
                    file.unlink()
                else:
                    shutil.rmtree(file)
    print(f"{len(refused)} of {number} were refused")
    assert 0 < len(refused) < number
    assert all(refused)


def damages(files: dict[str, bytes]) -> Iterator[tuple[int, dict[str, bytes], str]]:
    """Yield files that are not what they were, each with its seed and what was done."""
    for seed in count():
        chance = random.Random(seed)
        damage: Damage = chance.choice((flipped, cut, overwritten, exchanged))
        suffix = chance.choice(("", "", LOG))
        damaged = files | {suffix: damage(bytearray(files[suffix]), chance)}
        if damaged != files:
            yield seed, damaged, f"{damage.__name__} {suffix}"
