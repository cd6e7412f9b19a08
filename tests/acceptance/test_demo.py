"""The demo on a real server, from first line to last."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import forkserver
from support.pipeline import tool_environment

INTEGRATION_PROJECT = Path(__file__).parents[2] / "integration_project"
DEMO = INTEGRATION_PROJECT / "demo.py"
# Leaves out chapters of a story: `story`, the names joined by commas, then what is run.
SHORT = """
import importlib, runpy, sys
_, story, left_out, *sys.argv = sys.argv
sys.path[0] = sys.argv[0].rpartition("/")[0]
for name in left_out.split(","):
    setattr(importlib.import_module(story), name, lambda *_: None)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# What test_pipeline.py runs, too: a customer who moves, an edit, a mistake and its repair.
SHORT_WITH_MELTANO = ("pipeline_story", "one_customer,edited_model,both,repaired")
# What is told on PostgreSQL by itself: a macro that changes, a mistake and its repair.
SHORT_ON_DUCKDB = ("fast_story", "changed_macro,broken_model,taken_back")
IS_WHOLE = os.environ.get("DBT_STATE_PLUGIN_DEMO") == "full"


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Give a directory for temporary files that is short enough for a socket and open to PostgreSQL's account."""
    directory = Path(tempfile.mkdtemp(prefix="demo-", dir="/tmp"))
    directory.chmod(0o1777)
    yield directory
    shutil.rmtree(directory)
    directory.with_suffix(".py").unlink(missing_ok=True)


def start(
    temporary: Path,
    *arguments: str,
    demo: Path = DEMO,
    short: tuple[str, str] | None = None,
    is_forked: bool = False,
) -> subprocess.Popen[str]:
    """Start the demo as a user would, with its output in a pipe; `short` says which chapters of which story go.

    A forked one begins in a process that has imported dbt.
    """
    story: list[str] = []
    if short and not IS_WHOLE:
        shortened = temporary.with_suffix(".py")
        shortened.write_text(SHORT, encoding="utf-8")
        story = [str(shortened), *short]
    python = str(forkserver.programs() / forkserver.SCRIPT) if is_forked else sys.executable
    environment = {**tool_environment(temporary.parent), "TMPDIR": str(temporary)}
    del environment["NO_COLOR"]  # a pipe is reason enough for no colours
    return subprocess.Popen(
        [python, *story, str(demo), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a background job has it ignored
    )


def files(directory: Path) -> dict[str, int]:
    """Give the time of the last change of everything below a directory."""
    return {str(path): path.lstat().st_mtime_ns for path in directory.rglob("*") if "__pycache__" not in str(path)}


def processes_in(directory: Path) -> list[str]:
    """Give the command lines of the running processes that name something in a directory."""
    answer = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in answer.stdout.splitlines() if str(directory) in line]


def test_the_fast_demo_tells_its_story_and_leaves_nothing_behind(temporary: Path) -> None:
    before = files(INTEGRATION_PROJECT / "transform")

    demo = start(temporary, "--fast")
    output, _ = demo.communicate()

    assert demo.returncode == 0, output
    assert "Plan: 15 new, 0 unchanged\n" in output
    assert "Plan: nothing to build, 15 unchanged\n" in output
    assert "  first cause: model.shop.revenue_by_region <- model.shop.revenue_by_country\n" in output
    assert "Plan: 2 changed, 8 downstream, 5 unchanged\n" in output
    assert "Failed: 2 nodes built, 2 nodes to be built again next time" in output
    assert "  build  customers           body: its code changed\n" in output
    assert "\n$ dbt run --select shop.marts.payments_by_method\n" in output
    words = " ".join(output.split())
    assert "nothing changed 0 of 15 " in words
    assert "both edits taken back 4 of 15 " in words
    assert "have built 90 models in these 6 runs; 28 were enough." in words
    assert "\x1b" not in output
    assert not list(temporary.iterdir())
    assert not processes_in(temporary)
    assert files(INTEGRATION_PROJECT / "transform") == before


def test_the_demo_on_duckdb_tells_the_fast_story_without_a_server(temporary: Path) -> None:
    before = files(INTEGRATION_PROJECT / "transform")

    demo = start(temporary, "--duckdb", short=SHORT_ON_DUCKDB, is_forked=True)
    output, _ = demo.communicate()

    assert demo.returncode == 0, output
    assert "A small shop: sources in a DuckDB file," in output
    assert "Registered adapter: duckdb=" in output
    assert "Plan: nothing to build, 15 unchanged\n" in output
    assert "8/8  What is recorded, in an SQLite file beside the warehouse\n" in output
    words = " ".join(output.split())
    assert "one model edited 2 of 15 " in words
    if IS_WHOLE:
        assert "Plan: 2 changed, 8 downstream, 5 unchanged\n" in output
        assert "Failed: 2 nodes built, 2 nodes to be built again next time" in output
        assert "add up to 2672.60 again." in words
    runs = "90 models in these 6 runs; 33" if IS_WHOLE else "45 models in these 3 runs; 17"
    assert f"have built {runs} were enough. The temporary folder is removed." in words
    assert not list(temporary.iterdir())
    assert not processes_in(temporary)
    assert files(INTEGRATION_PROJECT / "transform") == before


