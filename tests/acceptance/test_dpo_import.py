"""Histories imported from the data pipeline orchestrator (DPO)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from psycopg2 import sql
from support import forkserver, schemas
from support.database import Database, fresh_database
from support.dpo_tables import EXECUTION, MODEL, STEP, STEPS_AND_MODELS, TYPES
from support.project import ProjectWriter, clean_environment

from dbt_state_plugin.testing.postgres_server import Server

COMPLETED, LATER, RUNNING = (str(UUID(int=number)) for number in (1, 2, 3))
LOAD, TRANSFORM, AGAIN, EMPTY, OPEN = (str(UUID(int=number)) for number in range(11, 16))
FILES = {"customers": "select 1", "orders": "select 2"}


def checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def at(hour: int) -> str:
    return f"2019-10-11 {hour:02}:00:00+00"


def fill(source: Database) -> None:
    """Record a completed execution with five steps, and one that runs."""
    source.query(STEPS_AND_MODELS)
    source.query(EXECUTION, (COMPLETED, "COMPLETED", at(1), at(5), at(5)))
    source.query(EXECUTION, (RUNNING, "IN_PROGRESS", at(6), at(7), None))
    source.query(STEP, (LOAD, COMPLETED, "LOAD", "COMPLETED", at(1), at(2), at(2), 2**63 - 1))
    source.query(STEP, (TRANSFORM, COMPLETED, "TRANSFORM", "COMPLETED", at(2), at(3), at(3), -1))
    source.query(STEP, (AGAIN, COMPLETED, "TRANSFORM", "IN_PROGRESS", at(3), at(4), None, None))
    source.query(STEP, (EMPTY, COMPLETED, "CHECK", "UNKNOWN", at(4), at(4), None, None))
    source.query(STEP, (OPEN, RUNNING, "LOAD", "INITIALISED", at(6), at(6), None, None))
    source.query(MODEL, (LOAD, "accounts", checksum("{}")))
    source.query(MODEL, (TRANSFORM, "customers", checksum("select 1")))
    source.query(MODEL, (TRANSFORM, "orders", checksum("select 0")))
    source.query(MODEL, (AGAIN, "orders", checksum("select 2")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Importing:
    """A folder without a dbt project, where history is imported from a database of DPO into another or the same."""

    directory: Path
    environment: Mapping[str, str] = field(repr=False)
    url: str

    def run(self, *arguments: str, check: int = 0, **environment: str) -> forkserver.Ended:
        """Run our command line; `check` is the exit code that it must end with."""
        return self._run("dbt-state-plugin", arguments, check, environment)

    def dpo(self, *arguments: str) -> str:
        """Run the drop-in on the same database and give its answer."""
        return self._run("dbt_state_plugin.cli.dpo:exit_code", (self.url, *arguments), 0, {}).stdout.rstrip("\n")

    def step(self) -> str:
        """Start an execution with a step over the models and give the step's id."""
        execution = self.dpo("init-execution")
        return self.dpo("init-step", execution, "transform", ".", "*.sql")

    def _run(
        self, program: str, arguments: tuple[str, ...], check: int, environment: Mapping[str, str]
    ) -> forkserver.Ended:
        values = {**self.environment, **environment}
        finished = forkserver.run(program, arguments, cwd=self.directory, environment=values)
        assert finished.code == check, finished.stdout + finished.stderr
        assert "Traceback" not in finished.stderr
        return finished


@pytest.fixture
def importing(tmp_path: Path, database: Database) -> Importing:
    """Give a folder with the two models, and the test's database by a URL without a password."""
    home = tmp_path / "home"
    home.mkdir()
    for name, text in FILES.items():
        (tmp_path / f"{name}.sql").write_text(text)
    return Importing(
        directory=tmp_path,
        environment={**clean_environment(home), "PGPASSWORD": database.password},
        url=f"postgresql+psycopg2://{database.user}@{database.host}:{database.port}/{database.dbname}",
    )


@pytest.fixture
def source(postgres_server: Server) -> Iterator[Database]:
    """Give another database, with a history of DPO that nobody may add to."""
    with fresh_database(postgres_server) as created:
        fill(created)
        protected = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on")
        created.query(protected.format(sql.Identifier(created.dbname)))
        yield created


def recorded(database: Database, query: str) -> list[tuple[object, ...]]:
    return database.query(f"set search_path to dbt_state_plugin; set timezone to utc; {query}")


