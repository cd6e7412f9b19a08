"""Planned nodes that depend on how others come out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from support.values import node, project, record, relation, request

from dbt_state_plugin.core.decision.cutoff import (
    CameOut,
    columns_read,
    differing_columns,
    is_edited_view,
    keeps_definition,
    may_be_rewritten,
    seen_as_equal,
)
from dbt_state_plugin.core.decision.rule import make_plan
from dbt_state_plugin.core.values.plan import ChangeCategory, Decision, PlanEntry
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.reads import Question
from dbt_state_plugin.core.values.reasons import SAME_QUERY, Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation, Trace, TracedReads
from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationKind

A, V, B, C, T = "model.shop.a", "model.shop.v", "model.shop.b", "model.shop.c", "test.shop.t"
SEEN = "00000000-0000-0000-0000-000000000001"
EDITED = Reason(kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values={"part": "body"})
FOREIGN_KEY = json.dumps([("server", "", "15"), ("foreign key", "b_fkey", "f1")])
SEES_ROWS: dict[str, Any] = {"named": (), "reads_storage": False}
QUESTION = Question(sql="select 1", relation=("", "", ""), answer="1", problem="")


def chain(**of_nodes: dict[str, Any]) -> Project:
    """Return a table, a view on it, tables below, and a test; `of_nodes` are fields of nodes by name."""
    return project(
        node(A, **of_nodes.get("a", {})),
        node(V, [A], **{"materialized": "view", **of_nodes.get("v", {})}),
        node(B, [V], **of_nodes.get("b", {})),
        node(C, [B], **of_nodes.get("c", {})),
        node(T, [B], **of_nodes.get("t", {})),
    )


def hanging(of: Project, *, edited: Any = A, cutoff: str | None = "always", **traces: dict[str, Any]) -> dict[str, Any]:
    """Return what each built node hangs on where one was edited; `traces` are fields of records by name."""
    return {entry.node.name: entry.hangs_on for entry in planned(of, edited=edited, cutoff=cutoff, **traces)}


def planned(
    of: Project, *, edited: Any = A, command: str = "build", selected: Any = None, cutoff: Any = "always", **traces: Any
) -> tuple[PlanEntry, ...]:
    records: dict[Any, RecordedRelation] = {}
    for item in of.nodes.values():
        above = of.nodes[V].parents if item.unique_id == B else ()
        seen = {str(of.nodes[parent].relation): SEEN for parent in (*item.parents, *above)}
        fields = dict(traces.get(item.name, {}))
        kind = RelationKind.VIEW if item.is_view else RelationKind.TABLE
        built = {
            "identity": Identity(object_id="1", storage_id="1", kind=kind) if item.relation else None,
            "shape": fields.pop("shape", None),
        }
        seen |= fields.pop("parents", {})
        found = record(item, trace=Trace(parents=seen, **{**SEES_ROWS, **fields}), **built)
        if not item.relation:
            found = replace(found, relation=replace(found.relation, identifier=f"main.{item.unique_id}"))
        if fields.get("named") != "new":
            records[found.relation] = found
    catalog = Catalog(
        identities={name: each.identity for name, each in records.items() if each.identity is not None},
        cascades={of.nodes[A].relation: (of.nodes[V].relation,)},  # type: ignore[dict-item]
    )
    asked = request(command, selected=selected, cutoff=cutoff)
    categories = edited if isinstance(edited, dict) else {edited: ChangeCategory(reasons=(EDITED,))}
    return make_plan(of, Recorded(relations=records), catalog, asked, categories).to_build


def test_what_is_below_an_edit_hangs_on_the_nearest_that_is_built() -> None:
    assert hanging(chain()) == {"a": (), "v": (), "b": (V,), "c": (B,), "t": (B,)}


@pytest.mark.parametrize(
    ("parent", "view", "hangs_on"),
    [
        ("table", "view", ()),  # PostgreSQL drops it with the table
        ("table", "materialized_view", ()),
        ("incremental", "view", (A,)),
        ("snapshot", "materialized_view", (A,)),
        ("table", "table", (A,)),
    ],
)
def test_a_view_on_a_table_is_built_in_any_case(parent: str, view: str, hangs_on: tuple[str, ...]) -> None:
    found = hanging(chain(a={"materialized": parent}, v={"materialized": view}))

    assert found["v"] == hangs_on


def test_a_view_on_a_table_that_may_be_left_alone_may_be_left_too() -> None:
    found = hanging(chain(v={"materialized": "table"}, c={"materialized": "view"}))

    assert (found["v"], found["b"], found["c"]) == ((A,), (V,), (B,))


def test_nothing_hangs_where_cutoff_is_declined() -> None:
    assert set(hanging(chain(), cutoff="never").values()) == {()}


def test_what_nobody_has_said_anything_about_may_be_cut_off() -> None:
    assert hanging(chain(), cutoff=None) == hanging(chain(), cutoff="always")


def test_a_node_that_says_never_is_built_in_any_case() -> None:
    found = hanging(chain(b={"settings": {"cutoff": "never"}}))

    assert found == {"a": (), "v": (), "b": (), "c": (B,), "t": (B,)}


def test_a_view_of_which_nothing_is_known_comes_out_different() -> None:
    assert hanging(chain(), edited=V) == {"v": (), "b": (), "c": (B,), "t": (B,)}


SHOWS_ROWS: dict[str, Any] = {
    "volatile": (),
    "reads": TracedReads(),
    "reads_order": False,
    "columns": {("main", "a"): ("id",), ("", ""): ("meaning",)},
}


def test_a_view_that_was_edited_may_show_what_it_showed() -> None:
    assert hanging(chain(), edited=V, v=SHOWS_ROWS) == {"v": (), "b": (V,), "c": (B,), "t": (B,)}


@pytest.mark.parametrize(
    "trace",
    [
        {"volatile": None},
        {"volatile": ("now",)},
        {"reads": None},
        {"reads": TracedReads(volatile=("run_started_at",))},
        {"reads": TracedReads(questions=(QUESTION,))},
        {"reads_order": None},
        {"columns": None},
        {"columns": {("main", "a"): ()}},
        {"named": None},
        {"has_hooks": True},
    ],
)
def test_a_view_that_reads_more_than_rows_may_show_anything(trace: dict[str, Any]) -> None:
    assert hanging(chain(), edited=V, v=SHOWS_ROWS | trace)["b"] == ()


def test_a_view_is_compared_where_nothing_but_its_query_differs() -> None:
    view, inlined = (
        node(V, [A], materialized="view"),
        Reason(
            kind=ReasonKind.UPSTREAM, code=ReasonCode.PARENT_CHANGED, node="model.shop.e", values={"ephemeral": True}
        ),
    )
    drifted = Reason(kind=ReasonKind.DRIFTED, code=ReasonCode.COLUMNS_CHANGED)
    found = record(
        view,
        trace=Trace(**SEES_ROWS, **SHOWS_ROWS),
        identity=Identity(object_id="1", storage_id="1", kind=RelationKind.VIEW),
    )

    assert is_edited_view(view, found, [EDITED, inlined])
    assert not is_edited_view(view, found, [EDITED, drifted])
    assert not is_edited_view(view, found, [replace(inlined, values={})])
    assert not is_edited_view(view, replace(found, identity=None), [EDITED])
    assert not is_edited_view(view, None, [EDITED])
    assert not is_edited_view(replace(view, materialized="table"), found, [EDITED])
    assert not is_edited_view(
        view, replace(found, identity=Identity(object_id="1", storage_id="1", kind=RelationKind.TABLE)), [EDITED]
    )


def test_a_view_over_what_is_built_shows_what_it_showed_to_nobody() -> None:
    both = {unique_id: ChangeCategory(reasons=(EDITED,)) for unique_id in (A, V)}

    assert hanging(chain(), edited=both, v=SHOWS_ROWS)["b"] == ()


def test_what_changed_behind_a_view_that_is_built_is_no_question() -> None:
    behind = {str(relation("a")): "another"}

    assert hanging(chain(), edited=V, v=SHOWS_ROWS, b={"parents": behind})["b"] == ()


def test_a_table_that_was_never_built_comes_out_different() -> None:
    of = chain()
    bare = project(*(replace(item, parents=()) if item.unique_id == A else item for item in of.nodes.values()))
    entries = make_plan(bare, Recorded(), Catalog(), request("run", cutoff="always")).to_build

    assert {entry.hangs_on for entry in entries} == {()}


def test_a_function_comes_out_different() -> None:
    function = node("function.shop.f", materialized="function")
    reader = node(B, ["function.shop.f"])
    of = project(function, reader)
    key = replace(record(function).relation, identifier="main.function.shop.f")
    records = {
        key: record(function, relation=key, identity=None, trace=Trace(**SEES_ROWS)),
        reader.relation: record(reader, trace=Trace(parents={str(key): SEEN}, **SEES_ROWS)),
    }
    catalog = Catalog(identities={reader.relation: Identity(object_id="1", storage_id="1", kind=RelationKind.TABLE)})  # type: ignore[dict-item]
    edited = {"function.shop.f": ChangeCategory(reasons=(EDITED,))}

    entries = make_plan(of, Recorded(relations=records), catalog, request("build", cutoff="always"), edited).to_build  # type: ignore[arg-type]

    assert [(entry.node.name, entry.hangs_on) for entry in entries] == [("f", ()), ("b", ())]


@pytest.mark.parametrize(
    "trace",
    [
        {"named": None},
        {"named": (("raw", "x"),)},
        {"reads_storage": None},
        {"reads_storage": True},
        {"has_hooks": True},
        {"writes": (("main", "a"),)},
        {"written_by": "on-run"},
        {"shape": FOREIGN_KEY},
        {"reads": TracedReads(questions=(QUESTION,))},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["b", "v"])
def test_what_reads_or_does_more_than_is_seen_is_built_and_so_is_what_reads_such_a_view(name: str, trace: Any) -> None:
    assert hanging(chain(), **{name: trace})["b"] == ()


@pytest.mark.parametrize(("name", "expected"), [("a", {"b": (), "c": (B,)}), ("b", {"b": (), "c": ()})])
def test_a_materialization_of_somebody_else_may_read_and_leave_anything(name: str, expected: dict[str, Any]) -> None:
    found = hanging(chain(**{name: {"materialized": "ledger"}}))

    assert {each: found[each] for each in expected} == expected


@pytest.mark.parametrize("name", ["b", "v"])
def test_what_macros_of_the_project_write_may_be_read_from_anything(name: str) -> None:
    assert hanging(chain(**{name: {"custom_ddl": True}}))["b"] == ()
    assert hanging(chain(a={"custom_ddl": True}))["b"] == (V,)


def test_a_test_that_leaves_a_view_of_what_it_finds_is_run_as_that_may_have_gone_down() -> None:
    assert hanging(chain())["t"] == (B,)
    assert hanging(chain(t={"shows_failures": True}))["t"] == ()


def test_what_was_asked_for_is_no_question_where_there_was_none() -> None:
    assert hanging(chain(), b={"reads": TracedReads()})["b"] == (V,)


def test_a_view_without_a_record_on_the_way_is_not_known() -> None:
    of = project(node(A), node(V, [A], materialized="view"), node(B, [V]))
    records = {of.nodes[name].relation: record(of.nodes[name], trace=Trace(**SEES_ROWS)) for name in (A, B)}

    entries = make_plan(of, Recorded(relations=records), Catalog(), request("run", cutoff="always")).to_build  # type: ignore[arg-type]

    assert {entry.hangs_on for entry in entries} == {()}


def test_a_parent_outside_of_the_selection_leaves_what_it_was() -> None:
    entries = planned(chain(), selected={B, C})

    assert {entry.node.name: entry.hangs_on for entry in entries} == {"b": (), "c": (B,)}


OTHER = CameOut(before="1", now="2")
SAME_COLUMNS = CameOut(before="1", now="2", has_same_columns=True)
SAME_ROWS = CameOut(before="1", now="2", has_same_columns=True, has_same_rows=True)
SAME = CameOut(before="1", now="1")


@pytest.mark.parametrize(
    ("out", "is_view", "reads_order", "moved"),
    [
        (SAME, False, True, {}),
        (OTHER, False, False, None),
        (OTHER, True, False, None),
        (SAME_COLUMNS, False, False, None),
        (SAME_COLUMNS, True, True, {"p": "2"}),
        (SAME_ROWS, False, False, {"p": "2"}),
        (SAME_ROWS, False, True, None),
        (None, False, False, None),
        (replace(SAME, before="0", now="0"), False, False, None),
    ],
)
def test_a_parent_as_it_came_out(out: CameOut | None, is_view: bool, reads_order: bool, moved: Any) -> None:
    assert seen_as_equal({"p": "1"}, {"p": out}, {}, is_view=is_view, reads_order=reads_order) == moved


def test_every_parent_has_to_come_out_equal() -> None:
    seen = {"p": "1", "q": "1"}

    assert seen_as_equal(seen, {"p": SAME, "q": SAME_ROWS}, {}, is_view=False, reads_order=False) == {"q": "2"}
    assert seen_as_equal(seen, {"p": SAME_ROWS, "q": OTHER}, {}, is_view=False, reads_order=False) is None


@pytest.mark.parametrize("reads_order", [True, False])
@pytest.mark.parametrize(("read", "moved"), [(("a",), {"p": "2"}), (("a", "b"), None), (None, None)])
def test_columns_that_nobody_reads_count_for_nothing(read: Any, moved: Any, reads_order: bool) -> None:
    out = replace(OTHER, same_columns=frozenset({("a",)}))
    of_parents = {"p": read} if read else {}

    assert seen_as_equal({"p": "1"}, {"p": out}, of_parents, is_view=False, reads_order=reads_order) == moved


@pytest.mark.parametrize(("reads_order", "moved"), [(True, None), (False, {"p": "2"})])
def test_columns_of_a_view_have_no_order(reads_order: bool, moved: Any) -> None:
    out = replace(OTHER, same_columns=frozenset({("a",)}), has_order=False)

    assert seen_as_equal({"p": "1"}, {"p": out}, {"p": ("a",)}, is_view=False, reads_order=reads_order) == moved


READS = {("main", "p"): ("b", "a"), ("main", "q"): ()}


@pytest.mark.parametrize(
    ("name", "readers", "columns"),
    [
        ("p", [READS], ("a", "b")),
        ("p", [READS, {("main", "p"): ("c",)}], ("a", "b", "c")),
        ("p", [READS, {("main", "p"): ()}], None),
        ("p", [READS, None], None),
        ("q", [READS], None),
        ("r", [READS], None),
        ("r", [READS, {("main", "r"): ("a",)}], ("a",)),
    ],
)
def test_what_is_read_of_a_relation(name: str, readers: list[Any], columns: Any) -> None:
    records = [record(node(B), trace=Trace(columns=each)) for each in readers]

    assert columns_read(relation(name), records) == columns
    assert columns_read(relation(name), [*records, None]) is None


def test_what_differs_is_among_the_columns_that_are_in_no_equal_set() -> None:
    assert differing_columns(("a", "b", "c", "d"), [("a",), ("a", "c")]) == ("b", "d")


def entry(item: Node, *reasons: Reason, **trace: Any) -> PlanEntry:
    found = record(item, trace=Trace(**{**SEES_ROWS, **trace}))
    return PlanEntry(node=item, decision=Decision.BUILD, reasons=reasons, record=found)


def test_a_view_that_went_down_with_what_it_reads_is_the_same_query() -> None:
    view = node(V, [A], materialized="view")
    dropped = Reason(kind=ReasonKind.UPSTREAM, code=ReasonCode.DROPPED_WITH_PARENT, node=A)

    assert keeps_definition([A], entry(view, dropped))
    assert not keeps_definition([B], entry(view, dropped))  # by what it reads undeclared
    assert not keeps_definition([A], entry(view, dropped, EDITED))
    assert not keeps_definition([A], entry(view, dropped, has_hooks=True))
    assert not keeps_definition([A], replace(entry(view, dropped), record=None))
    assert not keeps_definition([A], entry(node(B, [A]), dropped))
    assert not keeps_definition([A], entry(replace(view, custom_ddl=True), dropped))
    reworded = Reason(kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values={"part": "body", "equal": SAME_QUERY})
    laid_out = replace(reworded, values={"part": "body", "equal": "layout"})
    assert not keeps_definition([A], replace(entry(view, dropped), cosmetic=(laid_out, reworded)))
    assert keeps_definition([A], replace(entry(view, dropped), cosmetic=(laid_out,)))


def test_a_node_that_is_built_for_rows_above_has_the_sql_of_its_last_build() -> None:
    edited, *below = planned(chain())

    assert may_be_rewritten(edited)
    assert not any(map(may_be_rewritten, below))
