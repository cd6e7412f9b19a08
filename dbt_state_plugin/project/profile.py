"""The dbt profile: warehouse, role and schema."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbt_state_plugin.errors import ConfigurationError, did_you_mean
from dbt_state_plugin.postgres.settings import DatabaseSettings, whole_number
from dbt_state_plugin.project.credentials import read_credentials, without_secrets
from dbt_state_plugin.project.yaml_context import AskDbt, YamlContext
from dbt_state_plugin.project.yaml_values import read_yaml, render_tree, render_value

PROFILES_FILE_NAME = "profiles.yml"
DEFAULT_TARGET_NAME = "default"
DEFAULT_THREADS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One target of one profile, rendered as dbt renders it.

    `credentials` of PostgreSQL have dbt-postgres' own names (`database`, `password`) and defaults, without unknown
    keys; those of any other type stand as they are in the file. `settings` are those of PostgreSQL, None for other
    types. `shown` names the keys that dbt shows to Jinja, None if only the adapter knows them: then dbt reads the
    project each time, as it does where the warehouse can only be asked through its adapter.
    """

    name: str
    target_name: str
    type: str
    database: str
    schema: str
    threads: int
    credentials: Mapping[str, Any] = field(repr=False)
    settings: DatabaseSettings | None
    shown: frozenset[str] | None = None

    @property
    def own_files(self) -> frozenset[str]:
        """Return the names of files that are the warehouse itself, which may be large, and held by another process."""
        path = self.credentials.get("path") if self.settings is None else None
        name = Path(path).name if isinstance(path, str) else ""
        return frozenset({name, f"{name}.wal"}) if name else frozenset()

    @property
    def target_context(self) -> dict[str, Any]:
        """Return what Jinja's `target` holds; for an unknown type only what every adapter has."""
        shown = self.shown or frozenset()
        return {
            **{name: without_secrets(value) for name, value in self.credentials.items() if name in shown},
            "database": self.database,
            "schema": self.schema,
            **({"dbname": self.database} if self.settings is not None else {}),
            "type": self.type,
            "threads": self.threads,
            "name": self.target_name,
            "target_name": self.target_name,
            "profile_name": self.name,
        }


def find_profiles_dir(option: str | None, cwd: Path, home: Path) -> Path:
    """Return the directory of profiles.yml: the option's, else `cwd` if it is there, else `~/.dbt`.

    `option` is the value of --profiles-dir or DBT_PROFILES_DIR. As in dbt, the project's directory does not count.
    Raises ConfigurationError when there is no profiles.yml.
    """
    candidates = [Path(os.path.normpath(cwd / option))] if option else [cwd, home / ".dbt"]
    for directory in candidates:
        if os.path.exists(directory / PROFILES_FILE_NAME):  # noqa: PTH110 - no error for a name that no file can have
            return directory
    raise _no_profiles_file(candidates)


def load_profile(
    *,
    profiles_dir: Path,
    profile_name: str | None,
    target: str | None,
    threads: int | None,
    cli_vars: Mapping[str, Any],
    environ: Mapping[str, str],
    ask_dbt: AskDbt | None = None,
) -> Profile:
    """Read and render one target of profiles.yml; raise ConfigurationError when dbt could not use it either.

    `target` and `threads` are the values of --target and --threads, which win over the file. `ask_dbt` renders values
    with names that only dbt knows, such as `dbt_version`; without it they are refused.
    """
    context = YamlContext(
        file_name=PROFILES_FILE_NAME, environ=environ, cli_vars=cli_vars, secrets_allowed=True, ask_dbt=ask_dbt
    )
    name, raw_profile = _raw_profile(profiles_dir, profile_name)
    target_name = _target_name(raw_profile, name, target, context)
    where = f"target {target_name!r} of profile {name!r}"
    output = render_tree(_raw_output(raw_profile, name, target_name), context, where=where)
    threads_in_file = output.pop("threads", DEFAULT_THREADS)
    checked_threads = whole_number(threads_in_file if threads is None else threads)
    if checked_threads is None:
        raise ConfigurationError(
            f"`threads` of {where} is not a whole number.", "Write it without quotes; with Jinja, add | as_number."
        )
    type_name = _type(output, where)
    credentials = read_credentials(type_name, output, where=where)
    return Profile(
        name=name, target_name=target_name, type=type_name, threads=checked_threads, **credentials.of_a_profile()
    )