EXECUTIONS = "select execution_id::text, status, command, extract(hour from finished_at)::int from execution order by 1"
STEPS = "select step_id::text, name, status, extract(hour from finished_at)::int, rows_processed from execution_step"


def test_executions_steps_and_checksums_are_taken_over_and_compare(importing: Importing, database: Database) -> None:
    fill(database)

    said = importing.run("state", "import-dpo", importing.url)

    where = importing.url.removeprefix("postgresql+psycopg2://")
    assert said.stdout == f"Imported 2 executions with 5 steps from {where} into pipeline dpo.\n"
    assert said.stderr == "Not completed, so recorded as abandoned: 1 execution.\n"
    assert recorded(database, EXECUTIONS) == [
        (COMPLETED, "succeeded", "import-dpo", 5),
        (RUNNING, "abandoned", "import-dpo", 7),
    ]
    assert recorded(database, f"{STEPS} order by 1") == [
        (LOAD, "LOAD", "succeeded", 2, 2**63 - 1),
        (TRANSFORM, "TRANSFORM", "succeeded", 3, None),
        (AGAIN, "TRANSFORM", "abandoned", 4, None),
        (EMPTY, "CHECK", "abandoned", 4, None),
        (OPEN, "LOAD", "abandoned", 6, None),
    ]
    assert importing.dpo("get-last-successful-execution") == COMPLETED
    assert importing.dpo("get-execution-completion-timestamp", COMPLETED) == "2019-10-11T05:00:00.000000+00:00"
    assert importing.dpo("get-execution-completion-timestamp", RUNNING) == ""
    assert importing.dpo("compare-step-models", importing.step(), COMPLETED) == ""
    (importing.directory / "customers.sql").write_text("select 1 + 1")
    step = importing.step()
    assert importing.dpo("compare-step-models", step, COMPLETED) == "customers"
    strict = {"DBT_STATE_PLUGIN_DATABASE_URL": database.url, "DBT_STATE_PLUGIN_PIPELINE": "dpo"}
    assert importing.run("compare-step-models", step, COMPLETED, **strict).stdout == "customers\n"
    assert COMPLETED[:8] in importing.run("history", **strict).stdout


def test_a_second_import_takes_only_what_is_new_or_completed_since(importing: Importing, database: Database) -> None:
    fill(database)
    importing.run("state", "import-dpo", importing.url)
    before = recorded(database, f"{STEPS} where execution_id = '{COMPLETED}' order by 1")
    again = importing.run("state", "import-dpo", importing.url)
    database.query("UPDATE dpo.execution SET status = 'COMPLETED', completed_on = %s", (at(9),))
    database.query(EXECUTION, (LATER, "COMPLETED", at(8), at(9), at(9)))

    third = schemas.checked("imported", importing.run("state", "import-dpo", importing.url, "--output", "json").stdout)

    assert "Imported 0 executions with 0 steps" in again.stdout
    assert again.stdout.endswith("; 2 recorded before.\n")
    assert (third["executions"], third["steps"], third["known"]) == (2, 1, 1)
    assert recorded(database, f"{STEPS} where execution_id = '{COMPLETED}' order by 1") == before
    assert recorded(database, EXECUTIONS) == [
        (COMPLETED, "succeeded", "import-dpo", 5),
        (LATER, "succeeded", "import-dpo", 9),
        (RUNNING, "succeeded", "import-dpo", 9),
    ]


def test_what_is_recorded_under_the_same_id_is_left_alone(importing: Importing, database: Database) -> None:
    fill(database)
    importing.dpo("init-execution", "-id", COMPLETED)
    strict = {"DBT_STATE_PLUGIN_DATABASE_URL": database.url, "DBT_STATE_PLUGIN_PIPELINE": "other"}

    said = importing.run("state", "import-dpo", importing.url, **strict)

    assert said.stdout.endswith(" into pipeline other; 1 recorded before.\n")
    assert "Warning: Recorded for other environments: 1 execution.\n" in said.stderr
    found = f"from execution left join execution_step using (execution_id) where execution_id = '{COMPLETED}'"
    assert recorded(database, f"select execution.status, command, name {found}") == [
        ("running", "init-execution", None)
    ]


