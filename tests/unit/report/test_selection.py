"""Selectors that name exactly the planned nodes."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.size import examples
from support.values import node

from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.errors import SelectionError
from dbt_state_plugin.report.selection import MAX_LINE_BYTES, NOTHING, Named, matches, name_nodes, select_line
from dbt_state_plugin.report.selectors import SELECTOR_NAME, selectors_yaml

PARTS = st.sampled_from(["a", "b", "a.b", "b.a", "v1", "a_b", "v1.a", ""])


def named(*nodes: Node, others: tuple[Node, ...] = (), on_command_line: bool = True) -> list[str]:
    return [item.selector for item in name_nodes(nodes, others, on_command_line=on_command_line)]


def with_fqn(*fqn: str, version: str = "") -> Node:
    return node("model.shop." + "_".join(fqn), fqn=fqn, version=version)


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.tuples(st.lists(PARTS, min_size=3, max_size=5), st.booleans()), min_size=2, max_size=6))
def test_selectors_never_match_a_node_that_is_not_wanted(drawn: list[tuple[list[str], bool]]) -> None:
    nodes = [with_fqn(*fqn, version="1" if is_versioned else "") for fqn, is_versioned in drawn]
    wanted, others = nodes[:1], nodes[1:]

    try:
        selectors = named(*wanted, others=tuple(others))
    except SelectionError:
        selectors = []

    for selector in selectors:
        assert matches(selector, wanted[0].fqn, is_versioned=bool(wanted[0].version))
        assert not any(matches(selector, other.fqn, is_versioned=bool(other.version)) for other in others)


def test_a_node_is_named_by_its_fqn() -> None:
    assert named(with_fqn("shop", "marts", "orders"), others=(with_fqn("shop", "marts", "customers"),)) == [
        "shop.marts.orders"
    ]


@pytest.mark.parametrize(
    ("selector", "is_matched"), [("orders", True), ("orders_v1", True), ("orders.v1", True), ("orders_v2", False)]
)
def test_a_versioned_node_answers_to_its_name_with_and_without_its_version(selector: str, is_matched: bool) -> None:
    assert matches(selector, ("shop", "orders", "v1"), is_versioned=True) is is_matched


def test_a_versioned_node_is_named_without_its_siblings() -> None:
    others = (with_fqn("shop", "orders", "v1", version="1"),)

    assert named(with_fqn("shop", "orders", "v2", version="2"), others=others) == ["shop.orders.v2"]


@pytest.mark.parametrize(
    "other",
    [
        ("shop", "orders", "late"),  # the fqn is a folder's too
        ("lib", "shop", "orders"),  # a folder is called like the package
        ("lib", "shop.orders"),  # a name holds the separator
        ("lib", "shop", "orders", "late"),
    ],
)
def test_a_node_that_cannot_be_named_alone_is_an_error_with_a_way_out(other: tuple[str, ...]) -> None:
    with pytest.raises(SelectionError, match=r"shop\.orders selects model\..* too") as error:
        named(with_fqn("shop", "orders"), others=(with_fqn(*other),))

    assert "state-dir" in error.value.do


def test_two_wanted_nodes_may_share_a_selector() -> None:
    nodes = (with_fqn("shop", "orders"), with_fqn("shop", "orders", "late"))

    assert named(*nodes) == ["shop.orders", "shop.orders.late"]


@pytest.mark.parametrize("name", ["a b", "a,b", "+a", "a+", "@a", "tag:a", "a/b", "a\\b", "a*", "a?", "a[b]", "a\nb"])
def test_special_characters_cannot_stand_on_a_command_line(name: str) -> None:
    with pytest.raises(SelectionError, match="special characters"):
        named(with_fqn("shop", name))


@pytest.mark.parametrize("name", ["a*", "a?", "a[b]"])
def test_wildcards_cannot_stand_in_a_file_either(name: str) -> None:
    with pytest.raises(SelectionError, match="special characters"):
        named(with_fqn("shop", name), on_command_line=False)


def test_other_special_characters_can_stand_in_a_file() -> None:
    assert named(with_fqn("shop", "a b,c"), on_command_line=False) == ["shop.a b,c"]


def test_a_node_without_an_fqn_cannot_be_named() -> None:
    with pytest.raises(SelectionError, match="cannot name"):
        named(with_fqn())


def test_a_node_without_an_fqn_is_never_selected_by_another_name() -> None:
    assert named(with_fqn("shop", "orders"), others=(with_fqn(),)) == ["shop.orders"]


def test_a_line_for_nothing_selects_nothing() -> None:
    assert select_line([]) == NOTHING
    assert not matches(NOTHING, ["shop", "nothing-to-build"], is_versioned=False)


def test_a_name_that_looks_like_a_file_is_given_as_an_fqn() -> None:
    items = name_nodes([with_fqn("shop", "x.SQL"), with_fqn("shop", "y")], [], on_command_line=True)

    assert select_line(items) == "fqn:shop.x.SQL shop.y"


def test_a_line_that_is_too_long_for_an_argument_is_an_error() -> None:
    item = Named(node=with_fqn("shop", "x"), selector="é" * (MAX_LINE_BYTES // 2))

    assert len(select_line([item]).encode()) == MAX_LINE_BYTES
    with pytest.raises(SelectionError, match="2 nodes is too long"):
        select_line([item, item])


def test_a_selectors_file_names_each_node_and_no_tests() -> None:
    text = selectors_yaml(name_nodes([with_fqn("shop", "größe")], [], on_command_line=False))

    (selector,) = yaml.safe_load(text)["selectors"]
    assert selector["name"] == SELECTOR_NAME
    assert selector["definition"] == {
        "union": [{"method": "fqn", "value": "shop.größe", "indirect_selection": "empty"}]
    }


def test_a_selectors_file_for_nothing_selects_nothing() -> None:
    (selector,) = yaml.safe_load(selectors_yaml([]))["selectors"]

    assert [item["value"] for item in selector["definition"]["union"]] == [NOTHING]
