"""A profiles.yml for reading the project as another target.

dbt parses and compiles without a connection, so that only names count: those of the environment are written over those
of the target of that name, or of the present one where the profile has none or it cannot be rendered here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.project.credentials import DATABASE_KEYS, SCHEMA_KEYS
from dbt_state_plugin.project.profile import PROFILES_FILE_NAME, Profile, load_profile
from dbt_state_plugin.project.yaml_context import AskDbt
from dbt_state_plugin.project.yaml_values import read_yaml

# Jinja stands as it is in the copy, so that no rendered value is written; what is secret is not even wanted.
_SECRETS = frozenset(
    "password pass token motherduck_token access_token refresh_token client_secret secret private_key "
    "private_key_passphrase aws_secret_access_key aws_session_token passcode".split()
)
_UNUSED = "not used"


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
) -> Profile:
    """Write a profiles.yml with one target into an empty folder, and return that; raises ConfigurationError."""
    outputs = read_yaml(profiles_dir / PROFILES_FILE_NAME)[profile.name]["outputs"]
    likenesses = [each for each in (target, profile.target_name) if isinstance(outputs.get(each), dict)]
    for likeness in likenesses:
        _write(folder, profile.name, target, _placed(outputs[likeness], profile.type, database, schema))
        try:
            return load_profile(
                profiles_dir=folder,
                profile_name=profile.name,
                target=target,
                threads=None,
                cli_vars=cli_vars,
                environ=environ,
                ask_dbt=ask_dbt,
            )
        except ConfigurationError:
            if likeness == likenesses[-1]:
                raise
            # else it asks for what only its own machine has
    raise ConfigurationError(
        f"Profile {profile.name!r} has no target like {target!r}.", "Add one of that name to profiles.yml."
    )


def _placed(output: Mapping[Any, Any], present_type: str, database: str, schema: str) -> dict[Any, Any]:
    """Return a target with these names of database and schema, and without secrets.

    Where the type is an expression it is taken for that of the present target.
    """
    kind = present_type if "{" in str(output.get("type")) else output.get("type")
    found = {name: _UNUSED if name in _SECRETS and isinstance(value, str) else value for name, value in output.items()}
    if kind == "postgres":
        placed = {name: value for name, value in found.items() if name not in ("pass", "database")}
        return placed | {"password": _UNUSED, "dbname": database, "schema": schema}
    if kind == "duckdb":  # its file names the database
        return found | {"schema": schema}
    keys = {**dict.fromkeys(DATABASE_KEYS, database), **dict.fromkeys(SCHEMA_KEYS, schema)}
    return found | {name: value for name, value in keys.items() if name in output}


def _write(folder: Path, profile: str, target: str, output: Mapping[Any, Any]) -> None:
    import yaml

    document = {profile: {"target": target, "outputs": {target: dict(output)}}}
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    (folder / PROFILES_FILE_NAME).write_text(text, encoding="utf-8")
