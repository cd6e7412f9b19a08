"""The workflow on the page about pull requests."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import yaml

from dbt_state_plugin.cli.entry import cli
from dbt_state_plugin.report.markdown.plan import MARKER

PAGE = (Path(__file__).parents[3] / "docs" / "pull-requests.md").read_text(encoding="utf-8")
(WORKFLOW_TEXT,) = re.findall(r"```yaml\n(.*?)\n```", PAGE, flags=re.DOTALL)
WORKFLOW: dict[Any, Any] = yaml.safe_load(WORKFLOW_TEXT)
STEPS = [step["run"] for step in WORKFLOW["jobs"]["changes"]["steps"] if "run" in step]


def test_it_runs_for_pull_requests_and_may_write_a_comment_and_nothing_else() -> None:
    assert WORKFLOW[True] == "pull_request"  # YAML reads `on` like this
    assert WORKFLOW["permissions"] == {"contents": "read", "pull-requests": "write"}


def test_its_command_is_one_that_the_program_takes() -> None:
    (line,) = [step for step in STEPS if step.startswith("dbt-state-plugin ")]
    _, name, *arguments = shlex.split(line.partition(" > ")[0])
    command = cli.get_command(click.Context(cli), name)

    assert command is not None
    command.make_context(name, arguments)


def test_it_finds_its_comment_by_the_first_line_and_passes_nothing_of_a_pull_request_into_the_shell() -> None:
    assert MARKER in STEPS[-1]
    assert all("${{" not in step for step in STEPS)
