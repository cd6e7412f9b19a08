"""Relations that a node reads, and what a build saw."""

from __future__ import annotations

from support.values import edited, node, project, relation

from dbt_state_plugin.core.lineage import build_order, lineages, record_key, trace_of
from dbt_state_plugin.core.values.project import Project


def lineage_of(of: Project, unique_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = lineages(of, build_order(of))[unique_id]
    return found.parents, found.inlined


RAW = node("source.shop.raw")
EPHEMERAL_1 = node("model.shop.e1", ["source.shop.raw"], materialized="ephemeral")
EPHEMERAL_2 = node("model.shop.e2", ["model.shop.e1"], materialized="ephemeral")


def test_parents_come_before_their_children() -> None:
    order = build_order(project(node("model.shop.a", ["model.shop.b"]), node("model.shop.b", ["model.shop.z"])))

    assert order == ("model.shop.b", "model.shop.a")


def test_the_order_is_the_same_however_the_project_was_parsed() -> None:
    nodes = [node(f"model.shop.{name}") for name in "abcd"]

    assert build_order(project(*nodes)) == build_order(project(*reversed(nodes)))


def test_a_node_reads_the_relations_behind_a_chain_of_ephemeral_models() -> None:
    of = project(RAW, EPHEMERAL_1, EPHEMERAL_2, node("model.shop.a", ["model.shop.e2"]))

    assert lineage_of(of, "model.shop.a") == (("source.shop.raw",), ("model.shop.e1", "model.shop.e2"))


def test_a_view_holds_no_rows_and_what_it_reads_is_read_through_it() -> None:
    v1 = node("model.shop.v1", ["source.shop.raw"], materialized="view")
    v2 = node("model.shop.v2", ["model.shop.v1"], materialized="view")
    e = node("model.shop.e", ["model.shop.v2"], materialized="ephemeral")
    of = project(RAW, v1, v2, e, node("model.shop.a", ["model.shop.e"]), node("model.shop.b", ["model.shop.a"]))

    assert lineage_of(of, "model.shop.a") == (("model.shop.v1", "model.shop.v2", "source.shop.raw"), ("model.shop.e",))
    assert lineage_of(of, "model.shop.b") == (("model.shop.a",), ())


def test_a_materialized_view_holds_rows_of_its_own() -> None:
    filled = node("model.shop.m", ["source.shop.raw"], materialized="materialized_view")
    of = project(RAW, filled, node("model.shop.a", ["model.shop.m"]))

    assert lineage_of(of, "model.shop.a") == (("model.shop.m",), ())


def test_what_is_inside_a_view_is_not_inside_its_readers() -> None:
    view = node("model.shop.v", ["model.shop.e1"], materialized="view")
    of = project(RAW, EPHEMERAL_1, view, node("model.shop.a", ["model.shop.v"]))

    assert lineage_of(of, "model.shop.a") == (("model.shop.v", "source.shop.raw"), ())


def test_a_parent_that_is_not_in_the_project_is_left_out() -> None:
    assert lineage_of(project(node("model.shop.a", ["model.shop.gone"])), "model.shop.a") == ((), ())


def test_a_function_is_a_parent_and_what_it_reads_is_read_through_it() -> None:
    function = node("function.shop.f", ["model.shop.b", "model.shop.e1"])
    of = project(RAW, EPHEMERAL_1, node("model.shop.b"), function, node("model.shop.a", ["function.shop.f"]))

    assert lineage_of(of, "model.shop.a") == (
        ("function.shop.f", "model.shop.b", "source.shop.raw"),
        ("model.shop.e1",),
    )


def test_a_unit_test_judges_definitions_and_calls_functions_but_reads_no_relation() -> None:
    tested = node("model.shop.a", ["model.shop.e1", "model.shop.b", "function.shop.f"])
    unit_test = node("unit_test.shop.a.adds_up", ["model.shop.a"])
    of = project(RAW, EPHEMERAL_1, node("model.shop.b"), node("function.shop.f"), tested, unit_test)

    assert lineage_of(of, unit_test.unique_id) == (("function.shop.f",), ("model.shop.a", "model.shop.e1"))


def test_a_trace_holds_the_versions_of_the_parents_and_the_definitions_of_what_is_inlined() -> None:
    of = project(RAW, EPHEMERAL_1, node("function.shop.f"), node("model.shop.a", ["model.shop.e1", "function.shop.f"]))
    lineage = lineages(of, build_order(of))["model.shop.a"]

    trace = trace_of(of, lineage, {relation("raw"): "7"})
    later = trace_of(edited(of, "model.shop.e1"), lineage, {relation("raw"): "7"})

    assert trace.parents == {'"db"."main"."raw"': "7", '"db".""."main.function.shop.f"': "absent"}
    assert trace.inlined.keys() == {"model.shop.e1"}
    assert trace.inlined != later.inlined


def test_a_node_without_a_relation_is_recorded_where_no_relation_can_be() -> None:
    of = project(node("test.shop.t"), node("model.shop.a"))

    assert record_key(of.nodes["model.shop.a"], of) == relation("a")
    assert record_key(of.nodes["test.shop.t"], of) == relation("main.test.shop.t", schema="")
