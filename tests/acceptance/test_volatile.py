"""Models that read the clock: how often they are built."""

from __future__ import annotations

import json

from support.database import Database
from support.project import Project, ProjectWriter

FILES = {
    "models/sources.yml": "version: 2\nsources: [{name: raw, schema: public, tables: [{name: events}]}]\n",
    "models/aged.sql": "{{ config(materialized='table') }} select id, now() as at from {{ source('raw', 'events') }}",
    "models/today.sql": "{{ config(materialized='view') }} select current_date as day -- random()",
    "models/on_view.sql": (
        "{{ config(materialized='table', meta={'dbt_state_plugin': {'volatile': 'daily'}}) }}"
        " select day from {{ ref('today') }}"
    ),
    "models/audited.sql": (
        "{{ config(materialized='table', meta={'dbt_state_plugin': {'volatile': 'never'}}) }}"
        " select 1 as id, current_timestamp as loaded_at"
    ),
    "models/below.sql": "{{ config(materialized='table') }} select id from {{ ref('aged') }}",
    "models/plain.sql": "{{ config(materialized='table') }} select count(*) as n from {{ source('raw', 'events') }}",
}


def names(project: Project, *options: str) -> list[str]:
    return sorted(project.plugin("select", "--output", "name", *options).stdout.split())


def test_what_calls_the_clock_is_built_as_often_as_configured(database: Database, dbt_project: ProjectWriter) -> None:
    project = dbt_project(FILES)
    database.query("create table public.events as select 1 as id")
    project.plugin("run")

    plan = {node["name"]: node for node in json.loads(project.plugin("plan", "--output", "json").stdout)["nodes"]}

    assert names(project) == ["aged", "below"]
    assert [reason["detail"] for reason in plan["aged"]["reasons"]] == ["it calls now()"]
    assert names(project, "--no-downstream") == ["aged"]
    assert names(project, "--volatile", "never") == names(project, "--code-only") == []

    database.state("update {state}.relation set built_at = built_at - interval '1 day'")
    daily = project.plugin("plan").stdout

    assert "on_view  volatile: today calls current_date" in daily.replace("  build  ", "")
    assert "audited" not in daily


def test_code_only_leaves_due_what_is_due_for_rows(database: Database, dbt_project: ProjectWriter) -> None:
    project = dbt_project(FILES)
    database.query("create table public.events as select 1 as id")
    project.plugin("run")
    database.query("insert into public.events values (2)")
    project.write("models/below.sql", FILES["models/below.sql"] + " where id > 0")

    ran = project.plugin("run", "--code-only")

    assert "1 node built" in ran.stderr
    assert "later  plain" in ran.stderr
    assert names(project) == ["aged", "below", "plain"]
    assert database.query("select n from analytics.plain") == [(1,)]


def test_what_was_recorded_without_its_calls_is_looked_at_in_the_recorded_sql(
    database: Database, dbt_project: ProjectWriter
) -> None:
    project = dbt_project(FILES)
    database.query("create table public.events as select 1 as id")
    project.plugin("run")
    recorded = "select unique_id, jsonb_object_field(trace, 'volatile') from {state}.relation order by 1"
    before = database.state(recorded)
    database.state("update {state}.relation set trace = jsonb_delete(trace, 'volatile')")

    assert names(project) == ["aged", "below"]
    project.plugin("run", "--code-only")

    assert database.state(recorded) == before
