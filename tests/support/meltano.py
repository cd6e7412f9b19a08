"""A test's Meltano project, and the real Meltano's answers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from support import forkserver
from support.database import Database
from support.project import PROJECT_FILE, clean_environment, profiles

ROOT = Path(__file__).parents[2]
DEFINITION = ROOT / "meltano_plugin" / "dbt-state-plugin.yml"
JOB = "dbt-state-plugin:load-plan-apply tap-shop target-shop dbt-state-plugin:run"

# Extracts from a JSON file {stream: [row, ...]}; each row has an id, which is the replication key. Like every Singer
# tap it sends the row at the bookmark again.
TAP = """\
#!{python}
import argparse, json, sys
parser = argparse.ArgumentParser()
for name in ("config", "state", "catalog", "properties"):
    parser.add_argument("--" + name)
parser.add_argument("--discover", action="store_true")
given = parser.parse_args()
source = json.load(open(json.load(open(given.config))["source"]))
def entry(stream, rows):
    columns = sorted({{column for row in rows for column in row}})
    metadata = [{{"breadcrumb": [], "metadata": {{"inclusion": "available"}}}}]
    metadata += [{{"breadcrumb": ["properties", c], "metadata": {{"inclusion": "available"}}}} for c in columns]
    schema = {{"type": "object", "properties": {{c: {{"type": ["null", "string"]}} for c in columns}}}}
    return {{"tap_stream_id": stream, "stream": stream, "schema": schema, "metadata": metadata}}
if given.discover:
    print(json.dumps({{"streams": [entry(s, rows) for s, rows in source.items()]}}))
    sys.exit()
bookmarks = json.load(open(given.state)).get("bookmarks", {{}}) if given.state else {{}}
def say(**message):
    print(json.dumps(message), flush=True)
for stream in json.load(open(given.catalog))["streams"]:
    name = stream["tap_stream_id"]
    chosen = {{tuple(m["breadcrumb"]): m["metadata"].get("selected") for m in stream["metadata"]}}
    if not chosen[()]:
        continue
    columns = [c for c in stream["schema"]["properties"] if chosen.get(("properties", c))]
    say(type="SCHEMA", stream=name, key_properties=["id"], schema=stream["schema"])
    start = bookmarks.get(name, {{}}).get("replication_key_value", "")
    for row in sorted(source[name], key=lambda row: row["id"]):
        if row["id"] >= start:
            say(type="RECORD", stream=name, record={{c: row.get(c) for c in columns}})
            bookmarks[name] = {{"replication_key": "id", "replication_key_value": row["id"]}}
    say(type="STATE", value={{"bookmarks": bookmarks}})
    if source.get("fails"):
        sys.exit("the source is gone")
"""
# Loads into PostgreSQL, where equal rows are not written again, and notes how many records of each stream came.
TARGET = """\
#!{python}
import argparse, json, sys
import psycopg2
parser = argparse.ArgumentParser()
parser.add_argument("--config")
config = json.load(open(parser.parse_args().config))
connection = psycopg2.connect(config["database_url"])
counts, state = {{}}, None
for line in sys.stdin:
    message = json.loads(line)
    cursor = connection.cursor()
    if message["type"] == "SCHEMA":
        table = message["stream"]
        cursor.execute("CREATE SCHEMA IF NOT EXISTS raw")
        cursor.execute(f'CREATE TABLE IF NOT EXISTS raw.{{table}} (id text PRIMARY KEY, name text, note text)')
    elif message["type"] == "RECORD":
        counts[message["stream"]] = counts.get(message["stream"], 0) + 1
        row = message["record"]
        cursor.execute(
            f'INSERT INTO raw.{{message["stream"]}} AS t VALUES (%(id)s, %(name)s, %(note)s) '
            "ON CONFLICT (id) DO UPDATE SET name = excluded.name, note = excluded.note "
            "WHERE t IS DISTINCT FROM excluded",
            {{"name": None, "note": None, **row}},
        )
    elif message["type"] == "STATE":
        connection.commit()
        print(json.dumps(message["value"]), flush=True)
json.dump(counts, open(config["counts"], "w"))
"""
MODELS = {
    "models/sources.yml": """\
sources:
  - name: raw
    schema: raw
    tables: [{name: orders}, {name: customers}]
