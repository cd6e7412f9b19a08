"""Other processes with a DuckDB file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WRITE = "import sys, duckdb; duckdb.connect(sys.argv[1]).execute(sys.argv[2])"
# Nothing of DuckDB is opened here: a process that is forked to run commands would open the file in two of them.
_HOLD = """
import sys, duckdb
held = duckdb.connect(sys.argv[1], read_only=bool(sys.argv[2]))
for statement in sys.argv[3:]:
    held.execute(statement)
print("held", flush=True)
sys.stdin.readline()
"""


def write_by_others(path: Path, statements: str) -> str:
    """Let another process execute statements in a file; return why it could not, nothing if it could."""
    command = [sys.executable, "-c", _WRITE, str(path), statements]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


@contextmanager
def opened_by_others(path: Path, *statements: str, read_only: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Give a process that has executed statements and keeps a file open until the end, or until it is killed."""
    command = [sys.executable, "-c", _HOLD, str(path), "read-only" if read_only else "", *statements]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.communicate("\n" if process.poll() is None else None)
