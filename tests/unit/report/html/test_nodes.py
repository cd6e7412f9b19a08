"""Nodes of the report's page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from support.overviews import (
    CHANGED,
    MISSING,
    entry,
    execution,
    overview,
    result,
    small_overview,
    upstream,
)
from support.values import THEN, node, record

from dbt_state_plugin.core.values.records import Trace
from dbt_state_plugin.report.html.nodes import ReportNode, report_nodes


def by_name(nodes: tuple[ReportNode, ...]) -> dict[str, ReportNode]:
    return {each.name: each for each in nodes}


def test_a_plan_gives_states_reasons_and_places() -> None:
    nodes = by_name(report_nodes(small_overview()))

    assert {name: each.state for name, each in nodes.items()} == {
        "broken": "failed",
        "lost": "missing",
        "fresh": "new",
        "stg_orders": "changed",
        "orders": "downstream",
        "old": "removed",
        "quiet": "skipped",
        "raw.orders": "source",
        "board": "exposure",
        "unique_orders.1a2b": "new",
    }
    assert nodes["orders"].reasons == ("upstream: stg_orders is built",)
    assert nodes["orders"].cause == ("model.shop.stg_orders",)
    assert nodes["orders"].folder == "models/marts"
    assert nodes["board"].parents == ("model.shop.orders",)
    assert nodes["old"].relation == '"db"."main"."old"'
    assert [text.title for text in nodes["stg_orders"].texts] == ["code of stg_orders"]


def test_what_is_due_comes_first_and_tests_last() -> None:
    names = [each.name for each in report_nodes(small_overview())]

    assert names[:3] == ["broken", "lost", "fresh"]
    assert names[-1] == "unique_orders.1a2b"


def test_history_is_newest_first_and_short() -> None:
    runs = tuple(execution(number, result("model.shop.orders")) for number in range(20, 0, -1))
    found = overview(
        entry(node("model.shop.orders")), executions=runs, results={each.execution_id: each.results for each in runs}
    )

    (orders,) = report_nodes(found)

    assert len(orders.history) == 8
    assert orders.history[0].started_at == THEN + timedelta(hours=20)
    assert orders.history[0].why == "body: its code changed"


def test_a_removed_node_says_whether_its_relation_was_there_when_the_plan_looked() -> None:
    left, lost = record(node("model.shop.left")), record(node("model.shop.lost"))
    seen = overview(removed=(left, lost))

    nodes = by_name(report_nodes(replace(seen, plan=replace(seen.plan, gone=frozenset({lost.relation})))))

    assert nodes["left"].notes == ("its relation still exists",)
    assert nodes["lost"].notes == ("its relation no longer exists",)


def test_an_execution_gives_states_and_messages_instead_of_the_plan() -> None:
    orders, quiet = node("model.shop.orders"), node("model.shop.quiet")
    ran = execution(
        3,
        result("model.shop.orders", "error", message="Database Error in model orders\n  column x does not exist"),
        result("model.shop.gone"),
    )

    nodes = by_name(report_nodes(overview(entry(orders, MISSING), entry(quiet, CHANGED), execution=ran)))

    assert {name: each.state for name, each in nodes.items()} == {
        "orders": "failed",
        "quiet": "skipped",
        "gone": "removed",
    }
    assert nodes["orders"].reasons == ("body: its code changed",)
    assert nodes["orders"].result == "error: Database Error in model orders column x does not exist"
    assert nodes["quiet"].reasons == ()


def test_inputs_that_dbt_does_not_know_are_named() -> None:
    orders = node("model.shop.orders")
    built = record(orders, trace=Trace(named=(("raw", "hidden"),)))

    (found,) = report_nodes(overview(entry(orders, record=built)))

    assert found.undeclared == ('undeclared input: "db"."raw"."hidden", named in its SQL without a ref or source',)


def test_names_that_would_steer_a_terminal_are_escaped() -> None:
    odd = node("model.shop.odd", path="models/a\x1b[2J.sql")

    (found,) = report_nodes(overview(entry(odd, upstream("model.shop.x"))))

    assert found.path == "models/a\\x1b[2J.sql"


def test_a_node_that_may_be_cut_off_says_on_what_it_hangs_and_one_that_was_why() -> None:
    orders, report = node("model.shop.orders"), node("model.shop.report")
    hanging = replace(entry(report, upstream(orders.unique_id)), hangs_on=(orders.unique_id,))
    ran = execution(1, result(report.unique_id, "no-op", message="cut off: orders came out equal (2 rows)"))

    planned = by_name(report_nodes(overview(entry(orders, CHANGED), hanging)))["report"]
    ended = by_name(report_nodes(overview(entry(orders, CHANGED), hanging, execution=ran)))["report"]

    assert planned.reasons == ("upstream: orders is built", "only if orders comes out different")
    assert (ended.state, ended.result) == ("cut_off", "orders came out equal (2 rows)")
