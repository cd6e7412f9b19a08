"""Words of estimates and savings."""

from __future__ import annotations

import pytest
from support.values import Warehouse, node, project

from dbt_state_plugin.core.estimate import with_estimate
from dbt_state_plugin.core.values.estimates import Estimate, Saved, Savings
from dbt_state_plugin.report.document import plan_document
from dbt_state_plugin.report.estimate import estimate_lines, savings_lines
from dbt_state_plugin.report.words import rough_duration

PATH = ("model.shop.stg_orders", "model.shop.orders", "model.shop.revenue")
LONG = Estimate(threads=4, wall_ms=240_000, work_ms=600_000, critical_path=PATH, critical_ms=180_000)


def test_an_estimate_names_the_threads_and_the_critical_path() -> None:
    assert estimate_lines(LONG) == [
        "Estimate: about 4 min on 4 threads (critical path: stg_orders > orders > revenue, 3 min)"
    ]


def test_what_was_never_timed_makes_it_a_lower_bound() -> None:
    one = Estimate(
        threads=1, wall_ms=10_000, work_ms=10_000, critical_path=PATH[:1], critical_ms=10_000, unknown=("model.a.b",)
    )

    assert estimate_lines(one) == [
        "Estimate: at least 10 s on 1 thread (critical path: stg_orders, 10 s); 1 node never timed"
    ]


def test_the_middle_of_a_long_critical_path_is_left_out() -> None:
    path = tuple(f"model.shop.m{number}" for number in range(20))

    line = estimate_lines(Estimate(threads=2, wall_ms=60_000, critical_path=path, critical_ms=60_000))[0]

    assert "critical path: m0 > m1 > m2 > ... > m17 > m18 > m19, 60 s" in line


def test_a_short_run_is_not_worth_a_line() -> None:
    assert estimate_lines(Estimate(threads=4, wall_ms=9_999)) == estimate_lines(None) == []
    assert savings_lines(Savings(work_ms=9_999, by_reason={Saved.UNCHANGED: 9_999})) == savings_lines(None) == []


def test_savings_name_their_reasons() -> None:
    by_reason = {Saved.UNCHANGED: 600_000, Saved.WITHOUT_EFFECT: 120_000}

    assert savings_lines(Savings(work_ms=720_000, wall_ms=200_000, by_reason=by_reason)) == [
        "Saved: about 12 min of building, 3 min on the clock, against building everything "
        "(unchanged 10 min, edited without effect 2 min)"
    ]
    assert "on the clock" not in savings_lines(Savings(work_ms=720_000, by_reason=by_reason))[0]


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [(400, "0 s"), (89_000, "89 s"), (90_000, "2 min"), (3_570_000, "1 h 0 min"), (7_440_000, "2 h 4 min")],
)
def test_what_is_roughly_known_is_said_roughly(milliseconds: int, words: str) -> None:
    assert rough_duration(milliseconds) == words


def test_json_has_the_estimate_and_the_savings() -> None:
    plan = Warehouse().plan(project(node("model.shop.a")))
    assert plan_document(plan)["estimate"] is plan_document(plan)["savings"] is None


def test_json_says_them_in_milliseconds() -> None:
    of = project(node("model.shop.a"))

    document = plan_document(with_estimate(Warehouse().plan(of), of, 4))

    assert document["estimate"] == {
        "threads": 4,
        "wall_ms": 0,
        "work_ms": 0,
        "critical_path": [],
        "critical_path_ms": 0,
        "unknown": ["model.shop.a"],
    }
    assert document["savings"] == {
        "work_ms": 0,
        "wall_ms": 0,
        "by_reason": {"unchanged": 0, "edited_without_effect": 0, "cut_off": 0},
    }
