"""Plans as Markdown of bounded size."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.overviews import (
    CHANGED,
    NEW,
    entry,
    execution,
    large_overview,
    overview,
    result,
    small_overview,
    upstream,
)
from support.values import node, relation

from dbt_state_plugin.core.comparison.baseline import Baseline, Compared, Removed
from dbt_state_plugin.core.values.history import Failure
from dbt_state_plugin.core.values.overview import DifferingText, Executed, Overview
from dbt_state_plugin.core.values.plan import AffectedExposure, Decision, HookReason
from dbt_state_plugin.core.values.project import Exposure
from dbt_state_plugin.report.markdown.document import LIMIT, Part, document
from dbt_state_plugin.report.markdown.execution import execution_markdown, failures_markdown
from dbt_state_plugin.report.markdown.plan import MARKER, plan_markdown


def written(found: Overview, **options: int) -> str:
    return plan_markdown(found.plan, found.project, found.texts, **options)


def test_a_plan_has_a_summary_reasons_differences_and_a_picture() -> None:
    text = written(small_overview())

    assert text.splitlines()[:3] == [
        MARKER,
        "",
        "### Plan: 2 new, 1 changed, 1 downstream, 2 repaired, 1 unchanged",
    ]
    for line in (
        "| missing | `lost` | missing: db.main.lost does not exist |",
        "| changed | `stg_orders` | body: its code changed |",
        "| downstream | `orders` | upstream: stg_orders is built |",
        "<details><summary>1 test</summary>",
        '- `model.shop.old`, relation `"db"."main"."old"`',
        "<details><summary>code of stg_orders</summary>",
        "+select 2",
        "flowchart LR",
    ):
        assert line in text.splitlines()


def test_a_plan_without_changes_says_so_in_one_line() -> None:
    text = written(overview(entry(node("model.shop.orders"))))

    assert text.splitlines() == [
        MARKER,
        "",
        "### Plan: nothing to build, 1 unchanged",
        "",
        "What `build` would build in `shop/dev`.",
    ]


def test_hooks_exposures_and_edits_without_effect_are_told() -> None:
    found = small_overview()
    board = Exposure(unique_id="exposure.shop.board", name="board", kind="dashboard", owner="Ann")
    quiet = replace(found.plan.entries[5], cosmetic=(CHANGED,))
    plan = replace(
        found.plan,
        entries=(*found.plan.entries[:5], quiet),
        hooks={"operation.shop.shop-on-run-end-0": HookReason.CHANGED},
        exposures=(AffectedExposure(exposure=board, below=("model.shop.orders",)),),
    )

    text = plan_markdown(plan, found.project, {})

    assert "- dashboard `board`, of Ann: reads `orders`" in text
    assert "- `shop-on-run-end-0`: is new or changed, and is run" in text
    assert "<details><summary>1 node edited without effect</summary>" in text
    assert '["board #40;exposure#41;"]:::exposure' in text


def test_a_comparison_names_what_it_is_compared_with_and_what_is_removed() -> None:
    found = small_overview()
    compared = Compared(
        baseline=Baseline(kind="environment", name="shop/prod (db.prod)"),
        plan=found.plan,
        removed=(
            Removed(unique_id="model.shop.gone", relation=str(relation("gone"))),
            Removed(unique_id="model.shop.x"),
        ),
        unseen_values=2,
    )

    text = plan_markdown(found.plan, found.project, found.texts, compared=compared)

    assert "### Changes: 2 new, 1 changed, 1 downstream, 2 removed, 1 unchanged" in text
    assert "Compared with `shop/prod (db.prod)`: what the code alone changes" in text
    assert "> **warning** 2 nodes read vars, env vars or target fields whose values are not in this manifest" in text
    assert "- `model.shop.x`\n" in text


def test_a_long_table_is_folded_after_thirty_nodes() -> None:
    entries = [entry(node(f"model.shop.m{number:02}"), NEW, record=None) for number in range(40)]

    text = written(overview(*entries))

    assert "<details><summary>10 more nodes</summary>" in text
    assert "<details><summary>Lineage of 40 nodes, by folders</summary>" in text


def test_many_reasons_are_counted() -> None:
    reasons = [upstream(f"model.shop.p{number}") for number in range(5)]

    text = written(overview(entry(node("model.shop.orders"), *reasons)))

    assert "upstream: p0 is built<br>upstream: p1 is built<br>upstream: p2 is built<br>(+2 more) |" in text


@pytest.mark.parametrize("limit", [LIMIT, 20_000, 5_000, 1_500])
def test_it_fits_and_says_what_was_left_out(limit: int) -> None:
    found = large_overview(2000)
    due = [each for each in found.plan.entries if each.reasons]
    wide = {
        each.node.unique_id: (DifferingText(title=f"code of {each.node.name}", before="a\n" * 300, now="ü\n" * 300),)
        for each in due
    }
    entries = tuple(replace(each, decision=Decision.BUILD, reasons=(NEW, CHANGED)) for each in found.plan.entries)

    text = plan_markdown(replace(found.plan, entries=entries), found.project, wide, limit=limit)

    assert len(text.encode()) <= limit
    assert "left out: there is no room for more" in text
    assert text.startswith(f"{MARKER}\n\n### Plan: 2000 new")
    assert ("```mermaid" in text) == (limit >= 5_000), "the picture goes after the rows below the thirtieth"
    assert text.count("<details>") == text.count("</details>")
    assert len(re.findall(r"^`{3,}\w+$", text, re.MULTILINE)) == len(re.findall(r"^`{3,}$", text, re.MULTILINE))


def test_the_least_important_part_is_shortened_first() -> None:
    parts = [
        Part(items=("head",), importance=9, noun="line"),
        Part(
            items=tuple(f"{each} {'x' * 100}" for each in range(20)), importance=1, noun="test", begin="<b>", end="</b>"
        ),
        Part(items=tuple(f"{each} {'y' * 100}" for each in range(10)), importance=2, noun="node"),
    ]

    assert "left out" not in document(parts, 100_000)
    some = document(parts, 2000)
    none = document(parts, 900)

    assert "more tests, left out" in some
    assert some.count("y" * 100) == 10
    assert none.startswith("head\n\n_20 tests left out: there is no room for more._\n\n0 yyy")
    assert "more nodes, left out" in none
    assert max(len(some.encode()) - 2000, len(none.encode()) - 900) <= 0


TEXTS = {"model.shop.orders": (DifferingText(title="code of orders", before="select 1", now="select 2"),)}


def test_an_execution_has_its_results_with_messages_first() -> None:
    ran = execution(
        3,
        result("model.shop.orders"),
        result("model.shop.broken", "error", message="Database Error\n  column x | y does not exist"),
        result("model.shop.below", "skipped", duration_ms=None, rows_affected=None),
        result("test.shop.unique_orders.1a", "pass"),
        message="2 of 4 nodes failed",
        git_commit="590155e0aabbccddeeff",
    )

    text = execution_markdown(Executed(execution=ran, project=small_overview().project, texts=TEXTS))

    rows = [line for line in text.splitlines() if line.startswith("| ") and "`" in line]
    assert rows[0] == (
        "| failed | `broken` | **error** Database Error column x &#124; y does not exist<br>body: its code changed "
        "| 1.2 s | 10 |"
    )
    assert [row.split("|")[1].strip() for row in rows] == ["failed", "not built", "changed", "changed"]
    assert "### Failed: 2 of 4 nodes built in 8.0 s" in text
    assert "git commit `590155e0aabb`. 2 of 4 nodes failed" in text
    assert "n2 --> n0" in text
    assert "<summary>code of orders</summary>" in text
    assert "-select 1\n+select 2" in text
    assert "mermaid" not in execution_markdown(Executed(execution=ran, project=None))


def test_what_may_be_and_what_was_cut_off_is_said() -> None:
    orders, report = node("model.shop.orders"), node("model.shop.report")
    hanging = replace(entry(report, upstream(orders.unique_id)), hangs_on=(orders.unique_id,))
    ran = execution(
        3,
        result(orders.unique_id),
        result(report.unique_id, "no-op", message="cut off: orders came out equal", duration_ms=None),
    )

    assert "upstream: orders is built<br>only if orders comes out different |" in written(
        overview(entry(orders, CHANGED), hanging)
    )
    text = execution_markdown(Executed(execution=ran, project=None))
    assert "### Succeeded: 1 of 2 nodes built, 1 cut off in 8.0 s" in text
    assert "| cut off | `report` | orders came out equal<br>body: its code changed |  | 10 |" in text


def test_failing_nodes_are_a_table() -> None:
    ran = execution(3)
    failure = Failure(
        unique_id="model.shop.orders",
        resource_type="model",
        since=ran.started_at,
        last_at=ran.started_at,
        times=3,
        execution_id=ran.execution_id,
        status="error",
        message="no | column",
    )

    text = failures_markdown([failure])

    assert "### 1 node failing" in text
    assert "| `model.shop.orders` | error | 2026-01-02 06:04:05+00:00 | 3 | no &#124; column |" in text
    assert failures_markdown([]).splitlines()[-1] == "### No node is failing"
