"""Hooks that write into other models, and their readers."""

from __future__ import annotations

from support.database import Database
from support.project import PROJECT_FILE, ProjectWriter

TABLES = PROJECT_FILE + "models: {+materialized: table}\n"


def test_what_a_hook_writes_into_is_built_with_it_and_is_as_plain_dbt_leaves_it(
    dbt_project: ProjectWriter, database: Database
) -> None:
    database.query("create schema raw; create table raw.o as select 1 as id")
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/s.yml": "sources: [{name: raw, schema: raw, tables: [{name: o}]}]",
            "models/written.sql": "select 0 as n",
            "models/writer.sql": "{{ config(post_hook=\"insert into {{ ref('written') }} select 1\") }}"
            " select count(*) as c from {{ source('raw', 'o') }}",
        }
    )
    project.plugin("run", check=0)
    assert project.planned() == {}
    assert "Nothing to build" in project.plugin("run", check=0).stderr

    database.load("insert into raw.o values (2)")
    due = project.planned()
    project.plugin("run", check=0)

    assert due["written"] == ["is built, whose hook writes into it"]
    assert database.query("select n from analytics.written order by n") == [(0,), (1,)]
    assert project.planned() == {}


def test_what_an_on_run_hook_writes_makes_its_readers_due_and_not_what_it_writes_into(
    dbt_project: ProjectWriter, database: Database
) -> None:
    project = dbt_project(
        {
            "dbt_project.yml": PROJECT_FILE
            + "on-run-end: [\"insert into {{ target.schema }}.audit values ('x', {{ results | length }})\"]\n",
            "models/audit.sql": "{{ config(materialized='incremental') }} select ''::text as inv, 0 as n where false",
            "models/audit_rep.sql": "{{ config(materialized='table') }} select count(*) as c from {{ ref('audit') }}",
            "models/plain.sql": "{{ config(materialized='table') }} select 1 as x",
        }
    )
    project.plugin("run", check=0)

    assert project.planned() == {"audit_rep": ["was written since by an on-run hook"]}
    project.plugin("run", check=0)

    assert database.query("select c from analytics.audit_rep") == [(1,)]
    assert database.query("select count(*) from analytics.audit") == [(2,)]
    assert "audit" not in project.planned()


def test_rows_that_somebody_writes_by_hand_are_still_told_from_those_of_hooks(
    dbt_project: ProjectWriter, database: Database
) -> None:
    project = dbt_project(
        {
            "dbt_project.yml": PROJECT_FILE + 'on-run-end: ["insert into analytics.audit values (1)"]\n',
            "models/audit.sql": "{{ config(materialized='table') }} select 0 as n",
        }
    )
    project.plugin("run", check=0)
    assert project.planned() == {}

    database.load("insert into analytics.audit values (9)")

    assert project.planned() == {"audit": ["its rows were changed since we built it (by hand or by plain dbt)"]}
