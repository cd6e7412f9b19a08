"""Commands of twin tests, in processes of their own."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from accuracy import dbt_steps
from support import forkserver

# What a run of ours does, in this order; the number says which time it is done.
KILLS = ("before the intents", "after the intents", "event", "before the mark", "after the mark")


BROKEN = 70  # the exit code of a step that raised an exception


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Say where a run of ours ends itself by SIGKILL; one that does not get there ends as it would have."""

    at: str
    number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Say how it ended: the exit code, None for a process that was killed, all that it printed, and its answer."""

    code: int | None
    said: str
    answer: str = ""


def run_plugin(
    arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], bug: str, kill: Kill | None
) -> Ended:
    """Run dbt-state-plugin to its end."""
    return _run("plugin", [[*arguments], bug, asdict(kill) if kill else None], cwd, environment, kill)


def run_dbt(arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> Ended:
    """Run dbt to its end."""
    return _run("dbt", [[*arguments]], cwd, environment, None)


def _run(program: str, arguments: list[Any], cwd: Path, environment: Mapping[str, str], kill: Kill | None) -> Ended:
    ended = forkserver.run("twin.steps:called", [program, *arguments], cwd=cwd, environment=environment)
    said = f"{ended.stderr}\n{ended.stdout}"
    was_killed = ended.code == -signal.SIGKILL
    as_asked = kill is not None if was_killed else 0 <= ended.code < BROKEN
    assert as_asked, f"{program} ended with {ended.code}\n{said}"
    return Ended(code=None if was_killed else ended.code, said=said, answer=ended.stdout)


def called(program: str, *arguments: Any) -> int:
    """Run a program; this is the child's side."""
    try:
        return {"plugin": plugin, "dbt": dbt}[program](*arguments)
    except Exception:
        traceback.print_exc()
        return BROKEN


def plugin(arguments: list[str], bug: str, kill: Mapping[str, Any] | None) -> int:
    """Run dbt-state-plugin with a bug planted, or with the moment of its death set."""
    if bug:
        from twin.planted_bugs import PLANTED_BUGS

        PLANTED_BUGS[bug].plant()
    if kill:
        _arm(Kill(**kill))
    return dbt_steps.plugin(arguments)


def dbt(arguments: list[str]) -> int:
    """Run dbt; return 0 when it succeeded."""
    from dbt.cli.main import dbtRunner

    return 0 if dbtRunner().invoke(arguments).success else 1


def _arm(kill: Kill) -> None:
    from dbt_state_plugin.dbt_runner import execute
    from dbt_state_plugin.operations.running import build_recorder as recorder
    from dbt_state_plugin.operations.running import building as tracked

    if kill.at.endswith("intents"):
        tracked.open_intents = _dying(tracked.open_intents, kill)
    elif kill.at.endswith("mark"):
        recorder.record_build = _dying(recorder.record_build, kill)
    else:
        execute.notice_finished = _dying(execute.notice_finished, kill)


def _dying(function: Callable[..., Any], kill: Kill) -> Callable[..., Any]:
    calls = iter(range(1, 1_000_000))

    def called(*arguments: Any, **named: Any) -> Any:
        number = next(calls)
        if number == kill.number and not kill.at.startswith("after"):
            os.kill(os.getpid(), signal.SIGKILL)
        answer = function(*arguments, **named)
        if number == kill.number:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return called
