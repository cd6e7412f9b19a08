"""Copy of a dbt or Meltano project on a throw-away database."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from dbt_state_plugin.core.values.results import CUT_OFF, GOOD_STATUSES

if TYPE_CHECKING:
    from dbt_state_plugin.testing.throwaway import ThrowawayDatabase

_LEFT_BEHIND = (".meltano", "target", "logs", ".git", ".venv", "venv", "__pycache__", ".pytest_cache")
_BUILT = ("model", "seed", "snapshot", "function")
_EXECUTION = """
    SELECT execution_id::text, status FROM dbt_state_plugin.execution ORDER BY started_at DESC, execution_id LIMIT 1
"""
_RESULTS = """
    SELECT unique_id, resource_type, status, reasons FROM dbt_state_plugin.node_result WHERE execution_id = %s
"""
_RECORDED = "SELECT DISTINCT unique_id FROM dbt_state_plugin.relation"
_STEPS = "SELECT name FROM dbt_state_plugin.execution_step WHERE execution_id = %s ORDER BY started_at, name"
_TESTS = ("test", "unit_test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one run did: names of models, seeds and snapshots, and why.

    `failed` are those that failed or were left out after a failure, `left_alone` those that were not planned, `reasons`
    the kinds of reasons of each planned one (`new`, `body`, `data`, `upstream`, ...), `tests` how many tests were run,
    `steps` the names of the recorded steps, `output` all that was printed.
    """

    status: str
    built: frozenset[str]
    failed: frozenset[str]
    left_alone: frozenset[str]
    reasons: Mapping[str, tuple[str, ...]]
    tests: int
    steps: tuple[str, ...]
    output: str = field(repr=False)

    def reason(self, name: str) -> str:
        """Return the kind of the first reason of a planned node; raises LookupError if it was not planned."""
        if name not in self.reasons:
            raise LookupError(f"{name} was not planned; planned: {', '.join(sorted(self.reasons)) or 'nothing'}")
        return self.reasons[name][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A copied project and the database that it writes; relations without a schema are those of `schema`."""

    directory: Path
    database: ThrowawayDatabase
    schema: str
    environment: Mapping[str, str] = field(repr=False)

    def run(self, command: str = "run", *arguments: str, check: int = 0) -> Ran:
        """Run dbt-state-plugin with a command and its arguments; `check` is the exit code that it must end with."""
        return self._ran([sys.executable, "-m", "dbt_state_plugin", command, *arguments], check)

    def meltano(self, *arguments: str, check: int = 0) -> Ran:
        """Run Meltano with these arguments, such as `run` and a job; `check` is the exit code that it must end with."""
        beside = Path(sys.executable).with_name("meltano")
        program = shutil.which("meltano", path=self.environment.get("PATH")) or str(beside)
        return self._ran([program, *arguments], check)

    def load(self, relation: str, file: str | Path, *, replace: bool = False) -> None:
        """Append the rows of a CSV file of the project to `schema.table`; see `ThrowawayDatabase.load`."""
        self.database.load(relation, self._file(file), replace=replace)

    def rows_equal(self, file: str | Path, relation: str | None = None) -> bool:
        """Return True where a relation, by default the one that the CSV file is named after, holds its rows.

        Raises AssertionError that shows which rows differ.
        """
        name = relation or Path(file).stem
        return self.database.rows_equal(name if "." in name else f"{self.schema}.{name}", self._file(file))

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a piece of a file of the copied project; raises AssertionError if it is missing."""
        file = self.directory / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{path} holds no {old!r}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def _file(self, file: str | Path) -> Path:
        """Return a file of the copied project, else of the folder in which pytest was started."""
        copied = self.directory / file
        return copied if copied.exists() else Path(file)

    def _ran(self, command: list[str], check: int) -> Ran:
        before = self._last_execution()
        ended = subprocess.run(
            command,
            cwd=self.directory,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ended.returncode == check, f"{' '.join(command)} ended with {ended.returncode}\n{ended.stdout}"
        last = self._last_execution()
        assert last != before, f"{' '.join(command)} recorded no execution\n{ended.stdout}"
        return self._read(*last, ended.stdout)

    def _last_execution(self) -> tuple[str, str]:
        exists = self.database.execute("SELECT to_regclass('dbt_state_plugin.execution') IS NOT NULL") == [(True,)]
        rows = self.database.execute(_EXECUTION) if exists else []
        return (str(rows[0][0]), str(rows[0][1])) if rows else ("", "")

    def _read(self, execution_id: str, status: str, output: str) -> Ran:
        results = self.database.execute(_RESULTS, (execution_id,))
        planned = {
            str(unique_id): (str(said), tuple(str(reason.get("kind", "")) for reason in reasons))
            for unique_id, kind, said, reasons in results
            if kind in _BUILT
        }
        cut_off = {name for name, (said, _) in planned.items() if said == CUT_OFF}
        built = {name for name, (said, _) in planned.items() if said in GOOD_STATUSES} - cut_off
        recorded = {str(row[0]) for row in self.database.execute(_RECORDED) if str(row[0]).split(".")[0] in _BUILT}
        return Ran(
            status=status,
            built=frozenset(map(_name, built)),
            failed=frozenset(map(_name, planned.keys() - built - cut_off)),
            left_alone=frozenset(map(_name, (recorded - planned.keys()) | cut_off)),
            reasons={_name(unique_id): kinds for unique_id, (_, kinds) in planned.items()},
            tests=sum(kind in _TESTS for _, kind, *_ in results),
            steps=tuple(str(row[0]) for row in self.database.execute(_STEPS, (execution_id,))),
            output=output,
        )


def copied_pipeline(
    folder: Path, into: Path, database: ThrowawayDatabase, environment: Mapping[str, str], *, schema: str
) -> Pipeline:
    """Copy a project into a folder, with a profile for the database where it is one of dbt; see the fixture."""
    directory = into / "pipeline"
    shutil.copytree(folder, directory, ignore=shutil.ignore_patterns(*_LEFT_BEHIND), symlinks=True)
    known = {"host": database.host, "port": str(database.port), "user": database.user, "password": database.password}
    known |= {"dbname": database.dbname, "url": database.url}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DBT_STATE_PLUGIN_")}
    given = {name: value.format_map(known) for name, value in environment.items()}
    if (directory / "dbt_project.yml").exists():
        profiles = into / "profiles"
        profiles.mkdir()
        _write_profile(profiles / "profiles.yml", directory / "dbt_project.yml", database, schema)
        given = {"DBT_PROFILES_DIR": str(profiles), **given}
    return Pipeline(directory=directory, database=database, schema=schema, environment={**inherited, **given})


def _write_profile(file: Path, project: Path, database: ThrowawayDatabase, schema: str) -> None:
    name = (yaml.safe_load(project.read_text(encoding="utf-8")) or {}).get("profile")
    output = {
        "type": "postgres",
        "host": database.host,
        "port": database.port,
        "user": database.user,
        "password": database.password,
        "dbname": database.dbname,
        "schema": schema,
        "threads": 4,
    }
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump({str(name): {"target": "test", "outputs": {"test": output}}}), encoding="utf-8")


def _name(unique_id: str) -> str:
    return unique_id.split(".", 2)[-1]
