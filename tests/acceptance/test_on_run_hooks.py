"""On-run hooks that changed or failed, and what they rebuild."""

from __future__ import annotations

import json
import time

from support.database import Database
from support.project import PROJECT_FILE, ProjectWriter

MODELS = {
    "models/a.sql": "{{ config(materialized='table') }} select 1 as n",
    "models/v.sql": "select * from {{ ref('a') }}",
}
AUDIT = "insert into audit.log values (now(), '{{ invocation_id }}')"


def test_a_failed_on_run_hook_fails_the_run_and_is_run_again(dbt_project: ProjectWriter, database: Database) -> None:
    files = {"dbt_project.yml": PROJECT_FILE + 'on-run-end: ["insert into audit.log values (1)"]\n', **MODELS}
    project = dbt_project(files)

    failed = project.plugin("run", check=1).stderr

    assert "again  hook shop-on-run-end-0  shop.on-run-end.0 failed, error:" in failed
    assert "Failed: 2 nodes built, 1 on-run hook to be run again next time" in failed
    assert "hook   shop-on-run-end-0  failed or was cut off, and is run again" in project.plugin("plan").stdout
    again = project.plugin("run", check=1).stderr
    assert 'relation "audit.log" does not exist' in " ".join(again.split())
    messages = [
        each["message"] for each in json.loads(project.plugin("history", "--output", "json").stdout)["executions"]
    ]
    assert all(message.startswith("shop-on-run-end-0: shop.on-run-end.0 failed") for message in messages)

    database.load("create schema audit; create table audit.log (n int)")
    project.plugin("run", check=0)

    assert database.query("select count(*) from audit.log") == [(1,)]
    assert "Nothing to build: 2 skipped" in project.plugin("run", check=0).stderr
    assert database.query("select count(*) from audit.log") == [(1,)]


def test_a_new_hook_is_run_once_and_builds_nothing(dbt_project: ProjectWriter, database: Database) -> None:
    database.load("create schema audit; create table audit.log (at timestamptz, id text)")
    project = dbt_project({"dbt_project.yml": PROJECT_FILE, **MODELS})
    project.plugin("run", check=0)

    project.write("dbt_project.yml", PROJECT_FILE + f'on-run-start: ["select 1"]\non-run-end: ["{AUDIT}"]\n')

    plan = json.loads(project.plugin("plan", "--output", "json", check=0).stdout)
    assert plan["summary"]["build"] == 0
    assert plan["hooks"] == [
        {"unique_id": "operation.shop.shop-on-run-end-0", "why": "changed"},
        {"unique_id": "operation.shop.shop-on-run-start-0", "why": "changed"},
    ]
    done = project.plugin("run", check=0)
    assert "hook   shop-on-run-end-0  is new or changed, and is run" in done.stderr
    assert "START hook: shop.on-run-end.0" in done.stdout
    assert "Nothing to build: 2 skipped" in done.stderr
    assert database.query("select count(*) from audit.log") == [(1,)]
    assert json.loads(project.plugin("plan", "--output", "json", check=0).stdout)["hooks"] == []
    project.plugin("run", check=0)
    assert database.query("select count(*) from audit.log") == [(1,)]


def test_a_hook_that_may_act_on_what_is_read_builds_everything_and_is_named(
    dbt_project: ProjectWriter, database: Database
) -> None:
    database.load("create schema raw; create table raw.h (n int)")
    project = dbt_project({"dbt_project.yml": PROJECT_FILE + 'on-run-start: ["select 1"]\n', **MODELS})
    project.plugin("run", check=0)

    hooks = '["create or replace function analytics.f() returns int language sql as $$ select 1 $$", "select 1"]'
    project.write("dbt_project.yml", PROJECT_FILE + f"on-run-start: {hooks}\n")

    reason = "hook shop-on-run-start-0 is new"
    assert project.planned() == {"a": [reason], "v": [reason, "is built"]}


def test_what_a_new_hook_writes_is_seen_by_its_effect(dbt_project: ProjectWriter, database: Database) -> None:
    database.load("create schema raw; create table raw.h (n int)")
    files = {
        "dbt_project.yml": PROJECT_FILE,
        "models/s.yml": "sources: [{name: raw, schema: raw, tables: [{name: h}]}]",
        "models/reader.sql": "{{ config(materialized='table') }} select count(*) as c from {{ source('raw', 'h') }}",
        "models/other.sql": "{{ config(materialized='table') }} select 1 as n",
    }
    project = dbt_project(files)
    project.plugin("run", check=0)

    project.write("dbt_project.yml", PROJECT_FILE + 'on-run-end: ["insert into raw.h values (1)"]\n')
    assert project.planned() == {}
    project.plugin("run", check=0)
    assert project.planned() == {"reader": ["rows changed"]}

    # dbt runs such a hook before the reader: then it must be built in the same run.
    project.write("dbt_project.yml", PROJECT_FILE + 'on-run-start: ["insert into raw.h values (1)"]\n')
    assert set(project.planned()) == {"reader", "other"}


