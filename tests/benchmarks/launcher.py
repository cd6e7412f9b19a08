"""Launcher of a command that reports time and memory as JSON.

Linux counts as a program's memory also what the process that started it held then, so a benchmark that has grown must
not start a program by itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main() -> None:
    """Wait for the command, which writes to our output."""
    descriptor, command = int(sys.argv[1]), sys.argv[2:]
    started = time.monotonic()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)  # subprocess tells nothing of the memory of one child
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    memory = used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    told = {"code": process.returncode, "wall": wall, "cpu": used.ru_utime + used.ru_stime, "memory": memory}
    os.write(descriptor, json.dumps(told).encode())


if __name__ == "__main__":
    main()
