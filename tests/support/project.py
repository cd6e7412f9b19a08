"""A test's dbt project, and the commands run in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from support import forkserver
from support.database import Database, asked

if TYPE_CHECKING:
    from dbt_state_plugin.state.dialect import Statement

COMMANDS = {
    "dbt": [str(Path(sys.executable).with_name("dbt"))],
    "dbt-state-plugin": [sys.executable, "-m", "dbt_state_plugin"],
}
STATE_URL = "DBT_STATE_PLUGIN_DATABASE_URL"
NAME = "shop"
SCHEMA = "analytics"
PROJECT_FILE = """\
name: shop
version: "1.0"
profile: shop
model-paths: [models]
seed-paths: [seeds]
snapshot-paths: [snapshots]
macro-paths: [macros]
test-paths: [tests]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A dbt project named `shop` in a directory, with a profile for the test's database."""

    directory: Path
    environment: Mapping[str, str] = field(repr=False)

    def write(self, path: str, text: str) -> Path:
        """Write a file, given by its path in the project, and the directories above it."""
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def read(self, path: str) -> str:
        """Read a file."""
        return (self.directory / path).read_text(encoding="utf-8")

    def delete(self, path: str) -> None:
        """Delete a file."""
        (self.directory / path).unlink()

    def dbt(
        self, *arguments: str, env: Mapping[str, str] | None = None, check: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the real dbt of this environment; `check` is the exit code that it must end with."""
        return self._run("dbt", arguments, env=env, check=check, input=None)

    def plugin(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        check: int | None = None,
        input: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run dbt-state-plugin as a user would; `check` is the exit code that it must end with."""
        return self._run("dbt-state-plugin", arguments, env=env, check=check, input=input)

    def planned(self, command: str = "run", *options: str) -> dict[str, list[str]]:
        """Plan a command; return the nodes that are to be built, by name, with the words of their reasons."""
        nodes = json.loads(self.plugin("plan", "--for", command, "--output", "json", *options, check=0).stdout)["nodes"]
        return {
            node["name"]: [reason["detail"] for reason in node["reasons"]]
            for node in nodes
            if node["decision"] == "build"
        }

    def state(self, statement: Statement, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement on the project's state, wherever it is kept; each `{state}` is its schema. Give its rows."""
        from dbt_state_plugin.operations.settings import Settings
        from dbt_state_plugin.operations.target import resolve_state

        folder, url = str(self.directory), self.environment.get(STATE_URL, "")
        address = resolve_state(Settings(project_dir=folder, profiles_dir=folder, database_url=url))
        return asked(address.database, statement, parameters)

    def plugin_process(self, *arguments: str, env: Mapping[str, str] | None = None) -> forkserver.Process:
        """Start a fork of dbt-state-plugin in a session of its own and return at once, for tests that send signals."""
        environment = {**self.environment, **(env or {})}
        return forkserver.Process("dbt-state-plugin", arguments, cwd=self.directory, environment=environment)

    def _run(
        self,
        program: str,
        arguments: tuple[str, ...],
        *,
        env: Mapping[str, str] | None,
        check: int | None,
        input: str | None,
    ) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **(env or {})}
        where: dict[str, Any] = {"cwd": self.directory, "environment": environment, "given": env or {}}
        finished = run_command(program, arguments, **where, input=input or "")
        assert check is None or finished.returncode == check, (
            f"{program} {' '.join(arguments)} ended with {finished.returncode}, not {check}\n"
            f"--- stdout\n{finished.stdout}\n--- stderr\n{finished.stderr}"
        )
        return finished


def run_command(
    program: str,
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    given: Mapping[str, str] = MappingProxyType({}),
    input: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run `dbt` or `dbt-state-plugin` as a user would; as a fork, unless the environment has variables that forbid it.

    Those of `given` are looked at even where this process has them, too.
    """
    changed = {name: value for name, value in environment.items() if os.environ.get(name) != value}
    if forkserver.fits(changed | dict(given)):  # most of the time of a short command goes into imports
        ended = forkserver.run(program, arguments, cwd=cwd, environment=environment, input=input)
        return subprocess.CompletedProcess([program, *arguments], ended.code, ended.stdout, ended.stderr)
    return subprocess.run(
        [*COMMANDS[program], *arguments],
        cwd=cwd,
        env=environment,
        input=input,
        capture_output=True,
        text=True,
        check=False,
    )


class ProjectWriter(Protocol):
    """Write a project into the test's directory, as the fixture `dbt_project` does."""

    def __call__(self, files: Mapping[str, str], *, name: str = "project") -> Project:
        """Write the files (path in the project: text) into the directory `name`."""
        ...


def write_project(directory: Path, database: Database, home: Path, files: Mapping[str, str]) -> Project:
    """Write dbt_project.yml, profiles.yml and the files (path in the project: text), which may replace those two."""
    directory.mkdir(parents=True)
    home.mkdir(parents=True, exist_ok=True)
    project = Project(directory=directory, environment=clean_environment(home) | state_elsewhere(home))
    for path, text in {"dbt_project.yml": PROJECT_FILE, "profiles.yml": profiles(database), **files}.items():
        project.write(path, text)
    return project


def state_elsewhere(home: Path) -> dict[str, str]:
    """Keep the states of a test in a file where DBT_STATE_PLUGIN_TEST_STATE is sqlite, else with the warehouse."""
    return state_in("sqlite" if keeps_states_in_files() else "postgres", home)


def keeps_states_in_files() -> bool:
    """Return whether the tests of this session keep their states in files."""
    return os.environ.get("DBT_STATE_PLUGIN_TEST_STATE") == "sqlite"


def state_in(kind: str, folder: Path) -> dict[str, str]:
    """Return what keeps a state in a file of a folder where the kind is sqlite, else with the warehouse."""
    return {STATE_URL: f"sqlite:///{folder / 'state.sqlite'}"} if kind == "sqlite" else {}


def with_state_in(kind: str, project: Project) -> Project:
    """Return the project with a state of this kind."""
    elsewhere = state_in(kind, Path(project.environment["HOME"]))
    kept = {name: value for name, value in project.environment.items() if name != STATE_URL}
    return replace(project, environment=kept | elsewhere)


def profiles(database: Database) -> str:
    """Write a profiles.yml for the database; JSON strings quote what YAML would misread."""
    output = {
        "type": "postgres",
        "host": database.host,
        "port": database.port,
        "user": database.user,
        "password": database.password,
        "dbname": database.dbname,
        "schema": SCHEMA,
        "threads": 4,
    }
    lines = "".join(f"      {key}: {json.dumps(value)}\n" for key, value in output.items())
    return f"{NAME}:\n  target: dev\n  outputs:\n    dev:\n{lines}"


def clean_environment(home: Path) -> dict[str, str]:
    """Copy this process's environment without what configures dbt, this plugin or libpq."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "PG", "MELTANO_"))}
    return {
        **kept,
        "HOME": str(home),
        "NO_COLOR": "1",
        "DBT_STATE_PLUGIN_PROGRESS": "0",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