def test_what_a_hook_at_the_start_writes_is_read_by_the_nodes_of_the_same_run(
    dbt_project: ProjectWriter, database: Database
) -> None:
    database.load("create schema raw; create table raw.h (n int); create view raw.v as select n from raw.h")
    database.load("create schema audit; create table audit.log (n int); create table audit.seen (n int)")
    database.load(
        "create function audit.f() returns bigint immutable language sql as 'select count(*) from audit.seen'"
    )
    question = "run_query('select count(*) from audit.seen').columns[0].values()[0] if execute else 0"
    table = "{{ config(materialized='table') }}"
    project = dbt_project(
        {
            "dbt_project.yml": PROJECT_FILE,
            "models/named.sql": f"{table} select count(*) as c from raw.h",
            "models/behind.sql": f"{table} select count(*) as c from raw.v",
            "models/asking.sql": f"{table} select {{{{ {question} }}}} as c",
            "models/calling.sql": f"{table} select audit.f() as c",
            "models/other.sql": f"{table} select 1 as n",
            "tests/empty.sql": "select n from raw.h where n > 5",
        }
    )
    project.plugin("build", check=0)
    unknown = {"asking", "calling"}
    everything = {"named", "behind", "other", "empty", *unknown}

    def planned(hook: str) -> set[str]:
        project.write("dbt_project.yml", PROJECT_FILE + f"on-run-start: [{json.dumps(hook)}]\n")
        return set(project.planned("build"))

    assert planned("insert into raw.h values (9)") == everything
    assert planned("insert into audit.log values (1)") == unknown
    assert planned("create schema if not exists audit") == set()
    assert planned("grant usage on schema raw to public") == set()
    assert planned("grant select on all tables in schema analytics to public") == everything
    assert planned("grant select on analytics.other, audit.log to public") == everything
    database.load("create function audit.t() returns trigger language plpgsql as 'begin return new; end'")
    database.load("create trigger t before insert on audit.log for each row execute function audit.t()")
    assert planned("insert into audit.log values (1)") == everything
    project.write("dbt_project.yml", PROJECT_FILE + 'on-run-start: ["insert into raw.h values (9)"]\n')
    assert "empty" in project.plugin("build", check=1).stderr
    assert database.query("select c from analytics.behind") == [(1,)]


def test_a_run_that_is_killed_in_a_hook_runs_it_again(dbt_project: ProjectWriter, database: Database) -> None:
    database.load("create schema audit; create table audit.log (n int); insert into audit.log values (0)")
    project = dbt_project({"dbt_project.yml": PROJECT_FILE, **MODELS})
    project.plugin("run", check=0)
    project.write("dbt_project.yml", PROJECT_FILE + 'on-run-end: ["update audit.log set n = n + 1"]\n')

    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("lock table audit.log in access exclusive mode")
        process = project.plugin_process("run")
        while not database.query("select 1 from pg_locks where not granted and relation = 'audit.log'::regclass"):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.kill()
        process.communicate()
    assert json.loads(project.plugin("plan", "--output", "json", check=0).stdout)["hooks"] == [
        {"unique_id": "operation.shop.shop-on-run-end-0", "why": "unfinished"}
    ]
    project.plugin("run", check=0)

    assert json.loads(project.plugin("plan", "--output", "json", check=0).stdout)["hooks"] == []


UPLOAD = """{% macro upload(results) %}{% if execute %}
{% set label = "('" ~ var('label', 'a') ~ "')" %}
{% for result in results %}{% do run_query("insert into " ~ target.schema ~ ".log values " ~ label) %}{% endfor %}
{% do run_query("insert into " ~ target.schema ~ ".now_log values " ~ label) %}
{% endif %}{% endmacro %}"""


def test_a_hook_that_was_seen_to_write_rows_only_builds_nothing_when_what_it_reads_changes(
    dbt_project: ProjectWriter, database: Database
) -> None:
    project = dbt_project(
        {
            "dbt_project.yml": PROJECT_FILE + 'on-run-end: ["{{ upload(results) }}"]\nvars: {label: a}\n',
            "macros/upload.sql": UPLOAD,
            "models/log.sql": "{{ config(materialized='incremental') }} select ''::text as label where false",
            "models/now_log.sql": "{{ config(materialized='table') }} select ''::text as label",
            **MODELS,
        }
    )
    project.plugin("run", check=0)
    assert project.planned() == {}

    project.write("dbt_project.yml", PROJECT_FILE + 'on-run-end: ["{{ upload(results) }}"]\nvars: {label: b}\n')

    # dbt would build the table anew, without the row of the earlier hook.
    assert set(project.planned()) == {"now_log"}
    project.plugin("run", check=0)
    assert database.query("select label from analytics.now_log order by 1") == [("",), ("b",)]
    assert database.query("select distinct label from analytics.log order by 1") == [("a",), ("b",)]
    assert project.planned() == {}
    assert json.loads(project.plugin("plan", "--output", "json", check=0).stdout)["hooks"] == []


def test_what_earlier_hooks_granted_or_created_is_taken_away_by_a_build(
    dbt_project: ProjectWriter, database: Database
) -> None:
    grant = "grant select on all tables in schema analytics to public"
    hooks = f'["{grant}", "create or replace view analytics.w as select 1"]'
    project = dbt_project({"dbt_project.yml": PROJECT_FILE + f"on-run-end: {hooks}\n", **MODELS})
    project.plugin("run", check=0)

    project.write("dbt_project.yml", PROJECT_FILE)
    assert set(project.planned()) == {"a", "v"}
    project.plugin("run", check=0)

    granted = "select count(*) from information_schema.role_table_grants where grantee = 'PUBLIC' and table_name = 'a'"
    assert database.query(granted) == [(0,)]
    # What on-run-end does, the nodes of the run have not read; the next plan sees it.
    project.write("dbt_project.yml", PROJECT_FILE + f"on-run-end: {hooks}\n")
    assert project.planned() == {}
    project.plugin("run", check=0)
    assert database.query(granted) == [(1,)]
    assert project.planned() == {}
