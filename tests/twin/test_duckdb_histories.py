"""Histories on DuckDB beside plain dbt, with and without planted bugs.

One short history and one bug; `tests/twin/duckdb_histories.py` plays more and longer histories, and all bugs
are planted where `DBT_STATE_PLUGIN_TWIN` is set.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support import forkserver

from twin.duckdb_bugs import DUCKDB_BUGS
from twin.duckdb_histories import History, begun, play
from twin.machine import SIZE_VARIABLE

PLANTED = sorted(DUCKDB_BUGS) if SIZE_VARIABLE in os.environ else sorted(DUCKDB_BUGS)[:1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, History]:
    """Give a folder with two projects that were built, and a copy of it."""
    folder = tmp_path_factory.mktemp("duckdb-twins")
    history = begun(folder / "both", f"sqlite:///{folder / 'both' / 'state.sqlite'}")
    shutil.copytree(folder / "both", folder / "copy", symlinks=True)
    return folder / "both", folder / "copy", history


@pytest.fixture
def history(built: tuple[Path, Path, History]) -> History:
    """Give both projects as they were built, whatever an earlier bug has left of them."""
    folder, copy, history = built
    shutil.rmtree(folder)
    shutil.copytree(copy, folder, symlinks=True)
    history.ours.run()  # a file that was copied into place counts as written
    assert "othing to build" in history.ours.run()
    return history


def test_twins_stay_equal(tmp_path: Path) -> None:
    assert play(seed=7, steps=2, state_url=f"sqlite:///{tmp_path / 'state.sqlite'}") == []


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, history: History) -> None:
    planted = DUCKDB_BUGS[bug]
    planted.before(history)
    for _ in range(2):  # what the first opens may be written into the file by that
        _run_with(bug, history)
    planted.change(history)
    _run_with(bug, history)
    history.plain.project.dbt("run", check=0)
    differing = history.differences()
    history.ours.run("--force")  # it has recorded what is wrong

    assert differing
    assert history.differences() == []


def _run_with(bug: str, history: History) -> None:
    project = history.ours.project
    ended = forkserver.run(
        "twin.duckdb_bugs:run", [bug, ["run"]], cwd=project.directory, environment=project.environment
    )
    assert ended.code == 0, ended.stdout + ended.stderr
