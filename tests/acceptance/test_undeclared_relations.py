"""Relations that SQL names by itself, as inputs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.database import Database
from support.project import PROJECT_FILE, Project, ProjectWriter, profiles

TABLES = PROJECT_FILE + "models: {+materialized: table}\n"
SOURCES = "sources: [{name: raw, schema: raw, tables: [{name: o}]}]\n"


@pytest.fixture
def project(dbt_project: ProjectWriter, database: Database) -> Project:
    database.query(
        "create schema raw; create table raw.o as select 1 as id; create table raw.h as select 1 as id; "
        "create view raw.v as select id from raw.h; create table raw.seen as select 1 as id"
    )
    return dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/s.yml": SOURCES,
            "models/hard.sql": "select id from raw.h",
            "models/mixed.sql": "select o.id, h.id as h from {{ source('raw', 'o') }} o cross join raw.h",
            "models/through.sql": "with h as (select id from raw.v) select id from h",
            "models/viewed.sql": "{{ config(materialized='view') }} select id from raw.h",
            "models/reader.sql": "select id from {{ ref('viewed') }}",
            "models/other.sql": "select id from {{ source('raw', 'o') }} as h",
            "models/added.sql": "{{ config(materialized='incremental') }} select id from raw.h"
            "{% if is_incremental() %} where id > (select max(id) from {{ this }}){% endif %}",
            "tests/hard_test.sql": "select 1 as failed from raw.h where id > 5",
        }
    )


def test_rows_of_a_table_that_only_sql_names_are_noticed(project: Project, database: Database) -> None:
    project.plugin("build", check=0)
    assert project.planned("build") == {}
    shown = project.plugin("build", check=0)
    assert "Nothing to build" in shown.stderr

    database.load("insert into raw.h values (2)")
    due = project.planned("build")
    text = project.plugin("plan", "--for", "build").stdout
    project.plugin("build", check=0)

    assert sorted(due) == ["added", "hard", "hard_test", "mixed", "reader", "through"]
    assert due["hard"] == ["rows changed"]
    assert "hard data: raw.h (named in the SQL, not declared) rows changed" in " ".join(text.split())
    assert database.query("select count(*) from analytics.hard") == [(2,)]
    assert database.query("select count(*) from analytics.added") == [(2,)]
    assert project.planned("build") == {}

    database.load("insert into raw.h values (9)")
    failed = project.plugin("build", check=1)
    assert "hard_test" in failed.stdout


def test_a_function_that_sql_calls_is_an_input(dbt_project: ProjectWriter, database: Database) -> None:
    create = "create or replace function raw.rated(n integer) returns integer language sql immutable as 'select n * {}'"
    database.query("create schema raw; create type raw.size as enum ('s', 'l')")
    database.query(create.format(2))
    database.query(
        "create function raw.sized(s raw.size, n integer default 1) returns text language sql immutable "
        "as 'select ''size '' || s'"
    )
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/calls.sql": "select raw.rated(3) as n",
            "models/viewed.sql": "{{ config(materialized='view') }} select raw.rated(4) as n",
            "models/reader.sql": "select n from {{ ref('viewed') }}",
            "models/sizes.sql": "select raw.sized('l'::raw.size) as size",
            "models/plain.sql": "select abs(-1) as n",
        }
    )
    project.plugin("run", check=0)
    assert project.planned() == {}
    assert "Nothing to build" in project.plugin("run", check=0).stderr

    database.query(create.format(2))
    assert project.planned() == {}
    database.query(create.format(5))
    due = project.planned()
    text = project.plugin("plan", check=0).stdout
    project.plugin("run", check=0)

    assert due == {"calls": ["its definition changed"], "reader": ["its definition changed"]}
    assert "data: raw.rated(n integer) (called in the SQL) its definition changed" in text
    assert database.query("select n from analytics.calls") == [(15,)]
    assert database.query("select n from analytics.reader") == [(20,)]
    assert project.planned() == {}


def test_explain_and_plan_list_what_the_graph_of_dbt_lacks(project: Project) -> None:
    project.write(
        "models/asking.sql",
        "select 1 as id {% if execute %}{% set o = source('raw', 'o') %}, '{{ o.identifier }}' as o{% endif %}",
    )
    project.plugin("run", check=0)

    explained = project.plugin("explain", "mixed", check=0).stdout
    listed = project.plugin("plan", "--all", check=0).stdout
    document = json.loads(project.plugin("plan", "--output", "json", check=0).stdout)
    found = {each["name"]: each["undeclared_inputs"] for each in document["nodes"]}

    (database,) = {document["environment"]["database"]}
    h, o = (f'"{database}"."raw"."{name}"' for name in ("h", "o"))
    words = f"undeclared input: {h}, named in its SQL without a ref or source"
    assert f"\n  {words}\n" in explained
    assert words in listed
    assert "undeclared input: source raw.o, read by its Jinja but no parent in dbt" in listed
    assert words not in project.plugin("plan", check=0).stdout
    assert found["mixed"] == [{"relation": h, "source": None}]
    assert found["asking"] == [{"relation": o, "source": "source.shop.raw.o"}]
    assert found["other"] == []


def test_another_table_in_the_sql_is_looked_up_again(project: Project, database: Database) -> None:
    project.plugin("build", check=0)
    project.write("models/hard.sql", "select id from raw.seen")
    project.plugin("build", check=0)

    database.load("insert into raw.h values (2)")
    assert "hard" not in project.planned("build")
    database.load("insert into raw.seen values (2)")
    assert project.planned("build")["hard"] == ["rows changed"]


def test_catalogs_that_sql_names_are_read_again_on_every_run(dbt_project: ProjectWriter) -> None:
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/cat.sql": "select count(*) as n from information_schema.tables where table_schema = 'raw'",
            "models/plain.sql": "select 1 as id",
        }
    )
    project.plugin("run", check=0)

    assert list(project.planned("run")) == ["cat"]


def test_a_model_that_names_another_model_is_built_after_it(dbt_project: ProjectWriter, database: Database) -> None:
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/b.sql": "select 1 as id",
            "models/reads_b.sql": "{{ config(pre_hook='create table if not exists analytics.b (id int)') }}"
            " select id from analytics.b",
        }
    )
    project.plugin("run", "--threads", "1", check=0)
    for _ in range(3):  # dbt knows no order between the two: a build that may have seen the old rows is repeated
        if not project.planned("run"):
            break
        project.plugin("run", "--threads", "1", check=0)
    assert project.planned("run") == {}

    project.write("models/b.sql", "select 2 as id")
    for _ in range(3):
        if not project.planned("run"):
            break
        project.plugin("run", "--threads", "1", check=0)

    assert project.planned("run") == {}
    assert database.query("select id from analytics.reads_b") == [(2,)]


def test_a_table_that_reads_itself_is_built_on_every_run(dbt_project: ProjectWriter, database: Database) -> None:
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/selfy.sql": "{% set r = load_relation(this) %} select {% if r %}(select max(n) from {{ this }}) + 1"
            "{% else %}1{% endif %} as n",
        }
    )
    for n in (1, 2, 3):
        project.plugin("run", check=0)
        assert database.query("select n from analytics.selfy") == [(n,)]


def test_where_no_temporary_view_may_be_created_the_words_of_the_sql_tell(
    dbt_project: ProjectWriter, database: Database
) -> None:
    (name,) = database.query("select current_database()")[0]
    role = f"plain_{name}"
    database.query(
        f"create role {role} login password 'x'; create schema raw; create table raw.h as select 1 as id; "
        f"grant usage on schema raw to {role}; grant select on raw.h to {role}; "
        f'grant create on database "{name}" to {role}; revoke temporary on database "{name}" from public'
    )
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "profiles.yml": profiles(replace(database, user=role, password="x")),
            "models/hard.sql": "select id from raw.h",
            "models/other.sql": "select 1 as h",
        }
    )
    try:
        project.plugin("run", check=0)
        assert project.planned() == {}
        database.load("insert into raw.h values (2)")
        assert project.planned() == {"hard": ["rows changed"]}
    finally:
        database.query(f"drop owned by {role} cascade; drop role {role}")


def test_settings_of_the_database_and_the_role_count_by_their_effect(
    dbt_project: ProjectWriter, database: Database
) -> None:
    database.query(
        "create schema alt; create table public.cfg as select 'public' as k; create table alt.cfg as select 'alt' as k"
    )
    (name,) = database.query("select current_database()")[0]
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/sp.sql": "select k from cfg",
            "models/zone.sql": "select '2026-01-01 23:30+00'::timestamptz::date::text as d",
        }
    )
    project.plugin("run", check=0)
    assert project.planned("run") == {}
    assert "Nothing to build" in project.plugin("run", check=0).stderr

    database.query(f"alter database \"{name}\" set search_path = 'alt'")
    due = project.planned("run")
    project.plugin("run", check=0)

    assert due == {each: ['search_path: "$user", public -> alt'] for each in ("sp", "zone")}
    assert database.query("select k from analytics.sp") == [("alt",)]
    assert project.planned("run") == {}

    database.query(f"alter database \"{name}\" set timezone = 'Asia/Tokyo'")
    due = project.planned("run")
    project.plugin("run", check=0)

    assert [reason.endswith(" -> Asia/Tokyo") for reason in due["zone"]] == [True]
    assert database.query("select d from analytics.zone") == [("2026-01-02",)]


def test_a_table_that_only_the_incremental_branch_names_counts_from_the_first_build(
    dbt_project: ProjectWriter, database: Database
) -> None:
    database.query("create schema raw; create table raw.h as select 1 as id")
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/incb.sql": "{{ config(materialized='incremental', unique_key='id') }} select 1 as id, "
            "{% if is_incremental() %}(select count(*) from raw.h){% else %}0{% endif %} as n",
        }
    )
    project.plugin("run", check=0)
    assert project.planned() == {}

    database.load("insert into raw.h values (2)")
    assert project.planned() == {"incb": ["rows changed"]}
    project.plugin("run", check=0)

    assert database.query("select n from analytics.incb") == [(2,)]
    assert project.planned() == {}


def test_sql_that_names_what_only_its_own_session_knows_is_built_on_every_run(
    dbt_project: ProjectWriter, database: Database
) -> None:
    database.query("create schema alt; create table alt.c as select 1 as k")
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/path.sql": "{{ config(pre_hook=\"set search_path = 'alt'\") }} select k from c",
            "models/temporary.sql": "{{ config(pre_hook='create temp table tmpx as select 1 as a') }} "
            "select tmpx.a, c.k from tmpx cross join alt.c",
            "models/plain.sql": "select 1 as id",
        }
    )
    project.plugin("run", check=0)

    assert project.planned() == {
        name: ["its code reads relations that only its own session knows"] for name in ("path", "temporary")
    }
