"""Right projects that dbt cannot parse from its last parse."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.project import Project, ProjectWriter

RETRIED = "dbt could not reuse its last parse (partial parsing), so the whole project was parsed again"
METRIC = "metrics: [{name: total, label: T, type: simple, type_params: {measure: cents}}]\n"
RATIO = "metrics: [{name: rel, label: R, type: ratio, type_params: {numerator: total, denominator: total}}]\n"
FILES = {
    "models/orders.sql": "select 1 as id, date '2024-01-01' as at, 2 as cents",
    "models/spine.sql": "select date '2024-01-01' as day",
    "models/spine.yml": """
models:
  - name: spine
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
""",
    "models/orders.yml": """
semantic_models:
  - name: orders
    model: ref('orders')
    defaults: {agg_time_dimension: at}
    entities: [{name: order_id, type: primary, expr: id}]
    dimensions: [{name: at, type: time, type_params: {time_granularity: day}}]
    measures: [{name: cents, agg: sum}]
""",
    "models/one.yml": RATIO,
    "models/other.yml": METRIC,
}


@pytest.fixture
def project(dbt_project: ProjectWriter) -> Project:
    """Give a project that was built on one branch and stands on another, in which two metrics changed places."""
    project = dbt_project(FILES)
    project.plugin("run", check=0)
    project.write("models/one.yml", METRIC)
    project.write("models/other.yml", RATIO)
    return project


def test_a_project_that_only_partial_parsing_cannot_read_is_parsed_as_a_whole(project: Project) -> None:
    parsed = project.plugin("run", check=0)

    assert parsed.stderr.count(RETRIED) == 1
    assert "found two metrics" not in parsed.stderr
    project.write("models/spine.sql", "select date '2024-01-02' as day")
    again = project.plugin("run", check=0)
    assert RETRIED not in again.stderr
    assert "Succeeded: 1 node built" in again.stderr


def test_dbt_itself_still_fails_there(project: Project) -> None:
    """Once this test fails, dbt has mended it, and the others need another case."""
    target = str(Path("target", "dbt-state-plugin"))

    assert 'found two metrics with the name "rel"' in project.dbt("parse", "--target-path", target, check=2).stdout


def test_where_a_full_parse_fails_too_its_message_is_shown(project: Project) -> None:
    project.write("models/bad.sql", "{{ ref('nobody') }}")

    failed = project.plugin("run", check=2)

    assert RETRIED not in failed.stderr
    assert "found two metrics" not in failed.stderr
    assert "dbt cannot read the project:" in failed.stderr
    assert "'nobody' which was not found" in failed.stderr
