"""Scripts written for the data pipeline orchestrator (DPO)."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from support import forkserver
from support.database import Database
from support.project import clean_environment

DROP_IN = "dbt_state_plugin.cli.dpo:exit_code"
NOTHING = "NO_LAST_SUCCESSFUL_EXECUTION"
TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d"
PASSWORD_WARNING = (
    "Warning: Everybody on this machine can read the URL's password in the list of\n"
    "  processes. Leave it out of the URL and set PGPASSWORD, or use ~/.pgpass.\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A directory with models, where a script calls one of the two command lines."""

    directory: Path
    environment: Mapping[str, str] = field(repr=False)
    program: tuple[str, ...] = field(repr=False)

    def run(self, *arguments: str, check: int = 0) -> forkserver.Ended:
        """Run one command; `check` is the exit code that it must end with."""
        program, *first = self.program
        finished = forkserver.run(program, [*first, *arguments], cwd=self.directory, environment=self.environment)
        assert finished.code == check, f"{arguments}: {finished.stdout}{finished.stderr}"
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
        assert finished.stdout == ""
        lines = finished.stderr.splitlines()
        assert len(lines) == 2, finished.stderr
        return lines[0]

    def write(self, path: str, text: str) -> None:
        """Write a file and the directories above it."""
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def step(self, name: str = "LOAD", *patterns: str) -> tuple[str, str]:
        """Start an execution with a step; give both ids."""
        execution = self.answer("init-execution")
        return execution, self.answer("init-step", execution, name, "models", *(patterns or ("**/*.sql",)))


def url_without_password(database: Database) -> str:
    return f"postgresql+psycopg2://{database.user}@{database.host}:{database.port}/{database.dbname}"


@pytest.fixture
def made(tmp_path: Path, database: Database) -> Callable[..., Script]:
    """Give a function that makes a script's directory for a command line."""
    home = tmp_path / "home"
    home.mkdir()

    def make(*program: str, **environment: str) -> Script:
        clean = {**clean_environment(home), "PGPASSWORD": database.password}
        script = Script(directory=tmp_path / "scripts", environment=clean | environment, program=program)
        script.write("models/customers.sql", "select 1")
        script.write("models/staging/orders.sql", "select 2")
        return script

    return make


@pytest.fixture
def dpo(made: Callable[..., Script], database: Database) -> Script:
    """Give the drop-in, whose URL holds no password."""
    return made(DROP_IN, url_without_password(database))


@pytest.fixture
def strict(made: Callable[..., Script], database: Database) -> Script:
    """Give our own commands, on the same books."""
    return made("dbt-state-plugin", DBT_STATE_PLUGIN_DATABASE_URL=database.url, DBT_STATE_PLUGIN_PIPELINE="dpo")


def recorded(database: Database, query: str) -> list[tuple[object, ...]]:
    return database.query(f"set search_path to dbt_state_plugin; {query}")


@pytest.mark.parametrize("mode", ["dpo", "strict"])
def test_a_pipeline_goes_through_two_executions(mode: str, request: pytest.FixtureRequest) -> None:
    script: Script = request.getfixturevalue(mode)
    none = NOTHING if mode == "dpo" else ""
    for name in ("customers", "orders"):
        (script.directory / "models").joinpath(*(["staging"] * (name == "orders")), f"{name}.sql").unlink()
    script.write("extracts/accounts.json", "{}")
    script.write("extracts/invoices.json", "{}")
    script.write("reports/monthly.csv", "month")
    script.write("reports/weekly.sql", "select 1")
    script.write("reports/deep/daily.sql", "select 2")
    load = ("LOAD", "./extracts", "**/*.json")
    transform = ("TRANSFORM", "./reports", "**/*.csv", "**/*.sql")

    assert script.answer("get-last-successful-execution") == none
    first = script.answer("init-execution")
    UUID(first)
    step = script.answer("init-step", first, *load)
    assert script.answer("compare-step-models", step, none) == "accounts invoices"
    assert script.run("complete-step", step, "--rows-processed", "2147483647").stdout == ""
    step = script.answer("init-step", first, *transform)
    assert script.answer("compare-step-models", step, none) == "daily monthly weekly"
    assert script.run("complete-step", step).stdout == ""
    assert script.run("complete-execution", first).stdout == ""
    assert script.answer("get-last-successful-execution") == first

    script.write("reports/weekly.sql", "select 1 + 1")
    (script.directory / "reports/deep/daily.sql").unlink()
    script.write("reports/yearly.sql", "select 4")
    second = str(uuid4())
    assert script.answer("init-execution", "--execution-id", second) == second
    assert script.answer("get-last-successful-execution") == first
    assert re.fullmatch(TIMESTAMP, script.answer("get-execution-completion-timestamp", first))
    step = script.answer("init-step", second, *load)
    assert script.answer("compare-step-models", step, first) == ""
    script.run("complete-step", step, "--rows-processed", "9223372036854775807")
    step = script.answer("init-step", second, *transform)
    assert script.answer("compare-step-models", step, first) == "weekly yearly"
    script.run("complete-step", step)
    script.run("complete-execution", second)
    assert script.answer("get-last-successful-execution") == second


