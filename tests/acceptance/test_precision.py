"""Macros that act outside the SQL, and those that do not."""

from __future__ import annotations

import json

import pytest
from support.project import PROJECT_FILE, Project, ProjectWriter

OVERRIDE = """
{% macro postgres__create_view_as(relation, sql) -%}
    create view {{ relation }} {% if config.get('barrier') %}with (security_barrier = {{ barrier() }}){% endif %}
    as ({{ sql }});
{%- endmacro %}
{% macro barrier() %}true{% endmacro %}
"""
INDEX = """
{% macro postgres__get_create_index_sql(relation, index_dict) -%}
    create index on {{ relation }} ({{ index_dict.columns | join(', ') }})
{%- endmacro %}
"""
ASKS = """{{ config(materialized='table') }}
select {% if execute %}{{ run_query('select 1').rows[0][0] }}{% else %}0{% endif %} as a from {{ ref('plain') }}"""


@pytest.fixture
def project(dbt_project: ProjectWriter) -> Project:
    return dbt_project(
        {
            "models/asks.sql": ASKS,
            "models/indexed.sql": "{{ config(materialized='table', indexes=[{'columns': ['id']}]) }} select 1 as id",
            "models/plain.sql": "{{ config(materialized='table') }} select 1 as id",
            "models/safe.sql": "{{ config(materialized='view', barrier=true) }} select 1 as id",
            "models/view.sql": "{{ config(materialized='view') }} select 1 as id",
            "macros/override.sql": OVERRIDE,
        }
    )


def planned(project: Project) -> dict[str, list[str]]:
    answer = json.loads(project.plugin("plan", "--output", "json", check=0).stdout)
    return {
        entry["name"]: [f"{reason['kind']}: {reason['detail']}" for reason in entry["reasons"]]
        for entry in answer["nodes"]
        if entry["decision"] == "build"
    }


@pytest.mark.parametrize("store", ["text", "hash"])
def test_only_the_views_whose_own_ddl_differs_are_built_after_an_override_changed(project: Project, store: str) -> None:
    environment = {"DBT_STATE_PLUGIN_STORE_SQL": store}
    project.plugin("run", env=environment, check=0)

    project.write("macros/override.sql", OVERRIDE.replace("}true{", "}on{"))

    assert planned(project) == {"safe": ["materialization: macro barrier (macros/override.sql) changed"]}

    project.plugin("run", env=environment, check=0)  # which records the views that were left alone as well
    project.write(
        "macros/override.sql", OVERRIDE.replace("}true{", "}on{").replace("create view", "/* x */ CREATE VIEW")
    )

    assert planned(project) == {}

    project.write(
        "macros/override.sql",
        OVERRIDE.replace("}true{", "}on{").replace("as (", "as (select * from (").replace(");", ") x);"),
    )

    assert planned(project).keys() == {"safe", "view"}


def test_an_override_for_indexes_and_introspection_are_told_apart(project: Project) -> None:
    project.plugin("run", check=0)

    project.write("macros/index.sql", INDEX)
    project.write("models/asks.sql", ASKS.replace("as a", "as b"))

    assert planned(project) == {
        "asks": ["body: its code changed"],
        "indexed": ["materialization: macro postgres__get_create_index_sql (macros/index.sql) is new"],
    }


TABLE = "{{ config(materialized='table') }}\n"
RAW = TABLE + "select 1 as id"
SCHEMA = """
models: [{name: described, description: all}, {name: props, config: {meta: {k: 1}}}]
unit_tests:
  - name: twice_is_twice
    model: doubled
    given: [{input: ref('raw'), rows: [{id: 3}]}]
    expect: {rows: [{twice: 6}]}
"""


def test_a_difference_counts_for_the_nodes_alone_that_it_can_reach(dbt_project: ProjectWriter) -> None:
    project = dbt_project(
        {
            "models/raw.sql": RAW,
            "models/doubled.sql": TABLE + "select id * 2 as twice from {{ ref('raw') }}",
            "models/viewed.sql": "select id from {{ ref('raw') }}",
            "models/reader.sql": TABLE + "select id from {{ ref('viewed') }}",
            "models/described.sql": RAW,
            "models/props.sql": TABLE + "select {{ model.config.meta.get('k', 1) }} as n",
            "models/s.yml": SCHEMA,
        }
    )
    project.plugin("build", check=0)

    project.write("models/raw.sql", RAW + " -- of a unit test's parent")
    assert project.planned("build") == {}
    for config in ("indexes=[{'columns': ['id']}]", "grants={'select': ['public']}"):
        project.write("models/raw.sql", RAW.replace("'table'", f"'table', {config}"))
        assert set(project.planned("build")) == {"raw", "viewed"}  # PostgreSQL drops the view, whose rows stay
    project.write("models/raw.sql", RAW)
    project.write("dbt_project.yml", PROJECT_FILE + "models: {+persist_docs: {relation: true}}\n")
    assert set(project.planned("build")) == {"described"}
    project.write("dbt_project.yml", PROJECT_FILE)
    project.write("models/s.yml", SCHEMA.replace("k: 1", "k: 2"))
    assert project.planned("build") == {"props": ["config.meta changed"]}
