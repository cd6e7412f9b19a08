"""Estimates and savings in words."""

from __future__ import annotations

from dbt_state_plugin.core.values.estimates import Estimate, Saved, Savings
from dbt_state_plugin.report.line import headed
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.reason_words import short_name
from dbt_state_plugin.report.words import count, rough_duration

WORTH_SAYING_MS = 10_000  # below this a line about durations is longer than the wait
_NAMED = 6
_REASONS = {Saved.UNCHANGED: "unchanged", Saved.WITHOUT_EFFECT: "edited without effect", Saved.CUT_OFF: "cut off"}


def estimate_lines(estimate: Estimate | None) -> list[str]:
    """Return how long a run takes in a line, nothing if it is short or nothing is known."""
    if estimate is None or estimate.wall_ms < WORTH_SAYING_MS:
        return []
    how = "at least" if estimate.unknown else "about"
    threads = count(estimate.threads, "thread")
    path = f"critical path: {_path(estimate)}, {rough_duration(estimate.critical_ms)}"
    unknown = f"; {count(len(estimate.unknown), 'node')} never timed" if estimate.unknown else ""
    return [headed(f"Estimate: {how} {rough_duration(estimate.wall_ms)} on {threads} ({path}){unknown}")]


def _path(estimate: Estimate) -> str:
    """Return the critical path; of a long one both ends."""
    names = [printable(short_name(node)) for node in estimate.critical_path]
    if len(names) > _NAMED:
        names[_NAMED // 2 : -(_NAMED // 2)] = ["..."]
    return " > ".join(names)


def savings_lines(savings: Savings | None) -> list[str]:
    """Return what was saved against building everything in a line, nothing if that is little."""
    if savings is None or savings.work_ms < WORTH_SAYING_MS:
        return []
    reasons = ", ".join(f"{_REASONS[each]} {rough_duration(spent)}" for each, spent in savings.by_reason.items())
    wall = f", {rough_duration(savings.wall_ms)} on the clock" if savings.wall_ms else ""
    work = rough_duration(savings.work_ms)
    return [headed(f"Saved: about {work} of building{wall}, against building everything ({reasons})")]
