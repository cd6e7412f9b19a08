"""A profiles.yml for reading the project as another target.

dbt parses and compiles without a connection, so that only names count: those of the environment are written over those
of the target of that name, or of the present one where the profile has none or it cannot be rendered here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.project.profile import PROFILES_FILE_NAME, Profile, load_profile
from dbt_state_plugin.project.yaml_context import AskDbt
from dbt_state_plugin.project.yaml_values import read_yaml

# Jinja stands as it is in the copy, so that no rendered value is written; a password is not even wanted.
_REPLACED = ("password", "pass", "dbname", "database", "schema")


def write_other_target_profile(
    folder: Path,
    *,
    profiles_dir: Path,
    profile: Profile,
    target: str,
    database: str,
    schema: str,
    cli_vars: Mapping[str, Any],
    environ: Mapping[str, str],
    ask_dbt: AskDbt | None = None,
) -> None:
    """Write a profiles.yml with one target into an empty folder; raises ConfigurationError."""
    outputs = read_yaml(profiles_dir / PROFILES_FILE_NAME)[profile.name]["outputs"]
    for likeness in (target, profile.target_name):
        output = outputs.get(likeness)
        if not isinstance(output, dict):
            continue
        _write(folder, profile.name, target, _without_secrets(output) | {"dbname": database, "schema": schema})
        try:
            load_profile(
                profiles_dir=folder,
                profile_name=profile.name,
                target=target,
                threads=None,
                cli_vars=cli_vars,
                environ=environ,
                ask_dbt=ask_dbt,
            )
        except ConfigurationError:
            continue  # it asks for what only its own machine has
        return


def _without_secrets(output: Mapping[Any, Any]) -> dict[Any, Any]:
    return {name: value for name, value in output.items() if name not in _REPLACED} | {"password": "not used"}


def _write(folder: Path, profile: str, target: str, output: Mapping[Any, Any]) -> None:
    import yaml

    document = {profile: {"target": target, "outputs": {target: dict(output)}}}
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    (folder / PROFILES_FILE_NAME).write_text(text, encoding="utf-8")
