"""Executions over time, slowest and most often built models."""

from __future__ import annotations

from support.overviews import execution, large_overview, overview, result, small_overview

from dbt_state_plugin.core.values.overview import NodeBuilds, Tally
from dbt_state_plugin.report.html.charts import HEIGHT, Bar, bar_chart
from dbt_state_plugin.report.html.statistics import execution_rows, most_rebuilt, node_costs, slowest


def test_an_execution_says_what_it_built_skipped_and_saved() -> None:
    newest, oldest = execution_rows(small_overview())

    assert (newest.built, newest.failed, newest.skipped) == (1, 1, 5)
    assert newest.saved_ms == 2500
    assert newest.duration_ms == 7000
    assert (oldest.built, oldest.failed, oldest.skipped, oldest.saved_ms) == (2, 0, 5, 0)


def test_what_an_execution_of_scripts_skipped_is_not_known() -> None:
    scripts = execution(1, command="scripts", finished_at=None, status="running")

    (row,) = execution_rows(overview(executions=(scripts,)))

    assert (row.skipped, row.saved_ms, row.duration_ms) == (None, None, None)


def test_costs_name_the_slowest_and_the_most_often_rebuilt_with_why() -> None:
    builds = (
        NodeBuilds(
            unique_id="model.shop.orders", builds=3, total_ms=400, longest_ms=300, kinds={"new": 1, "body\x1b": 2}
        ),
        NodeBuilds(unique_id="model.shop.slow", builds=1, total_ms=9000, longest_ms=9000, kinds={"new": 1}),
        NodeBuilds(unique_id="model.shop.orders_x", failures=1),
    )
    costs = node_costs(overview(builds=builds))

    assert [(cost.name, cost.total_ms, cost.longest_ms) for cost in slowest(costs)] == [
        ("slow", 9000, 9000),
        ("orders", 400, 300),
    ]
    (orders,) = most_rebuilt(costs)
    assert (orders.builds, orders.average_ms, orders.why) == (3, 133, "body\\x1b (2), new (1)")
    assert [(cost.name, cost.average_ms, cost.failures) for cost in costs if cost.failures] == [("orders_x", 0, 1)]


def test_lists_of_costs_are_short_in_large_projects() -> None:
    costs = node_costs(large_overview(models=300, folders=5))

    assert len(slowest(costs)) == len(most_rebuilt(costs)) == 15


def test_the_highest_bar_takes_the_whole_height_and_the_least_is_seen() -> None:
    chart = bar_chart([Bar(parts=(("a", 1000), ("b", 1000)), title="x"), Bar(parts=(("a", 1),), title="y")], "2 s")

    (_, _, (lower, upper)), (_, at, (least,)) = chart.bars
    assert (lower.y, upper.y, lower.height + upper.height) == (HEIGHT / 2, 0, HEIGHT)
    assert least.height > 1
    assert at == 12


def test_a_chart_of_nothing_has_no_bars() -> None:
    assert bar_chart([Bar(parts=(("a", 0),), title="x")], "0 s").bars == (("x", 0.0, ()),)


def test_what_is_cut_off_was_not_built_and_is_saved() -> None:
    ran = execution(1, result("model.shop.orders"), result("model.shop.report", "no-op", message="came out equal"))
    found = overview(executions=(ran,), tallies={ran.execution_id: Tally(cut_off=1, skipped=0, saved_ms=30)})

    (row,) = execution_rows(found)

    assert (row.built, row.cut_off, row.skipped, row.saved_ms) == (1, 1, 0, 30)
