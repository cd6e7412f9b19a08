"""How do dbt and dbt-state-plugin run many times without importing dbt anew, and how is one of them killed?

This file is also the program of the other side: it imports dbt once and forks a child for each request, since the
process of the tests has threads and must not fork. A request is a line of JSON on stdin, the answer one on stdout.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "integration_project")]

from accuracy import dbt_steps  # noqa: E402 - found by the line above
from accuracy.process import StepError, import_dbt, in_own_process  # noqa: E402
from accuracy.workspace import Workspace  # noqa: E402

# What a run of ours does, in this order; the number says which time it is done.
KILLS = ("before the intents", "after the intents", "event", "before the mark", "after the mark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Where a run of ours ends itself by SIGKILL; one that does not get there ends as it would have."""

    at: str
    number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What is run: `plugin` or `dbt`, where, and with which planted fault and kill."""

    program: str
    arguments: Sequence[str]
    directory: str
    environment: Mapping[str, str] = field(repr=False)
    log: str
    fault: str = ""
    kill: Kill | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How it ended: the exit code, None for a process that was killed, and all that it printed."""

    code: int | None
    said: str


class Steps:
    """The process that forks; use it in a `with` block."""

    def __enter__(self) -> Steps:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "steps.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def run(self, request: PlanRequest) -> Ended:
        """Run one step to its end."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(dataclasses.asdict(request)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the process that forks is gone; see its stderr"
        answer = json.loads(line)
        log = Path(request.log)
        said = "\n".join(file.read_text() for file in (log.with_suffix(".err"), log) if file.exists())
        assert answer["problem"] == "", f"{answer['problem']}\n{said}"
        return Ended(code=answer["code"], said=said)


def plugin(arguments: list[str], fault: str, kill: Mapping[str, Any] | None) -> int:
    """Run dbt-state-plugin with a fault planted, or with the moment of its death set."""
    if fault:
        from twin.faults import FAULTS

        FAULTS[fault].plant()
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


def main() -> None:
    """Answer requests until stdin ends."""
    import_dbt()
    for line in sys.stdin:
        print(json.dumps(_answered(json.loads(line))), flush=True)


def _answered(request: dict[str, Any]) -> dict[str, Any]:
    workspace = Workspace(directory=Path(request["directory"]), environment=request["environment"], arguments=())
    more = [request["fault"], request["kill"]] if request["program"] == "plugin" else []
    function = plugin if request["program"] == "plugin" else dbt
    try:
        code = in_own_process(workspace, Path(request["log"]), function, request["arguments"], *more)
    except StepError as error:
        was_killed = request["kill"] is not None and "ended with status 9" in str(error)
        return {"code": None, "problem": "" if was_killed else str(error)}
    return {"code": code, "problem": ""}


if __name__ == "__main__":
    main()
