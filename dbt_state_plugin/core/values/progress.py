"""Progress of a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Stage(str, Enum):
    """What a command is doing."""

    CONNECT = "connect"
    WAIT = "wait"
    HASH = "hash"
    PARSE = "parse"
    FINGERPRINT = "fingerprint"
    WAREHOUSE = "warehouse"
    ROWS = "rows"
    COMPILE = "compile"
    DECIDE = "decide"
    PREPARE = "prepare"
    BUILD = "build"
    INSPECT = "inspect"
    RECORD = "record"
    DROP = "drop"
    LOOK = "look"
    STATE = "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The progress of a stage.

    `done` of `total` things, 0 if they are not counted. `detail` names what is worked on: a node, a relation, who holds
    the lock; of `STATE` it says in words what is done. `rows` is about how many rows are read. While nodes are built,
    `running` are those that dbt is executing, `failed` counts those that failed, and `left_ms` is about how long the
    rest takes, None if no duration is known.
    """

    stage: Stage
    done: int = 0
    total: int = 0
    detail: str = ""
    rows: int = 0
    running: tuple[str, ...] = ()
    failed: int = 0
    left_ms: int | None = None


Progress = Callable[[Step], None]
"""Told of each step, in any thread and often; must return at once and never raise."""


def silent(_step: Step) -> None:
    """Do nothing."""
