"""Completion in real shells after `completion --install`."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dbt_state_plugin.cli.plan import OUTPUTS

TYPED_IN_FISH = ("pl", "plan --outp", "plan --output sel")
COMPLETE = """
. ~/.bashrc
. ~/.bashrc
COMP_WORDS=(dbt-state-plugin pl) COMP_CWORD=1
_dbt_state_plugin_completion dbt-state-plugin
echo "${COMPREPLY[@]}"
"""


def installed(home: Path, shell: str) -> dict[str, str]:
    """Install the completion twice, as the shell of this home, and return the environment of its shells."""
    scripts = Path(sys.executable).parent
    path = f"{scripts}:{os.environ['PATH']}"
    environment = {"HOME": str(home), "PATH": path, "SHELL": f"/usr/bin/{shell}", "TERM": "dumb"}
    said = [
        subprocess.run(
            [sys.executable, "-m", "dbt_state_plugin", "completion", "--install"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    ]
    assert said[0].stderr.startswith(f"Wrote {home}/.")
    assert said[1].stderr.startswith("Completion is installed already: ")
    assert said[0].stdout == said[1].stdout == ""
    return environment


def test_bash_completes_commands_after_an_installation(tmp_path: Path) -> None:
    environment = installed(tmp_path, "bash")

    completed = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE], env=environment, capture_output=True, text=True, check=False
    )

    assert completed.stdout.split() == ["plan"], completed.stderr


@pytest.mark.shell("fish")
def test_fish_completes_commands_and_options_after_an_installation(tmp_path: Path) -> None:
    environment = installed(tmp_path, "fish")

    completed = subprocess.run(
        ["fish", "-c", "; ".join(f'complete -C "dbt-state-plugin {typed}"' for typed in TYPED_IN_FISH)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert [line.split("\t") for line in completed.stdout.splitlines()] == [
        ["plan", "Show what would be built and why; nothing is written."],
        ["--output", f"One of {', '.join(OUTPUTS)}; state-dir takes a folder: --output state-dir DIR."],
        ["select", OUTPUTS["select"]],
        ["selectors", OUTPUTS["selectors"]],
    ], completed.stderr


@pytest.mark.shell("zsh")
def test_zsh_completes_a_command_that_is_being_typed_after_an_installation(tmp_path: Path) -> None:
    environment = installed(tmp_path, "zsh")
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        ["zsh", "-i"], env=environment, stdin=inside, stdout=inside, stderr=inside, start_new_session=True
    )
    os.close(inside)
    try:
        os.write(terminal, b"echo re''ady\n")
        read_until(terminal, "ready")
        os.write(terminal, b"dbt-state-plugin expl\t")
        read_until(terminal, "dbt-state-plugin explain")
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def read_until(terminal: int, text: str) -> None:
    """Read what a terminal shows until it shows the text; fails when a minute has passed."""
    shown, end = "", time.monotonic() + 60
    while text not in shown:
        assert time.monotonic() < end, shown
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")
