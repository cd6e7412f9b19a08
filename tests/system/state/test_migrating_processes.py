"""Processes that create or upgrade the state at once."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from support.database import Database

from dbt_state_plugin.postgres.connection import connect
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state import migration
from dbt_state_plugin.state.version import EXPECTED_VERSION


@contextmanager
def started(program: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """Start a program that reads the database's URL, and leave none behind."""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdin
        process.stdin.write(url + "\n")
        process.stdin.flush()
        yield process
    finally:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    """Return the first line that a process says on stderr."""
    assert process.stderr
    ready, _, _ = select.select([process.stderr], [], [], 120)
    assert ready, "the process says nothing"
    return process.stderr.readline()


@pytest.mark.parametrize("function", ["schema.ensure_schema", "migration.upgrade"])
def test_processes_that_create_the_state_at_once_all_succeed(database: Database, function: str) -> None:
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
    processes = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
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


def test_processes_that_upgrade_the_state_at_once_outlast_a_session_that_uses_its_tables(database: Database) -> None:
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

    with ExitStack() as stack, closing(database.connect()) as other, other.cursor() as reader:
        reader.execute("BEGIN; SELECT * FROM state.relation")
        pid = other.info.backend_pid
        processes = [stack.enter_context(started(program, database.url)) for _ in range(4)]
        said = [first_line(process) for process in processes]
        reader.execute("COMMIT")
        ended = [(process.wait(), process.stderr.read() if process.stderr else "") for process in processes]

    assert ended == [(0, "")] * 4
    with closing(connect(DatabaseSettings.from_url(database.url))) as connection:
        assert migration.current(connection, "state") == EXPECTED_VERSION
    assert database.query("SELECT count(*) FROM state.installation") == [(1,)]
    user = f"database session {pid} of user {database.user} (no application name"
    first = f"Waiting for a session that uses the state, to change its tables: {user}"
    assert sum(line.startswith(first) for line in said) == 1, said
    others = "Waiting for another process that is creating or upgrading the state: database session "
    assert sum(line.startswith(others) and "(dbt-state-plugin" in line for line in said) == 3, said
