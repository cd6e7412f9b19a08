"""The dbt project, profiles and target in a Meltano project.

Explicit settings win: an option, a setting of the plugin, dbt's own variables. Otherwise Meltano's conventions apply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dbt_state_plugin.api import load_yaml
from dbt_state_plugin.errors import ConfigurationError

_PREFIXES = ("DBT_STATE_PLUGIN_", "DBT_ENGINE_", "DBT_")
_PROJECT_FILE = "dbt_project.yml"
_PROFILES_FILE = "profiles.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Which variables to set for the command line, and how the target was chosen."""

    variables: Mapping[str, str]
    target_choice: str


def places_in(root: Path, environment: str, environ: Mapping[str, str], arguments: Sequence[str]) -> Places:
    """Return the places for the command line; raises ConfigurationError when one does not exist."""
    project_dir = _project_dir(root, environ, arguments)
    profiles_dir = _profiles_dir(root, project_dir, environ, arguments)
    variables = {"DBT_STATE_PLUGIN_PROJECT_DIR": str(project_dir), "DBT_STATE_PLUGIN_PROFILES_DIR": str(profiles_dir)}
    if _given("target", environ, arguments, "-t") is not None:
        return Places(variables=variables, target_choice="as set")
    profile = _profile(project_dir, profiles_dir, environ, arguments)
    if environment in _outputs(profile):
        return Places(
            variables=variables | {"DBT_STATE_PLUGIN_TARGET": environment}, target_choice="as the Meltano environment"
        )
    return Places(variables=variables, target_choice=f"the profile's default, as it has no target {environment}")


def _project_dir(root: Path, environ: Mapping[str, str], arguments: Sequence[str]) -> Path:
    given = _given("project-dir", environ, arguments)
    if given is not None:
        folder = root / given
    else:
        folder = root if not _is_project(root / "transform") and _is_project(root) else root / "transform"
    if not _is_project(folder):
        raise ConfigurationError(
            f"There is no {_PROJECT_FILE} in {folder}.",
            "Put the dbt project there, or name its folder: `meltano config set dbt-state-plugin project_dir FOLDER`.",
        )
    return folder


def _profiles_dir(root: Path, project_dir: Path, environ: Mapping[str, str], arguments: Sequence[str]) -> Path:
    given = _given("profiles-dir", environ, arguments)
    home = Path(environ.get("HOME") or Path.home()) / ".dbt"
    places = [project_dir / "profiles" / "postgres", project_dir / "profiles", project_dir, root, home]
    candidates = [root / given] if given is not None else places
    for folder in candidates:
        if (folder / _PROFILES_FILE).is_file():
            return folder
    where = candidates[0] if given is not None else project_dir
    raise ConfigurationError(
        f"There is no {_PROFILES_FILE} in {where}.",
        "Write one, or name its folder: `meltano config set dbt-state-plugin profiles_dir FOLDER`.",
    )


def _profile(project_dir: Path, profiles_dir: Path, environ: Mapping[str, str], arguments: Sequence[str]) -> Any:
    """Return the raw profile; an error in these files is told by what reads them in full."""
    name = _given("profile", environ, arguments) or _read(project_dir / _PROJECT_FILE).get("profile")
    return _read(profiles_dir / _PROFILES_FILE).get(str(name))


def _outputs(profile: Any) -> Mapping[str, Any]:
    outputs = profile.get("outputs") if isinstance(profile, Mapping) else None
    return outputs if isinstance(outputs, Mapping) else {}


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return content if isinstance(content, Mapping) else {}


def _given(option: str, environ: Mapping[str, str], arguments: Sequence[str], short: str = "") -> str | None:
    """Return the value of an option on the command line, else that of its variables."""
    for position, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument and argument in (f"--{option}", short) and position + 1 < len(arguments):
            return arguments[position + 1]
        if argument.startswith(f"--{option}="):
            return argument.partition("=")[2]
    name = option.replace("-", "_").upper()
    return next((environ[prefix + name] for prefix in _PREFIXES if environ.get(prefix + name)), None)


def _is_project(folder: Path) -> bool:
    return (folder / _PROJECT_FILE).is_file()
