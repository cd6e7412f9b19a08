"""Completion in a real shell after `completion --install`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

COMPLETE = """
. ~/.bashrc
. ~/.bashrc
COMP_WORDS=(dbt-state-plugin pl) COMP_CWORD=1
_dbt_state_plugin_completion dbt-state-plugin
echo "${COMPREPLY[@]}"
"""


def test_bash_completes_commands_after_an_installation(tmp_path: Path) -> None:
    scripts = Path(sys.executable).parent
    environment = {"HOME": str(tmp_path), "PATH": f"{scripts}:{os.environ['PATH']}", "SHELL": "/bin/bash"}

    told = subprocess.run(
        [sys.executable, "-m", "dbt_state_plugin", "completion", "--install"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    completed = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE], env=environment, capture_output=True, text=True, check=False
    )

    assert told.stderr.startswith(f"Wrote {tmp_path}/.local/share/dbt-state-plugin/completion.bash.")
    assert told.stdout == ""
    assert completed.stdout.split() == ["plan"], completed.stderr
