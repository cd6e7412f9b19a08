"""Forked commands, held to processes of their own."""

from __future__ import annotations

import atexit
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support import forkserver
from support.database import Database
from support.project import COMMANDS, Project, ProjectWriter

SLEEPS = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
FILES = {
    "models/orders.sql": "select {{ one() }} as id",
    "models/report.sql": "{{ config(materialized='incremental') }} select * from {{ ref('orders') }}",
    "models/models.yml": "models: [{name: orders, tests: [odd], columns: [{name: id, data_tests: [unique]}]}]",
    "macros/one.sql": "{% macro one() %}1{% endmacro %} {% macro default__last_day(date, part) %}2{% endmacro %}",
    "tests/generic/odd.sql": "{% test odd(model) %}select 1 from {{ model }} where id % 2 = 0{% endtest %}",
}


def started(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMANDS["dbt"], *arguments],
        cwd=project.directory,
        env={**project.environment},
        capture_output=True,
        text=True,
    )


def without_chance(answer: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    """Leave out the clock."""
    return answer.returncode, re.sub(r"\d\d:\d\d:\d\d", "", answer.stdout), re.sub(r"[\d.]+s", "", answer.stderr)


def manifest(project: Project) -> Any:
    """Read what dbt wrote, without clocks and random numbers."""
    text = re.sub(r'"created_at": [\d.]+', '"created_at": 0', project.read("target/manifest.json"))
    document = json.loads(text)
    for name in ("generated_at", "invocation_id", "invocation_started_at", "run_started_at", "user_id"):
        document["metadata"].pop(name, None)
    return document


def test_a_forked_dbt_parses_and_says_what_a_started_one_does(dbt_project: ProjectWriter) -> None:
    project = dbt_project(FILES)
    of_its_own = without_chance(started(project, "parse", "--no-partial-parse"))
    expected = manifest(project)

    forked = without_chance(project.dbt("parse", "--no-partial-parse"))

    assert forked == of_its_own
    assert manifest(project) == expected


def returned() -> int:
    """End with a number; this and the next two are what a child does."""
    print("unflushed", end="")
    return 3


def said() -> str:
    """End with words, which the interpreter prints."""
    print("unflushed", end="")
    return "no"


def left_running() -> int:
    """End while a thread still works."""
    print("unflushed", end="")
    atexit.register(lambda: print("exit", file=sys.stderr))
    threading.Thread(target=lambda: (time.sleep(0.2), print("thread", file=sys.stderr))).start()
    return 0


@pytest.mark.parametrize(
    ("name", "code", "stderr"), [("returned", 3, ""), ("said", 1, "no\n"), ("left_running", 0, "thread\nexit\n")]
)
def test_a_fork_ends_as_an_interpreter_does(tmp_path: Path, name: str, code: int, stderr: str) -> None:
    ended = forkserver.run(f"system.testing.test_forkserver:{name}", [], cwd=tmp_path, environment={**os.environ})

    assert (ended.code, ended.stdout, ended.stderr) == (code, "unflushed", stderr)


PLACED = """
import warnings
from dbt.adapters.placed import NAME

def told():
    warnings.warn(NAME)  # an error, where that is asked for
    return 3
"""


@pytest.mark.parametrize(("warnings", "code"), [({}, 3), ({"PYTHONWARNINGS": "error"}, 1)])
def test_a_fork_finds_modules_and_takes_warnings_as_variables_of_python_say(
    tmp_path: Path, warnings: dict[str, str], code: int
) -> None:
    (tmp_path / "placed.py").write_text(PLACED)
    adapter = tmp_path / "dbt" / "adapters" / "placed"
    adapter.mkdir(parents=True)
    (adapter / "__init__.py").write_text("NAME = 'found there'")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), **warnings}

    assert forkserver.fits({"PYTHONPATH": str(tmp_path), **warnings})
    ended = forkserver.run("placed:told", [], cwd=tmp_path, environment=environment)

    assert ended.code == code, ended.stderr
    assert "UserWarning: found there" in ended.stderr


