"""Estimates: how long a plan takes, and what skipping saves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Saved(str, Enum):
    """Why a node is skipped. The values are part of the JSON output."""

    UNCHANGED = "unchanged"
    WITHOUT_EFFECT = "edited_without_effect"
    CUT_OFF = "cut_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How long the planned builds take, from the last recorded duration of each, in milliseconds.

    `wall_ms` is the time on the clock on so many `threads`, `work_ms` that of all builds in sequence, and `critical_ms`
    that of the longest chain of nodes that wait for each other, `critical_path`, parents first. Nodes that no build was
    ever timed of are `unknown` and count nothing, so that all three are lower bounds then.
    """

    threads: int
    wall_ms: int = 0
    work_ms: int = 0
    critical_path: tuple[str, ...] = ()
    critical_ms: int = 0
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """What a plan saves against building every node of its scope, in milliseconds, by the last recorded durations.

    `work_ms` is the sum over the skipped nodes, `by_reason` the same by why they are skipped, and `wall_ms` the time
    on the clock, without what a run cuts off. Nodes that need a build but stand outside the selection are put off, not
    saved.
    """

    work_ms: int = 0
    wall_ms: int = 0
    by_reason: Mapping[Saved, int] = field(default_factory=dict)
