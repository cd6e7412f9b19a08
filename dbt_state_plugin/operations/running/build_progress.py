"""Progress of a build: done, running, failed, and the time left."""

from __future__ import annotations

import threading
from contextlib import suppress

from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.core.values.progress import Progress, Stage, Step
from dbt_state_plugin.core.values.results import NodeOutcome


class BuildProgress:
    """Counts the planned nodes as dbt executes them; called in dbt's threads, and never raises.

    The time left is that of the last recorded durations on the threads that there are. A node that no build was timed
    of counts as the mean of those that this run has built.
    """

    def __init__(self, progress: Progress, plan: Plan) -> None:
        """Tell of the beginning."""
        self._tell = progress
        self._threads = plan.estimate.threads if plan.estimate else 1
        self._expected = {e.node.unique_id: e.record.duration_ms if e.record else None for e in plan.to_build}
        self._total = len(self._expected)
        known = [each for each in self._expected.values() if each is not None]
        self._known_ms, self._unknown = sum(known), len(self._expected) - len(known)
        self._running: dict[str, None] = {}
        self._failed = 0
        self._took_ms = self._timed = 0
        self._lock = threading.Lock()
        self._report()

    def on_executing(self, unique_id: str) -> None:
        """Note that dbt executes a node now."""
        with self._lock:
            if unique_id in self._expected:
                self._running[unique_id] = None
            self._report()

    def on_finished(self, outcome: NodeOutcome) -> None:
        """Note that a node has ended."""
        with self._lock:
            self._running.pop(outcome.unique_id, None)
            if outcome.unique_id in self._expected:
                expected = self._expected.pop(outcome.unique_id)
                self._known_ms -= expected or 0
                self._unknown -= expected is None
                self._failed += not outcome.is_success and outcome.status != "skipped"
                if outcome.is_success and outcome.duration_ms is not None:
                    self._took_ms += outcome.duration_ms
                    self._timed += 1
            self._report()

    def _report(self) -> None:
        step = Step(
            stage=Stage.BUILD,
            done=self._total - len(self._expected),
            total=self._total,
            running=tuple(self._running),
            failed=self._failed,
            left_ms=self._left_ms(),
        )
        with suppress(Exception):  # never into dbt
            self._tell(step)

    def _left_ms(self) -> int | None:
        if self._unknown and not self._timed:
            return None
        mean = self._took_ms / self._timed if self._timed else 0
        work = self._known_ms + self._unknown * mean
        return round(work / max(1, min(self._threads, len(self._expected))))
