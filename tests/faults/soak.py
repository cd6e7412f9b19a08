"""Soak test: real runs under random faults, on one warehouse.

`python tests/faults/soak.py --minutes 60` edits, reverts, runs, kills, cuts off and prunes by chance, and after every
few runs compares the warehouse with a build from scratch. It prints what it survived, and ends with 1 at a difference.
"""

from __future__ import annotations

import argparse
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "integration_project")]

from dbt_state_plugin.testing.postgres_server import start_server  # noqa: E402 - found by the line above
from faults.stage import DBT, ONE, STATE, THREE, TWO, Stage, staged  # noqa: E402

VERSIONS = (ONE, TWO, THREE)
FAULTS = ("none", "kill", "kill", "cut", "cut", "signal")
ACTIONS = {"kill": (signal.SIGKILL,), "cut": ("cut",), "signal": (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
SESSIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
STATE_BYTES = """
    SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'dbt_state_plugin' AND c.relkind = 'r'
"""


class Soak:
    """Count what was survived."""

    def __init__(self, stage: Stage, messages: Mapping[str, int], seed: int) -> None:
        self.stage = stage
        self.chance = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.memory: list[int] = []
        self.sessions: list[int] = []
        self.version = ONE
        self.messages = messages
        stage.begin()
        stage.write(ONE)

    def turn(self) -> None:
        """Let a few things happen, then hold the warehouse to a build from scratch."""
        for _ in range(self.chance.randrange(1, 4)):
            self._edit()
            self._run()
        if self.chance.random() < 0.1:
            self._prune()
        self._edit()
        self.stage.must_be(self.version, str(self.summary()))
        self.counts["comparisons that were equal"] += 1
        self._look()

    def summary(self) -> str:
        parts = [f"{number} {what}" for what, number in sorted(self.counts.items())]
        first, last = self._ends(self.memory)
        open_first, open_last = self._ends(self.sessions)
        state = self.stage.direct.query(STATE_BYTES)[0][0] // 1024
        return (
            f"{', '.join(parts)}; memory of a run {first} -> {last} MiB; "
            f"sessions left open {open_first} -> {open_last}; state {state} KiB"
        )

    def _edit(self) -> None:
        version = self.chance.choice(VERSIONS)
        self.counts["edits"] += version != self.version
        self.version = version
        self.stage.write(version)

    def _run(self) -> None:
        fault = self.chance.choice(FAULTS)
        kind = self.chance.choice((STATE, DBT))
        at = self.chance.randrange(1, self.messages[kind] + 1) if fault != "none" else 0
        action = self.chance.choice(ACTIONS.get(fault, (0,)))
        threads = str(self.chance.choice((1, 4)))
        ended, fired = self.stage.run_with(kind, at, action, "run", "--threads", threads, "--lock-timeout", "25")
        told = f"version {self.version}, {action} at message {at} of {kind}: {ended.code}\n{ended.stderr}"
        assert "Traceback" not in ended.stderr, told
        assert ended.code != 3, f"nobody else runs; {told}"
        if ended.code == 0:
            assert self.stage.warehouse() == self.stage.expected[self.version], told
        self.memory.append(ended.mebibytes)
        self.counts["runs"] += 1
        self.counts[{"kill": "kills", "cut": "connections cut", "signal": "signals"}.get(fault, "")] += fired
        del self.counts[""]

    def _prune(self) -> None:
        ended = self.stage.run("state", "prune", "--keep-days", "0")
        assert ended.code == 0, ended.stderr
        self.counts["prunes"] += 1

    def _look(self) -> None:
        deadline = time.monotonic() + 5
        while (found := self.stage.direct.query(SESSIONS)[0][0]) and time.monotonic() < deadline:
            time.sleep(0.05)  # the server takes a moment to end a session whose client has gone
        self.sessions.append(found)

    @staticmethod
    def _ends(values: list[int]) -> tuple[int, int]:
        """Return the medians of the first and of the last quarter."""
        if not values:
            return 0, 0
        quarter = max(1, len(values) // 4)
        return round(statistics.median(values[:quarter])), round(statistics.median(values[-quarter:]))


def soak(stage: Stage, messages: Mapping[str, int], seconds: float, seed: int) -> str:
    """Go on for so long, at least once, and return what was survived; raises AssertionError at a difference."""
    playing = Soak(stage, messages, seed)
    ends, says = time.monotonic() + seconds, 0.0
    while True:
        playing.turn()
        if time.monotonic() >= ends:
            return playing.summary()
        if time.monotonic() >= says:
            print(playing.summary(), flush=True)
            says = time.monotonic() + 60


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the tool on a warehouse with random faults.")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    try:
        with start_server() as server, tempfile.TemporaryDirectory() as name, staged(server, Path(name)) as stage:
            print("survived: " + soak(stage, stage.messages(), asked.minutes * 60, asked.seed))
    except AssertionError as error:
        print(f"LOST: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
