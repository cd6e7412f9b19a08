"""Rules for the bookkeeping of scripts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BookkeepingRules:
    """What a script may do with executions and steps; anything else is refused.

    `pathlib_patterns`: patterns are those of Python's pathlib, so `?` and `[...]` are special, `*` stands for hidden
    names too, and paths may lead out of the base path. `combines_files`: files of one name count as one.
    `allows_empty_steps`: a step may cover nothing. `repeats_steps`: an execution may have several steps of one name.
    `tells_of_unfinished`: an execution that was not completed has no completion time, which is no error.
    `leaves_steps_open`: an execution is completed whatever its steps are. `reopens`: what was completed may be
    completed again, and an execution that was completed may get another step. `postgresql_ids`: an id is what
    PostgreSQL takes for a UUID, with braces and hyphens in other places too.
    """

    pathlib_patterns: bool = False
    combines_files: bool = False
    allows_empty_steps: bool = False
    repeats_steps: bool = False
    tells_of_unfinished: bool = False
    leaves_steps_open: bool = False
    reopens: bool = False
    postgresql_ids: bool = False


STRICT = BookkeepingRules()
TOLERANT = BookkeepingRules(
    pathlib_patterns=True,
    combines_files=True,
    allows_empty_steps=True,
    repeats_steps=True,
    tells_of_unfinished=True,
    leaves_steps_open=True,
    reopens=True,
    postgresql_ids=True,
)
