"""Meaning of a target's keys in profiles.yml, by warehouse type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any
from urllib.parse import urlparse

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.postgres.settings import DatabaseSettings, dbt_postgres_credentials

# The names under which adapters keep what dbt calls database and schema.
DATABASE_KEYS = ("database", "dbname", "project", "catalog")
SCHEMA_KEYS = ("schema", "dataset")
# What dbt-duckdb and dbt-spark show to Jinja.
_SHOWN_BY_DUCKDB = frozenset(
    "database schema path config_options extensions settings external_root use_credential_provider attach filesystems "
    "remote plugins disable_transactions".split()
)
_SHOWN_BY_SPARK = frozenset("host port cluster endpoint schema organization".split())
_MOTHERDUCK = ("md", "motherduck")
_PLACE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?!\\)")  # one letter is a drive
_SECRET = re.compile(r"secret|token|passw|key|credential", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A rendered target without its type; the fields are those of a profile."""

    database: str
    schema: str
    credentials: Mapping[str, Any] = field(repr=False)
    settings: DatabaseSettings | None = None
    shown: frozenset[str] | None = None

    def of_a_profile(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def read_credentials(type_name: str, output: Mapping[str, Any], *, where: str) -> Credentials:
    """Return the meaning of a target; raises ConfigurationError for what its adapter is known to refuse.

    Of a type that is not known only the names of its database and schema are read, as most adapters call them.
    """
    if type_name == "postgres":
        return _of_postgres(output, where)
    if type_name == "duckdb":
        return _of_duckdb(output, where)
    return Credentials(
        database=_first_text(output, DATABASE_KEYS),
        schema=_first_text(output, SCHEMA_KEYS),
        credentials=dict(output),
        shown=_SHOWN_BY_SPARK if type_name == "spark" and output.get("method") == "session" else None,
    )


def _of_postgres(output: Mapping[str, Any], where: str) -> Credentials:
    credentials = dbt_postgres_credentials(output, where=where)
    return Credentials(
        database=credentials["database"],
        schema=credentials["schema"],
        credentials=credentials,
        settings=DatabaseSettings.from_dbt_credentials(credentials),
        shown=frozenset(credentials) - {"password"},
    )


def _of_duckdb(output: Mapping[str, Any], where: str) -> Credentials:
    path = output.get("path", ":memory:")
    if not isinstance(path, str):
        raise ConfigurationError(f"`path` of {where} is not text.", "Write the path of the DuckDB file, in quotes.")
    credentials = {"path": path, **output}
    return Credentials(
        database=_first_text(output, ("database",)) or duckdb_database(path),
        schema=_first_text(output, ("schema",)) or "main",
        credentials=credentials,
        shown=None if is_duckdb_elsewhere(credentials) else _SHOWN_BY_DUCKDB,
    )


def duckdb_database(path: str) -> str:
    """Return the name of a path's database, as dbt-duckdb derives it.

    That of a file is what stands before its first dot, except for dots in front.
    """
    if path == ":memory:":
        return "memory"
    place = urlparse(path)
    name = PurePath(place.path).name
    if place.scheme in _MOTHERDUCK:
        return PurePath(name).stem or "my_db"
    if place.scheme == "ducklake":
        return urlparse(PurePath(name).stem).path
    return name.lstrip(".").split(".")[0]


def is_duckdb_elsewhere(target: Mapping[str, Any]) -> bool:
    """Return whether a target of DuckDB is no file of this machine: MotherDuck, DuckLake or a server."""
    return bool(_PLACE.match(str(target.get("path") or "")) or target.get("remote"))


def without_secrets(value: Any) -> Any:
    """Return a value of a target without the parts whose keys name secrets, such as those of a file system."""
    if isinstance(value, Mapping):
        return {name: without_secrets(each) for name, each in value.items() if not _SECRET.search(str(name))}
    return [without_secrets(each) for each in value] if isinstance(value, list) else value


def _first_text(output: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((value for name in names if isinstance(value := output.get(name), str) and value), "")