def test_both_command_lines_keep_the_same_books(dpo: Script, strict: Script) -> None:
    execution, step = dpo.step()
    strict.run("complete-step", step)
    strict.run("complete-execution", execution)

    assert dpo.answer("get-last-successful-execution") == execution
    assert strict.answer("get-last-successful-execution") == execution


def test_a_password_in_the_url_works_and_gives_a_warning_that_the_level_can_silence(
    made: Callable[..., Script], database: Database
) -> None:
    url = database.url.replace("postgresql://", "postgresql+psycopg2://", 1)
    script = made(DROP_IN, PGPASSWORD="wrong")

    said = script.run(url, "get-last-successful-execution")
    silent = script.run("-l", "CRITICAL", url, "get-last-successful-execution")

    assert (said.stdout, said.stderr) == (f"{NOTHING}\n", PASSWORD_WARNING)
    assert (silent.stdout, silent.stderr) == (f"{NOTHING}\n", "")
    assert max(map(len, PASSWORD_WARNING.splitlines())) <= 80


def test_without_a_password_in_the_url_nothing_is_said(dpo: Script) -> None:
    assert dpo.run("get-last-successful-execution").stderr == ""


def test_nothing_is_created_by_asking_for_the_last_execution(dpo: Script, database: Database) -> None:
    assert dpo.answer("get-last-successful-execution") == NOTHING
    assert re.fullmatch(TIMESTAMP, dpo.answer("get-execution-completion-timestamp", NOTHING))
    assert database.query("select 1 from pg_namespace where nspname = 'dbt_state_plugin'") == []


def test_without_a_last_execution_the_completion_time_is_now(dpo: Script, database: Database) -> None:
    before = database.query("select clock_timestamp()")[0][0]
    answered = datetime.fromisoformat(dpo.answer("get-execution-completion-timestamp", NOTHING))

    assert before <= answered <= database.query("select clock_timestamp()")[0][0]


def test_an_execution_that_is_not_completed_has_an_empty_line_for_its_time(dpo: Script, strict: Script) -> None:
    running = dpo.answer("init-execution")
    failed = dpo.answer("init-execution")
    strict.run("fail-execution", failed)

    assert dpo.answer("get-execution-completion-timestamp", running) == ""
    assert dpo.answer("get-execution-completion-timestamp", failed) == ""
    assert "is still running" in strict.error("get-execution-completion-timestamp", running)


def test_unknown_executions_and_steps_are_errors(dpo: Script) -> None:
    _, step = dpo.step()
    number = str(uuid4())

    assert f"{number} is not recorded" in dpo.error("get-execution-completion-timestamp", number)
    assert f"{number} is not recorded" in dpo.error("init-step", number, "LOAD", "models", "*")
    assert f"{number} is not recorded" in dpo.error("compare-step-models", step, number)
    assert f"{number} is not recorded" in dpo.error("complete-step", number)
    assert f"{number} is not recorded" in dpo.error("complete-execution", number)