def _raw_profile(profiles_dir: Path, profile_name: str | None) -> tuple[str, dict[Any, Any]]:
    path = profiles_dir / PROFILES_FILE_NAME
    if profile_name is None:
        raise ConfigurationError(
            "The dbt project names no profile.",
            f"Add profile: NAME to dbt_project.yml (see {path}), or give --profile.",
        )
    if not path.is_file():
        raise _no_profiles_file([profiles_dir])
    raw_profiles = read_yaml(path)
    if not raw_profiles:
        raise ConfigurationError(f"{path} is empty.", "Write a profile with an output for your warehouse into it.")
    if not isinstance(raw_profiles, dict):
        raise ConfigurationError(
            f"{path} does not hold a mapping.", "Write profiles as keys, their outputs below them."
        )
    if profile_name not in raw_profiles:
        # `config` held dbt's own flags in earlier versions.
        names = _listed(name for name in raw_profiles if name != "config")
        raise ConfigurationError(
            f"There is no profile {profile_name!r} in {path}; it has {names}.",
            f"{did_you_mean(profile_name, map(str, raw_profiles))}Correct profile: in dbt_project.yml, or --profile.",
        )
    raw_profile = raw_profiles[profile_name]
    if not raw_profile or not isinstance(raw_profile, dict) or not isinstance(raw_profile.get("outputs"), dict):
        raise ConfigurationError(
            f"Profile {profile_name!r} in {path} has no outputs.", "Add outputs: with one key for each target below it."
        )
    return profile_name, raw_profile


def _target_name(raw_profile: Mapping[Any, Any], name: str, option: str | None, context: YamlContext) -> str:
    if option is not None:
        return option
    if "target" not in raw_profile:
        return DEFAULT_TARGET_NAME
    where = f"`target` of profile {name!r}"
    target_name = render_value(raw_profile["target"], context, where=where)
    if not isinstance(target_name, str):
        raise ConfigurationError(f"{where} is not text.", "Write the name of one of its outputs, in quotes.")
    return target_name


def _raw_output(raw_profile: Mapping[Any, Any], name: str, target_name: str) -> dict[Any, Any]:
    outputs = raw_profile["outputs"]
    if target_name not in outputs:
        raise ConfigurationError(
            f"Profile {name!r} has no target {target_name!r}; it has {_listed(outputs)}.",
            f"{did_you_mean(target_name, map(str, outputs))}Correct --target, DBT_TARGET or target: in profiles.yml.",
        )
    output = outputs[target_name]
    if not isinstance(output, dict):
        raise ConfigurationError(
            f"Target {target_name!r} of profile {name!r} holds no keys.",
            "Write type, schema and the rest below it.",
        )
    return output


def _type(output: dict[Any, Any], where: str) -> str:
    if "type" not in output:
        raise ConfigurationError(f"{where} lacks type.", "Add type: postgres, or that of another adapter, to it.")
    name = output.pop("type")
    if not isinstance(name, str):
        raise ConfigurationError(f"The type of {where} is {name!r}.", "Write the name of an adapter: type: postgres.")
    return name


def _no_profiles_file(searched: Iterable[Path]) -> ConfigurationError:
    return ConfigurationError(
        f"There is no {PROFILES_FILE_NAME} in {' or '.join(str(directory) for directory in searched)}.",
        "Write one, or name its directory with --profiles-dir or DBT_PROFILES_DIR.",
    )


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
