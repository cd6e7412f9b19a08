"""How is the real command line started many times a minute, with the pid known before it does anything?

`python -m faults.nursery` imports dbt once and forks a child for each command. A child stands still (SIGSTOP) until it
is told to go on. Commands and answers are lines of JSON on stdin and stdout.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accuracy.process import import_dbt

from faults.proxy import in_python


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a child ended: its exit code (negative: the signal that killed it), its memory, and what it printed."""

    code: int
    mebibytes: int
    stdout: str
    stderr: str


class Nursery:
    """Start commands, in a process that has imported dbt already."""

    def __init__(self, process: subprocess.Popen[str], directory: Path) -> None:
        self._process = process
        self._directory = directory
        self._number = 0
        self._logs: dict[int, Path] = {}

    def up_to_date(self, arguments: list[str], *, cwd: Path, environment: Mapping[str, str]) -> int:
        """Start `dbt-state-plugin ARGUMENTS`, which stands still, and return its pid."""
        self._number += 1
        log = self._directory / f"{self._number}.out"
        answer = self._tell(start=arguments, cwd=str(cwd), environment=dict(environment), log=str(log))
        self._logs[answer["pid"]] = log
        return int(answer["pid"])

    def go_on(self, pid: int) -> None:
        os.kill(pid, signal.SIGCONT)

    def wait(self, pid: int) -> Ended:
        answer = self._tell(wait=pid)
        log = self._logs.pop(pid)
        errors = log.with_suffix(".err")
        ended = Ended(
            code=answer["code"],
            mebibytes=answer["mebibytes"],
            stdout=log.read_text(errors="replace"),
            stderr=errors.read_text(errors="replace"),
        )
        log.unlink()
        errors.unlink()
        return ended

    def run(self, arguments: list[str], *, cwd: Path, environment: Mapping[str, str]) -> Ended:
        pid = self.up_to_date(arguments, cwd=cwd, environment=environment)
        self.go_on(pid)
        return self.wait(pid)

    def _tell(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def nursery(directory: Path) -> Iterator[Nursery]:
    """Start a nursery whose children write what they print below a directory; end it afterwards."""
    directory.mkdir(parents=True, exist_ok=True)
    with in_python("faults.nursery") as process:
        yield Nursery(process, directory)


def _start(command: Mapping[str, Any]) -> dict[str, Any]:
    child = os.fork()
    if child == 0:
        _become(command)
    os.waitpid(child, os.WUNTRACED)
    return {"pid": child}


def _become(command: Mapping[str, Any]) -> None:
    code = 70
    try:
        log = Path(command["log"])
        os.setsid()
        for descriptor, name in ((1, log), (2, log.with_suffix(".err"))):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(command["cwd"])
        os.environ.clear()
        os.environ.update(command["environment"])
        sys.argv = ["dbt-state-plugin", *command["start"]]
        os.kill(os.getpid(), signal.SIGSTOP)
        from dbt_state_plugin.cli.entry import main

        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def main() -> None:
    import_dbt()
    for line in sys.stdin:
        command = json.loads(line)
        if "start" in command:
            answer = _start(command)
        else:
            _, status, used = os.wait4(command["wait"], 0)
            answer = {"code": os.waitstatus_to_exitcode(status), "mebibytes": used.ru_maxrss // 1024}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
