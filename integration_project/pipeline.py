"""Copies of the Meltano project, their plugins and their runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import TextIO

from dbt_state_plugin.errors import ConfigurationError

PROJECT = Path(__file__).parent
LEFT_BEHIND = (".meltano", ".env", "dbt_packages", "target", "logs", "output", ".user.yml", "__pycache__")
_CHECKOUT = "PLUGIN_PACKAGE: -e .."
PLUGIN_FOLDERS = ("extractors", "loaders", "utilities")
MELTANO = (sys.executable, "-c", "from meltano.cli import main; main()")
DBT = (sys.executable, "-c", "from dbt.cli.main import cli; cli()")


def copy_project(folder: Path, source: Path = PROJECT) -> Path:
    """Copy the project into the folder without what runs left behind; its plugin stays the one that is used here."""
    copy = folder / "integration_project"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    file = copy / "meltano.yml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(_CHECKOUT, f"PLUGIN_PACKAGE: {plugin_package()}"), encoding="utf-8")
    return copy


def plugin_package() -> str:
    """Return what pip installs the plugin from: the checkout around the project, else what was installed here."""
    if (PROJECT.parent / "meltano_plugin").is_dir():
        return f"-e {PROJECT.parent}"
    installed = distribution("dbt-state-plugin")
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    editable = "-e " if origin.get("dir_info", {}).get("editable") else ""
    return f"{editable}{origin['url']}" if "url" in origin else f"dbt-state-plugin=={installed.version}"


def installed_project(folder: Path, environment: Mapping[str, str], *plugins: str) -> Path:
    """Give a copy of the project in the folder with the plugins installed, once for all processes that ask.

    Raises ConfigurationError where an installation fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        _wait_for(lock)
        copy = folder / "integration_project"
        if not copy.exists():
            copy_project(folder)
            _prepare([*DBT, "deps", "--quiet"], copy / "transform", environment)
        for plugin in plugins:
            done = folder / f"{plugin}.installed"
            if not done.exists():
                _prepare([*MELTANO, "install", "--plugin-type", _kind(plugin), plugin], copy, environment)
                done.touch()
    return copy


def _wait_for(file: TextIO) -> None:
    """Lock an open file, which is freed when the process ends, however it ends."""
    try:
        import fcntl
    except ModuleNotFoundError:
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX)


def copy_installed(installed: Path, folder: Path) -> Path:
    """Copy an installed project into the folder; both use the same environments of the plugins."""
    copy = folder / "integration_project"
    shutil.copytree(installed, copy, ignore=shutil.ignore_patterns(".meltano", "target", "logs"))
    (copy / ".meltano").mkdir()
    for name in PLUGIN_FOLDERS:
        (copy / ".meltano" / name).symlink_to(installed / ".meltano" / name)
    return copy


def package_cache() -> dict[str, str]:
    """Give the variable that lets another HOME use the packages that were downloaded already."""
    from uv import find_uv_bin

    answer = subprocess.run([find_uv_bin(), "cache", "dir"], capture_output=True, text=True, check=True)
    return {"UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or answer.stdout.strip()}


def _kind(plugin: str) -> str:
    return {"tap": "extractor", "target": "loader"}.get(plugin.partition("-")[0], "utility")


def _prepare(command: list[str], directory: Path, environment: Mapping[str, str]) -> None:
    answer = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise ConfigurationError(
            f"`{' '.join(command[3:])}` failed: {answer.stdout.strip()}", "Correct that, and try again."
        )
