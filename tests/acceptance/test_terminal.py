"""Progress and answers in a terminal, a pipe and as JSON."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest
from support import forkserver
from support.project import PROJECT_FILE, Project, ProjectWriter
from support.terminal import ON_A_DESK, drawn, in_terminal, left_standing

TABLE = "{{ config(materialized='table') }}\n"
SLOW = "{{ config(materialized='table', pre_hook='select pg_sleep(2)') }}\n"
# Long enough to be told of, since a fork has imported dbt. No loop of Jinja can be left; none has over 100,000 rounds.
SLOWLY_PARSED = """
{% if not execute %}
  {% set now, until = modules.datetime.datetime.now, modules.datetime.datetime.now().timestamp() + 0.7 %}
  {% for _ in range(500) if now().timestamp() < until %}
    {% for _ in range(10000) if now().timestamp() < until %}{% endfor %}
  {% endfor %}
{% endif %}
"""
MODELS = {
    "models/orders.sql": SLOW + "select 1 as id",
    "models/kunden_顧客.sql": TABLE + "select 1 as id",
    "models/revenue.sql": TABLE + "select * from {{ ref('orders') }}",
}
PIPED = {"NO_COLOR": "", "DBT_STATE_PLUGIN_PROGRESS": "1", "DBT_PARTIAL_PARSE": "false"}
TOLD_OF_PARSING = re.compile(r"^dbt parses the project(: \d+ of \d+ files)?$", re.MULTILINE)


@pytest.fixture
def project(dbt_project: ProjectWriter) -> Project:
    return dbt_project(MODELS)


@pytest.fixture
def slowly_parsed(project: Project) -> Project:
    project.write("models/revenue.sql", MODELS["models/revenue.sql"] + SLOWLY_PARSED)
    return project


def test_a_plan_in_a_terminal_shows_what_is_being_done_and_then_the_plan_in_colour(
    slowly_parsed: Project,
) -> None:
    shown = in_terminal(slowly_parsed, "plan", columns=80, env=ON_A_DESK)

    lines = drawn(shown)
    assert any("dbt parses the project" in line for line in lines)
    assert all(len(line) < 80 for line in lines)
    assert shown.index("dbt parses the project") < shown.index("Plan")
    assert "\x1b[32mbuild\x1b[0m" in shown
    assert left_standing(shown).splitlines() == [
        "  build  kunden_顧客  new: no build of it is recorded",
        "  build  orders       new: no build of it is recorded",
        "  build  revenue      new: no build of it is recorded",
        "Plan: 3 new, 0 unchanged",
    ]
    assert "\x1b[?25" not in shown, "a process that is killed would leave the cursor hidden"


def test_a_run_in_a_terminal_shows_what_is_running_below_what_dbt_prints(project: Project) -> None:
    shown = in_terminal(project, "run", columns=120, env=ON_A_DESK)

    building = [line for line in drawn(shown) if "Building: " in line]
    assert any(" of 3 done" in line and "running orders" in line for line in building)
    read = left_standing(shown)
    assert "OK created sql table model analytics.orders" in read
    assert "Building" not in read
    assert read.splitlines()[-1].startswith("Succeeded: 3 nodes built in ")


def test_a_warning_of_dbt_is_no_wider_than_the_terminal(project: Project) -> None:
    project.write("dbt_project.yml", PROJECT_FILE + "flags:\n  require_resource_names_without_spaces: false\n")
    project.write("models/odd name.sql", "select 1 as id")

    shown = left_standing(in_terminal(project, "plan", columns=80, env=ON_A_DESK)).splitlines()

    warnings = [line for line in shown if line.startswith("dbt: ")]
    said = " ".join(line.removeprefix("dbt: ") for line in warnings)
    assert "may lead to errors when using dbt. Run again with `--debug` to see them all." in said
    assert max(map(len, warnings)) > 70, "it is long enough to say anything"
    assert [line for line in shown if len(line) > 80] == []


@pytest.mark.parametrize(
    "plain",
    [{"NO_COLOR": "1"}, {"DBT_USE_COLORS": "false"}, {"DBT_ENGINE_USE_COLORS": "0"}, {"TERM": "dumb"}, {"CI": "1"}],
)
def test_a_terminal_that_wants_no_colours_gets_none(project: Project, plain: dict[str, str]) -> None:
    shown = in_terminal(project, "history", columns=80, env={**ON_A_DESK, "DBT_STATE_PLUGIN_PROGRESS": "0", **plain})

    assert "\x1b[" not in shown


def test_an_option_wins_over_variables_and_pipes(project: Project) -> None:
    coloured = project.plugin("plan", "--use-colors", check=0)
    plain = in_terminal(project, "plan", "--no-use-colors", "--no-progress", columns=80, env=ON_A_DESK)

    assert "\x1b[32mbuild\x1b[0m" in coloured.stdout
    assert "\x1b[" not in plain


def test_a_pipe_gets_a_line_for_each_stage_that_lasts_on_stderr_and_nothing_else(
    slowly_parsed: Project,
) -> None:
    quiet = slowly_parsed.plugin("plan", check=0)
    told = slowly_parsed.plugin("plan", env=PIPED, check=0)

    assert told.stdout == quiet.stdout
    assert quiet.stderr == ""
    assert TOLD_OF_PARSING.search(told.stderr)
    assert "\x1b" not in told.stderr + told.stdout


def test_progress_is_left_out_where_less_is_to_be_said(slowly_parsed: Project) -> None:
    def said(*less: str) -> str:
        return slowly_parsed.plugin("plan", *less, env=PIPED, check=0).stderr

    assert TOLD_OF_PARSING.search(said())
    assert said("--no-progress") == ""
    assert said("--log-level", "warning") == ""


def test_a_machine_gets_each_line_of_stderr_as_an_event_with_the_fields_of_dbts(project: Project) -> None:
    ended = project.plugin("run", "--log-format", "json", env=PIPED, check=0)

    events = [json.loads(line) for line in ended.stderr.splitlines()]
    assert all(list(event) == ["data", "info"] for event in events)
    assert fields_of(events[0]) == fields_of(json.loads(ended.stdout.splitlines()[0]))
    by_name = {event["info"]["name"]: event["data"] for event in events}
    assert {node["node_info"]["unique_id"] for node in by_name["StatePlan"]["nodes"]} >= {"model.shop.orders"}
    assert by_name["StateProgress"]["total"] == 3
    result = by_name["StateResult"]
    assert (result["status"], result["built"], result["failed"]) == ("succeeded", 3, 0)
    assert {each["status"] for each in result["results"]} == {"success"}


def fields_of(event: dict[str, Any]) -> set[str]:
    return set(event["info"])


def test_a_machine_gets_an_error_as_an_event(project: Project) -> None:
    ended = project.plugin("explain", "ordres", "--log-format", "json", check=2)

    (event,) = [json.loads(line) for line in ended.stderr.splitlines()]
    assert (event["info"]["name"], event["info"]["level"]) == ("StateError", "error")
    assert event["data"]["exit_code"] == 2
    assert "Did you mean orders?" in event["data"]["do"]


CODE = """
import sys
from dbt_state_plugin.cli.entry import main
try: main()
except SystemExit: pass
print('rich' in sys.modules)
"""


def test_rich_is_imported_only_where_names_have_wide_characters(dbt_project: ProjectWriter) -> None:
    project = dbt_project({"models/one.sql": "select 1 as id"})
    started = [sys.executable, "-c", CODE]
    # A fork that has not imported it has imported all else: what it does not import no process of its own would.
    forked = [str(forkserver.programs() / forkserver.SCRIPT), str(project.write("code.py", CODE))]
    shown = in_terminal(project, "plan", columns=80, env=ON_A_DESK, program=forked)
    for _ in range(2):  # the second keeps the empty plan for the third
        project.plugin("run", check=0)
    unchanged = left_standing(in_terminal(project, "run", columns=80, env=ON_A_DESK, program=started))
    project.write("models/kunden_顧客.sql", "select 1 as id")
    wide = left_standing(in_terminal(project, "plan", columns=80, env=ON_A_DESK, program=forked))

    assert "\x1b[32mbuild\x1b[0m" in shown
    assert left_standing(shown).splitlines()[-2:] == ["Plan: 1 new, 0 unchanged", "False"]
    assert "Nothing to build: 1 skipped" in unchanged
    assert unchanged.splitlines()[-1] == "False"
    assert wide.splitlines()[-1] == "True"