@pytest.mark.parametrize("option", ["-id", "--execution-id", "--exec"])
def test_an_id_may_be_given_in_every_form_that_postgresql_takes(dpo: Script, option: str) -> None:
    number = str(uuid4())
    spelled = "{" + number.replace("-", "").upper() + "}"

    assert dpo.answer("init-execution", option, spelled) == number
    assert f"Execution {number} is recorded already" in dpo.error("init-execution", option, number)
    UUID(dpo.answer("init-execution", option))


@pytest.mark.parametrize("text", ["42", "{" + str(UUID(int=1)), "", "urn:uuid:" + str(UUID(int=1))])
def test_what_is_no_id_is_refused(dpo: Script, text: str) -> None:
    assert f'"{text}" is not a valid execution id' in dpo.error("init-execution", "-id", text)


def test_the_names_of_steps_are_upper_cased(dpo: Script, database: Database) -> None:
    first, _ = dpo.step("load")
    dpo.run("complete-execution", first)
    _, step = dpo.step("Load")

    assert recorded(database, "select distinct name from execution_step") == [("LOAD",)]
    assert dpo.answer("compare-step-models", step, first) == ""


def test_names_of_changed_models_have_a_space_between_whatever_they_hold(dpo: Script) -> None:
    dpo.write("models/a b.sql", "select 3")
    _, step = dpo.step()

    finished = dpo.run("compare-step-models", step, NOTHING)

    assert finished.stdout == "a b customers orders\n"
    assert finished.stderr == "Warning: A name contains white space, so a shell splits it into several.\n"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("order?.sql", ""),
        ("*/order?.sql", "orders"),
        ("[cx]*.sql", "customers"),
        ("[!c]*.sql", ".hidden"),
        ("*.sql", ".hidden customers"),
        ("./*.sql", ".hidden customers"),
        ("../models/staging/*", "orders"),
        ("**/*.sql", ".hidden customers orders"),
    ],
)
def test_patterns_are_those_of_pathlib(dpo: Script, pattern: str, names: str) -> None:
    dpo.write("models/.hidden.sql", "select 3")
    _, step = dpo.step("LOAD", pattern)

    assert dpo.answer("compare-step-models", step, NOTHING) == names


def test_a_base_path_that_is_no_folder_is_an_error_and_starts_no_step(dpo: Script, database: Database) -> None:
    execution = dpo.answer("init-execution")

    assert "BASE_PATH nowhere is not a directory" in dpo.error("init-step", execution, "LOAD", "nowhere", "*")
    assert recorded(database, "select 1 from execution_step") == []


def test_a_step_may_have_no_models(dpo: Script, strict: Script) -> None:
    execution = dpo.answer("init-execution")

    finished = dpo.run("init-step", execution, "LOAD", "models", "*.json", "*.csv")

    assert finished.stderr == "Warning: No file below models matches *.json or *.csv: the step covers nothing.\n"
    assert dpo.answer("compare-step-models", finished.stdout.strip(), NOTHING) == ""
    assert "No file below models matches *.json" in strict.error("init-step", execution, "T", "models", "*.json")


def test_an_execution_may_have_several_steps_of_one_name(dpo: Script, strict: Script) -> None:
    execution, first = dpo.step("LOAD", "*.sql")
    second = dpo.answer("init-step", execution, "LOAD", "models", "staging/*")
    for step in (first, second):
        dpo.run("complete-step", step)
    dpo.run("complete-execution", execution)

    _, both = dpo.step("LOAD", "**/*.sql")
    dpo.write("models/staging/orders.sql", "select 2 + 2")
    _, changed = dpo.step("LOAD", "**/*.sql")

    assert first != second
    assert dpo.answer("compare-step-models", both, execution) == ""
    assert dpo.answer("compare-step-models", changed, execution) == "orders"
    again = dpo.answer("init-step", execution, "LOAD", "models", "*")
    assert again not in (first, second)
    assert "has a step LOAD already" in strict.error("init-step", execution, "LOAD", "models", "*.sql")


