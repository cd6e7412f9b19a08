"""Processes that create or upgrade the state at once."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from support import forkserver
from support.database import Database

from dbt_state_plugin.postgres.connection import connect
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state import migration
from dbt_state_plugin.state.version import EXPECTED_VERSION


def forked(program: str, folder: Path) -> list[str]:
    """Write a program into a file; return the command that runs it in a fork."""
    file = folder / "program.py"
    file.write_text(program, encoding="utf-8")
    return [str(forkserver.programs() / forkserver.SCRIPT), str(file)]


@contextmanager
def started(command: list[str], url: str, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a program that reads the database's URL and whose stderr is a file, and leave none behind."""
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=stderr, text=True)
    try:
        assert process.stdin
        process.stdin.write(url + "\n")
        process.stdin.flush()
        yield process
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize("function", ["schema.ensure_schema", "migration.upgrade"])
def test_processes_that_create_the_state_at_once_all_succeed(database: Database, tmp_path: Path, function: str) -> None:
    program = (
        "import sys\n"
        "from dbt_state_plugin.postgres.settings import DatabaseSettings\n"
        "from dbt_state_plugin.state import migration, schema\n"
        "from dbt_state_plugin.postgres.connection import connect\n"
        "connection = connect(DatabaseSettings.from_url(sys.stdin.readline().strip()))\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        f"{function}(connection, 'state')\n"
    )
    command = forked(program, tmp_path)
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdin
        process.stdin.write(database.url + "\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"

    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()

    assert [process.communicate()[0] or process.returncode for process in processes] == [0, 0, 0, 0]
    assert database.query("SELECT count(*) FROM state.installation") == [(1,)]


def test_processes_that_upgrade_the_state_at_once_outlast_a_session_that_uses_its_tables(
    database: Database, tmp_path: Path
) -> None:
    program = (
        "import sys\n"
        "from dbt_state_plugin.postgres.settings import DatabaseSettings\n"
        "from dbt_state_plugin.state.schema import ensure_schema\n"
        "from dbt_state_plugin.postgres.connection import connect\n"
        "connection = connect(DatabaseSettings.from_url(sys.stdin.readline().strip()))\n"
        "connection.cursor().execute(\"SET lock_timeout = '10ms'\")\n"
        "ensure_schema(connection, 'state')\n"
    )
    with closing(connect(DatabaseSettings.from_url(database.url))) as connection:
        migration.upgrade(connection, "state")
        migration.downgrade(connection, "state", "0001")

    command = forked(program, tmp_path)
    logs = [tmp_path / str(number) for number in range(4)]
    with ExitStack() as stack, closing(database.connect()) as other, other.cursor() as reader:
        reader.execute("BEGIN; SELECT * FROM state.relation")
        user = f"database session {other.info.backend_pid} of user {database.user} (no application name"
        for_it = f"Waiting for a session that uses the state, to change its tables: {user}"
        for_another = "Waiting for another process that is creating or upgrading the state: "
        processes = [stack.enter_context(started(command, database.url, log)) for log in logs]
        # Each waits for the session or, while another has the lock to change the tables, for that one.
        while not (any(for_it in log.read_text() for log in logs) and all(log.read_text() for log in logs)):
            assert all(process.poll() is None for process in processes), [log.read_text() for log in logs]
            time.sleep(0.05)
        reader.execute("COMMIT")
        codes = [process.wait() for process in processes]

    said = [log.read_text() for log in logs]
    assert codes == [0] * 4, said
    with closing(connect(DatabaseSettings.from_url(database.url))) as connection:
        assert migration.current(connection, "state") == EXPECTED_VERSION
    assert database.query("SELECT count(*) FROM state.installation") == [(1,)]
    assert all(text.count(for_it) <= 1 and "Traceback" not in text for text in said), said
    assert all(for_it in text or for_another in text for text in said), said
