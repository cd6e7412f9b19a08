"""Kills and power cuts at each operation on a state's file.

A short history of two runs is recorded once, operation by operation, with what it was told in between. Then what lies
on the disk at each moment is opened: what was marked must be there, what was built and not marked must be in doubt.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.values import HERE

from dbt_state_plugin.core.values.findings import has_errors
from dbt_state_plugin.sqlite.address import SqliteAddress
from dbt_state_plugin.sqlite.connection import connect
from dbt_state_plugin.state.invariants import violations
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import open_state
from faults.file_operations import Disk, Operation, recorded, torn
from faults.size import size

pytestmark = pytest.mark.strace

SCHEMA = "dbt_state_plugin"
FOLDER = "history"
HISTORY = """
import os, sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

sys.path[:0] = sys.argv[3:]
from dbt_state_plugin.sqlite.address import SqliteAddress
from dbt_state_plugin.sqlite.connection import connect
from dbt_state_plugin.state.builds import record_build
from dbt_state_plugin.state.executions import finish_execution
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import open_state
from support.recording import ORDERS, REPORT, begun, build_of, opened
from support.values import HERE

told = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for number in range(2):
    with closing(connect(SqliteAddress(path=Path(sys.argv[1])))) as connection:
        ensure_schema(connection, "dbt_state_plugin")
        state = open_state(connection, "dbt_state_plugin", HERE)
        execution_id = begun(state)
        opened(state, execution_id, ORDERS, REPORT)
        for item in (ORDERS, REPORT):
            build = build_of(execution_id, item)
            os.write(told, f"built {item.name} {build.build_id}\\n".encode())  # the warehouse has committed it
            record_build(state, build)
            os.write(told, f"marked {item.name} {build.build_id}\\n".encode())
            if number:
                connection.cursor().execute("PRAGMA wal_checkpoint")  # as SQLite does by itself when the log is long
        finish_execution(state, execution_id, status="succeeded")
"""


@dataclass
class Told:
    """What a history was told: by name, the build that was marked last and the one that was made since."""

    marked: dict[str, str] = field(default_factory=dict)
    built: dict[str, str] = field(default_factory=dict)

    def hear(self, line: str) -> None:
        what, name, build = line.split()
        if what == "built":
            self.built[name] = build
        else:
            self.marked[name] = self.built.pop(name)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> list[Operation]:
    folder = tmp_path_factory.mktemp("recorded") / FOLDER  # a process may come back to this module
    folder.mkdir()
    state, told = folder / "state.sqlite", folder / "told"
    files = [folder, told, state, *(folder / f"state.sqlite{suffix}" for suffix in ("-wal", "-journal"))]
    tests = str(Path(__file__).parents[1])
    return recorded([sys.executable, "-c", HISTORY, str(state), str(told), tests], files, folder / "log")


def some(seed: int) -> Callable[[list[Operation]], list[Operation]]:
    """Return a choice of operations by chance, as a disk writes in the order that it likes."""
    chance = random.Random(seed)
    return lambda operations: [each for each in operations if chance.random() < 0.5]


def assert_nothing_is_lost(folder: Path, files: dict[str, bytes], told: Told) -> None:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with closing(connect(SqliteAddress(path=folder / "state.sqlite"))) as connection:
        ensure_schema(connection, SCHEMA)  # type: ignore[arg-type]
        state = open_state(connection, SCHEMA, HERE)  # type: ignore[arg-type]
        builds = dict(state.rows("SELECT identifier, build_id FROM {state}.relation"))
        in_doubt = {row[0] for row in state.rows("SELECT identifier FROM {state}.intent")}
        assert not has_errors(violations(state.connection, SCHEMA))
    for name, build in told.marked.items():
        assert name in told.built or builds[name] == build, "a mark was lost"
    for name, build in told.built.items():
        assert name in in_doubt or builds[name] == build, "what was built is neither recorded nor in doubt"


CHOICES = {
    "killed": lambda _seed: lambda operations: operations,
    "nothing that was not synced": lambda _seed: lambda _operations: [],
    "some that was not synced": some,
    "the last write is torn": lambda _seed: torn,
}


@pytest.mark.parametrize("left", CHOICES)
def test_a_kill_or_a_power_cut_at_any_operation_loses_nothing(
    left: str, history: list[Operation], tmp_path: Path
) -> None:
    disk, told, opened = Disk(folder=FOLDER), Told(), 0
    step = max(1, len(history) // size(small=8, full=len(history)))
    for number, operation in enumerate(history):
        if operation.file == "told":
            if operation.data:
                told.hear(operation.data.decode())
            continue
        disk.play(operation)
        if number % step == 0:
            assert_nothing_is_lost(tmp_path / str(number), disk.left(CHOICES[left](number)), told)
            opened += 1
    print(f"{left}: {opened} of {len(history)} operations")
    assert told.marked.keys() == {"orders", "report"}