def test_of_several_steps_of_one_name_the_last_counts(dpo: Script) -> None:
    execution, _ = dpo.step()
    dpo.write("models/customers.sql", "select 1 + 1")
    dpo.answer("init-step", execution, "LOAD", "models", "**/*.sql")
    dpo.run("complete-execution", execution)

    _, same = dpo.step()
    dpo.write("models/customers.sql", "select 1")
    _, reverted = dpo.step()

    assert dpo.answer("compare-step-models", same, execution) == ""
    assert dpo.answer("compare-step-models", reverted, execution) == "customers"


def test_an_execution_without_the_step_means_everything(dpo: Script) -> None:
    execution = dpo.answer("init-execution")
    dpo.run("complete-execution", execution)
    _, step = dpo.step()

    finished = dpo.run("compare-step-models", step, execution)

    assert finished.stdout == "customers orders\n"
    assert "has no step LOAD, so everything counts as changed" in finished.stderr


def test_an_execution_may_be_completed_while_steps_are_open(dpo: Script, strict: Script, database: Database) -> None:
    execution, step = dpo.step()
    assert "has steps that are not completed: LOAD" in strict.error("complete-execution", execution)

    finished = dpo.run("complete-execution", execution)

    assert finished.stdout == ""
    assert finished.stderr.startswith("Warning: Steps that were not completed: LOAD.\nCompleted Execution ID: ")
    assert dpo.answer("get-last-successful-execution") == execution
    assert recorded(database, "select status from execution_step") == [("abandoned",)]
    dpo.run("complete-step", step, "-r", "5")
    assert recorded(database, "select status, rows_processed from execution_step") == [("succeeded", 5)]


def test_what_was_completed_may_be_completed_again(dpo: Script, strict: Script) -> None:
    first, step = dpo.step()
    second = dpo.answer("init-execution")
    dpo.run("complete-step", step)
    dpo.run("complete-step", step)
    for execution in (first, second):
        dpo.run("complete-execution", execution)
    assert dpo.answer("get-last-successful-execution") == second

    dpo.run("complete-execution", first)

    assert dpo.answer("get-last-successful-execution") == first
    assert "has ended" in strict.error("complete-execution", first)


def test_a_step_that_is_added_later_makes_its_execution_one_that_runs(dpo: Script) -> None:
    execution, _ = dpo.step()
    dpo.run("complete-execution", execution)

    dpo.answer("init-step", execution, "TRANSFORM", "models", "*")

    assert dpo.answer("get-last-successful-execution") == NOTHING
    dpo.run("complete-execution", execution)
    assert dpo.answer("get-last-successful-execution") == execution


def test_what_failed_stays_failed(dpo: Script, strict: Script) -> None:
    execution, step = dpo.step()
    strict.run("fail-execution", execution)

    assert "has ended: it failed at" in dpo.error("complete-execution", execution)
    assert "has ended: it failed at" in dpo.error("complete-step", step)
    assert "has ended: it failed at" in dpo.error("init-step", execution, "MORE", "models", "*")


@pytest.mark.parametrize(
    ("options", "rows", "said"),
    [
        ((), None, "N/A"),
        (("-r",), None, "N/A"),
        (("--rows-processed",), None, "N/A"),
        (("--rows-processed", ""), None, "N/A"),
        (("-r", "0"), 0, "0"),
        (("-r9223372036854775807",), 2**63 - 1, "9,223,372,036,854,775,807"),
        (("--rows=1200",), 1200, "1,200"),
    ],
)
def test_a_completed_step_is_said_with_counts_and_times(
    dpo: Script, database: Database, options: tuple[str, ...], rows: int | None, said: str
) -> None:
    _, step = dpo.step()
    recorded(database, "update execution_step set started_at = started_at - interval '25 hours 2 minutes'")

    finished = dpo.run("complete-step", step, *options)

    assert finished.stdout == ""
    expected = rf"Completed Execution Step: LOAD; Started On: {TIMESTAMP}; Completed On: {TIMESTAMP}; "
    expected += rf"Execution Time: 25h 2m \d+s; Models Processed: 2; Rows Processed: {said}\.\n"
    assert re.fullmatch(expected, finished.stderr)
    assert recorded(database, "select rows_processed from execution_step") == [(rows,)]


