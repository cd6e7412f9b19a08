"""Macros that act outside the SQL, and those that do not."""

from __future__ import annotations

import json

import pytest
from support.project import Project, ProjectWriter

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
