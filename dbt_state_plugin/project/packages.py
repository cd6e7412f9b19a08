"""Packages that a dbt project declares and those that are installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.project.project_file import PROJECT_FILE_NAME
from dbt_state_plugin.project.yaml_values import read_yaml

_NAMING = ("packages.yml", "dependencies.yml")
_FOLDER = "dbt_packages"


def missing_packages(project_dir: Path) -> int:
    """Return how many declared packages are not installed, counting folders as dbt does.

    0 if a file cannot be read, or the folder's name is an expression: what is wrong is dbt's to say then.
    """
    named = sum(len(_listed(project_dir / name)) for name in _NAMING)
    folder = _mapping(project_dir / PROJECT_FILE_NAME).get("packages-install-path") or _FOLDER
    if not named or not isinstance(folder, str) or "{" in folder:
        return 0
    place = project_dir / folder
    installed = [each for each in place.iterdir() if each.is_dir()] if place.is_dir() else []
    return max(0, named - sum(not each.name.startswith("__") for each in installed))


def _listed(path: Path) -> list[Any]:
    packages = _mapping(path).get("packages")
    return packages if isinstance(packages, list) else []


def _mapping(path: Path) -> dict[str, Any]:
    try:
        read = read_yaml(path) if path.is_file() else None
    except ConfigurationError:
        return {}
    return read if isinstance(read, dict) else {}
