"""The real PostgreSQL and the real dbt project of a test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

# What is played only where its variable is set to full.
ONLY_IN_FULL = {
    "DBT_STATE_PLUGIN_ACCURACY": "mutations on DuckDB, replays of commits and plays of a project",
    "DBT_STATE_PLUGIN_BENCHMARKS": "all benchmarks but one",
    "DBT_STATE_PLUGIN_DEMO": "the pipeline from MariaDB, a payment that is taken back",
}

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "integration_project"), str(TESTS.parent / "docs")]

from support.size import examples  # noqa: E402 - found by the line above

# No test may fail because the machine is slow.
settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=examples(100)
)
settings.load_profile("unhurried")

if TYPE_CHECKING:  # unit tests load no driver of a database
    from support.database import Database, Databases
    from support.project import Project, ProjectWriter

    from dbt_state_plugin.testing.postgres_server import Server


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run two tests on each core and one more where they wait for servers, locks and processes, and else half as many.

    Unit and integration tests wait for little, and each process of pytest-xdist collects all of them first: on two
    cores two processes took 71 s, three 63 s and four 71 s.
    """
    of_inner_loop = (TESTS / "unit", TESTS / "integration")
    waits = not all(
        any(Path(each).resolve().is_relative_to(folder) for folder in of_inner_loop) for each in config.args
    )
    cores = os.cpu_count() or 1
    return 2 * cores + 1 if waits else cores + 1


def pytest_configure(config: pytest.Config) -> None:
    """Let all processes of this session share one fork server, before pytest-xdist starts them."""
    from support import forkserver

    forkserver.folder()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run a folder of tests on all cores, and single files in this process, unless `-n` says otherwise."""
    if "PYTEST_XDIST_WORKER" in os.environ:  # a process that tests run in already
        return
    option = config.option
    if hasattr(option, "numprocesses") and option.numprocesses is None:  # before pytest-xdist looks
        narrowed = option.keyword or option.markexpr or option.collectonly or option.usepdb
        if not narrowed and any(Path(argument).is_dir() for argument in config.args):
            option.numprocesses = "auto"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that need what is not installed on this machine; the last lines of the session say so."""
    left_out = [
        item
        for item in items
        if (item.get_closest_marker("mariadb") and _missing_program())
        or (item.get_closest_marker("browser") and _missing_browser())
        or (item.get_closest_marker("strace") and not _has_strace())
        or (item.get_closest_marker("mermaid") and not _has_mermaid())
        or (item.get_closest_marker("schedulers") and not _has_schedulers())
        or any(shutil.which(mark.args[0]) is None for mark in item.iter_markers("shell"))
        or (item.get_closest_marker("spark") and _missing_spark())
        or (item.get_closest_marker("state_in_postgres") and _keeps_state_elsewhere())
        or any(os.environ.get(mark.args[0]) != "full" for mark in item.iter_markers("full"))
    ]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        from support.balance import balanced

        items[:] = balanced(items, lambda item: item.path, tests=TESTS, workers=workers)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was measured, and what could not be tested on this machine."""
    for report in terminalreporter.stats.get("passed", []):  # of the processes of pytest-xdist too
        for name, value in report.user_properties:
            if name == "measured":
                terminalreporter.write_line(str(value))
    left = [f"{what} ({name}=full)" for name, what in ONLY_IN_FULL.items() if os.environ.get(name) != "full"]
    if left:
        terminalreporter.write_line(f"Not tested here: {', '.join(left)}. CONTRIBUTING.md has all sizes.")
    from support.mermaid import is_fetched

    if not is_fetched():
        terminalreporter.write_line("Not tested here: pictures by Mermaid itself, which was not fetched by npm.")
    if not _has_schedulers():
        terminalreporter.write_line(
            "Not tested here: schedules by Airflow and a parser of crontabs. "
            "DBT_STATE_PLUGIN_SCHEDULERS=1 installs them in an environment of their own."
        )
    if _missing_program():
        terminalreporter.write_line(
            f"Not tested here: the pipeline from MariaDB, since there is no {_missing_program()}. "
            "Install mariadb-server, or let .ci/run do it as root."
        )
    if not _has_strace():
        terminalreporter.write_line(
            "Not tested here: kills and power cuts at operations on files, since there is no strace that may trace. "
            "Install strace, or let .ci/run do it as root."
        )
    shells = [shell for shell in ("zsh", "fish") if shutil.which(shell) is None]
    if shells:
        terminalreporter.write_line(
            f"Not tested here: completion in {' and '.join(shells)}. Install them, or let .ci/run do it as root."
        )
    if _missing_browser():
        terminalreporter.write_line(
            f"Not tested here: pages in a browser, since there is no {_missing_browser()}. "
            "Install chromium and chromium-driver, or let .ci/run do it as root."
        )
    if _keeps_state_elsewhere():
        terminalreporter.write_line(
            "Not tested here: what is about a state in PostgreSQL, since those of the tests are files."
        )
    if _missing_spark():
        terminalreporter.write_line(f"Not tested here: Spark, since there is no {_missing_spark()}.")


def _keeps_state_elsewhere() -> bool:
    from support.project import keeps_states_in_files

    return keeps_states_in_files()


@cache
def _missing_spark() -> str | None:
    from support.spark_project import missing_spark

    return missing_spark()


@cache
def _missing_program() -> str | None:
    from _support.mariadb_server import missing_programs

    return next(iter(missing_programs()), None)


@cache
def _missing_browser() -> str | None:
    from support.browser import missing_browser

    return missing_browser()


@cache
def _has_strace() -> bool:
    """Return whether there is a strace, and a kernel that lets it trace a process."""
    try:
        return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@cache
def _has_mermaid() -> bool:
    from support.mermaid import mermaid_script

    return mermaid_script() is not None


@cache
def _has_schedulers() -> bool:
    from support.schedulers import are_asked_for, schedulers_python

    return are_asked_for() and schedulers_python() is not None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """Start one PostgreSQL for this pytest process (each worker of pytest-xdist has its own)."""
    from dbt_state_plugin.testing.throwaway import started_server

    with started_server(in_memory=True) as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres_server: Server) -> Iterator[Databases]:
    """Give empty databases of the server."""
    from support.database import Databases

    with closing(Databases(postgres_server)) as found:
        yield found


@pytest.fixture
def database(databases: Databases, tmp_path: Path) -> Iterator[Database]:
    """Create an empty database and drop it afterwards."""
    from support.project import STATE_URL, state_elsewhere

    with databases.fresh() as created:
        yield replace(created, state_url=state_elsewhere(tmp_path / "home").get(STATE_URL, ""))


@pytest.fixture
def dbt_project(tmp_path: Path, database: Database) -> ProjectWriter:
    """Give a function that writes a dbt project from `{path in the project: text}`."""
    from support.project import write_project

    def write(files: Mapping[str, str], *, name: str = "project") -> Project:
        return write_project(tmp_path / name, database, tmp_path / "home", files)

    return write


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder in which Meltano's plugins are installed once for all processes of this session."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "installed"
