"""Words for why a planned node needed no build."""

from __future__ import annotations

import pytest

from dbt_state_plugin.core.values.cut_offs import CutOffReason, ParentOutcome
from dbt_state_plugin.report.cut_off_words import why_cut_off

ORDERS = "model.shop.orders"


def unchanged(others: int = 0, *, are_equal: bool = True) -> CutOffReason:
    return CutOffReason(
        parent=ORDERS, outcome=ParentOutcome.UNCHANGED, others=others, others_are_equal=are_equal or not others
    )


def equal(others: int = 0, *, are_equal: bool = True) -> CutOffReason:
    return CutOffReason(
        parent=ORDERS, outcome=ParentOutcome.EQUAL, rows=12345, others=others, others_are_equal=are_equal
    )


def equal_where_read(*columns: str, is_only: bool = False, others: int = 0) -> CutOffReason:
    return CutOffReason(
        parent=ORDERS,
        outcome=ParentOutcome.EQUAL_WHERE_READ,
        rows=2,
        may_differ=columns,
        is_only_difference=is_only,
        others=others,
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (unchanged(), "orders is unchanged"),
        (unchanged(1), "orders is unchanged, and so is 1 more"),
        (unchanged(2), "orders is unchanged, and so are 2 more"),
        (unchanged(1, are_equal=False), "orders is unchanged; 1 more is equal in all that is read of it"),
        (equal(), "orders came out equal (12,345 rows)"),
        (equal(2), "orders came out equal (12,345 rows), and so did 2 more"),
        (
            equal(2, are_equal=False),
            "orders came out equal (12,345 rows); 2 more are equal in all that is read of them",
        ),
        (equal_where_read(), "orders came out equal in all that is read of it (2 rows)"),
        (
            equal_where_read("note", is_only=True, others=1),
            "orders came out equal in all that is read of it (2 rows), and so did 1 more"
            "; not read: orders.note is the only column that differs",
        ),
        (
            equal_where_read("note"),
            "orders came out equal in all that is read of it (2 rows); not read: orders.note",
        ),
        (
            equal_where_read("a", "b", "c", "d", "e"),
            "orders came out equal in all that is read of it (2 rows)"
            "; not read: orders.a, orders.b, orders.c and 2 more",
        ),
    ],
)
def test_why_a_node_was_cut_off_is_said_by_how_its_parents_came_out(reason: CutOffReason, words: str) -> None:
    assert why_cut_off(reason) == words
