"""Processes that race for a file's lock or its creation."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

RACER = """
import json, sys
from pathlib import Path
from uuid import uuid4
from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.errors import BusyError
from dbt_state_plugin.sqlite.address import SqliteAddress
from dbt_state_plugin.sqlite.connection import connect
from dbt_state_plugin.state.executions import NewExecution, begin_execution, finish_execution
from dbt_state_plugin.state.lock import acquire_lock
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import open_state

print("ready", flush=True)
for line in sys.stdin:
    if line == "start\\n":
        connection = connect(SqliteAddress(path=Path(sys.argv[1])))
        ensure_schema(connection, "s")
        state = open_state(connection, "s", Environment(project="p", target="t", database="d", schema="s"))
        try:
            acquire_lock(state, timeout=0)
        except BusyError as error:
            connection.close()
            print(json.dumps({"lost": error.what}), flush=True)
            continue
        execution = uuid4()
        begin_execution(state, NewExecution(execution_id=execution, command="run", caller="c", host="h",
                                            process_id=1, tool_version="1"))
        print(json.dumps({"won": str(execution)}), flush=True)
    else:
        finish_execution(state, execution, status="succeeded")
        connection.close()
        print("{}", flush=True)
"""


def raced(path: Path, processes: int, rounds: int) -> list[list[dict[str, str]]]:
    """Let so many processes begin a run at once, round after round; return what each said."""
    answers = []
    with ExitStack() as stack:
        arguments = [sys.executable, "-c", RACER, str(path)]
        racers = [
            stack.enter_context(
                subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
            )
            for _ in range(processes)
        ]
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for _ in range(rounds):
            said = [json.loads(answer) for answer in _told(racers, "start")]
            answers.append(said)
            won = [racer for racer, answer in zip(racers, said, strict=True) if "won" in answer]
            _told(won, "finish")
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.close()
    return answers


def _told(racers: list[subprocess.Popen[str]], word: str) -> list[str]:
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(f"{word}\n")
        racer.stdin.flush()
    return [racer.stdout.readline() for racer in racers if racer.stdout is not None]


def test_of_many_one_wins_and_the_file_is_created_once(tmp_path: Path) -> None:
    for said in raced(tmp_path / "state.sqlite", processes=4, rounds=5):
        assert len([each for each in said if "won" in each]) == 1, said
        assert all("in progress: " in each["lost"] for each in said if "lost" in each)
