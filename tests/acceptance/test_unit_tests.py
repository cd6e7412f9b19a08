"""Unit tests that `build` runs, right before their models."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from support.project import Project

ProjectFactory = Callable[[Mapping[str, str]], Project]

TABLE = "{{ config(materialized='table') }}\n"
EPHEMERAL = "{{ config(materialized='ephemeral') }}\n"
UNIT_TESTS = """
unit_tests:
  - name: twice_is_twice
    model: doubled
    given: [{input: ref('raw'), rows: [{id: 3}]}]
    expect: {rows: [{twice: 6}]}
  - name: half_is_half
    model: halved
    given: [{input: ref('raw'), rows: [{id: 6}]}]
    expect: {rows: [{half: 3}]}
"""


def reported(word: str, stderr: str) -> dict[str, str]:
    """Return what stands beside each node of the lines that start with `build` or `again`."""
    return dict(re.findall(rf"^  {word} +(.+?) {{2,}}(\S.*)$", stderr, re.MULTILINE))


def ran(stdout: str) -> list[str]:
    """Return what dbt started, in its order."""
    return re.findall(r" START (?:unit_test|sql \w+ model) (\S+) ", stdout)


def test_a_unit_test_runs_by_itself_when_its_model_is_up_to_date(dbt_project: ProjectFactory) -> None:
    project = dbt_project(
        {
            "models/raw.sql": TABLE + "select 1 as id",
            "models/doubled.sql": TABLE + "select id * 2 as twice from {{ ref('raw') }}",
            "models/halved.sql": EPHEMERAL + "select id / 2 as half from {{ ref('raw') }}",
            "models/halves.sql": TABLE + "select half from {{ ref('halved') }}",
            "models/steady.sql": TABLE + "select 1 as id",
            "models/schema.yml": UNIT_TESTS,
        }
    )
    first = project.plugin("build", check=0)
    assert "Succeeded: 6 nodes built" in first.stderr
    assert ran(first.stdout).index("halved::half_is_half") < ran(first.stdout).index("analytics.halves"), (
        "as in dbt, a model waits for the unit tests of the ephemeral models that it reads"
    )

    project.write("models/schema.yml", UNIT_TESTS.replace("twice: 6", "twice: 7"))
    broken = project.plugin("build", check=1)
    assert reported("build", broken.stderr).keys() == {"unit_test doubled.twice_is_twice"}
    assert reported("again", broken.stderr).keys() == {"unit_test doubled.twice_is_twice"}
    assert "not recorded" not in broken.stderr
    assert ran(broken.stdout) == ["doubled::twice_is_twice"]
    shown = [
        project.plugin(*command, env={"NO_COLOR": "1"}, check=0).stdout
        for command in (("show", "--failures"), ("history", "--failed"), ("show", "--failures", "--output", "json"))
    ]
    for text in (*shown, broken.stderr):
        assert "actual differs from expected" in text
        assert text.replace("\n", "").isprintable()
        assert "x1b" not in text
        assert "u001b" not in text

    # Now with a model in the plan too; `dbt test` does not take --show.
    project.write("models/steady.sql", TABLE + "select 1 / 0 as id")
    stopped = project.plugin("build", "--", "--show", "--fail-fast", check=1)
    assert ran(stopped.stdout) == ["analytics.steady"]
    assert reported("again", stopped.stderr)["unit_test doubled.twice_is_twice"] == "skipped: Skipping due to fail_fast"

    project.write("models/steady.sql", TABLE + "select 2 as id")
    mixed = project.plugin("build", "--", "--show", check=1)
    assert ran(mixed.stdout) == ["analytics.steady", "doubled::twice_is_twice"]
    assert reported("again", mixed.stderr).keys() == {"unit_test doubled.twice_is_twice"}

    project.write("models/schema.yml", UNIT_TESTS)
    repaired = project.plugin("build", check=0)
    assert reported("build", repaired.stderr).keys() == {"unit_test doubled.twice_is_twice"}
    assert ran(repaired.stdout) == ["doubled::twice_is_twice"]

    assert ran(project.plugin("build", check=0).stdout) == []


def test_a_comment_in_its_model_runs_no_unit_test_and_an_edit_does(dbt_project: ProjectFactory) -> None:
    project = dbt_project(
        {
            "models/raw.sql": TABLE + "select 1 as id",
            "models/doubled.sql": TABLE + "select id * 2 as twice from {{ ref('raw') }}",
            "models/halved.sql": EPHEMERAL + "select id / 2 as half from {{ ref('raw') }}",
            "models/schema.yml": UNIT_TESTS,
        }
    )
    project.plugin("build", check=0)

    project.write("models/doubled.sql", TABLE + "select id * 2 as twice from {{ ref('raw') }}\n-- twice")
    assert project.planned("build") == {}
    assert "Nothing to build" in project.plugin("build", check=0).stderr
    assert project.planned("build") == {}

    project.write("models/doubled.sql", TABLE + "select 2 * id as twice from {{ ref('raw') }}")
    assert set(project.planned("build")) == {"doubled", "twice_is_twice"}
