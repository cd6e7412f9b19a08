"""Airflow and python-crontab, installed apart for tests of schedules."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

VARIABLE = "DBT_STATE_PLUGIN_SCHEDULERS"
_PACKAGES = ("apache-airflow==3.3.2", "python-crontab==3.3.0")  # with what they need about 200 MB
_KEPT = Path(tempfile.gettempdir()) / "dbt-state-plugin-schedulers-3.3.2"


def are_asked_for() -> bool:
    """Return whether the environment asks for tests with real schedulers."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


@cache
def schedulers_python() -> Path | None:
    """Return the Python that has them, installed once for this machine; None where that fails."""
    python = _KEPT / "bin" / "python"
    if not python.exists():
        _install()
    return python if python.exists() else None


def _install() -> None:
    from uv import find_uv_bin

    made = _KEPT.with_suffix(f".{os.getpid()}")  # several processes may install them at once
    install = [find_uv_bin(), "pip", "install", "--quiet", "--python", str(made / "bin" / "python"), *_PACKAGES]
    try:
        for command in ([find_uv_bin(), "venv", "--quiet", str(made)], install):
            subprocess.run(command, check=True, capture_output=True, timeout=600)
        made.rename(_KEPT)
    except (OSError, subprocess.SubprocessError):  # the index cannot be reached, or another process was first
        shutil.rmtree(made, ignore_errors=True)
