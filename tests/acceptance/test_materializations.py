"""Materializations that dbt treats in its own way."""

from __future__ import annotations

from support.database import Database
from support.project import ProjectWriter

TABLE = "{{ config(materialized='table') }}\n"
VIEW = "{{ config(materialized='materialized_view') }}\nselect count(*) SIGN 1 as n from {{ source('raw', 'orders') }}"
SOURCES = "sources: [{name: raw, schema: public, tables: [{name: orders}]}]"
MICROBATCH = """
{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='day',
          begin='BEGIN', unique_key='id') }}
"""


def test_a_materialized_view_whose_query_changed_holds_the_new_query(
    dbt_project: ProjectWriter, database: Database
) -> None:
    database.query("create table public.orders as select 1 as id")
    project = dbt_project({"models/sources.yml": SOURCES, "models/totals.sql": VIEW.replace("SIGN", "+")})
    project.plugin("run", check=0)
    assert database.query("select n from analytics.totals") == [(2,)]

    project.write("models/totals.sql", VIEW.replace("SIGN", "-"))
    project.plugin("run", check=0)

    assert database.query("select n from analytics.totals") == [(0,)]
    assert "Nothing to build" in project.plugin("run", check=0).stderr


def test_views_that_go_down_with_a_materialized_view_whose_query_changed_are_created_again(
    dbt_project: ProjectWriter, database: Database
) -> None:
    database.query("create table public.orders as select 1 as id")
    project = dbt_project(
        {
            "models/sources.yml": SOURCES,
            "models/totals.sql": VIEW.replace("SIGN", "+"),
            "models/shown.sql": "select n from {{ ref('totals') }}",
            "models/again.sql": "select n from {{ ref('shown') }}",
            "models/kept.sql": "{{ config(materialized='materialized_view') }}\nselect n from {{ ref('shown') }}",
            "models/copied.sql": TABLE + "select n from {{ ref('again') }}",
        }
    )
    project.plugin("run", check=0)

    project.write("models/totals.sql", VIEW.replace("SIGN", "-"))
    project.plugin("run", check=0)

    for name in ("shown", "again", "kept", "copied"):
        assert database.query(f"select n from analytics.{name}") == [(0,)]
    assert "Nothing to build" in project.plugin("run", check=0).stderr


def test_a_microbatch_model_is_built_only_when_all_its_batches_are(
    dbt_project: ProjectWriter, database: Database
) -> None:
    (begin,) = database.query("select (current_date - 2)::text")[0]
    batches = MICROBATCH.replace("BEGIN", begin)
    project = dbt_project(
        {
            "models/events.sql": "{{ config(materialized='table', event_time='at') }}\n"
            f"select i as id, timestamp '{begin}' + i * interval '1 day' as at from generate_series(0, 1) i",
            "models/daily.sql": batches + "select id / (1 - id) as id, at from {{ ref('events') }}",
            "models/report.sql": TABLE + "select count(*) as n from {{ ref('daily') }}",
        }
    )

    failed = project.plugin("run", check=1)
    assert "  again  daily  partial success: " in failed.stderr

    project.write("models/daily.sql", batches + "select id, at from {{ ref('events') }}")
    repaired = project.plugin("run", check=0)

    assert "Succeeded: 2 nodes built" in repaired.stderr
    assert database.query("select n from analytics.report") == [(2,)]
    assert "Nothing to build: 3 skipped" in project.plugin("run", check=0).stderr


def test_flags_that_dbt_does_not_take_are_refused_before_anything_is_marked(dbt_project: ProjectWriter) -> None:
    project = dbt_project({"models/orders.sql": "select 1 as id"})
    project.plugin("run", check=0)

    refused = project.plugin("run", "--force", "--", "--no-such-flag", check=2)

    assert "Error: dbt does not take the flags after `--`: No such option '--no-such-flag'.\n" in refused.stderr
    assert "Nothing to build: 1 skipped" in project.plugin("run", check=0).stderr
