"""Other processes with a DuckDB file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WRITE = "import sys, duckdb; duckdb.connect(sys.argv[1]).execute(sys.argv[2])"
_HOLD = """
import sys, duckdb
held = duckdb.connect(sys.argv[1], read_only=len(sys.argv) > 2)
print(flush=True)
input()
"""


def write_by_others(path: Path, statements: str) -> str:
    """Let another process execute statements in a file; return why it could not, nothing if it could."""
    command = [sys.executable, "-c", _WRITE, str(path), statements]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


@contextmanager
def opened_by_others(path: Path, *, read_only: bool = False) -> Iterator[int]:
    """Let another process have a file open meanwhile; give its number."""
    command = [sys.executable, "-c", _HOLD, str(path), *(["read-only"] if read_only else ())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "\n"
        try:
            yield process.pid
        finally:
            process.communicate("\n")
