"""Shapes of relations: indexes, constraints, privileges, comments and the like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg2 import sql
from support.database import Database
from support.project import Project, ProjectWriter

CONTRACT = "config: {contract: {enforced: true}}"
PRIMARY_KEY = "columns: [{name: id, data_type: int, constraints: [{type: primary_key}]}]"
FOREIGN_KEYS = """
    select conrelid::regclass::text from pg_constraint
    where contype = 'f' and connamespace = 'analytics'::regnamespace order by 1
"""
INDEXES = "select count(*)::int from pg_index where indrelid = 'analytics.idx'::regclass"
MAY_READ = "select has_table_privilege(%s, 'analytics.' || %s, 'select')"
GRANTED = "{{ config(materialized='KIND', grants={'select': ['READER']}) }} select 1 as id"
KEYS = "select count(*)::int from pg_constraint where conrelid = 'analytics.con'::regclass and contype = 'p'"


@pytest.fixture
def reader(database: Database) -> Iterator[str]:
    """Give a role that owns nothing; roles belong to the whole server, which other tests use at the same time."""
    name = f"reader_{database.dbname}"
    database.query(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
    yield name
    database.query(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


def physical(project: Project, *arguments: str, but: str = "") -> dict[str, list[dict[str, Any]]]:
    """Return the reasons of what is due, by name; all of it but one must leave rows and columns as they are."""
    planned = json.loads(project.plugin("plan", "--output", "json", *arguments, check=0).stdout)
    due = [node for node in planned["nodes"] if node["decision"] == "build"]
    assert {node["change"] for node in due if node["name"] != but} <= {"physical"}, due
    return {node["name"]: node["reasons"] for node in due}


def dropped_index(database: Database, table: str) -> None:
    found = "select indexrelid::regclass::text from pg_index where indrelid = %s::regclass"
    database.load(sql.SQL("drop index {}").format(sql.SQL(database.query(found, (table,))[0][0])))


def test_indexes_privileges_and_constraints_that_are_gone_by_hand_come_back(
    dbt_project: ProjectWriter, database: Database, reader: str
) -> None:
    project = dbt_project(
        {
            "models/idx.sql": "{{ config(materialized='table', indexes=[{'columns': ['id']}]) }} select 1 as id",
            "models/gra.sql": GRANTED.replace("KIND", "table").replace("READER", reader),
            "models/grav.sql": GRANTED.replace("KIND", "view").replace("READER", reader),
            "models/con.sql": "{{ config(materialized='table') }} select 1 as id",
            "models/reads.sql": "{{ config(materialized='table') }} select idx.id from {{ ref('idx') }} idx, "
            "{{ ref('gra') }} gra, {{ ref('con') }} con",
            "models/s.yml": f"models: [{{name: con, {CONTRACT}, {PRIMARY_KEY}}}]",
        }
    )
    project.plugin("run", check=0)
    assert "Nothing to build" in project.plugin("run", check=0).stderr
    dropped_index(database, "analytics.idx")
    role = sql.Identifier(reader)
    database.load(sql.SQL("revoke select on analytics.gra, analytics.grav from {}").format(role))
    (key,) = database.query("select conname::text from pg_constraint where conrelid = 'analytics.con'::regclass")[0]
    database.load(sql.SQL("alter table analytics.con drop constraint {}").format(sql.Identifier(key)))

    due = physical(project)
    assert {name: [reason["detail"].split(" since ")[0] for reason in each] for name, each in due.items()} == {
        "idx": [due["idx"][0]["detail"].split(" since ")[0]],
        "gra": [f"its privilege SELECT to {reader} was revoked"],
        "grav": [f"its privilege SELECT to {reader} was revoked"],
        "con": [f"its primary key {key} was dropped"],
    }
    assert due["idx"][0]["kind"] == "drifted"
    assert (due["idx"][0]["code"], due["idx"][0]["values"]["thing"]) == ("shape-changed", "index")
    assert due["idx"][0]["values"]["change"] == "gone"
    assert "Succeeded: 4 nodes built" in project.plugin("run", check=0).stderr

    assert database.query(INDEXES) == [(1,)]
    assert all(database.query(MAY_READ, (reader, name)) == [(True,)] for name in ("gra", "grav"))
    assert database.query(KEYS) == [(1,)]
    assert "Nothing to build" in project.plugin("run", check=0).stderr


EXTRAS = """
    create index by_hand on analytics.orders (id);
    comment on table analytics.orders is 'theirs';
    grant select on analytics.shown to public;
    alter table analytics.orders set (fillfactor = 70)
