"""Cutoff inside a run: readers of equal rows are not built."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest
from support.database import Database
from support.project import Project, ProjectWriter

TABLE = "{{ config(materialized='table') }}\n"
FILES = {
    "models/sources.yml": "sources: [{name: raw, schema: raw, tables: [{name: orders}]}]\n",
    "models/orders.sql": TABLE + "select id, amount, note from {{ source('raw', 'orders') }}",
    "models/shown.sql": "{{ config(materialized='view') }}\nselect id, amount from {{ ref('orders') }}",
    "models/totals.sql": TABLE + "select sum(amount) as total from {{ ref('shown') }}",
    "models/report.sql": TABLE + "select total * 2 as twice from {{ ref('totals') }}",
    "models/direct.sql": TABLE + "select id from {{ ref('orders') }}",
    "models/properties.yml": "models: [{name: totals, columns: [{name: total, data_tests: [not_null]}]}]\n",
}
LOADED = """
create schema raw;
create table raw.orders (id int, amount numeric, note text);
insert into raw.orders values (1, 10, null), (2, 20, '');
"""


@pytest.fixture
def shop(database: Database, dbt_project: ProjectWriter) -> Project:
    """Give a project in which everything is built."""
    database.load(LOADED)
    project = dbt_project(FILES)
    project.plugin("build", check=0)
    return project


def statuses(database: Database) -> dict[str, str]:
    """Return how the planned nodes of the last execution ended, by name."""
    rows = database.state(
        "select unique_id, status from {state}.node_result where execution_id = "
        "(select execution_id from {state}.execution order by started_at desc limit 1)"
    )
    return {unique_id.split(".")[2]: status for unique_id, status in rows}


def test_a_table_that_comes_out_equal_is_no_reason_for_what_reads_it(shop: Project, database: Database) -> None:
    shop.write(
        "models/orders.sql", FILES["models/orders.sql"].replace("id, amount, note", "id, amount + 0 as amount, note")
    )

    ended = shop.plugin("build", check=0)

    assert statuses(database) == {
        "orders": "success",
        "shown": "success",  # PostgreSQL drops it with the table
        "totals": "no-op",
        "report": "no-op",
        "direct": "no-op",
        "not_null_totals_total": "no-op",
    }
    assert "NO-OP=4" in ended.stdout
    assert shop.planned("build") == {}
    listed = json.loads(shop.plugin("history", "--output", "json", check=0).stdout)["executions"][0]
    shown = json.loads(shop.plugin("show", listed["execution_id"], "--output", "json", check=0).stdout)
    for document in (listed, shown):
        assert (document["planned"], document["succeeded"], document["cut_off"]) == (6, 6, 4)
    assert "2/6, 4 cut" in shop.plugin("history", "--limit", "1", check=0).stdout


def test_a_column_that_nobody_reads_builds_the_table_and_its_views_alone(shop: Project, database: Database) -> None:
    columns = "id, amount, note || '!' as note, 1 as more"
    shop.write("models/orders.sql", TABLE + f"select {columns} from {{{{ source('raw', 'orders') }}}}")
    shop.write("models/all.sql", TABLE + "select * from {{ ref('orders') }}")

    ended = shop.plugin("build", "--cutoff", "always", check=0)

    assert statuses(database) == {
        "orders": "success",
        "all": "success",
        "shown": "success",
        "totals": "no-op",
        "report": "no-op",
        "direct": "no-op",
        "not_null_totals_total": "no-op",
    }
    assert "direct                      orders came out equal in all that is read of it (2 rows)" in ended.stderr
    assert shop.planned("build") == {}
    told = shop.plugin("explain", "direct", check=0).stdout
    assert "cut off: orders came out equal in all that is read of it (2 rows)" in told
    assert "cut off: not read: orders.note, orders.more" in told


def test_a_refactoring_that_the_server_reads_as_the_same_query_builds_nothing(shop: Project) -> None:
    shop.write(
        "models/totals.sql", TABLE + "with s as (select * from {{ ref('shown') }}) select sum(amount) as total from s"
    )
    shop.plugin("build", check=0)
    shop.write(
        "models/totals.sql", TABLE + "with t as (select * from {{ ref('shown') }}) select sum(t.amount) as total from t"
    )
    shop.write("models/direct.sql", TABLE + "select id::int as id from {{ ref('orders') }} as o")

    planned = shop.planned("build")
    told = shop.plugin("explain", "totals", check=0).stdout

    assert planned == {}
    assert "it is the same query (the server says so)" in told
    shop.write("models/direct.sql", TABLE + "select id::bigint as id from {{ ref('orders') }} as o")
    shop.write("models/shown.sql", FILES["models/shown.sql"].replace("}}", "}} as seen"))  # seen by pg_get_viewdef
    assert {"direct", "shown"} <= {name.split(".")[-1] for name in shop.planned("build")}


def test_without_cutoff_everything_that_is_planned_is_built(shop: Project, database: Database) -> None:
    shop.write("models/orders.sql", FILES["models/orders.sql"].replace("id, amount", "id, amount + 0 as amount"))

    shop.plugin("build", "--no-cutoff", check=0)

    assert set(statuses(database).values()) == {"success", "pass"}


def test_what_a_record_does_not_say_builds_its_node_once_more_and_no_other(shop: Project, database: Database) -> None:
    shop.plugin("build", "--force", "--no-cutoff", check=0)  # which columns are read is not recorded then
    quiet = shop.planned("build")
    edit = FILES["models/orders.sql"].replace("note from", "note || '!' as note from")
    shop.write("models/orders.sql", edit)
    shop.plugin("build", "--cutoff", "always", check=0)
    first = statuses(database)
    shop.write("models/orders.sql", edit.replace("'!'", "'?'"))
    shop.plugin("build", "--cutoff", "always", check=0)

    assert quiet == {}
    assert (first["direct"], first["totals"], first["report"]) == ("success", "success", "no-op")
    assert (statuses(database)["direct"], statuses(database)["totals"]) == ("no-op", "no-op")


def test_what_is_said_of_each_parent_is_true(database: Database, dbt_project: ProjectWriter) -> None:
    database.load(LOADED)
    source = "from {{ source('raw', 'orders') }}"
    project = dbt_project(
        {
            "models/sources.yml": FILES["models/sources.yml"],
            "models/a.sql": TABLE + f"select id, amount {source}",
            "models/b.sql": TABLE + f"select id, note {source}",
            "models/both.sql": TABLE + "select a.id from {{ ref('a') }} a join {{ ref('b') }} b on a.id = b.id",
            "models/dropped.sql": TABLE + f"select id, amount, note {source}",
            "models/ids.sql": TABLE + "select id from {{ ref('dropped') }}",
            "models/staged.sql": f"select id, amount, note {source}",
            "models/total.sql": TABLE + "select sum(amount) as total from {{ ref('staged') }}",
            "models/ids_staged.sql": TABLE + "select id from {{ ref('staged') }}",
        }
    )
    project.plugin("run", check=0)
    project.write("models/a.sql", TABLE + f"select id, amount + 0 as amount {source}")
    project.write("models/b.sql", TABLE + f"select id, note || '!' as note {source}")
    project.write("models/dropped.sql", TABLE + f"select id, note {source}")
    project.write("models/staged.sql", f"select id, 30 - amount as amount, note {source}")

    project.plugin("run", "--cutoff", "always", check=0)

    said = dict(
        database.state(
            "select unique_id, message from {state}.node_result where status = 'no-op' and execution_id ="
            " (select execution_id from {state}.execution order by started_at desc limit 1)"
        )
    )
    words = {node.split(".")[2]: message.removeprefix("cut off: ") for node, message in said.items()}
    equal = "came out equal in all that is read of it (2 rows)"
    assert words == {
        "both": "a came out equal (2 rows); 1 more is equal in all that is read of it",
        "ids": f"dropped {equal}; not read: dropped.amount, dropped.note",
        "total": f"staged {equal}; not read: staged.note",
        "ids_staged": f"staged {equal}; not read: staged.note",
    }
    assert "cut off: a came out equal" in project.plugin("explain", "both", check=0).stdout
    project.write("models/both.sql", TABLE + "select a.id + 1 as id from {{ ref('a') }} a")
    assert "cut off" not in project.plugin("explain", "both", check=0).stdout
    assert json.loads(project.plugin("explain", "both", "--output", "json", check=0).stdout)["cut_off"] is None


def test_a_view_that_goes_down_with_a_table_is_planned_in_any_case(shop: Project) -> None:
    shop.write("models/orders.sql", FILES["models/orders.sql"].replace("amount, note", "amount + 0 as amount, note"))

    planned = shop.plugin("plan", "--for", "build", check=0).stdout

    assert "  build  shown " in planned
    assert "  build? totals " in planned
    assert "  build? direct " in planned


def test_every_kind_of_node_is_cut_off_in_every_version_of_dbt(database: Database, dbt_project: ProjectWriter) -> None:
    database.load(LOADED)
    orders = "select id, {amount}, note, timestamp '2026-11-28 05:00' as at from {{{{ source('raw', 'orders') }}}}"
    batches = (
        "materialized='incremental', incremental_strategy='microbatch', event_time='at', begin='2026-11-28',"
        " batch_size='day', unique_key='id'"
    )
    project = dbt_project(
        {
            "models/sources.yml": FILES["models/sources.yml"],
            "models/orders.sql": TABLE + orders.format(amount="amount"),
            "models/orders.yml": "models: [{name: orders, config: {event_time: at},"
            " columns: [{name: id, data_tests: [unique]}]}]\n",
            "models/added.sql": "{{ config(materialized='incremental', unique_key='id') }}\n"
            "select id, amount from {{ ref('orders') }}",
            "models/batches.sql": f"{{{{ config({batches}) }}}}\nselect id, at from {{{{ ref('orders') }}}}",
            "models/after.sql": TABLE + "select id from {{ ref('kept') }}",
            "snapshots/kept.yml": "snapshots: [{name: kept, relation: ref('orders'),"
            " config: {unique_key: id, strategy: check, check_cols: all}}]\n",
            "seeds/codes.csv": "code,name\n1,a\n2,b\n",
            "models/coded.sql": TABLE + "select code from {{ ref('codes') }}",
        }
    )
    project.plugin("build", check=0)
    project.write("models/orders.sql", TABLE + orders.format(amount="amount + 0 as amount"))
    project.write("seeds/codes.csv", "code,name\n1,a\n2,z\n")

    project.plugin("build", "--cutoff", "always", check=0)

    built = {"orders", "codes"}
    cut_off = {"added", "batches", "kept", "after", "coded", "unique_orders_id"}
    assert statuses(database) == dict.fromkeys(built, "success") | dict.fromkeys(cut_off, "no-op")
    assert project.planned("build") == {}


def test_nobody_waits_for_rows_that_are_compared(shop: Project, database: Database) -> None:
    shop.write(
        "dbt_project.yml", shop.read("dbt_project.yml") + "on-run-start: select pg_advisory_xact_lock_shared(19)\n"
    )
    shop.plugin("build", check=0)
    shop.write("models/orders.sql", FILES["models/orders.sql"].replace("amount, note", "amount + 0 as amount, note"))
    shop.write("models/other.sql", TABLE + "select 1 as one")
    with closing(database.connect()) as held, closing(database.connect()) as locked:
        held.cursor().execute("select pg_advisory_lock(19)")
        run = shop.plugin_process("build", "--cutoff", "always")
        wait_for(database, "select count(*) = 1 from pg_locks where locktype = 'advisory' and not granted")
        locked.autocommit = False
        locked.cursor().execute("lock table analytics.orders")
        held.cursor().execute("select pg_advisory_unlock(19)")

        scans = "select count(*) = 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%hashtext%'"
        wait_for(database, scans)

        wait_for(database, "select to_regclass('analytics.other') is not null")

        assert database.query(scans) == [(True,)]
        locked.rollback()
        run.communicate()
        assert run.returncode == 0
    assert {"orders": "success", "other": "success", "totals": "no-op"}.items() <= statuses(database).items()


def wait_for(database: Database, statement: str) -> None:
    """Wait until a query answers yes; it must do so some time."""
    deadline = time.monotonic() + 120
    while database.query(statement) != [(True,)]:
        assert time.monotonic() < deadline, statement
        time.sleep(0.05)
