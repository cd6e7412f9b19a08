"""Bookkeeping commands of scripts on the real command line."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from support.database import Database
from support.project import Project, clean_environment, run_command


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A directory with files, where the commands run for the pipeline `nightly`."""

    directory: Path
    environment: Mapping[str, str] = field(repr=False)

    def run(self, *arguments: str, check: int = 0) -> subprocess.CompletedProcess[str]:
        """Run one command; `check` is the exit code that it must end with."""
        finished = run_command("dbt-state-plugin", arguments, cwd=self.directory, environment=self.environment)
        assert finished.returncode == check, f"{arguments}: {finished.stdout}{finished.stderr}"
        assert "Traceback" not in finished.stderr
        return finished

    def answer(self, *arguments: str) -> str:
        """Run one command and give its line on stdout."""
        stdout = self.run(*arguments).stdout
        assert stdout.endswith("\n")
        return stdout[:-1]

    def error(self, *arguments: str) -> str:
        """Run one command that must be refused with one line of what happened and one of what to do."""
        finished = self.run(*arguments, check=2)
        lines = finished.stderr.splitlines()
        assert finished.stdout == ""
        assert len(lines) == 2, finished.stderr
        assert lines[0].startswith("Error: ")
        assert lines[1].startswith("  ")
        return lines[0]

    def write(self, path: str, text: str) -> None:
        """Write a file and the directories above it."""
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def transform(self, *, complete: bool = True) -> tuple[str, str]:
        """Start an execution with a step TRANSFORM over all models; give both ids."""
        execution = self.answer("init-execution")
        step = self.answer("init-step", execution, "TRANSFORM", ".", "models/**/*.sql")
        if complete:
            self.run("complete-step", step)
            self.run("complete-execution", execution)
        return execution, step


