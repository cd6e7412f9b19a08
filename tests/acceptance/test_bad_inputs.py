"""Messages after a mistake, and what is never shown or stored."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from support import forkserver
from support.database import Database
from support.project import NAME, PROJECT_FILE, Project, profiles
from support.terminal import in_terminal

ProjectFactory = Callable[[Mapping[str, str]], Project]

MODELS = {
    "models/orders.sql": "{{ config(materialized='table') }} select 1 as id",
    "models/report.sql": "select * from {{ ref('orders') }}",
}
LATEST = "SELECT execution_id::text FROM {state}.execution ORDER BY started_at DESC LIMIT 1"


def assert_two_lines(refused: subprocess.CompletedProcess[str], what: str, do: str) -> None:
    """Hold an error to its form: one line of what happened, one of what to do, nothing else, exit code 2."""
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert refused.stdout == ""
    assert "Traceback" not in refused.stderr
    lines = refused.stderr.splitlines()
    assert len(lines) == 2, refused.stderr
    assert re.match(r"Error: \S", lines[0])
    assert re.match(r"  \S", lines[1])
    assert what in lines[0]
    assert do in lines[1]


@pytest.mark.parametrize(
    ("arguments", "what", "do"),
    [
        (["run", "--target", "nowhere"], "no target 'nowhere'; it has 'dev'", "Correct --target"),
        (["run", "--profile", "other"], "no profile 'other'", "--profile"),
        (["run", "--profiles-dir", "models"], "no profiles.yml in", "--profiles-dir"),
        (["run", "--project-dir", "models"], "no dbt_project.yml in", "--project-dir"),
        (["plan", "--output", "xml"], "'xml' is not an output form", "text, json, name, path"),
        (["plan", "--output", "state-dir"], "needs a folder", "--output state-dir DIR"),
        (["plan", "orders"], "'orders'", "--output state-dir DIR"),
        (["run", "--vars", "{a: ["], "--vars is not valid YAML", "--vars '{name: value}'"),
        (["run", "--vars", "just text"], "--vars is not a mapping", "--vars '{name: value}'"),
        (["run", "--", "--select", "orders"], "--select cannot be used after `--`", "before `--`"),
        (["run", "--", "--target=prod"], "--target cannot be used after `--`", "before `--`"),
        (["run", "--", "-sorders"], "-s", "before `--`"),
        (["run", "--selct", "orders"], "No such option", "dbt-state-plugin run --help"),
        (["rum"], "No such command 'rum'", "dbt-state-plugin --help"),
        (["run", "--threads", "many"], "'many' is not a valid integer", "run --help"),
        (["show", "not-a-uuid"], "'not-a-uuid' is not an execution's id (a UUID)", "history"),
        (["show", "6f59b340-25f7-4691-9704-e3b8f2d474d4"], "Nothing is recorded yet", "dbt-state-plugin run"),
        (["forget"], "names of nodes, or --all", "forget --all"),
        (["history", "--limit", "0"], "--limit", "history --help"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_answered_with_what_is_wrong_and_what_to_do(
    dbt_project: ProjectFactory, database: Database, arguments: list[str], what: str, do: str
) -> None:
    project = dbt_project(MODELS)

    assert_two_lines(project.plugin(*arguments), what, do)


def test_a_folder_without_a_project_or_with_a_broken_one_is_named(dbt_project: ProjectFactory, tmp_path: Path) -> None:
    project = dbt_project(MODELS)

    project.delete("dbt_project.yml")
    assert_two_lines(project.plugin("run"), "no dbt_project.yml in", "--project-dir")

    project.write("dbt_project.yml", "name: [shop\n")
    assert_two_lines(project.plugin("run"), "dbt_project.yml", "")

    project.write("dbt_project.yml", PROJECT_FILE)
    project.delete("profiles.yml")
    assert_two_lines(project.plugin("run"), "no profiles.yml in", "--profiles-dir")

    project.write("profiles.yml", f"{NAME}:\n  outputs:\n    dev:\n      type: postgres\n  target: dev\n")
    assert_two_lines(project.plugin("run"), "lacks host", "profiles.yml")


def test_what_dbt_cannot_read_is_told_in_dbts_words_and_leaves_nothing_dirty(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(MODELS)
    project.plugin("run", check=0)

    project.write("models/report.sql", "select * from {{ ref('ordres') }}")
    assert_two_lines(project.plugin("run"), "ordres", "dbt parse")
    project.write("models/report.sql", "select * from {{ ref('orders') ")
    assert_two_lines(project.plugin("plan"), "models/report.sql", "dbt parse")
    project.write("models/report.sql", MODELS["models/report.sql"])

    assert_two_lines(project.plugin("run", "--selector", "weekly"), "weekly", "--selector")
    assert_two_lines(project.plugin("plan", "--select", "nomethod:x"), "nomethod", "--select")
    assert_two_lines(project.plugin("explain", "ordres"), "no node 'ordres'", "plan --all")
    assert_two_lines(project.plugin("show", str(uuid4())), "is not recorded for shop/dev", "history")
    assert_two_lines(project.plugin("forget", "ordres"), "ordres", "plan --all")

    (project.directory / "seeds").mkdir()
    (project.directory / "seeds" / "countries.csv").symlink_to("/nowhere/countries.csv")
    assert_two_lines(project.plugin("seed"), "countries", "")
    (project.directory / "seeds" / "countries.csv").unlink()

    assert project.plugin("plan", check=0).stdout == "Plan: nothing to build, 2 unchanged\n"


def test_a_folder_that_dbt_may_not_use_is_named(dbt_project: ProjectFactory) -> None:
    project = dbt_project(MODELS)

    refused = project.plugin("plan", env={"DBT_LOG_PATH": "dbt_project.yml/logs"}, check=2)

    folder = project.directory / "dbt_project.yml" / "logs"
    assert_two_lines(refused, f"dbt cannot use {folder}: Not a directory.", "DBT_LOG_PATH")


def test_a_state_that_is_newer_than_the_tool_is_not_touched(dbt_project: ProjectFactory, database: Database) -> None:
    project = dbt_project(MODELS)
    project.plugin("state", "upgrade", check=0)
    database.state("UPDATE {state}.alembic_version SET version_num = '9999'")

    for command in ("run", "plan", "history"):
        assert_two_lines(project.plugin(command), "version 9999", "Install the newer dbt-state-plugin")
    assert database.state("SELECT count(*) FROM {state}.environment") == [(0,)]


def test_a_state_that_was_edited_by_hand_makes_nodes_dirty_and_breaks_nothing(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(MODELS)
    project.plugin("run", check=0)
    execution = database.state(LATEST)[0][0]
    nonsense = """{"parents": [1, {"a": null}], "inlined": "x", "body": {"deep": []}, "config": 7}"""
    database.state("UPDATE {state}.relation SET fingerprint = %s, trace = %s", (nonsense, nonsense))
    database.state("UPDATE {state}.node_result SET reasons = %s", ('[7, null, [], {}, {"kind": {}}]',))
    database.state("UPDATE {state}.project_snapshot SET project = 'no longer compressed'")

    planned = project.plugin("plan", check=0)
    explained = project.plugin("explain", "report", check=0)
    shown = project.plugin("show", execution, check=0)

    assert re.search(r"^Plan: 2 changed, 0 unchanged$", planned.stdout, re.M)
    assert "is built, because" in explained.stdout
    assert "model.shop.report" in shown.stdout
    assert planned.stderr == explained.stderr == shown.stderr == ""
    project.plugin("run", check=0)
    database.state("UPDATE {state}.project_snapshot SET places = %s", ('{"folders": {"a": 7}, "roots": 7}',))
    assert project.plugin("plan", check=0).stdout == "Plan: nothing to build, 2 unchanged\n"


def test_an_output_that_nobody_reads_to_its_end_is_no_error(dbt_project: ProjectFactory) -> None:
    project = dbt_project(MODELS)

    for command in (["plan", "--output", "json"], ["history"], ["--help"], ["run"]):
        ended = closed_early(project, *command)

        assert "Traceback" not in ended.stderr
        assert "Broken pipe" not in ended.stderr
        assert "Unexpected" not in ended.stderr
        assert ended.returncode == 0, ended.stderr

    # An interpreter of its own, as this is about how one starts.
    closed = shell(project, f"{sys.executable} -m dbt_state_plugin plan --output json >&-")
    assert "Traceback" not in closed.stderr
    assert "Unexpected" not in closed.stderr

    told = []
    for command in ("history", "show nothing"):  # an answer, and an error
        full = shell(project, f"{forkserver.programs()}/dbt-state-plugin {command} >/dev/full")
        assert full.returncode == 2, full.stderr
        assert len(full.stderr.splitlines()) == 2, full.stderr
        told.append(full.stderr.splitlines()[0])
    assert told[0] == "Error: The output cannot be written: No space left on device."
    assert told[1].startswith("Error: 'nothing' is not an execution's id")


def closed_early(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose stdout is a pipe that nobody reads any more, as after `| head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            [str(forkserver.programs() / "dbt-state-plugin"), *arguments],
            cwd=project.directory,
            env=project.environment,
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)


def shell(project: Project, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", script],
        cwd=project.directory,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_narrow_terminal_gets_lines_that_fit_and_no_colours(dbt_project: ProjectFactory) -> None:
    project = dbt_project(
        {
            "models/a_model_with_a_name_that_is_longer_than_the_terminal_is_wide.sql": "select 1 as id",
            "models/short.sql": "select 1 as id",
        }
    )

    lines = in_terminal(project, "plan", columns=40).splitlines()

    assert len(lines) == 3
    assert all(len(line) <= 40 for line in lines)
    assert lines[0].endswith("…")
    assert lines[-1] == "Plan: 2 new, 0 unchanged"
    assert all(line.isprintable() for line in lines)


def test_secrets_reach_no_output_and_no_column_of_the_state(dbt_project: ProjectFactory, database: Database) -> None:
    secrets = {"DBT_ENV_SECRET_PASSWORD": database.password, "DBT_ENV_SECRET_X": "s3cr3t-of-env"}
    profile = profiles(database)
    assert database.password in profile
    quoted = re.sub(r"password: .*", "password: \"{{ env_var('DBT_ENV_SECRET_PASSWORD') }}\"", profile)
    project = dbt_project(
        {
            **MODELS,
            "profiles.yml": quoted,
            "dbt_project.yml": PROJECT_FILE + "vars:\n  project_token: s3cr3t-of-project\n",
            "macros/token.sql": "{% macro token() %}{{ return(var('token') ~ var('project_token')) }}{% endmacro %}",
            "models/guarded.sql": "select {% if token() == env_var('PLAIN') %} 1 {% else %} 2 {% endif %} as id",
            "models/broken.sql": "select no_such_column_{{ token() | length }} as id",
        }
    )
    environment = {**secrets, "PLAIN": "s3cr3t-of-plain"}
    variables = ("--vars", "{token: s3cr3t-of-vars}")

    outputs = [
        project.plugin("run", *variables, env=environment, check=1),
        project.plugin("run", "--debug", *variables, env=environment, check=1),
        project.plugin("plan", "--output", "json", *variables, env=environment, check=0),
        project.plugin("explain", "guarded", *variables, env=environment, check=0),
        project.plugin("show", database.state(LATEST)[0][0], "-o", "json", env=environment, check=0),
        project.plugin("plan", "--vars", "{token: [s3cr3t-of-vars", env=environment, check=2),
    ]

    shown = "".join(finished.stdout + finished.stderr for finished in outputs)
    stored = dumped(database)
    assert "model.shop.guarded" in stored
    for secret in (*secrets.values(), "s3cr3t"):
        assert secret not in shown
        assert secret not in stored


def dumped(database: Database) -> str:
    """Return every column of every table of the state as text; bytes with what is compressed in them."""
    assert "relation" in database.state_tables
    found = []
    for table in database.state_tables:
        rows = database.state(f"SELECT * FROM {{state}}.{table}")
        for value in (value for row in rows for value in row):
            found.append(readable(bytes(value)) if isinstance(value, (bytes, memoryview)) else str(value))
    return "\n".join(found)


def readable(value: bytes) -> str:
    text = value.decode("latin-1")
    with suppress(zlib.error):
        text += zlib.decompress(value).decode()
    return text