def test_the_demo_tells_the_story_of_the_pipeline_and_leaves_nothing_behind(temporary: Path) -> None:
    before = files(INTEGRATION_PROJECT)

    demo = start(temporary, short=SHORT_WITH_MELTANO)
    output, _ = demo.communicate()

    assert demo.returncode == 0, output
    assert "  extracted  public-customers: 1 row\n" in output
    assert "Plan: nothing to build, 44 unchanged" in output
    assert "public-customers: select changed\n" in output
    words = " ".join(output.split())
    assert "rows sent again, none new 0 of 18 " in words
    if IS_WHOLE:
        assert "one customer moves 6 of 18 " in words
        assert "one model edited 2 of 18 " in words
    assert not list(temporary.iterdir())
    assert not processes_in(temporary)
    assert files(INTEGRATION_PROJECT) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_demo_removes_its_server_and_its_folder(temporary: Path, number: signal.Signals) -> None:
    demo = start(temporary, "--fast", is_forked=True)
    assert demo.stdout
    for line in demo.stdout:
        if line.startswith("$ dbt-state-plugin seed"):
            break

    demo.send_signal(number)
    rest, _ = demo.communicate()

    assert demo.wait() == 128 + number, rest
    assert "Traceback" not in rest
    assert rest.endswith("\nStopped; the server and the temporary folder are removed.\n")
    assert not list(temporary.iterdir())
    assert not processes_in(temporary)


def test_a_project_that_was_copied_out_of_the_checkout_takes_the_plugin_that_is_installed(tmp_path: Path) -> None:
    copy = tmp_path / "shop"
    shutil.copytree(INTEGRATION_PROJECT, copy)
    program = "from pathlib import Path; import pipeline; print(pipeline.copy_project(Path('made')) / 'meltano.yml')"

    copied = subprocess.run([sys.executable, "-c", program], cwd=copy, capture_output=True, text=True, check=True)

    written = (copy / copied.stdout.strip()).read_text(encoding="utf-8")
    assert f"  PLUGIN_PACKAGE: -e file://{INTEGRATION_PROJECT.parent}\n" in written  # where it was installed from
    assert "pip_url: $PLUGIN_PACKAGE dbt-core<1.12" in written


def test_a_plugin_that_cannot_be_installed_is_told_with_what_the_installer_said() -> None:
    from pipeline_story import of_installation

    state = {"status": "error", "details": "error: Failed to fetch: https://example.com/\n  cause: no route to host\n"}
    event = {"install_state": state, "event": "Installation failed. Command failed.", "level": "error"}

    assert of_installation(json.dumps(event)) == (
        "  Installation failed. Command failed.\n"
        "    error: Failed to fetch: https://example.com/\n      cause: no route to host"
    )


def test_lines_of_tests_are_left_out_of_the_story_whatever_becomes_of_them() -> None:
    from pipeline_story import of_run

    marks = ("build ", "build?", "later ", "later?", "again ", "cut   ")
    lines = [f"  {mark} {name}  if orders comes out different" for mark in marks for name in ("test unique", "orders")]

    shown = [of_run(json.dumps({"name": "dbt-state-plugin", "event": line})) for line in lines]

    assert [line for line in shown if line] == lines[1::2]


def test_a_demo_without_its_packages_says_what_to_install(tmp_path: Path) -> None:
    copy = tmp_path / "shop"
    shutil.copytree(INTEGRATION_PROJECT, copy)
    command = [sys.executable, "-E", "-S", str(copy / "demo.py")]  # nothing is installed for it

    refused = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        'dbt-state-plugin is not installed here.\nRun `pip install "dbt-state-plugin[meltano,embedded]"`.\n'
    )


def test_a_story_that_does_not_come_true_ends_with_1(temporary: Path, tmp_path: Path) -> None:
    copy = tmp_path / "integration_project"
    shutil.copytree(INTEGRATION_PROJECT, copy)
    model = copy / "transform" / "models" / "marts" / "customer_history.sql"
    model.write_text(model.read_text(encoding="utf-8") + "-- {{ run_started_at }}\n", encoding="utf-8")

    demo = start(temporary, "--fast", demo=copy / "demo.py", is_forked=True)
    output, _ = demo.communicate()

    assert demo.returncode == 1, output
    assert output.endswith(
        "Error: This was to happen and did not: a run without changes builds nothing; "
        "1 of 1 planned models were built.\n"
    )
    assert not list(temporary.iterdir())
    assert not processes_in(temporary)
