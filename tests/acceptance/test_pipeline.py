"""The whole pipeline, from production through Meltano into the warehouse.

Populate, trigger, expect, clean up. `built` is what dbt-state-plugin recorded; identities of relations are the
warehouse's own word on which of them were written anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from _support.mariadb_server import start_mariadb
from production import Production, move, take_back, trade
from support.database import Database, fresh_database
from support.pipeline import Pipeline, changed, write_pipeline
from warehouse import one_value_of_file

from dbt_state_plugin.testing.postgres_server import Server

EXPECTED = Path(__file__).with_name("expected")
BUILD = "dbt-state-plugin:build"
DUCKDB_TASK = ("tap-postgres", "target-duckdb", "dbt-state-plugin:build")
EXTRACTED = ("tap-postgres", "target-postgres", "dbt-state-plugin")
JUNE = datetime.fromisoformat("2026-06-01 12:00:00")

BELOW_CUSTOMERS = {
    "customers_snapshot",
    "customer_history",
    "customers",
    "revenue_by_country",
    "revenue_by_region",
    "top_customers",
}
BELOW_PAYMENTS = {
    "orders",
    "order_log",
    "open_orders",
    "customers",
    "revenue_by_country",
    "revenue_by_month",
    "revenue_by_region",
    "top_customers",
    "payments_by_method",
}


@contextmanager
def production_of(server: Server) -> Iterator[Production]:
    """Create a production database on the PostgreSQL of the tests, and drop it afterwards."""
    with fresh_database(server) as created:
        yield Production(
            kind="postgresql",
            host=created.host,
            port=created.port,
            user=created.user,
            password=created.password,
            dbname=created.dbname,
        )


@pytest.fixture
def pipeline(tmp_path: Path, postgres_server: Server, database: Database, installed: Path) -> Iterator[Pipeline]:
    """Populate a production database and prepare a pipeline from there into the test's database."""
    with ExitStack() as stack:
        source = stack.enter_context(production_of(postgres_server))
        yield write_pipeline(tmp_path, installed, source, database, EXTRACTED)


def extracted(output: str) -> dict[str, int]:
    """Give the number of rows of each stream that the tap sent, by its own metrics."""
    metrics = [
        json.loads(line.partition("METRIC: ")[2])
        for line in output.splitlines()
        if " tap-" in line and '"record_count"' in line
    ]
    return {metric["tags"]["stream"]: metric["value"] for metric in metrics}


def assert_expected(pipeline: Pipeline, state: str) -> None:
    """Compare relations of the warehouse with the files of tests/acceptance/expected."""
    for file in sorted((EXPECTED / state).glob("*.csv")):
        assert pipeline.csv(file.stem) == file.read_text(encoding="utf-8"), file.name


def test_new_rows_edits_failures_and_another_selection_build_exactly_what_reads_them(pipeline: Pipeline) -> None:
    # One story, since a first run takes as long as three later ones.
    builds_everything_and_then_nothing(pipeline)
    an_edit_a_mistake_and_its_repair(pipeline)
    another_selection_is_reported_and_reloads_exactly_its_stream_when_asked(pipeline)
    one_changed_customer(pipeline)
    if os.environ.get("DBT_STATE_PLUGIN_DEMO") == "full":
        a_payment_that_is_taken_back_disappears(pipeline)


def builds_everything_and_then_nothing(pipeline: Pipeline) -> None:
    first = pipeline.run()
    assert len(first.built) == 18, first.output
    assert not first.failed
    assert_expected(pipeline, "opening")
    before = pipeline.identities()

    unchanged = pipeline.run()

    assert extracted(unchanged.output) == {"public-customers": 1, "public-orders": 1, "public-payments": 40}
    assert unchanged.built == set(), unchanged.output
    assert unchanged.tests == 0
    assert pipeline.identities() == before


def one_changed_customer(pipeline: Pipeline) -> None:
    before = pipeline.identities()

    move(pipeline.production, 4, "GB", JUNE)
    moved = pipeline.run()

    assert moved.built == BELOW_CUSTOMERS, moved.output
    assert changed(before, pipeline.identities()) == BELOW_CUSTOMERS - {"customers_snapshot"}
    assert_expected(pipeline, "customer_4_in_gb")


def a_payment_that_is_taken_back_disappears(pipeline: Pipeline) -> None:
    take_back(pipeline.production, 40)
    ran = pipeline.run()

    assert ran.built == BELOW_PAYMENTS, ran.output
    assert pipeline.warehouse.query("select count(*) from raw.payments") == [(39,)]
    assert pipeline.warehouse.query("select amount from analytics_dev.orders where order_id = 35") == [(0,)]


