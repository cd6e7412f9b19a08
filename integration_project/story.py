"""Stories told in real commands, each checked as it is told."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _support import forks

WIDTH = 78  # columns
PATIENCE = 10  # seconds that a stopped command has to end by itself
# What the user types, and what runs: the same program of the Python that runs this file, wherever PATH leads.
PROGRAMS = {
    "dbt-state-plugin": ("-m", "dbt_state_plugin"),
    "dbt": ("-c", "from dbt.cli.main import cli; cli()"),
    "meltano": ("-c", "from meltano.cli import main; main()"),
    "python": (),
}

Process = subprocess.Popen[str] | forks.Fork


class BrokenStory(Exception):
    """Which step did not do what the story says."""


class Stopped(BaseException):
    """Carry the number of the signal that ended the demo; like KeyboardInterrupt it is no Exception."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(slots=True, kw_only=True)
class Signals:
    """Remember the signal that asked the demo to stop, and whether that has to wait for a moment."""

    number: int = 0
    is_deferred: bool = False

    def raise_stopped(self) -> None:
        """Raise Stopped where a signal came."""
        if self.number and not self.is_deferred:
            raise Stopped(self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """What one tracked run did: how many models it built and cut off of those that it planned, and its wall time."""

    name: str
    built: int
    planned: int
    seconds: float
    cut_off: int = 0
    names: frozenset[str] = frozenset()  # of what was built, tests left out; known where the story asks for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Warehouse:
    """Where the shop's relations are: how it is called, the variables that lead there, and a query for one value."""

    name: str
    state: str  # where the state is kept, in words
    environment: Mapping[str, str] = field(repr=False)
    value: Callable[..., Any]  # of a query and its parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the story plays: the copied folder, the commands' environment, and what happened so far."""

    project: Path
    steps: int
    environment: Mapping[str, str] = field(repr=False)
    warehouse: Warehouse
    signals: Signals
    is_coloured: bool
    transform: Path  # the dbt project
    forks: bool = False  # whether commands are forks of this process
    chapters: list[Chapter] = field(default_factory=list)

    @property
    def models(self) -> int:
        """Give the number of models, as the first run counted them."""
        return self.chapters[0].planned


def heading(stage: Stage, number: int, text: str) -> None:
    """Print the title of a step."""
    title = f"{number}/{stage.steps}  {text}"
    say_line(f"\n\n{styled(stage, '1', title)}\n{'-' * len(title)}")


def say(text: str) -> None:
    """Print a paragraph."""
    say_line("\n" + textwrap.fill(text, WIDTH, break_on_hyphens=False))


def say_line(text: str) -> None:
    """Print at once, so that commands that write to the same place come after it."""
    print(text, flush=True)


def styled(stage: Stage, code: str, text: str) -> str:
    """Give the text in a style of the terminal, where one is wanted."""
    return f"\x1b[{code}m{text}\x1b[0m" if stage.is_coloured else text


def edit(stage: Stage, path: str, old: str, new: str) -> None:
    """Replace a piece of a file of the copy and show the lines that it changes."""
    file = stage.project / path
    before = file.read_text(encoding="utf-8")
    expect(old in before, f"{path} holds {old!r}")
    file.write_text(before.replace(old, new), encoding="utf-8")
    say_line(f"\nEdit {path}:")
    for line in before.splitlines():
        if old in line:
            say_line(styled(stage, "31", f"- {line.strip()}"))
            say_line(styled(stage, "32", f"+ {line.strip().replace(old, new)}"))


def command(
    stage: Stage, line: str, *, ends_with: int = 0, reads: bool = False, is_shown: bool = True
) -> subprocess.CompletedProcess[str]:
    """Print a command as the user would type it and run it; raises BrokenStory for another exit code.

    With `reads` its answer on stdout is returned, and shown too.
    """
    if is_shown:
        say_line("\n" + styled(stage, "1;36", f"$ {line}"))
    process = started(stage, line, stdout=subprocess.PIPE if reads else None, stderr=sys.stdout)
    try:
        stage.signals.raise_stopped()
        answer, _ = process.communicate()
    except BaseException:
        stop(process)
        raise
    if reads and is_shown:
        say_line(answer.rstrip("\n"))
    expect(process.returncode == ends_with, f"`{line}` ends with {ends_with} (it ended with {process.returncode})")
    return subprocess.CompletedProcess(process.args, process.returncode, answer)


def filtered(stage: Stage, line: str, telling: Callable[[str], str | None], *, ends_with: int = 0) -> list[str]:
    """Do as `command`, but show of the output only what `telling` gives for a line; return what was shown."""
    say_line("\n" + styled(stage, "1;36", f"$ {line}"))
    process = started(stage, line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    shown, last = [], ""
    try:
        stage.signals.raise_stopped()
        assert process.stdout
        for written in process.stdout:
            last = written.strip() or last
            told = telling(written.rstrip("\n"))
            if told is not None:
                say_line(told)
                shown.append(told)
        process.wait()
    except BaseException:
        stop(process)
        raise
    last = shown[-1].strip() if shown else last
    what = f"`{line}` ends with {ends_with} (it ended with {process.returncode}, and its last line was: {last})"
    expect(process.returncode == ends_with, what)
    return shown


def started(stage: Stage, line: str, *, stdout: Any, stderr: Any) -> Process:
    """Start a command in a session of its own: Ctrl-C is for the demo, which then stops the command."""
    program, *arguments = shlex.split(line)
    stage.signals.is_deferred = True  # until there is a process that can be stopped
    process = _process(stage, program, arguments, stdout=stdout, stderr=stderr)
    stage.signals.is_deferred = False
    return process


def _process(stage: Stage, program: str, arguments: list[str], *, stdout: Any, stderr: Any) -> Process:
    if stage.forks and program in forks.COMMANDS:
        environment = stage.environment
        return forks.Fork(program, arguments, cwd=stage.project, env=environment, stdout=stdout, stderr=stderr)
    return subprocess.Popen(
        [sys.executable, *PROGRAMS[program], *arguments],
        cwd=stage.project,
        env=stage.environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,  # mostly the demo's stdout, so that the story stays whole in a pipe
        text=True,
        start_new_session=True,
    )


def stop(process: Process) -> None:
    """End a command and what it started in order, or at once when it does not listen."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)  # an interpreter that has just begun prints a traceback for SIGINT
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tracked(stage: Stage, name: str, line: str, *, ends_with: int = 0) -> Chapter:
    """Run a command that is recorded, and give what the history says about it."""
    started = time.monotonic()
    command(stage, line, ends_with=ends_with)
    seconds = time.monotonic() - started
    answer = command(stage, "dbt-state-plugin history --limit 1 --output json", reads=True, is_shown=False).stdout
    recorded = json.loads(answer)["executions"][0]
    cut_off = recorded["cut_off"]
    built = recorded["succeeded"] - cut_off
    chapter = Chapter(name=name, built=built, cut_off=cut_off, planned=recorded["planned"], seconds=seconds)
    stage.chapters.append(chapter)
    status = "failed" if ends_with else "succeeded"
    expect(recorded["status"] == status, f"the run is recorded as {status}", chapter)
    return chapter


def expect(came_true: bool, what: str, chapter: Chapter | None = None) -> None:
    """Raise BrokenStory where something did not come true."""
    if not came_true:
        found = f"; {chapter.built} of {chapter.planned} planned models were built" if chapter else ""
        raise BrokenStory(f"This was to happen and did not: {what}{found}.")


def summary(stage: Stage, *, plain: str = "dbt run", things: str = "models") -> None:
    """Print the numbers, beside those of the plain command that would have built all things."""
    say_line("\n\n" + styled(stage, "1", f"{'run':<28}{things + ' built':>18}{'seconds':>10}"))
    for chapter in stage.chapters:
        share = f"{chapter.built} of {stage.models}"
        say_line(f"{chapter.name:<28}{share:>18}{chapter.seconds:>10.1f}")
    runs, built = len(stage.chapters), sum(chapter.built for chapter in stage.chapters)
    say(f"Plain `{plain}` would have built {runs * stage.models} {things} in these {runs} runs; {built} were enough.")
