"""dbt_project.yml: name, profile and target path."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.project.jinja import names_used
from dbt_state_plugin.project.yaml_context import AskDbt, YamlContext
from dbt_state_plugin.project.yaml_values import read_yaml, render_value

PROJECT_FILE_NAME = "dbt_project.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFile:
    """The rendered keys of dbt_project.yml.

    `profile` is None when only --profile can name it. While `awaits_target`, `name` and `target_path` may hold
    expressions that read `target`: read the file again with the profile's target.
    """

    path: Path
    name: str
    profile: str | None
    target_path: str
    awaits_target: bool


def find_project_dir(option: str | None, cwd: Path) -> Path:
    """Return the project's directory: the option's, or `cwd` or its nearest parent with a dbt_project.yml.

    `option` is the value of --project-dir or DBT_PROJECT_DIR. Raises ConfigurationError without a dbt_project.yml.
    """
    if option:
        directory = Path(os.path.normpath(cwd / option))
        if os.path.isfile(directory / PROJECT_FILE_NAME):  # noqa: PTH113 - no error for a name that no file can have
            return directory
        raise ConfigurationError(
            f"There is no {PROJECT_FILE_NAME} in {directory}.", "Correct --project-dir or DBT_PROJECT_DIR."
        )
    for directory in (cwd, *cwd.parents):
        if os.path.exists(directory / PROJECT_FILE_NAME):  # noqa: PTH110 - as above
            return directory
    raise ConfigurationError(
        f"There is no {PROJECT_FILE_NAME} in {cwd} or in a directory above it.",
        "Change to the directory of a dbt project, or name it with --project-dir.",
    )


def read_project_file(
    project_dir: Path,
    *,
    environ: Mapping[str, str],
    cli_vars: Mapping[str, Any],
    target: Mapping[str, Any] | None = None,
    ask_dbt: AskDbt | None = None,
) -> ProjectFile:
    """Read dbt_project.yml; raise ConfigurationError when it is no valid project file.

    `target` is `profile.target_context`: without it, what reads `target` stays unrendered (see `awaits_target`).
    """
    path = project_dir / PROJECT_FILE_NAME
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{path} does not hold a mapping.", "Write keys and values, such as name: my_project.")
    if raw.get("name") is None:
        raise ConfigurationError(f"{path} has no name.", "Add a line such as name: my_project.")
    context = YamlContext(
        file_name=PROJECT_FILE_NAME,
        environ=environ,
        cli_vars=cli_vars,
        secrets_allowed=False,
        target=target,
        ask_dbt=ask_dbt,
    )
    waiting = {key for key in ("name", "target-path") if target is None and "target" in names_used(str(raw.get(key)))}
    rendered = {
        key: raw[key] if key in waiting else _rendered_text(raw.get(key), key, context)
        for key in ("name", "profile", "target-path")
    }
    if "name" not in waiting and not re.match(r"[^\d\W]\w*$", rendered["name"] or ""):
        raise ConfigurationError(
            f"The name in {path} is not a valid project name.", "Use letters, digits and _, and no digit at the start."
        )
    return ProjectFile(
        path=path,
        name=rendered["name"],
        profile=rendered["profile"],
        target_path="target" if rendered["target-path"] is None else rendered["target-path"],
        awaits_target=bool(waiting),
    )


def _rendered_text(value: Any, key: str, context: YamlContext) -> Any:
    where = f"`{key}` in {PROJECT_FILE_NAME}"
    rendered = render_value(value, context, where=where)
    if rendered is not None and not isinstance(rendered, str):
        raise ConfigurationError(f"{where} is not text.", "Put it in quotes, without as_number or as_bool.")
    return rendered