def test_meltano_and_its_plugin_are_forks_that_say_what_the_real_ones_do(tmp_path: Path) -> None:
    def said(program: Path, *arguments: str) -> tuple[int, str, str]:
        ended = subprocess.run([str(program), *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        return ended.returncode, ended.stdout, re.sub(r"[-\d]+T[:.\d]+Z", "", ended.stderr)

    real = Path(sys.executable).parent
    for programs, program in (
        (forkserver.meltano_programs(), "meltano"),
        (forkserver.programs(), "dbt-state-plugin-meltano"),
    ):
        for arguments in (["--version"], ["run", "--nothing"]):
            assert said(programs / program, *arguments) == said(real / program, *arguments)


def test_a_process_is_a_fork_that_can_be_looked_at_waited_for_and_killed(tmp_path: Path) -> None:
    environment = {**os.environ}
    ended = forkserver.Process("dbt-state-plugin", ["--version"], cwd=tmp_path, environment=environment)
    assert ended.communicate(timeout=60)[0].startswith("dbt-state-plugin")
    assert ended.returncode == ended.wait() == 0

    sleeping = forkserver.Process("time:sleep", [60], cwd=tmp_path, environment=environment)
    assert sleeping.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        sleeping.wait(0.01)
    assert os.getsid(sleeping.pid) == sleeping.pid
    sleeping.kill()
    assert sleeping.communicate() == ("", "")
    assert sleeping.returncode == -signal.SIGKILL


SCRIPT = """
printf 'SELECT 1' | dbt-state-plugin --version | head -c 16
dbt-state-plugin nothing 2>/dev/null; echo " $?"
SAID='{{ 1 }}' dbt --version >$OUTPUT; echo "$? $(head -n 1 $OUTPUT)"
"""


def test_programs_on_the_path_do_what_the_real_ones_do(tmp_path: Path) -> None:
    def said(programs: Path) -> str:
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "OUTPUT": str(tmp_path / "output")}
        command = ["bash", "-c", SCRIPT]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    forked = said(forkserver.programs())

    assert forked == said(Path(sys.executable).parent)
    assert forked.startswith("dbt-state-plugin")
    assert " 2\n0 Core:" in forked


STREAMS = """
import os, sys
print([(each.isatty(), each.line_buffering) for each in (sys.stdin, sys.stdout, sys.stderr)], os.get_terminal_size(0))
"""


def _read(terminal: int) -> bytes:
    """Return what comes next, nothing when nobody has the other end open any more."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


@pytest.mark.parametrize("is_terminal", [True, False])
def test_streams_of_a_fork_are_as_an_interpreter_makes_them(tmp_path: Path, is_terminal: bool) -> None:
    (tmp_path / "streams.py").write_text(STREAMS)

    def said(program: Path | str) -> bytes:
        ours, theirs = pty.openpty()
        output = theirs if is_terminal else subprocess.PIPE
        command = [str(program), str(tmp_path / "streams.py")]
        with subprocess.Popen(command, stdin=theirs, stdout=output, stderr=theirs) as ended:
            os.close(theirs)
            shown = ended.stdout.read() if ended.stdout else b"".join(iter(partial(_read, ours), b""))
            os.close(ours)
        return shown

    forked = said(forkserver.programs() / forkserver.SCRIPT)

    assert forked == said(sys.executable)
    assert forked.count(b"(True, ") == (3 if is_terminal else 2)


def test_a_signal_reaches_the_fork_of_a_program(dbt_project: ProjectWriter, database: Database) -> None:
    project = dbt_project({"models/slow.sql": "{{ config(materialized='table') }} select 1 as id from pg_sleep(60)"})
    command = [str(forkserver.programs() / "dbt-state-plugin"), "run"]
    with subprocess.Popen(command, cwd=project.directory, env={**project.environment}, stdout=subprocess.PIPE) as run:
        while not database.query(SLEEPS):
            time.sleep(0.05)
        run.terminate()
        run.communicate()

    assert run.returncode == 128 + signal.SIGTERM


def test_who_has_started_a_server_ends_while_others_use_it(tmp_path: Path) -> None:
    starts = "import sys; from support import forkserver; forkserver._server('meltano'); print('begun', flush=True)"
    environment = {**os.environ, forkserver.FOLDER: str(tmp_path), "PYTHONPATH": str(forkserver.TESTS)}
    asked = {"env": environment, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", f"{starts}; sys.stdin.read()"], **asked) as first:
        assert first.stdout
        assert first.stdout.readline() == "begun\n"
        with subprocess.Popen([sys.executable, "-c", f"{starts}; sys.stdin.read()"], **asked) as other:
            assert other.stdout
            assert other.stdout.readline() == "begun\n"
            first.communicate("", timeout=60)
            other.communicate("", timeout=60)

    assert (first.returncode, other.returncode) == (0, 0)
