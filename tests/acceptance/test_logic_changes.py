"""Rows that earlier logic built, on real dbt and PostgreSQL."""

from __future__ import annotations

import pytest
from support.database import Database
from support.project import Project, ProjectWriter

SOURCE = "version: 2\nsources: [{name: raw, schema: public, tables: [{name: events}]}]\n"
INCREMENTAL = """
{{ config(materialized='incremental', unique_key='id') }}
select id, 'one' as logic from {{ source('raw', 'events') }}
{% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}
"""


@pytest.fixture
def project(database: Database, dbt_project: ProjectWriter) -> Project:
    """Give a project with two incremental models and a table on one of them, built from one row."""
    project = dbt_project(
        {
            "models/sources.yml": SOURCE,
            "models/events.sql": INCREMENTAL,
            "models/guarded.sql": INCREMENTAL.replace("'id')", "'id', full_refresh=false)"),
            "models/on_events.sql": "{{ config(materialized='table') }} select logic from {{ ref('events') }}",
        }
    )
    database.query("create table public.events as select 1 as id")
    project.plugin("run")
    database.query("insert into public.events values (2)")
    return project


def edit(project: Project, *names: str, before: str = "one", after: str = "two") -> None:
    for name in names:
        project.write(f"models/{name}.sql", project.read(f"models/{name}.sql").replace(f"'{before}'", f"'{after}'"))


def logics(database: Database, relation: str) -> list[str]:
    rows = database.query(f"select logic from analytics.{relation} order by 1")
    return [row[0] for row in rows]


def test_changed_models_alone_are_built_from_scratch_now_or_later(project: Project, database: Database) -> None:
    edit(project, "events", "guarded")

    kept = project.plugin("run")

    assert "warning: existing rows keep the earlier logic, unless --full-refresh-changed: events" in kept.stderr
    assert "existing rows keep the earlier logic, since dbt never rebuilds them: guarded" in kept.stderr
    assert (logics(database, "events"), logics(database, "guarded")) == (["one", "two"], ["one", "two"])
    assert "nothing to build" in project.plugin("plan").stdout
    assert "contains rows built with earlier logic (since execution" in project.plugin("explain", "events").stdout

    rebuilt = project.plugin("run", "--full-refresh-changed")

    assert "logic: contains rows built with earlier logic" in rebuilt.stderr
    assert logics(database, "events") == logics(database, "on_events") == ["two", "two"]
    assert logics(database, "guarded") == ["one", "two"]
    assert "nothing to build" in project.plugin("plan", "--full-refresh-changed").stdout


def test_a_change_may_be_configured_to_rebuild_or_to_refuse_the_run(project: Project, database: Database) -> None:
    edit(project, "events")
    fail = {"DBT_STATE_PLUGIN_ON_LOGIC_CHANGE": "fail"}

    refused = project.plugin("run", env=fail, check=2)

    assert "The logic of events changed, and on_logic_change: fail does not let" in refused.stderr
    assert logics(database, "events") == ["one"]

    project.write(
        "dbt_project.yml",
        project.read("dbt_project.yml") + "\nmodels: {+meta: {dbt_state_plugin: {on_logic_change: full_refresh}}}\n",
    )
    project.plugin("run", env=fail)

    assert logics(database, "events") == logics(database, "on_events") == ["two", "two"]


def test_a_microbatch_model_is_built_again_from_its_begin(database: Database, dbt_project: ProjectWriter) -> None:
    microbatch = (
        "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='year',"
        " begin='2024-01-01', lookback=0, unique_key='at') }}"
        " select at, 'one' as logic from {{ source('raw', 'events') }}"
    )
    source = SOURCE.replace("{name: events}", "{name: events, config: {event_time: at}}")
    project = dbt_project({"models/sources.yml": source, "models/events.sql": microbatch})
    database.query("create table public.events as select generate_series(2024, 2025) as year")
    database.query("alter table public.events add at timestamp; update public.events set at = make_date(year, 2, 1)")
    project.plugin("run")
    edit(project, "events")

    project.plugin("run", "--full-refresh-changed")

    assert logics(database, "events") == ["two", "two"]