def an_edit_a_mistake_and_its_repair(pipeline: Pipeline) -> None:
    # Nothing is loaded here: whatever the load brings again is in the other chapters.
    model = "transform/models/marts/revenue_by_country.sql"
    before = pipeline.identities()

    pipeline.edit(model, "orders.status <> 'returned'", "orders.status = 'completed'")
    edited = pipeline.run(BUILD)

    edited_and_below = {"revenue_by_country", "revenue_by_region"}
    assert edited.built == edited_and_below, edited.output
    after = pipeline.identities()
    assert changed(before, after) == edited_and_below

    pipeline.edit(model, "orders.status = 'completed'", "orders.state = 'completed'")
    broken = pipeline.run(BUILD, check=1)

    assert (broken.built, broken.failed) == (set(), edited_and_below)
    assert broken.status == "failed"
    assert "column orders.state does not exist" in broken.output
    last_words = [line for line in broken.output.splitlines() if " dbt-state-plugin " in line][-1]
    assert "Failed: " in last_words
    assert pipeline.identities() == after

    pipeline.edit(model, "orders.state = 'completed'", "orders.status <> 'returned'")
    repaired = pipeline.run(BUILD)

    assert repaired.built == edited_and_below, repaired.output
    assert_expected(pipeline, "opening")


def another_selection_is_reported_and_reloads_exactly_its_stream_when_asked(pipeline: Pipeline) -> None:
    assert (
        pipeline.warehouse.query("select column_name from information_schema.columns where column_name = 'phone'") == []
    )

    pipeline.edit("meltano.yml", '"!public-customers.phone", ', "")
    plan = pipeline.meltano("invoke", "dbt-state-plugin:load-plan", check=0).stdout

    assert "public-customers: select changed" in plan
    assert "Nothing was reset." in plan

    load = ("tap-postgres", "target-postgres", "dbt-state-plugin:build")
    reloaded = pipeline.run("dbt-state-plugin:load-plan-apply", *load)

    assert "Reset 1 stream" in reloaded.output
    assert extracted(reloaded.output) == {"public-customers": 12, "public-orders": 1, "public-payments": 40}
    assert pipeline.warehouse.query("select count(phone) from raw.customers") == [(12,)]
    # Its source has another column, which nothing reads: what comes out equal stops there.
    assert reloaded.built == {"stg_customers", "customers_snapshot", "customers", "top_customers"}, reloaded.output
    assert set(reloaded.steps) == {"LOAD", "TRANSFORM"}
    assert_expected(pipeline, "opening")
    assert "Nothing to reset." in pipeline.meltano("invoke", "dbt-state-plugin:load-plan", check=0).stdout


@pytest.mark.mariadb
@pytest.mark.full("DBT_STATE_PLUGIN_DEMO")
def test_the_shop_can_be_copied_from_mariadb(tmp_path: Path, database: Database, installed: Path) -> None:
    with start_mariadb() as server:
        source = Production(
            kind="mariadb",
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            dbname=server.dbname,
        )
        plugins = ("tap-mysql", "target-postgres", "dbt-state-plugin")
        pipeline = write_pipeline(tmp_path, installed, source, database, plugins)

        first = pipeline.run("shop-on-mariadb")
        assert len(first.built) == 18, first.output
        assert_expected(pipeline, "opening")

        trade(source, JUNE)
        traded = pipeline.run("shop-on-mariadb")

        assert traded.built == BELOW_CUSTOMERS | BELOW_PAYMENTS, traded.output
        assert pipeline.warehouse.query("select count(*) from raw.payments") == [(40,)]
        assert pipeline.warehouse.query("select max(order_id) from analytics_dev.orders") == [(37,)]
        assert pipeline.run("shop-on-mariadb").built == set()


def test_the_shop_is_loaded_into_a_duckdb_file_and_built_there(
    tmp_path: Path, postgres_server: Server, database: Database, installed: Path
) -> None:
    loaded = ("tap-postgres", "target-duckdb", "dbt-state-plugin")
    with production_of(postgres_server) as source:
        pipeline = write_pipeline(tmp_path, installed, source, database, loaded)
        ran = pipeline.meltano("--environment=duckdb", "run", *DUCKDB_TASK, check=0)

    file = pipeline.directory / "warehouse.duckdb"
    assert "44 new, 0 unchanged" in ran.stdout
    assert one_value_of_file(file, "select count(*) from raw.payments") == "40"
    assert one_value_of_file(file, "select count(*) from analytics_dev.customers") != "0"
    assert file.with_name("warehouse.duckdb.state.sqlite").exists()