"""


def test_what_was_added_by_hand_is_listed_and_counts_only_where_drift_is_strict(
    dbt_project: ProjectWriter, database: Database
) -> None:
    project = dbt_project(
        {
            "models/orders.sql": "{{ config(materialized='table') }} select 1 as id",
            "models/shown.sql": "{{ config(materialized='view') }} select id from {{ ref('orders') }}",
        }
    )
    project.plugin("run", check=0)
    database.load(EXTRAS)

    assert "Nothing to build" in project.plugin("run", check=0).stderr
    listed = project.plugin("plan", "--all", check=0).stdout
    assert "extra: index by_hand was added by hand; a rebuild would drop it" in listed
    assert "extra: comment was added by hand; a rebuild would drop it" in listed
    assert "extra: privilege SELECT to PUBLIC was granted by hand; a rebuild would drop it" in listed
    assert "extra: index by_hand was added by hand" in project.plugin("explain", "orders", check=0).stdout
    (orders,) = [
        node
        for node in json.loads(project.plugin("plan", "--output", "json", check=0).stdout)["nodes"]
        if node["name"] == "orders"
    ]
    assert {"thing": "index", "name": "by_hand"} in orders["extra"]

    assert set(physical(project, "--drift", "strict")) == {"orders", "shown"}
    project.write(
        "models/orders.sql",
        "{{ config(materialized='table', meta={'dbt_state_plugin': {'drift': 'strict'}}) }} select 1 as id",
    )
    assert "index by_hand was added by hand since we built it" in str(physical(project)["orders"])
    project.plugin("run", check=0)
    assert database.query("select count(*)::int from pg_index where indrelid = 'analytics.orders'::regclass") == [(0,)]
    assert "extra: index" not in project.plugin("plan", "--all", check=0).stdout


EVERYTHING = """
    {{ config(materialized='table', indexes=[{'columns': ['id'], 'unique': true}], persist_docs={'relation': true},
        post_hook=[
            "alter table {{ this }} add constraint positive check (id > 0), alter column id set not null",
            "alter table {{ this }} alter column id set default 7",
            "alter table {{ this }} set (autovacuum_enabled = false)",
            "alter table {{ this }} enable row level security",
            "create policy mine on {{ this }} using (id < 100)",
            "create trigger same before update on {{ this }} for each row
                execute function suppress_redundant_updates_trigger()"]) }}
    select 1 as id
"""
DAMAGES = """
    drop index analytics."INDEX";
    alter table analytics.orders drop constraint positive, alter column id drop not null,
        alter column id set default 8, reset (autovacuum_enabled), disable row level security;
    alter policy mine on analytics.orders using (true);
    drop trigger same on analytics.orders;
    comment on table analytics.orders is 'else';
    revoke update on analytics.orders from current_user;
    alter table analytics.orders owner to READER
"""
DAMAGED = {
    "index": "gone",
    "check constraint": "gone",
    "not null": "gone",
    "default": "changed",
    "option": "gone",
    "row security": "changed",
    "policy": "changed",
    "trigger": "gone",
    "comment": "changed",
    "owner": "changed",
    "privileges of the owner": "changed",
}


def kept_shape(database: Database) -> list[Any]:
    """Return what is recorded of the shape of `orders`."""
    ((shape,),) = database.state("select shape::text from {state}.relation where identifier = 'orders'")
    found: list[Any] = json.loads(shape)
    return found


def test_all_kinds_of_things_are_seen_and_two_builds_leave_the_same_shape(
    dbt_project: ProjectWriter, database: Database, reader: str
) -> None:
    project = dbt_project(
        {"models/orders.sql": EVERYTHING, "models/s.yml": "models: [{name: orders, description: all orders}]"}
    )
    project.plugin("run", check=0)
    first = [thing if thing[0] != "index" else thing[::2] for thing in kept_shape(database)]

    project.plugin("run", "--force", check=0)

    second = kept_shape(database)
    assert [thing if thing[0] != "index" else thing[::2] for thing in second] == first
    (index,) = [name for kind, name, _ in second if kind == "index"]
    database.load(DAMAGES.replace("INDEX", index).replace("READER", reader))
    (planned,) = json.loads(project.plugin("plan", "--output", "json", check=0).stdout)["nodes"]
    found = {reason["values"]["thing"]: reason["values"]["change"] for reason in planned["reasons"]}
    assert found == DAMAGED
    project.plugin("run", check=0)
    assert [thing if thing[0] != "index" else thing[::2] for thing in kept_shape(database)] == first
    assert "nothing to build" in project.plugin("plan", check=0).stdout


PARENT = "{{ config(materialized='table') }} select 1 as id"
CHILD = "{{ config(materialized='table') }} select 1 as id, 1 as pid"
HOOK = """
    {{ config(materialized='table', post_hook="alter table {{ this }} add foreign key (pid) references
        {{ ref('parent') }} (id)") }}
    select 1 as id, 1 as pid
"""
SCHEMA = """
models:
  - name: parent
    config: {contract: {enforced: true}, grants: {select: [READERS]}}
    columns: [{name: id, data_type: int, constraints: [{type: primary_key}]}]
  - name: child
    config: {contract: {enforced: true}}
    columns:
      - {name: id, data_type: int}
      - {name: pid, data_type: int, constraints: [{type: foreign_key, to: ref('parent'), to_columns: [id]}]}
"""


def keyed_project(dbt_project: ProjectWriter) -> Project:
    return dbt_project(
        {
            "models/parent.sql": PARENT,
            "models/child.sql": CHILD,
            "models/child_hook.sql": HOOK,
            "models/reads.sql": "{{ config(materialized='table') }} select id from {{ ref('child') }}",
            "models/s.yml": SCHEMA.replace("READERS", ""),
        }
    )


@pytest.mark.parametrize("narrowed", [(), ("--select", "parent")])
def test_tables_whose_foreign_keys_go_down_with_a_rebuilt_parent_are_built_with_it(
    narrowed: tuple[str, ...], dbt_project: ProjectWriter, database: Database, reader: str
) -> None:
    project = keyed_project(dbt_project)
    project.plugin("build", check=0)
    keys = database.query(FOREIGN_KEYS)
    assert keys == [("analytics.child",), ("analytics.child_hook",)]
    project.write("models/s.yml", SCHEMA.replace("READERS", reader))

    due = physical(project, "--for", "build", *narrowed, but="child_hook")  # its hook might write rows
    assert set(due) == {"parent", "child", "child_hook"}
    assert due["child"][0]["code"] == "foreign-key-dropped"
    built = project.plugin("build", *narrowed, check=0)
    assert "Succeeded: 3 nodes built" in built.stderr

    assert database.query(FOREIGN_KEYS) == keys
    assert "nothing to build" in project.plugin("plan", "--for", "build", check=0).stdout


def test_a_foreign_key_that_is_lost_is_drift_and_comes_back(dbt_project: ProjectWriter, database: Database) -> None:
    project = keyed_project(dbt_project)
    project.plugin("build", check=0)
    database.load("alter table analytics.child drop constraint child__dbt_tmp_pid_fkey")

    assert set(physical(project, "--for", "build")) == {"child"}
    project.plugin("build", check=0)

    assert database.query(FOREIGN_KEYS) == [("analytics.child",), ("analytics.child_hook",)]


def test_a_foreign_key_that_was_added_by_hand_goes_as_with_plain_dbt(
    dbt_project: ProjectWriter, database: Database, reader: str
) -> None:
    project = keyed_project(dbt_project)
    project.plugin("build", check=0)
    database.load("alter table analytics.reads add constraint theirs foreign key (id) references analytics.parent (id)")
    assert "extra: foreign key theirs was added by hand" in project.plugin("plan", "--all", check=0).stdout
    project.write("models/s.yml", SCHEMA.replace("READERS", reader))

    assert set(physical(project, "--for", "build", but="child_hook")) == {"parent", "child", "child_hook"}


def test_a_parent_that_is_written_in_place_takes_no_foreign_key_down(
    dbt_project: ProjectWriter, database: Database
) -> None:
    database.query("create table public.raw as select 1 as id")
    project = dbt_project(
        {
            "models/sources.yml": "sources: [{name: raw, schema: public, tables: [{name: raw}]}]",
            "models/parent.sql": "{{ config(materialized='incremental', "
            "post_hook='create unique index if not exists parent_id on {{ this }} (id)') }} "
            "select id from {{ source('raw', 'raw') }}{% if is_incremental() %} where id > 1{% endif %}",
            "models/child_hook.sql": HOOK,
        }
    )
    project.plugin("build", check=0)
    key = database.query(FOREIGN_KEYS.replace("conrelid::regclass::text", "oid::bigint"))
    database.load("insert into public.raw values (2)")

    project.plugin("build", "--select", "parent", check=0)

    assert len(key) == 1
    assert database.query(FOREIGN_KEYS.replace("conrelid::regclass::text", "oid::bigint")) == key
    assert database.query("select count(*)::int from analytics.parent") == [(2,)]


def test_what_an_own_hook_removes_is_not_missing_for_ever(dbt_project: ProjectWriter, database: Database) -> None:
    project = dbt_project(
        {
            "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\nmodel-paths: [models]\nseed-paths: [seeds]\n"
            'seeds: {shop: {gone: {+post-hook: "drop table {{ this }}"}}}\n',
            "seeds/gone.csv": "id\n1\n",
        }
    )

    first = project.plugin("build", check=0)
    assert "gone   seed gone  removed by its own hook" in first.stderr
    assert "nothing to build" in project.plugin("plan", "--for", "build", check=0).stdout
    again = project.plugin("seed", check=0)
    assert "Nothing to build" in again.stderr
    assert "removed by its own hook" not in again.stderr
    assert "removed by its own hook" in project.plugin("explain", "gone", "--for", "build", check=0).stdout

    database.query("create table analytics.gone (id int)")
    assert "drifted" in project.plugin("plan", "--for", "build", check=0).stdout


def test_what_a_hook_at_the_end_of_a_run_grants_is_what_the_run_left(
    dbt_project: ProjectWriter, database: Database, reader: str
) -> None:
    project = dbt_project(
        {
            "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\nmodel-paths: [models]\n"
            f'on-run-end: "grant select on all tables in schema {{{{ target.schema }}}} to {reader}"\n',
            "models/orders.sql": "{{ config(materialized='table') }} select 1 as id",
            "models/shown.sql": "{{ config(materialized='view') }} select id from {{ ref('orders') }}",
        }
    )
    project.plugin("run", check=0)

    assert physical(project, "--drift", "strict") == {}
    assert "extra" not in project.plugin("plan", "--all", check=0).stdout
    database.load(sql.SQL("revoke select on analytics.shown from {}").format(sql.Identifier(reader)))
    assert set(physical(project)) == {"shown"}


def test_a_record_without_a_shape_takes_it_over_as_it_stands(dbt_project: ProjectWriter, database: Database) -> None:
    project = dbt_project(
        {"models/idx.sql": "{{ config(materialized='table', indexes=[{'columns': ['id']}]) }} select 1 as id"}
    )
    project.plugin("run", check=0)
    database.state("update {state}.relation set shape = null")
    dropped_index(database, "analytics.idx")

    assert "nothing to build" in project.plugin("plan", check=0).stdout
    assert "Nothing to build" in project.plugin("run", check=0).stderr
    assert database.state("select shape is not null from {state}.relation") == [(True,)]
    assert "Nothing to build" in project.plugin("run", check=0).stderr