""",
    "models/all_orders.sql": "select id, name, note from {{ source('raw', 'orders') }}",
    "models/all_customers.sql": "select id, name from {{ source('raw', 'customers') }}",
}
TABLES = "models: {+materialized: table}\n"
ROWS = {
    "orders": [{"id": f"o{number}", "name": "order", "note": "n"} for number in range(1, 4)],
    "customers": [{"id": f"c{number}", "name": "customer", "note": "n"} for number in range(1, 3)],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeltanoProject:
    """A Meltano project with a tap, a target and a dbt project under `transform`."""

    directory: Path
    environment: Mapping[str, str] = field(repr=False)

    def read(self) -> dict[str, Any]:
        """Read meltano.yml."""
        content: dict[str, Any] = yaml.safe_load((self.directory / "meltano.yml").read_text(encoding="utf-8"))
        return content

    def write(self, content: Mapping[str, Any]) -> None:
        """Write meltano.yml."""
        (self.directory / "meltano.yml").write_text(yaml.safe_dump(dict(content)), encoding="utf-8")

    def set_tap(self, **keys: Any) -> None:
        """Change keys of the tap in meltano.yml."""
        content = self.read()
        content["plugins"]["extractors"][0].update(keys)
        self.write(content)

    def rows(self, rows: Mapping[str, Any]) -> None:
        """Write what the source holds."""
        (self.directory / "source.json").write_text(json.dumps(rows), encoding="utf-8")

    def loaded(self) -> dict[str, int]:
        """Return how many records of each stream the last load brought."""
        counts: dict[str, int] = json.loads((self.directory / "counts.json").read_text(encoding="utf-8"))
        return counts

    def bookmarks(self, state_id: str = "dev:tap-shop-to-target-shop") -> dict[str, Any]:
        """Return the bookmarks as Meltano shows them."""
        state = json.loads(self.meltano("state", "get", state_id, check=0).stdout)
        found: dict[str, Any] = state.get("singer_state", {}).get("bookmarks", {})
        return found

    def meltano(
        self, *arguments: str, env: Mapping[str, str] | None = None, check: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run Meltano, as a fork; `check` is the exit code that it must end with."""
        return self._run([str(forkserver.meltano_programs() / "meltano"), *arguments], env or {}, check)

    def entry(
        self, *arguments: str, env: Mapping[str, str] | None = None, check: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the plugin's executable with what Meltano would export, without the seconds that Meltano takes."""
        exported = {
            "MELTANO_PROJECT_ROOT": str(self.directory),
            "MELTANO_SYS_DIR_ROOT": str(self.directory / ".meltano"),
            "MELTANO_ENVIRONMENT": "dev",
            "MELTANO_UTILITY_NAME": "dbt-state-plugin",
            "MELTANO_DATABASE_URI": f"sqlite:///{self.directory}/.meltano/meltano.db",
        }
        return self._run([str(entry()), *arguments], {**exported, **(env or {})}, check)

    def _run(self, command: list[str], env: Mapping[str, str], check: int | None) -> subprocess.CompletedProcess[str]:
        finished = subprocess.run(
            command,
            cwd=self.directory,
            env={**self.environment, **env},
            input="",
            capture_output=True,
            text=True,
            check=False,
        )
        assert check is None or finished.returncode == check, (
            f"{' '.join(command)} ended with {finished.returncode}, not {check}\n"
            f"--- stdout\n{finished.stdout}\n--- stderr\n{finished.stderr}"
        )
        return finished


def entry() -> Path:
    """Return the plugin's executable, as a fork."""
    return forkserver.programs() / "dbt-state-plugin-meltano"


def said(answer: subprocess.CompletedProcess[str], by: str = "dbt-state-plugin") -> list[str]:
    """Return what a plugin printed under `meltano run`, without Meltano's own columns."""
    found = []
    for line in answer.stderr.splitlines():
        _, bracket, rest = line.partition("] ")
        if bracket and rest.startswith(by):
            found.append(rest[len(by) :].strip())
    return found


def write_meltano_project(directory: Path, database: Database, home: Path) -> MeltanoProject:
    """Write a project whose utility is the executable of this environment, so that nothing has to be installed.

    That, and the Meltano that it finds, are forks.
    """
    directory.mkdir(parents=True)
    home.mkdir(parents=True, exist_ok=True)
    for name, text in {"tap.py": TAP, "target.py": TARGET}.items():
        script = directory / name
        script.write_text(text.format(python=sys.executable), encoding="utf-8")
        script.chmod(0o755)
    environment = {
        **clean_environment(home),
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
    }
    environment["PATH"] = f"{forkserver.meltano_programs()}:{environment.get('PATH', '')}"
    project = MeltanoProject(directory=directory, environment=environment)
    definition = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))
    del definition["pip_url"]
    project.write(
        {
            "default_environment": "dev",
            "project_id": "5f0a5bd5-6f0c-4d1c-9d55-4d4f3a1c9d10",
            "environments": [{"name": "dev"}, {"name": "prod"}],
            "plugins": {
                "extractors": [
                    {
                        "name": "tap-shop",
                        "namespace": "tap_shop",
                        "executable": str(directory / "tap.py"),
                        "capabilities": ["discover", "catalog", "state"],
                        "settings": [
                            {"name": "source"},
                            {"name": "start_date"},
                            {"name": "password", "sensitive": True},
                        ],
                        "config": {"source": str(directory / "source.json")},
                        "select": ["orders.id", "orders.name", "customers.*"],
                    }
                ],
                "loaders": [
                    {
                        "name": "target-shop",
                        "namespace": "target_shop",
                        "executable": str(directory / "target.py"),
                        "settings": [{"name": "database_url", "sensitive": True}, {"name": "counts"}],
                        "config": {"database_url": database.url, "counts": str(directory / "counts.json")},
                    }
                ],
                "utilities": [{**definition, "executable": str(entry())}],
            },
            "jobs": [{"name": "shop", "tasks": [JOB]}],
        }
    )
    project.rows(ROWS)
    for path, text in {"dbt_project.yml": PROJECT_FILE + TABLES, "profiles.yml": profiles(database), **MODELS}.items():
        file = directory / "transform" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return project


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout, from a copy so that nothing is left in it."""
    uv = shutil.which("uv")
    assert uv, "the tests need uv, as the project does"
    subprocess.run([uv, "build", "--wheel", "--quiet", "--out-dir", str(folder), str(ROOT)], check=True)
    return next(folder.glob("*.whl"))
