"""Changed items as data, and in a few words."""

from __future__ import annotations

import pytest

from dbt_state_plugin.core.changes.changed_items import changed_items, part_difference
from dbt_state_plugin.core.fingerprint.parts import OWN_PROPERTIES
from dbt_state_plugin.core.values.reasons import Reason, ReasonKind
from dbt_state_plugin.report.reason_words import PARTS, detail

PATHS = {"macro.shop.net": "macros/money.sql"}


def words(part: str, before: dict[str, str], after: dict[str, str]) -> str:
    code, values = part_difference(part, before, after, PATHS)
    return detail(Reason(kind=ReasonKind.CONFIG, code=code, values=values))


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ({}, {}, ()),
        ({"a": "1"}, {"a": "1"}, ()),
        ({"b": "1", "a": "1", "c": "1"}, {"b": "2", "a": "2", "c": "1"}, ("a", "b")),
        ({"a": "1"}, {"b": "1"}, ("a", "b")),
    ],
)
def test_items_changed_where_one_side_has_another_value_or_none(
    before: dict[str, str], after: dict[str, str], names: tuple[str, ...]
) -> None:
    assert changed_items(before, after) == names


def test_every_part_is_a_kind_of_reason() -> None:
    assert PARTS.keys() <= {kind.value for kind in ReasonKind}


@pytest.mark.parametrize(
    ("part", "before", "after", "said"),
    [
        ("config", {"materialized": '"view"'}, {"materialized": '"table"'}, 'materialized: "view" -> "table"'),
        ("config", {"a": "1"}, {"a": "1", "unlogged": "true"}, "unlogged is new"),
        ("config", {"a": "1", "unlogged": "true"}, {"a": "1"}, "unlogged is gone"),
        ("config", {"x": "#12"}, {"x": '"open"'}, "x changed"),
        ("config", {"x": '"open"'}, {"x": "#34"}, "x changed"),
        ("macros", {"macro.shop.net": "1:1"}, {"macro.shop.net": "2:2"}, "macro net (macros/money.sql) changed"),
        ("macros", {"dispatch": "#1"}, {"dispatch": "#1", "macro.lib.x": "2:2"}, "macro x is new"),
        ("macros", {"macro.shop.net": "1:1"}, {}, "macro net (macros/money.sql) is gone"),
        ("variables", {"var x": "#1"}, {"var x": "#2"}, "var x changed"),
        (
            "variables",
            {"env_var E": "#1"},
            {"env_var E": "#2", "target.name": "#3"},
            "env_var E changed, target.name is new",
        ),
        ("references", {"model.shop.a": r'"\"s\".\"a\""'}, {"model.shop.a": '"b"'}, 'model.shop.a: "s"."a" -> b'),
        ("variables", {"graph": "#1"}, {"graph": "#2"}, "dbt's graph, with the properties of all nodes, changed"),
        (
            "variables",
            {OWN_PROPERTIES: "#1", "model.name": "#1", "model.tags": "#1"},
            {OWN_PROPERTIES: "#2", "model.name": "#1", "model.tags": "#2"},
            "model.tags changed",
        ),
        ("variables", {OWN_PROPERTIES: "#1"}, {OWN_PROPERTIES: "#2", "model.name": "#1"}, f"{OWN_PROPERTIES} changed"),
        (
            "variables",
            {"model.name": "#1"},
            {OWN_PROPERTIES: "#2", "model.name": "#1", "model.tags": "#1"},
            f"{OWN_PROPERTIES} is new",
        ),
        ("references", {"source.shop.a": "?"}, {"source.shop.a": '"b"'}, "source.shop.a: ? -> b"),
        ("hooks", {"pre-hook 1": "#1"}, {"pre-hook 1": "#2"}, "pre-hook 1 changed"),
        (
            "project_hooks",
            {"operation.shop.shop-on-run-end-0": "#1"},
            {"operation.shop.shop-on-run-end-0": "#2"},
            "hook shop-on-run-end-0 changed",
        ),
        (
            "project_hooks",
            {"operation.shop.shop-on-run-end-0": "#1", "operation.shop.shop-on-run-end-1": "#2"},
            {
                "operation.shop.shop-on-run-end-0": "#3",
                "operation.shop.shop-on-run-end-1": "#1",
                "operation.shop.shop-on-run-end-2": "#2",
                "macro.shop.net": "1:1",
            },
            "macro net (macros/money.sql) is new, hook shop-on-run-end-0 is new",
        ),
        (
            "project_hooks",
            {"operation.shop.shop-on-run-end-0": "#1", "operation.shop.shop-on-run-end-1": "#2"},
            {"operation.shop.shop-on-run-end-0": "#2", "operation.shop.shop-on-run-end-1": "#1"},
            "hook shop-on-run-end-0 changed, hook shop-on-run-end-1 changed",
        ),
        ("session", {"role": "#1"}, {"role": "#2"}, "role changed"),
        ("engine", {"dbt": "#1", "adapter": "#1"}, {"dbt": "#2", "adapter": "#1"}, "another minor version of dbt"),
        (
            "engine",
            {"dbt": "#1", "adapter": "#1"},
            {"dbt": "#1", "adapter": "#2"},
            "another minor version of its adapter",
        ),
        (
            "engine",
            {"dbt": "#1", "adapter": "#1"},
            {"dbt": "#2", "adapter": "#2"},
            "another minor version of its adapter and dbt",
        ),
        ("contract", {"columns": "#1"}, {"columns": "#2"}, "columns changed"),
    ],
)
def test_what_differs_is_named(part: str, before: dict[str, str], after: dict[str, str], said: str) -> None:
    assert words(part, before, after) == said


@pytest.mark.parametrize("part", ["body", "flags", "relation"])
def test_some_parts_say_it_all_by_themselves(part: str) -> None:
    assert words(part, {"code": "#1"}, {"code": "#2"}) == PARTS[part]


@pytest.mark.parametrize("part", ["config", "macros", "variables", "engine"])
def test_where_no_item_differs_the_part_is_named(part: str) -> None:
    assert words(part, {"x": "1"}, {"x": "1"}) == PARTS[part]
    assert words(part, {}, {}) == PARTS[part]


def test_the_first_item_of_a_part_is_new() -> None:
    assert words("hooks", {}, {"post-hook 1": "#1"}) == "post-hook 1 is new"


def test_a_part_of_a_later_version_is_called_by_its_name() -> None:
    assert words("clustering", {}, {}) == "clustering"


def test_three_items_are_named_and_the_rest_is_counted() -> None:
    def numbered(count: int, value: str) -> dict[str, str]:
        return {f"var {number}": value for number in range(count)}

    assert words("variables", numbered(3, "#1"), numbered(3, "#2")) == "var 0 changed, var 1 changed, var 2 changed"
    assert words("variables", numbered(5, "#1"), numbered(5, "#2")) == (
        "var 0 changed, var 1 changed, var 2 changed, and 2 more"
    )


def test_long_values_are_cut() -> None:
    fits, long = "x" * 60, "y" * 61

    assert words("config", {"a": fits}, {"a": long}) == f"a: {fits} -> {'y' * 57}..."
