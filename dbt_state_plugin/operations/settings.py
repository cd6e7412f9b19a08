"""Settings of one invocation, from the command line and the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dbt_state_plugin.errors import UsageError

DEFAULT_LOCK_TIMEOUT = 60.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of one invocation; None means dbt's default.

    `variables` are the values of `--vars`. `lock_timeout` is in seconds. `database_url` may hold a password, so it is
    left out of `repr`; `database_url_name` is what messages call it. `data_version` is for the sources that say nothing
    themselves. `extra_arguments` are dbt flags given after `--`.
    """

    project_dir: str | None = None
    profiles_dir: str | None = None
    profile: str | None = None
    target: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    threads: int | None = None
    pipeline: str = ""
    state_schema: str = "dbt_state_plugin"
    database_url: str = field(default="", repr=False)
    database_url_name: str = "value of DBT_STATE_PLUGIN_DATABASE_URL"
    lock_timeout: float = DEFAULT_LOCK_TIMEOUT
    target_path: str | None = None
    store_sql: str = "text"
    data_version: str = ""
    caller: str = "api"
    meltano_run_id: str = ""
    extra_arguments: tuple[str, ...] = ()


def parse_variables(text: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the value of `--vars` (a YAML mapping, as dbt reads it); raises UsageError."""
    if text is None or text == "":
        return {}
    if isinstance(text, Mapping):
        return dict(text)
    import yaml

    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError("The value of --vars is not valid YAML.", "Write it like --vars '{name: value}'.") from error
    if not isinstance(value, dict):
        raise UsageError("The value of --vars is not a mapping.", "Write it like --vars '{name: value}'.")
    if wrong := [name for name in value if not isinstance(name, str)]:  # dbt refuses them too
        raise UsageError(
            f"A name in --vars is not a text: YAML takes it for {type(wrong[0]).__name__}.",
            """Put it in quotes, as in --vars '{"on": true}'.""",
        )
    return value
