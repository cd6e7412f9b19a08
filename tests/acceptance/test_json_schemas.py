"""JSON documents of the command line against their schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from support import schemas
from support.database import Database, fresh_database
from support.project import Project, write_project

from dbt_state_plugin.testing.postgres_server import Server

FILES = {
    "models/sources.yml": "sources: [{name: raw, schema: raw, tables: [{name: orders}]}]\n"
    "exposures: [{name: board, type: dashboard, owner: {name: Ann}, depends_on: [ref('report')]}]\n"
    "models: [{name: report, columns: [{name: id, data_tests: [unique]}]}]\n",
    "models/stg.sql": "select id, amount from {{ source('raw', 'orders') }}",
    "models/report.sql": "{{ config(materialized='table') }} select id, amount from {{ ref('stg') }}",
    "models/log.sql": "{{ config(materialized='incremental') }} select id from {{ ref('stg') }}",
    "models/hard.sql": "{{ config(materialized='table') }} select id from raw.other",
    "models/old.sql": "{{ config(materialized='table') }} select 1 as id",
    "seeds/rates.csv": "id,rate\n1,2\n",
}
SOURCES = (
    "create schema raw; create table raw.orders as select 1 as id, 5 as amount; "
    "create table raw.other as select 1 as id"
)
# Documents of other programs and databases: their own tests hold them to their schemas.
ELSEWHERE = {"load-plan", "imported"}
# What the story has no occasion for: pipelines of scripts have no such documents, and a comparison looks at code alone.
NOT_HERE = {"environment.pipeline", "nodes[].cosmetic[].node", "node.cosmetic[].node"}
NOT_HERE |= {"untold[].feature", "untold[].detail"}  # PostgreSQL can tell everything
NOT_OF_A_COMPARISON = re.compile(r"hooks\[\]|nodes\[\]\.(extra|undeclared_inputs)\[\]|nodes\[\].reasons\[\].node")


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """All documents of one story, by the name of their schema."""

    project: Project
    documents: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, name: str, *arguments: str, check: int = 0) -> dict[str, Any]:
        """Run a command, hold what it prints to the schema, and keep it."""
        text = self.project.plugin(*arguments, "--output", "json", check=check).stdout
        document = schemas.checked(name, text)
        self.documents.setdefault(name, []).append(document)
        return document


@pytest.fixture(scope="module")
def printed(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Printed]:
    """Tell a story in which every document has something to say."""
    folder = tmp_path_factory.mktemp("schemas")
    with fresh_database(postgres_server) as database:
        database.load(SOURCES)
        printed = Printed(project=write_project(folder / "project", database, folder / "home", FILES))
        tell(printed, printed.project, database)
        yield printed


def tell(printed: Printed, project: Project, database: Database) -> None:
    printed.add("rehearsal", "state", "upgrade", "--dry-run")
    printed.add("migration", "state", "upgrade")
    printed.add("state-version", "state", "current")
    printed.add("state-versions", "state", "history")
    printed.add("findings", "doctor")
    project.dbt("build", check=0)
    printed.add("adoption", "adopt", "--yes")
    printed.add("forgotten", "forget", "hard")
    assert printed.add("run", "build")["status"] == "succeeded"

    project.delete("models/old.sql")
    project.write("models/stg.sql", "select id, amount + 0 as amount from {{ source('raw', 'orders') }} -- edited\n")
    project.write("models/log.sql", FILES["models/log.sql"] + " where id > 0")
    project.write("models/hard.sql", FILES["models/hard.sql"] + " -- a comment")
    project.write("dbt_project.yml", project.read("dbt_project.yml") + 'on-run-start: "select 1"\n')
    database.query("create index by_hand on analytics.hard (id)")
    printed.add("plan", "plan", "--for", "build")
    printed.add("comparison", "plan", "--against", "dev")
    printed.add("explanation", "explain", "log")
    printed.add("explanation", "explain", "hard")
    printed.add("orphans", "state", "orphans")
    printed.add("orphans", "state", "orphans", "--drop", "--yes")

    project.plugin("select", check=0)
    project.dbt("run", check=0)
    printed.add("recording", "record")
    project.write("models/report.sql", FILES["models/report.sql"].replace("amount", "nothing"))
    project.write("dbt_project.yml", project.read("dbt_project.yml") + 'on-run-end: "select 1 from nowhere"\n')
    failed = printed.add("run", "build", check=1)
    assert (failed["status"], failed["failed"]) == ("failed", 2)
    assert [node["status"] for node in failed["nodes"] if node["is_due"]] == ["error", "skipped"]
    tell_of_a_script(printed)
    printed.add("history", "history")
    printed.add("execution", "show", failed["execution_id"])
    printed.add("failures", "show", "--failures")
    printed.add("findings", "state", "check")
    printed.add("pruned", "state", "prune", "--dry-run")
    printed.add("migration", "state", "downgrade", "base", "--yes")


def tell_of_a_script(printed: Printed) -> None:
    """Keep the books of a script, in the pipeline of the project."""
    get, timestamp = "get-last-successful-execution", "get-execution-completion-timestamp"
    execution = printed.add("recorded-execution", "init-execution")["execution_id"]
    step = printed.add("recorded-step", "init-step", execution, "SCRIPT", "models", "*.sql")["step_id"]
    compared = printed.add("compared-step", "compare-step-models", step)
    assert compared["changed"] == ["hard", "log", "report", "stg"]
    assert printed.add("recorded-step", "complete-step", step)["name"] == "SCRIPT"
    assert printed.add("recorded-execution", "complete-execution", execution)["completed_at"]
    assert printed.add("recorded-execution", get)["execution_id"] == execution
    assert printed.add("recorded-execution", timestamp, execution)["completed_at"]
    again = printed.add("recorded-execution", "init-execution")["execution_id"]
    assert printed.add("recorded-execution", "fail-execution", again)["status"] == "failed"


def test_every_schema_is_one(printed: Printed) -> None:
    for name in schemas.names():
        schemas.Draft202012Validator.check_schema(schemas.schema(name))

    assert {*printed.documents, *ELSEWHERE} == set(schemas.names())


@pytest.mark.parametrize("name", sorted(set(schemas.names()) - ELSEWHERE))
def test_every_key_of_a_schema_is_printed(printed: Printed, name: str) -> None:
    schema = schemas.schema(name)
    held = {path for document in printed.documents[name] for path in schemas.seen(schema, document, schema)}

    missing = set(schemas.paths(schema, schema)) - held - NOT_HERE
    if name == "comparison":
        missing = {path for path in missing if not NOT_OF_A_COMPARISON.match(path)}
    assert sorted(missing) == []


@pytest.mark.parametrize("name", schemas.names())
def test_a_document_of_another_version_does_not_fit(name: str) -> None:
    required: Mapping[str, Any] = schemas.schema(name)

    assert "version" in required["required"]
    assert required["properties"]["version"]["const"] == 1


def test_what_schemas_share_is_the_same_in_all() -> None:
    shared: dict[str, Any] = {}
    for name in schemas.names():
        for key, part in schemas.schema(name).get("$defs", {}).items():
            assert shared.setdefault(key, part) == part, f"{key} of {name}"