def test_rows_that_are_no_number_are_refused(dpo: Script) -> None:
    _, step = dpo.step()

    assert '"many" is not a number of rows' in dpo.error("complete-step", step, "-r", "many")


def test_a_completed_execution_is_said_with_its_times(dpo: Script) -> None:
    execution = dpo.answer("init-execution")

    finished = dpo.run("complete-execution", execution)

    assert finished.stdout == ""
    assert re.fullmatch(
        rf"Completed Execution ID: {execution}; Started On: {TIMESTAMP}; Completed On: {TIMESTAMP}; "
        r"Execution Time: 0h \d+m \d+s\.\n",
        finished.stderr,
    )


@pytest.mark.parametrize("level", ["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"])
def test_each_log_level_is_taken_before_and_after_the_url(
    made: Callable[..., Script], database: Database, level: str
) -> None:
    url = url_without_password(database)
    script = made(DROP_IN)
    execution = script.answer("-l", level, url, "init-execution")

    finished = script.run(url, "--log-level", level, "complete-execution", execution)

    assert ("Completed Execution ID" in finished.stderr) is (level in ("INFO", "DEBUG"))


COMMANDS = [
    "init-execution",
    "get-last-successful-execution",
    "get-execution-completion-timestamp",
    "init-step",
    "compare-step-models",
    "complete-step",
    "complete-execution",
]


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_needs_no_url(made: Callable[..., Script], option: str) -> None:
    said = made(DROP_IN).run(option)

    assert re.findall(r"^    ([a-z]+-[a-z-]+)", said.stdout, re.MULTILINE) == COMMANDS
    assert "--log-level" in said.stdout
    assert said.stderr == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_needs_no_url_that_is_valid(made: Callable[..., Script], command: str) -> None:
    script = made(DROP_IN)

    for arguments in ((command, "--help"), ("no url", command, "-h")):
        said = script.run(*arguments)
        assert said.stdout.startswith(f"usage: dbt-state-plugin-dpo URL {command}")
        assert said.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "The following arguments are required"),
        (("postgresql://h/d",), "The following arguments are required: COMMAND"),
        (("postgresql://h/d", "finish"), "invalid choice: 'finish'"),
        (("-l", "LOUD", "postgresql://h/d", "init-execution"), "LOUD is none of DEBUG, INFO"),
        (("mysql://h/d", "init-execution"), "The URL is not a PostgreSQL URL that can be read."),
        (("postgresql://u:secret/word@h/d", "init-execution"), "The URL has a character in its password"),
        (("postgresql://u:secret@h:x/d", "init-execution"), "The URL has a port that is not a number"),
    ],
)
def test_what_cannot_be_read_is_said_without_the_password(
    made: Callable[..., Script], arguments: tuple[str, ...], message: str
) -> None:
    script = made(DROP_IN)

    finished = script.run(*arguments, check=2)

    assert finished.stdout == ""
    assert message in finished.stderr
    assert len(finished.stderr.splitlines()) == 2
    assert "secret" not in finished.stderr


@pytest.mark.parametrize(
    "program",
    [[sys.executable, "-m", "dbt_state_plugin.dpo"], [str(Path(sys.executable).with_name("dbt-state-plugin-dpo"))]],
    ids=["module", "console script"],
)
def test_the_module_and_the_console_script_are_this_program(
    dpo: Script, database: Database, program: list[str]
) -> None:
    command = [*program, url_without_password(database), "get-last-successful-execution"]

    finished = subprocess.run(command, env=dpo.environment, capture_output=True, text=True, check=False)

    assert (finished.returncode, finished.stdout, finished.stderr) == (0, f"{NOTHING}\n", "")


def test_the_pipeline_and_the_schema_may_be_others(made: Callable[..., Script], database: Database) -> None:
    program = (DROP_IN, url_without_password(database))
    other = made(*program, DBT_STATE_PLUGIN_PIPELINE="nightly", DBT_STATE_PLUGIN_SCHEMA="books")

    other.answer("init-execution")

    assert database.query("select pipeline from books.environment") == [("nightly",)]
    assert database.query("select caller, command from books.execution") == [("script", "init-execution")]
