"""The least that knowing of no change can cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from dbt_state_plugin.testing.postgres_server import Server, connect

LAUNCHER = Path(__file__).with_name("launcher.py")
ROUND_TRIPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one command took: seconds of wall time and of CPU, and the most memory that it held, in MB."""

    wall: float
    cpu: float
    memory: float = 0.0


def cost_of(command: list[str], *, directory: Path, environment: dict[str, str]) -> tuple[Cost, int, str]:
    """Run a command and wait for it; return its cost, its exit code and its answer, both streams in one."""
    read, write = os.pipe()
    with os.fdopen(read, "rb") as told:
        try:
            ended = subprocess.run(
                [sys.executable, "-S", str(LAUNCHER), str(write), *command],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[write],
                text=True,
                check=False,
            )
        finally:
            os.close(write)
        if ended.returncode != 0:
            raise SystemExit(f"{command[0]} cannot be run:\n{ended.stdout}")
        measured = json.loads(told.read())
    cost = Cost(wall=measured["wall"], cpu=measured["cpu"], memory=measured["memory"])
    return cost, measured["code"], ended.stdout


def medians(costs: list[Cost]) -> Cost:
    """Return the median of each field."""
    return Cost(
        wall=median(cost.wall for cost in costs),
        cpu=median(cost.cpu for cost in costs),
        memory=median(cost.memory for cost in costs),
    )


def start_of_python(directory: Path, environment: dict[str, str], *, rounds: int) -> Cost:
    """Return what a Python that does nothing costs."""
    command = [sys.executable, "-c", "pass"]
    return medians([cost_of(command, directory=directory, environment=environment)[0] for _ in range(rounds)])


def hashing(files: list[str], directory: Path, environment: dict[str, str], *, rounds: int) -> Cost:
    """Return what `sha256sum` of the same files costs."""
    listed = directory / "hashed.txt"
    listed.write_bytes(b"\0".join(os.fsencode(file) for file in files))
    command = ["sh", "-c", f"xargs -0 sha256sum < {listed} > /dev/null"]
    costs = [cost_of(command, directory=directory, environment=environment)[0] for _ in range(rounds)]
    listed.unlink()
    return medians(costs)


def round_trip(server: Server) -> float:
    """Return the median of empty round trips to the database, in seconds."""
    times = []
    with closing(connect(server)) as opened, opened.cursor() as cursor:
        for _ in range(50):
            started = time.monotonic()
            cursor.execute("SELECT")
            times.append(time.monotonic() - started)
    return median(times)


def floor_of(files: list[str], server: Server, directory: Path, environment: dict[str, str], *, rounds: int) -> Cost:
    """Return the floor: its wall time holds the round trips, its CPU time does not."""
    start = start_of_python(directory, environment, rounds=rounds)
    hashed = hashing(files, directory, environment, rounds=rounds)
    return Cost(
        wall=start.wall + hashed.wall + ROUND_TRIPS * round_trip(server),
        cpu=start.cpu + hashed.cpu,
        memory=max(start.memory, hashed.memory),
    )
