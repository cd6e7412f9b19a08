"""Settings of dbt's sessions in DuckDB that say what a statement means.

They follow from the profile, the environment and the version of DuckDB; nothing is opened or imported.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dbt_state_plugin.project.parsers import names_in
from dbt_state_plugin.warehouse.answers import value_hash

_ZONE = "TimeZone"
_ENGINE = "DuckDB"  # DuckDB itself is in dbt's process, and another minor version may compute something else
_DISTRIBUTION = re.compile(r"duckdb-(\d+\.\d+)[^/]*\.dist-info")
_SHOWN = frozenset({"timezone", "search_path", "schema", "calendar"})  # others may hold keys
# How fast, how much, and who asks others; what lies elsewhere is read on every run.
_NOT_MEANT = frozenset(
    "threads worker_threads external_threads memory_limit max_memory temp_directory max_temp_directory_size "
    "enable_progress_bar enable_progress_bar_print progress_bar_time s3_access_key_id s3_secret_access_key "
    "s3_session_token".split()
)
_HOST = "/etc/localtime"
_UTC = frozenset({"Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu"})


def session_settings(credentials: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings by name, hashed where they may hold a key; time zone and version are always among them."""
    found = {_ZONE: _host_zone(), _ENGINE: engine_version(sys.path)}
    found |= {_name(name): _shown(str(name), value) for name, value in given_settings(credentials)}
    found[_ZONE] = "UTC" if found[_ZONE] in _UTC else found[_ZONE]
    for key in ("extensions", "external_root"):  # the latter says where models write their files
        if told := credentials.get(key):
            found[key] = value_hash(told)
    return {name: value for name, value in found.items() if name not in _NOT_MEANT}


def given_settings(credentials: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what the profile gives to dbt's sessions, name and value, in the order in which dbt-duckdb sets it."""
    for key in ("config_options", "settings"):
        yield from dict(credentials.get(key) or {}).items()


def engine_version(path: Iterable[str]) -> str:
    """Return the minor version of the DuckDB that is installed; `path` is where Python looks for modules."""
    for place in path:
        names = names_in(place, "duckdb-")
        if versions := sorted(found[1] for found in map(_DISTRIBUTION.fullmatch, names) if found):
            return versions[-1]
    return ""


def _name(name: object) -> str:
    """Return a name as DuckDB compares it, without the dot that is for settings of PostgreSQL's applications."""
    text = str(name).strip().lower().replace(".", "/")
    return _ZONE if text == _ZONE.lower() else text


def _shown(name: str, value: object) -> str:
    return str(value) if _name(name).lower() in _SHOWN else value_hash(str(value))


def _host_zone() -> str:
    """Return the time zone that a new session has, as far as its name tells."""
    if given := os.environ.get("TZ", "").removeprefix(":"):
        return given
    return os.path.realpath(_HOST).partition("zoneinfo/")[2] or "the host's"