@pytest.fixture
def script(tmp_path: Path, database: Database) -> Script:
    """Give a directory with two models and no dbt project."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        **clean_environment(home),
        "DBT_STATE_PLUGIN_DATABASE_URL": database.state_url or database.url,
        "DBT_STATE_PLUGIN_PIPELINE": "nightly",
        "DBT_STATE_PLUGIN_LOG_LEVEL": "warning",
    }
    made = Script(directory=tmp_path / "scripts", environment=environment)
    made.write("models/customers.sql", "select 1")
    made.write("models/staging/orders.sql", "select 2")
    return made


def recorded(database: Database, query: str) -> list[tuple[object, ...]]:
    return database.state(re.sub(r"\b(from|update) ", r"\1 {state}.", query))


def test_a_script_is_led_through_load_and_transform(script: Script, database: Database) -> None:
    assert script.answer("get-last-successful-execution") == ""
    execution = script.answer("init-execution")
    load = script.answer("init-step", execution, "LOAD", ".", "models/*.sql")
    script.run("complete-step", load, "--rows-processed", "3000000000")
    transform = script.answer("init-step", execution, "TRANSFORM", ".", "models/**/*.sql")
    assert script.answer("compare-step-models", transform, "") == "customers orders"
    script.run("complete-step", transform)
    script.run("complete-execution", execution)

    assert script.answer("get-last-successful-execution") == execution
    completed_at = datetime.fromisoformat(script.answer("get-execution-completion-timestamp", execution))
    assert completed_at.utcoffset() == timedelta(0)
    assert recorded(database, "select name, status, rows_processed from execution_step order by started_at") == [
        ("LOAD", "succeeded", 3_000_000_000),
        ("TRANSFORM", "succeeded", None),
    ]
    assert recorded(database, "select command, is_exclusive, caller, status from execution") == [
        ("init-execution", False, "script", "succeeded")
    ]


def test_a_pipeline_without_a_project_is_told_to_name_its_state(script: Script) -> None:
    unsaid = replace(script, environment={**script.environment, "DBT_STATE_PLUGIN_DATABASE_URL": ""})

    assert "Nothing says where the state of the pipeline nightly is" in unsaid.error("init-execution")
    assert "Set DBT_STATE_PLUGIN_DATABASE_URL" in unsaid.run("init-execution", check=2).stderr


def test_only_what_changed_since_the_last_execution_is_printed(script: Script) -> None:
    previous, _ = script.transform()
    script.write("models/customers.sql", "select 1 + 1")
    script.write("models/new.sql", "select 3")

    _, step = script.transform()

    assert script.answer("compare-step-models", step, previous) == "customers new"


def test_nothing_changed_is_an_empty_line(script: Script) -> None:
    previous, _ = script.transform()
    _, step = script.transform()

    assert script.answer("compare-step-models", step, previous) == ""


def test_what_is_gone_is_printed_on_request(script: Script) -> None:
    previous, _ = script.transform()
    (script.directory / "models/customers.sql").unlink()
    _, step = script.transform()

    assert script.answer("compare-step-models", step, previous, "--removed") == "customers"
    assert script.answer("compare-step-models", step, previous) == ""


@pytest.mark.parametrize("previous", [(), ("",)])
def test_without_a_previous_execution_everything_is_new(script: Script, previous: tuple[str, ...]) -> None:
    _, step = script.transform()

    assert script.answer("compare-step-models", step, *previous) == "customers orders"


def test_a_previous_execution_without_the_step_means_everything(script: Script) -> None:
    execution = script.answer("init-execution")
    script.run("complete-execution", execution)
    _, step = script.transform()

    finished = script.run("compare-step-models", step, execution)

    assert finished.stdout == "customers orders\n"
    assert "has no step TRANSFORM, so everything counts as changed" in finished.stderr


def test_a_step_is_compared_with_the_one_of_its_name(script: Script) -> None:
    previous, _ = script.transform()
    execution = script.answer("init-execution")
    step = script.answer("init-step", execution, "LOAD", ".", "models/**/*.sql")

    assert script.answer("compare-step-models", step, previous) == "customers orders"


def test_a_step_is_not_compared_with_itself(script: Script) -> None:
    execution, step = script.transform()

    assert "belongs to execution" in script.error("compare-step-models", step, execution)


def test_a_failed_execution_as_baseline_gives_a_warning(script: Script) -> None:
    previous, _ = script.transform(complete=False)
    script.run("fail-execution", previous)
    _, step = script.transform()

    finished = script.run("compare-step-models", step, previous)

    assert finished.stdout == "\n"
    assert "did not succeed; it is failed" in finished.stderr


def test_checksums_of_another_kind_mean_everything(script: Script) -> None:
    previous, _ = script.transform()
    nodes = {
        f"model.shop.{name}": {
            "resource_type": "model",
            "name": name,
            "original_file_path": f"models/{name}.sql",
            "checksum": {"name": "sha256", "checksum": "c0ffee"},
        }
        for name in ("customers", "orders")
    }
    metadata = {"dbt_schema_version": "x/manifest/v12.json"}
    script.write("manifest.json", json.dumps({"metadata": metadata, "nodes": nodes}))
    execution = script.answer("init-execution")
    step = script.answer("init-step", execution, "TRANSFORM", "--manifest", "manifest.json")

    assert script.answer("compare-step-models", step, previous) == "customers orders"


def test_a_manifest_of_dbt_is_recorded_and_compared(dbt_project: Callable[..., Project], database: Database) -> None:
    project = dbt_project({"models/a.sql": "select 1 as id", "models/b.sql": "select * from {{ ref('a') }}"})
    last = ""
    answers = []
    for text in ("select 1 as id", "select 2 as id"):
        project.write("models/a.sql", text)
        project.dbt("parse", "--quiet", check=0)
        execution = project.plugin("init-execution", check=0).stdout.strip()
        arguments = ("init-step", execution, "TRANSFORM", "--manifest", "target/manifest.json")
        step = project.plugin(*arguments, check=0).stdout.strip()
        answers.append(project.plugin("compare-step-models", step, last, check=0).stdout)
        project.plugin("complete-step", step, check=0)
        project.plugin("complete-execution", execution, check=0)
        last = execution

    assert answers == ["a b\n", "a\n"]
    assert recorded(database, "select project_name, target_name, schema_name from environment") == [
        ("shop", "dev", "analytics")
    ]


def test_files_are_named_by_path_on_request(script: Script) -> None:
    execution = script.answer("init-execution")
    step = script.answer("init-step", execution, "TRANSFORM", "models", "**/*.sql", "--by-path")

    assert script.answer("compare-step-models", step) == "customers.sql staging/orders.sql"


@pytest.mark.parametrize(
    ("separator", "answer"), [(",", "customers,orders"), (r"\n", "customers\norders"), (r"\t", "customers\torders")]
)
def test_names_are_separated_as_asked(script: Script, separator: str, answer: str) -> None:
    _, step = script.transform()

    assert script.answer("compare-step-models", step, "--separator", separator) == answer


def test_a_name_that_holds_the_separator_needs_another_one(script: Script) -> None:
    script.write("models/a b.sql", "select 1")
    _, step = script.transform()

    assert '"a b" cannot be told from its neighbours' in script.error("compare-step-models", step)
    assert script.answer("compare-step-models", step, "--separator", r"\n") == "a b\ncustomers\norders"
    assert "separator is empty" in script.error("compare-step-models", step, "--separator", "")


def test_hostile_names_are_recorded_as_they_are(script: Script) -> None:
    name = "Robert'); drop table x;-- \u001b[31m\né,+@*?[a]%s{state}\\"
    script.write(f"models/{name}.sql", "select 1")
    _, step = script.transform()

    answer = script.answer("compare-step-models", step, "--separator", "|")

    assert answer == f"{name}|customers|orders"


def test_an_unchanged_project_adds_one_row(script: Script, database: Database) -> None:
    script.transform()
    before = recorded(database, "select count(*) from checksum")
    script.transform()

    assert recorded(database, "select count(*) from checksum") == before == [(2,)]
    assert recorded(database, "select count(*) from checksum_set") == [(1,)]
    assert recorded(database, "select count(*) from execution_step") == [(2,)]


def test_the_last_successful_execution_is_the_one_that_ended_last(script: Script) -> None:
    first, second = script.answer("init-execution"), script.answer("init-execution")
    script.run("complete-execution", second)
    script.run("complete-execution", first)
    failed = script.answer("init-execution")
    script.run("fail-execution", failed)
    script.answer("init-execution")

    assert script.answer("get-last-successful-execution") == first


def test_an_id_may_be_given_once(script: Script) -> None:
    number = str(uuid4())

    assert script.answer("init-execution", "--execution-id", number.upper()) == number
    assert script.error("init-execution", "--execution-id", number) == (
        f"Error: Execution {number} is recorded already."
    )


def test_a_failed_execution_takes_its_running_steps_along(script: Script, database: Database) -> None:
    execution = script.answer("init-execution")
    done = script.answer("init-step", execution, "LOAD", ".", "models/**")
    script.run("complete-step", done)
    script.answer("init-step", execution, "TRANSFORM", ".", "models/**")

    script.run("fail-execution", execution)

    assert recorded(database, "select name, status from execution_step order by name") == [
        ("LOAD", "succeeded"),
        ("TRANSFORM", "failed"),
    ]
    assert script.answer("get-last-successful-execution") == ""
    assert "was not completed: it failed at 20" in script.error("get-execution-completion-timestamp", execution)


def test_what_has_ended_stays_as_it_ended(script: Script) -> None:
    execution, step = script.transform()

    assert re.search(r"TRANSFORM has ended: it succeeded at 20\S+\+00:00\.", script.error("complete-step", step))
    for command in ("complete-execution", "fail-execution"):
        assert re.search(r"has ended: it succeeded at 20\S+\+00:00\.", script.error(command, execution))
    assert "has ended" in script.error("init-step", execution, "AGAIN", ".", "models/**")


def test_an_execution_with_a_running_step_is_not_completed(script: Script) -> None:
    execution, _ = script.transform(complete=False)

    assert "has steps that are not completed: TRANSFORM." in script.error("complete-execution", execution)
    assert "is still running" in script.error("get-execution-completion-timestamp", execution)


def test_a_step_name_is_used_once_in_an_execution(script: Script) -> None:
    execution, _ = script.transform(complete=False)

    assert "has a step TRANSFORM already" in script.error("init-step", execution, "TRANSFORM", ".", "models/**")


@pytest.mark.parametrize("rows", ["many", "-1", "1.5", "1e3", "9223372036854775808", "", "½"])
def test_rows_that_are_no_number_are_refused(script: Script, rows: str) -> None:
    assert f'"{rows}" is not a number of rows' in script.error("complete-step", str(uuid4()), "--rows-processed", rows)


def test_the_largest_number_of_rows_is_recorded(script: Script, database: Database) -> None:
    _, step = script.transform(complete=False)

    script.run("complete-step", step, "--rows-processed", " 9223372036854775807")

    assert recorded(database, "select rows_processed from execution_step") == [(2**63 - 1,)]


COMMANDS_WITH_AN_ID = [
    ("get-execution-completion-timestamp",),
    ("init-step", "TRANSFORM", ".", "models/**"),
    ("compare-step-models",),
    ("complete-step",),
    ("complete-execution",),
    ("fail-execution",),
]


@pytest.mark.parametrize("command", COMMANDS_WITH_AN_ID, ids=lambda command: command[0])
def test_a_malformed_or_unknown_id_is_refused(script: Script, command: tuple[str, ...], database: Database) -> None:
    number = str(uuid4())
    name, *rest = command

    assert '"42" is not a valid' in script.error(name, "42", *rest)
    assert "holds nothing yet" in script.error(name, number, *rest)
    assert database.has_no_state
    script.answer("init-execution")
    assert f"{number} is not recorded" in script.error(name, number, *rest)


def test_a_malformed_or_unknown_previous_id_is_refused(script: Script) -> None:
    _, step = script.transform()

    assert '"{42}" is not a valid execution id' in script.error("compare-step-models", step, "{42}")
    assert "is not recorded" in script.error("compare-step-models", step, str(UUID(int=0)))
    assert "is not a valid execution id" in script.error("init-execution", "--execution-id", "{" + str(uuid4()) + "}")


def test_another_pipeline_has_books_of_its_own(script: Script) -> None:
    execution, step = script.transform()

    assert script.answer("--pipeline", "hourly", "get-last-successful-execution") == ""
    assert script.answer("get-last-successful-execution", "--pipeline", "hourly") == ""
    wrong = script.error("get-execution-completion-timestamp", execution, "--pipeline", "hourly")
    assert f"Execution {execution} belongs to pipeline nightly, not to pipeline hourly." in wrong
    assert "belongs to pipeline nightly" in script.error("complete-step", step, "--pipeline", "hourly")


def test_a_script_does_not_end_what_run_has_recorded(script: Script, database: Database) -> None:
    execution = script.answer("init-execution")
    recorded(database, "update execution set is_exclusive = true, command = 'run'")

    for command in (("complete-execution",), ("fail-execution",), ("init-step", "LOAD", ".", "models/**")):
        name, *rest = command
        assert "was recorded by `run`, which keeps its own books" in script.error(name, execution, *rest)


def test_patterns_that_match_nothing_record_nothing(script: Script, database: Database) -> None:
    execution = script.answer("init-execution")

    assert "No file below . matches x/*.sql or *.py." in script.error(
        "init-step", execution, "T", ".", "x/*.sql", "*.py"
    )
    assert recorded(database, "select * from execution_step") == []


def test_one_pattern_that_matches_nothing_is_said_on_stderr(script: Script) -> None:
    execution = script.answer("init-execution")

    finished = script.run("init-step", execution, "T", ".", "models/**", "seeds/*.csv")

    assert finished.stderr == "Warning: No file below . matches seeds/*.csv.\n"
    UUID(finished.stdout.strip())


def test_two_files_of_one_stem_record_nothing(script: Script, database: Database) -> None:
    script.write("models/other/orders.sql", "select 9")
    execution = script.answer("init-execution")

    wrong = script.error("init-step", execution, "TRANSFORM", ".", "models/**/*.sql")

    assert "models/other/orders.sql and models/staging/orders.sql are both named orders" in wrong
    assert recorded(database, "select * from checksum_set") == []


def test_init_step_takes_either_files_or_a_manifest(script: Script) -> None:
    number = str(uuid4())

    assert "needs BASE_PATH and at least one PATTERN" in script.error("init-step", number, "T")
    assert "needs BASE_PATH and at least one PATTERN" in script.error("init-step", number, "T", "models")
    assert "either --manifest or" in script.error("init-step", number, "T", ".", "*", "--manifest", "manifest.json")


def test_a_step_needs_a_name(script: Script) -> None:
    execution = script.answer("init-execution")

    assert "is empty" in script.error("init-step", execution, "", ".", "models/**")


def test_the_log_level_decides_what_stderr_says(script: Script) -> None:
    execution, step = script.transform(complete=False)

    talk = script.run("complete-step", step, "-l", "info")
    silence = script.run("-l", "error", "complete-execution", execution)

    assert (talk.stdout, talk.stderr) == ("", "Step TRANSFORM is completed.\n")
    assert (silence.stdout, silence.stderr) == ("", "")


def test_the_password_shows_up_nowhere(script: Script, database: Database) -> None:
    finished = script.run("init-execution", "--debug", "-l", "debug")
    missing = database.url.replace(database.dbname, "missing")
    nowhere = replace(script, environment={**script.environment, "DBT_STATE_PLUGIN_DATABASE_URL": missing})
    broken = nowhere.run("init-execution", check=2)

    assert 'database "missing" does not exist' in broken.stderr
    assert database.password not in finished.stdout + finished.stderr + broken.stdout + broken.stderr


def test_reading_creates_nothing(script: Script, database: Database) -> None:
    script.answer("get-last-successful-execution")

    assert database.has_no_state
