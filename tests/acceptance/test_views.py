"""The state's views in a dbt project that declares them."""

from __future__ import annotations

import pytest
from support.database import Database
from support.project import ProjectWriter

pytestmark = pytest.mark.state_in_postgres("models of PostgreSQL read its views")
FILES = {
    "models/numbers.sql": "{{ config(materialized='table') }} select 1 as n",
    "models/saved.sql": "select started_at, saved_ms from {{ source('dbt_state_plugin', 'savings') }}",
    "models/kept.sql": (
        "{{ config(materialized='table') }} select * from {{ source('dbt_state_plugin', 'executions') }}"
    ),
}


def test_models_read_the_views_and_are_not_due_for_ever(dbt_project: ProjectWriter, database: Database) -> None:
    project = dbt_project(FILES)
    project.plugin("state", "upgrade", check=0)
    project.write("models/sources.yml", project.plugin("state", "sources", check=0).stdout)

    project.plugin("run", check=0)
    again = project.plugin("run", check=0)

    assert "Nothing to build" in again.stderr
    assert len(database.query("SELECT * FROM analytics.saved")) == 2
    assert database.query("SELECT command, status FROM analytics.kept") == [("run", "running")]


def test_the_views_of_a_state_elsewhere_are_declared_there(dbt_project: ProjectWriter) -> None:
    printed = dbt_project({}).plugin("state", "sources", "--state-schema", 'o"ps', check=0).stdout

    assert 'schema: "o\\"ps"\n' in printed
