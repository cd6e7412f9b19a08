"""Schedules of the integration project, held to its meltano.yml."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[3] / "integration_project"
SCHEDULES = PROJECT / "schedules"
DEFINITION: dict[str, Any] = yaml.safe_load((PROJECT / "meltano.yml").read_text(encoding="utf-8"))
INTERVAL = DEFINITION["schedules"][0]["interval"]
JOBS = {job["name"] for job in DEFINITION["jobs"]}
UTILITY = DEFINITION["plugins"]["utilities"][0]


def text_of(name: str) -> str:
    return (SCHEDULES / name).read_text(encoding="utf-8")


def is_known(command: str) -> bool:
    """Return whether a `meltano` command names only jobs, plugins and their commands that are defined."""
    _, verb, *arguments = shlex.split(command)
    if verb == "run":
        return set(arguments) <= JOBS
    if verb == "invoke":
        plugin, _, name = arguments[0].partition(":")
        return plugin == UTILITY["name"] and name in UTILITY["commands"]
    return verb == "install" and arguments == ["utility", UTILITY["name"]]


def test_the_schedule_of_the_project_runs_a_job_every_ten_minutes() -> None:
    assert INTERVAL == "*/10 * * * *"
    assert DEFINITION["schedules"][0]["job"] in JOBS


def test_the_crontab_runs_the_job_at_the_interval_of_the_project_in_prod() -> None:
    *settings, line = [line for line in text_of("crontab").splitlines() if not line.startswith("#")]

    assert line.startswith(f"{INTERVAL}  ")
    assert "MELTANO_ENVIRONMENT=prod" in settings
    assert all(is_known(command) for command in re.findall(r"meltano run \w+", line))
    assert "%" not in line  # cron reads it as the end of the line


def test_the_airflow_dag_is_python_that_runs_the_job_at_the_interval_of_the_project() -> None:
    calls = [node for node in ast.walk(ast.parse(text_of("airflow_dag.py"))) if isinstance(node, ast.Call)]
    given = {(ast.unparse(call.func), word.arg): word.value for call in calls for word in call.keywords}

    assert ast.literal_eval(given["DAG", "schedule"]) == INTERVAL
    assert ast.literal_eval(given["BashOperator", "env"]) == {"MELTANO_ENVIRONMENT": "prod"}
    assert is_known(ast.literal_eval(given["BashOperator", "bash_command"]).rpartition(" && ")[2])


def test_the_workflow_for_pull_requests_plans_against_prod_and_writes_nothing() -> None:
    workflow = yaml.safe_load(text_of("pull_request.yml"))
    steps = [step["run"] for step in workflow["jobs"]["plan"]["steps"] if "run" in step]
    commands = [command for step in steps for command in re.findall(r"^ *(meltano .*)$", step, re.MULTILINE)]

    plan = "meltano invoke dbt-state-plugin:plan --against prod --output markdown"
    assert f'{plan} >> "$GITHUB_STEP_SUMMARY"' in commands
    assert all(is_known(command) for command in commands)
    assert not any(" run " in command for command in commands)


def test_the_plugins_need_nothing_from_the_hub() -> None:
    plugins = [plugin for kind in DEFINITION["plugins"].values() for plugin in kind]

    for plugin in plugins:
        assert "inherit_from" in plugin or {"namespace", "pip_url", "executable"} <= set(plugin), plugin["name"]
