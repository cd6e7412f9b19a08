"""Snapshots and tables that two targets share."""

from __future__ import annotations

import json

import pytest
import yaml
from support.database import Database
from support.project import NAME, Project, ProjectWriter, profiles

SNAPSHOT = """{% snapshot prices %}
{{ config(schema='shared', unique_key='id', strategy='check', check_cols='all') }}
select id, price from {{ source('raw', 'prices') }}
{% endsnapshot %}"""
FILES = {
    "macros/schema.sql": (
        "{% macro generate_schema_name(custom_schema_name, node) %}"
        "{{ custom_schema_name or target.schema }}{% endmacro %}"
    ),
    "snapshots/prices.sql": SNAPSHOT,
    "models/totals.sql": (
        "{{ config(materialized='table', schema='shared') }} "
        "select sum(price) as total from {{ ref('prices') }} where dbt_valid_to is null"
    ),
    "models/mine.sql": "{{ config(materialized='table') }} select total from {{ ref('totals') }}",
    "models/s.yml": "sources: [{name: raw, schema: raw, tables: [{name: prices}]}]\n",
}
SHARED = {"prices", "totals"}


@pytest.fixture
def project(dbt_project: ProjectWriter, database: Database) -> Project:
    database.query("create schema raw; create table raw.prices as select 1 as id, 10 as price")
    database.query("drop role if exists another_builder; create role another_builder superuser login password 'x'")
    profile = yaml.safe_load(profiles(database))
    outputs = profile[NAME]["outputs"]
    outputs["prod"] = {**outputs["dev"], "schema": "prod"}
    outputs["other"] = {**outputs["dev"], "schema": "other", "user": "another_builder", "password": "x"}
    return dbt_project({**FILES, "profiles.yml": json.dumps(profile)})


def planned(project: Project, target: str) -> set[str]:
    return set(project.planned("build", "--target", target))


def test_what_two_targets_would_build_alike_is_built_once_and_new_rows_are_seen_by_both(
    project: Project, database: Database
) -> None:
    project.plugin("build", check=0)
    assert planned(project, "prod") == {"mine"}
    project.plugin("build", "--target", "prod", check=0)
    for target in ("dev", "prod", "dev", "prod"):  # the second of each stands on the empty plan of the first
        assert "nothing to build, 3 unchanged" in project.plugin("build", "--target", target, check=0).stderr

    database.load("update raw.prices set price = 30")
    project.plugin("build", "--target", "prod", check=0)

    assert planned(project, "dev") == {"mine"}
    seen = project.plugin("build", check=0).stderr
    assert "build  mine  upstream: totals was built since" in seen
    assert database.query("select total from analytics.mine union all select total from prod.mine") == [(30,), (30,)]
    assert database.query("select count(*) from shared.prices") == [(2,)]
    project.dbt("build", "--target", "prod", check=0)  # what plain dbt leaves
    assert database.query("select total from analytics.mine union all select total from prod.mine") == [(30,), (30,)]
    assert database.query("select count(*) from shared.prices") == [(2,)]


def test_what_would_come_out_differently_or_may_is_built_again(project: Project) -> None:
    project.plugin("build", check=0)
    assert planned(project, "other") == {*SHARED, "mine"}  # another user would own it

    code = "{{ config(materialized='table', schema='shared') }} select '{{ target.name }}' as total, {{ 1 }} as n"
    project.write("models/totals.sql", code)
    project.plugin("build", check=0)

    assert planned(project, "prod") == {"totals", "mine"}
    reasons = project.plugin("plan", "--for", "build", "--target", "prod", check=0).stdout
    assert "build  totals  variables: target.name changed (+1 more)" in reasons