def test_nothing_is_written_where_dpo_recorded(importing: Importing, database: Database, source: Database) -> None:
    said = importing.run(
        *("state", "import-dpo", source.url),
        DBT_STATE_PLUGIN_DATABASE_URL=database.url,
        DBT_STATE_PLUGIN_PIPELINE="nightly",
    )

    assert "into pipeline nightly" in said.stdout
    assert "Everybody on this machine can read the URL's password" in said.stderr
    assert source.password not in said.stdout + said.stderr
    assert recorded(database, "select count(*) from execution") == [(2,)]
    assert source.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'dbt_state_plugin'") == [(0,)]


def test_an_import_that_fails_leaves_nothing(importing: Importing, database: Database) -> None:
    fill(database)
    database.query("DROP TABLE dpo.execution_step_model")
    database.query(
        "CREATE VIEW dpo.execution_step_model AS SELECT execution_step_id, 'a' AS model_name, updated_on, "
        "(1 / (extract(hour FROM updated_on) - 4))::text AS checksum FROM dpo.execution_step"
    )

    said = importing.run("state", "import-dpo", importing.url, check=2)

    assert "division by zero" in said.stderr
    assert recorded(database, "select * from execution") == []


@pytest.mark.parametrize(
    ("schema", "executions", "checksums"),
    [
        ("dpo", "execution", "execution_model"),
        ("dpo", "data_pipeline_execution", "model_checksum"),
        ("data_pipeline", "data_pipeline_execution", "model_checksum"),
    ],
)
def test_tables_of_earlier_versions_are_taken_over_too(
    importing: Importing, database: Database, schema: str, executions: str, checksums: str
) -> None:
    names = {"schema": schema, "executions": executions, "checksums": checksums}
    database.query(TYPES.format(**names))
    added = "INSERT INTO {schema}.{executions} (id, status, created_on, last_updated_on) VALUES (%s, %s, %s, %s)"
    database.query(added.format(**names), (COMPLETED, "COMPLETED", at(1), at(5)))
    database.query(added.format(**names), (RUNNING, "STARTED", at(6), at(6)))
    for hour, kind, name, text in (
        (2, "LOAD", "accounts", "{}"),
        (3, "TRANSFORM", "customers", "select 0"),
        (4, "TRANSFORM", "customers", "select 1"),
        (3, "TRANSFORM", "orders", "select 9"),
    ):
        database.query(
            "INSERT INTO {schema}.{checksums} (execution_id, type, name, checksum, created_on, last_updated_on) "
            "VALUES (%s, %s, %s, %s, %s, %s)".format(**names),
            (COMPLETED, kind, name, checksum(text), at(hour), at(hour)),
        )

    first = importing.run("state", "import-dpo", importing.url)
    ids = recorded(database, "select step_id from execution_step")
    again = importing.run("state", "import-dpo", importing.url)

    assert "Imported 2 executions with 2 steps" in first.stdout
    assert "Imported 0 executions with 0 steps" in again.stdout
    assert recorded(database, "select step_id from execution_step") == ids
    steps = "select name, status, extract(hour from started_at)::int, extract(hour from finished_at)::int"
    assert recorded(database, f"{steps} from execution_step order by name") == [
        ("LOAD", "succeeded", 2, 2),
        ("TRANSFORM", "succeeded", 3, 4),
    ]
    assert importing.dpo("compare-step-models", importing.step(), COMPLETED) == "orders"


def test_a_database_without_tables_of_dpo_is_said(importing: Importing, database: Database) -> None:
    said = importing.run("state", "import-dpo", importing.url, check=2)

    assert said.stderr.startswith("Error: There are no tables of the data pipeline orchestrator in ")
    assert database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'dbt_state_plugin'") == []


def test_in_a_dbt_project_the_history_is_that_of_its_target(dbt_project: ProjectWriter, database: Database) -> None:
    project = dbt_project({f"models/{name}.sql": text for name, text in FILES.items()})
    fill(database)

    said = project.plugin("state", "import-dpo", database.url, check=0)

    assert "into shop/dev" in said.stdout
    previous = project.plugin("get-last-successful-execution", check=0).stdout.strip()
    execution = project.plugin("init-execution", check=0).stdout.strip()
    step = project.plugin("init-step", execution, "TRANSFORM", "models", "*.sql", check=0).stdout.strip()
    assert previous == COMPLETED
    assert project.plugin("compare-step-models", step, previous, check=0).stdout == "\n"
