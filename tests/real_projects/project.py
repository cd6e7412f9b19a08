"""A public project, and the changes made to it.

A project is a folder with dbt_project.yml, dbt_packages and a profiles.yml that takes POSTGRES_HOST, POSTGRES_PORT,
POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DATABASE from the environment. What is changed in it stands beside
dbt_project.yml in changes.json; all keys may be left out:

    {"before": [["seed"]],
     "environment": {"NAME": "value"},
     "arguments": ["--vars", "{a: 1}"],
     "changes": {"edit": [{"file": "models/a.sql", "old": "x + 1", "new": "x + 2"}], "seed": [...], ...}}

The changes are `edit`, `seed`, `var` and `macro`. `before` are commands that each
run of `build` follows, where seeds stand in for the tables of sources.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from accuracy.workspace import Workspace
from support.project import clean_environment

from dbt_state_plugin.testing.postgres_server import Server

CHANGES = ("edit", "seed", "var", "macro")
_LEFT_BEHIND = shutil.ignore_patterns("target", "logs", ".git", "__pycache__")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """One place in one file: the first `old` becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RealProject:
    """A project in its folder, which is never written into, and what is done with it."""

    folder: Path
    before: tuple[tuple[str, ...], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    changes: Mapping[str, tuple[Replacement, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the name of the folder."""
        return self.folder.name


def found_projects(folder: Path) -> list[RealProject]:
    """Return the projects in the folders below, by name."""
    return [_read(file.parent) for file in sorted(folder.glob("*/dbt_project.yml"))]


def _read(folder: Path) -> RealProject:
    file = folder / "changes.json"
    said: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return RealProject(
        folder=folder,
        before=tuple(tuple(command) for command in said.get("before", [])),
        environment=said.get("environment", {}),
        arguments=tuple(said.get("arguments", [])),
        changes={
            name: tuple(Replacement(**each) for each in replacements)
            for name, replacements in said.get("changes", {}).items()
            if replacements
        },
    )


def copied(project: RealProject, directory: Path, server: Server, dbname: str) -> Workspace:
    """Copy the project into a directory and say how dbt is to be called there for a database."""
    shutil.copytree(project.folder, directory, ignore=_LEFT_BEHIND)
    home = directory.parent / "home"
    home.mkdir(exist_ok=True)
    environment = {
        **clean_environment(home),
        "POSTGRES_HOST": server.host,
        "POSTGRES_PORT": str(server.port),
        "POSTGRES_USER": server.user,
        "POSTGRES_PASSWORD": server.password,
        "POSTGRES_DATABASE": dbname,
        **project.environment,
    }
    return Workspace(directory=directory, environment=environment, arguments=project.arguments)


def replace(directory: Path, replacements: Iterable[Replacement]) -> None:
    """Make a change in a copy of the project."""
    for each in replacements:
        file = directory / each.file
        text = file.read_text(encoding="utf-8")
        if each.old not in text:
            raise ValueError(f"{each.file} has no {each.old!r}")
        file.write_text(text.replace(each.old, each.new, 1), encoding="utf-8")


def comment(directory: Path) -> int:
    """Add a comment to the SQL of each model of the project and of its packages; return how many there are."""
    files = [file for root in _projects(directory) for file in _models(root)]
    for file in files:
        file.write_text(f"-- a comment of nobody's\n{file.read_text(encoding='utf-8')}", encoding="utf-8")
    return len(files)


def _projects(directory: Path) -> list[Path]:
    return [directory, *(file.parent for file in sorted(directory.glob("dbt_packages/*/dbt_project.yml")))]


def _models(root: Path) -> list[Path]:
    settings = yaml.safe_load((root / "dbt_project.yml").read_text(encoding="utf-8")) or {}
    return sorted({file for path in settings.get("model-paths", ["models"]) for file in (root / path).rglob("*.sql")})
