"""Files, profile, environment and arguments for one mutation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from support.project import clean_environment

from accuracy.mutation import PROJECTS, Mutation

if TYPE_CHECKING:
    from accuracy.warehouse import Copies

HERE = Path(__file__).parent
CITIES = 1_200  # long rows, more than 1 MiB together, from where dbt compares a seed's path and no longer its content
REGIONS = ("north", "south", "east", "west", "middle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A project in a directory, ready for dbt."""

    directory: Path
    environment: Mapping[str, str] = field(repr=False)
    arguments: tuple[str, ...]


def written_workspace(directory: Path, copies: Copies, mutation: Mutation | None, base: str = PROJECTS[0]) -> Workspace:
    """Write a base project anew, apply the mutation, and say how dbt is to be called."""
    project = directory / "project"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(HERE / base, project)
    shutil.copytree(project / "packages", project / "dbt_packages")
    if base == PROJECTS[0]:
        (project / "seeds" / "cities.csv").write_text(cities())
    home = directory / "home"
    home.mkdir(exist_ok=True)
    environment = clean_environment(home)
    arguments: list[str] = []
    if mutation:
        for edit in mutation.edits:
            edit(project)
        environment |= mutation.environment
        arguments += ["--vars", mutation.variables] if mutation.variables else []
        arguments += ["--target", mutation.target] if mutation.target else []
    copies.ported(project)
    (project / "profiles.yml").write_text(_profiles({**copies.output(), **_changed(copies, mutation)}))
    return Workspace(directory=project, environment=environment, arguments=tuple(arguments))


def _changed(copies: Copies, mutation: Mutation | None) -> Mapping[str, object]:
    return copies.profile(mutation.profile) if mutation else {}


def cities() -> str:
    """Return a seed of more than 1 MiB."""
    story = "It lies between the hills and the sea. " * 24
    rows = [f"{n},City number {n},{REGIONS[n % 5]},{n % 977},{story.strip()}\n" for n in range(CITIES)]
    return "city_id,city_name,region,population,story\n" + "".join(rows)


def _profiles(output: Mapping[str, object]) -> str:
    outputs = {"dev": output, "ci": output, "prod": {**output, "schema": "production"}}
    return json.dumps({"shop": {"target": "dev", "outputs": outputs}}, indent=2)  # YAML reads JSON
