"""Differences of definitions that are real, and those that are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import KEY, node

from dbt_state_plugin.core.changes.categorize import (
    ChangeInputs,
    categorize,
    compiled_document,
    hashed_statement,
    recorded_statement,
    wants_compiled,
    wants_ddl,
)
from dbt_state_plugin.core.changes.differences import Difference
from dbt_state_plugin.core.changes.project_hooks import Names
from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.core.values.plan import ChangeCategory
from dbt_state_plugin.core.values.project import CompiledNode, NotComparable, SqlProblem
from dbt_state_plugin.core.values.records import RecordedDefinition
from dbt_state_plugin.report.reason_words import PARTS, detail
from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES

DIGEST = keyed_digest(KEY)
SQL = "select a from t"
LAID_OUT = "SELECT a -- the first\nFROM t"
OTHER = "select b from t"
THROUGH_SQL = ["body", "macros", "variables", "references", "engine"]
OUTSIDE_OF_SQL = ["config", "contract", "materialization", "relation", "session", "flags"]
Items = dict[str, dict[str, str]]
A = node("model.shop.a")


def sql(text: str = SQL, **fields: Any) -> CompiledNode:
    return CompiledNode(forms={"sql": text}, **fields)


def items_for(parts: Any, value: str) -> Items:
    """Return items in which each part has one that no rule knows."""
    return {part: {f"x of {part}": value} for part in parts}


def inputs(
    *parts: str,
    before: CompiledNode | Mapping[str, Any] | None = None,
    now: CompiledNode | None = None,
    items_before: Items | None = None,
    items: Items | None = None,
    inlined: tuple[str, ...] = (),
    is_hashed: bool = False,
    **fields: Any,
) -> ChangeInputs:
    """Return what is known where some parts differ, with the SQL that was recorded and that of now."""
    document: Mapping[str, Any] = (
        compiled_document(before, POSTGRES, DIGEST if is_hashed else None)
        if isinstance(before, CompiledNode)
        else before or {}
    )
    values: dict[str, Any] = {
        "node": A,
        "difference": Difference(parts=parts, inlined=inlined),
        "recorded": RecordedDefinition(
            items=items_for(parts, "#1") if items_before is None else items_before, compiled=document
        ),
        "items": items_for(parts, "#2") if items is None else items,
        "macro_paths": {"macro.shop.a": "macros/a.sql"},
        "dialect": POSTGRES,
        "compiled": now,
    }
    return ChangeInputs(**(values | fields))


def categorized(*parts: str, **fields: Any) -> ChangeCategory:
    return categorize(inputs(*parts, **fields), DIGEST, readers_of=READERS.get)


# What shows where, by what is written; nobody knows of anything else.
READERS: dict[Names, Names] = {
    frozenset({("an", "log")}): frozenset({("an", "log")}),
    frozenset({("an", "below")}): frozenset({("an", "below"), ("an", "orders")}),
}


def real(category: ChangeCategory) -> list[str]:
    return [reason.kind.value for reason in category.reasons]


def cosmetic(category: ChangeCategory) -> list[str]:
    return [reason.kind.value for reason in category.cosmetic]


@pytest.mark.parametrize("is_hashed", [False, True], ids=["text", "hash"])
@pytest.mark.parametrize("part", THROUGH_SQL)
def test_what_shows_only_as_layout_in_the_sql_is_cosmetic(part: str, is_hashed: bool) -> None:
    found = categorized(part, before=sql(), now=sql(LAID_OUT), is_hashed=is_hashed)

    assert (real(found), cosmetic(found), found.is_physical) == ([], [part], False)
    assert detail(found.cosmetic[0]).endswith("only comments, white space or letter case differ in the SQL")


@pytest.mark.parametrize("is_hashed", [False, True], ids=["text", "hash"])
@pytest.mark.parametrize("part", THROUGH_SQL)
def test_what_shows_in_the_sql_is_real(part: str, is_hashed: bool) -> None:
    found = categorized(part, before=sql(), now=sql(OTHER), is_hashed=is_hashed)

    assert (real(found), cosmetic(found)) == ([part], [])


@pytest.mark.parametrize("part", THROUGH_SQL)
def test_what_the_server_calls_the_same_query_is_cosmetic(part: str) -> None:
    asked: list[tuple[str, str]] = []

    found = categorize(inputs(part, before=sql(), now=sql(OTHER)), DIGEST, lambda *pair: not asked.append(pair))

    assert (real(found), cosmetic(found), asked) == ([], [part], [(SQL, OTHER)])
    assert detail(found.cosmetic[0]).endswith("it is the same query (the server says so)")


def test_the_server_is_not_asked_about_hooks_or_hashes_or_what_texts_tell() -> None:
    asked: list[tuple[str, str]] = []
    hooks = {"hooks": ("-- post-hook 1\nselect 1",)}

    for each in (
        inputs("body", before=sql(), now=sql(LAID_OUT)),
        inputs("body", before=sql(), now=sql(OTHER), is_hashed=True),
        inputs("body", before=sql(language="python"), now=sql(OTHER, language="python")),
        inputs("hooks", before=sql(**hooks), now=sql(hooks=("-- post-hook 1\nselect 2",))),
    ):
        categorize(each, DIGEST, lambda *pair: not asked.append(pair))

    assert asked == []


@pytest.mark.parametrize("is_recorded", [False, True], ids=["now", "before"])
@pytest.mark.parametrize(
    "items",
    [
        {"hooks": {"pre-hook 1": "#1"}},
        {"materialization": {"macro.shop.postgres__create_table_as": "1:1"}},
        {"config": {"sql_header": '"set timezone = 1"'}},
    ],
    ids=["hooks", "materialization", "header"],
)
def test_the_server_is_not_asked_about_what_a_node_may_execute_in_another_session(
    items: dict[str, dict[str, str]], *, is_recorded: bool
) -> None:
    asked: list[tuple[str, str]] = []
    side = {"items_before" if is_recorded else "items": {"body": {"code": "1:1"}, **items}}

    found = categorize(
        inputs("body", before=sql(), now=sql(OTHER), **side), DIGEST, lambda *pair: not asked.append(pair)
    )

    assert (real(found), asked) == (["body"], [])


@pytest.mark.parametrize("part", OUTSIDE_OF_SQL)
def test_what_acts_outside_of_the_sql_is_real_though_the_sql_is_the_same(part: str) -> None:
    found = categorized(part, "macros", before=sql(), now=sql())

    assert (real(found), cosmetic(found)) == ([part], ["macros"])


def test_without_any_recorded_items_the_part_is_named_and_nothing_is_called_new() -> None:
    found = categorized("config", items_before={}, items={"config": {"materialized": '"table"'}})

    assert [detail(reason) for reason in found.reasons] == [PARTS["config"]]


def test_an_item_of_a_part_that_had_none_is_new_where_other_items_are_recorded() -> None:
    found = categorized("hooks", items_before={"body": {"code": "#1"}}, items={"hooks": {"post-hook 1": "#1"}})

    assert [detail(reason) for reason in found.reasons] == ["post-hook 1 is new"]


def test_a_part_of_a_later_version_is_real() -> None:
    found = categorized("clustering", before=sql(), now=sql())

    assert [(reason.kind.value, detail(reason)) for reason in found.reasons] == [("config", "x of clustering changed")]


def test_parse_trees_help_where_the_text_is_kept() -> None:
    as_tree = "select a as a_1 from t", "select (a) a_1 from t"

    assert cosmetic(categorized("body", before=sql(as_tree[0]), now=sql(as_tree[1]))) == ["body"]
    assert real(categorized("body", before=sql(as_tree[0]), now=sql(as_tree[1]), is_hashed=True)) == ["body"]


def test_all_parts_that_act_through_the_sql_are_told() -> None:
    assert cosmetic(categorized(*THROUGH_SQL, before=sql(), now=sql())) == THROUGH_SQL
    assert real(categorized(*THROUGH_SQL, before=sql(), now=sql(OTHER))) == THROUGH_SQL


INCREMENTAL = {"sql": SQL, "incremental": f"{SQL} where new"}


@pytest.mark.parametrize("is_hashed", [False, True], ids=["text", "hash"])
@pytest.mark.parametrize(
    ("before", "now", "kinds"),
    [
        (INCREMENTAL, {name: text.upper() for name, text in INCREMENTAL.items()}, []),
        (INCREMENTAL, INCREMENTAL | {"incremental": SQL}, ["body"]),
        (INCREMENTAL, INCREMENTAL | {"sql": OTHER}, ["body"]),
        (INCREMENTAL, {"sql": SQL}, ["body"]),
        ({"sql": SQL}, INCREMENTAL, ["body"]),
        ({"incremental": SQL}, {"sql": SQL}, ["body"]),
        ({}, {"sql": SQL}, ["body"]),
        ({"sql": SQL}, {}, ["body"]),
        ({}, {}, ["body"]),
    ],
)
def test_each_form_of_the_sql_must_be_the_same(
    before: dict[str, str], now: dict[str, str], kinds: list[str], is_hashed: bool
) -> None:
    found = categorized("body", before=CompiledNode(forms=before), now=CompiledNode(forms=now), is_hashed=is_hashed)

    assert real(found) == kinds


@pytest.mark.parametrize(
    "fields",
    [
        {"now": None},
        {"now": sql(problem=NotComparable(SqlProblem.ASKS_DATABASE, "run_query"))},
        {"before": None},
        {"before": {}},
        {"before": {"language": "sql"}},
        {"before": {"language": "sql", "hooks": [], "project_hooks": []}},
        {"before": {"language": "sql", "forms": None}},
        {"before": {"language": "sql", "forms": {}}, "now": CompiledNode()},
        {"before": {"language": "sql", "forms": [SQL]}},
        {"before": {"language": "sql", "forms": {"sql": None}}},
        {"before": {"forms": {"sql": SQL}}},
        {"before": {"language": "python", "forms": {"sql": SQL}}},
        {"before": {"language": "sql", "hashed": True, "forms": {"sql": SQL}}},
        {"before": {"language": "sql", "hashed": True, "forms": {"sql": ""}}},
        {"before": {"language": "sql", "hashed": True, "forms": {"sql": "::"}}},
        {"before": {"language": "sql", "forms": {"sql": hashed_statement(SQL, DIGEST, POSTGRES)}}},
        {
            "before": {
                "language": "sql",
                "hashed": True,
                "forms": {"sql": hashed_statement(SQL, keyed_digest(b"x" * 32), POSTGRES)},
            }
        },
    ],
)
def test_without_evidence_on_both_sides_a_difference_is_real(fields: dict[str, Any]) -> None:
    found = categorized("body", **({"before": sql(), "now": sql()} | fields))

    assert (real(found), cosmetic(found)) == (["body"], [])


def test_a_spelling_of_another_version_is_not_compared() -> None:
    exact, _, spelled = hashed_statement(SQL, DIGEST, POSTGRES).split(":")
    before = {"language": "sql", "hashed": True, "forms": {"sql": f"{exact}:0:{spelled}"}}

    assert real(categorized("body", before=before, now=sql())) == []
    assert real(categorized("body", before=before, now=sql(LAID_OUT))) == ["body"]


@pytest.mark.parametrize("is_hashed", [False, True], ids=["text", "hash"])
def test_sql_that_cannot_be_read_equals_only_itself(is_hashed: bool) -> None:
    assert real(categorized("body", before=sql("select 'a"), now=sql("select 'a"), is_hashed=is_hashed)) == []
    assert real(categorized("body", before=sql("select 'a"), now=sql("select  'a"), is_hashed=is_hashed)) == ["body"]


@pytest.mark.parametrize("is_hashed", [False, True], ids=["text", "hash"])
def test_in_python_every_letter_counts(is_hashed: bool) -> None:
    def python(text: str) -> CompiledNode:
        return CompiledNode(language="python", forms={"sql": text})

    code = "def model(dbt, session): return 1"

    assert real(categorized("body", before=python(code), now=python(code), is_hashed=is_hashed)) == []
    assert real(categorized("body", before=python(code), now=python(f"{code}  "), is_hashed=is_hashed)) == ["body"]
    assert real(categorized("body", before=python(code), now=python(f"{code} -- x"), is_hashed=is_hashed)) == ["body"]
    assert real(categorized("body", before=python(code), now=sql(code), is_hashed=is_hashed)) == ["body"]


def hooked(*texts: str, kind: str = "post-hook inside the transaction", **fields: Any) -> CompiledNode:
    return sql(hooks=tuple(f"-- {kind}\n{text}" for text in texts), **fields)


def hook_items(*names: str, value: str = "#1") -> Items:
    return {"hooks": {**dict.fromkeys(names, value), "macro.shop.a": f"{value}:{value}"}}


HOOKS = {"items_before": hook_items("post-hook 1"), "items": hook_items("post-hook 1", value="#2")}


@pytest.mark.parametrize("is_hashed", [False, True], ids=["text", "hash"])
@pytest.mark.parametrize(
    ("before", "now", "kinds"),
    [
        (hooked("grant a"), hooked("GRANT a -- x"), []),
        (hooked("grant a"), hooked("grant b"), ["hooks"]),
        (hooked("grant a"), hooked("grant a", "grant b"), ["hooks"]),
        (hooked("grant a"), sql(), ["hooks"]),
        (hooked("grant a", "grant b"), hooked("grant b", "grant a"), ["hooks"]),
        (hooked("grant a"), hooked("grant a", kind="post-hook outside the transaction"), ["hooks"]),
        (hooked("grant a"), hooked("grant a", kind="pre-hook inside the transaction"), ["hooks"]),
        (hooked("grant a"), replace(hooked("grant a"), hooks=None), ["hooks"]),
        (replace(hooked("grant a"), hooks=None), hooked("grant a"), ["hooks"]),
    ],
)
def test_hooks_are_compared_as_they_are_rendered_and_by_when_they_run(
    before: CompiledNode, now: CompiledNode, kinds: list[str], is_hashed: bool
) -> None:
    assert real(categorized("hooks", before=before, now=now, is_hashed=is_hashed, **HOOKS)) == kinds


def test_a_hook_that_moves_to_another_moment_is_real() -> None:
    same = hooked("grant a")
    moved = categorized(
        "hooks", before=same, now=same, items_before=hook_items("post-hook 1"), items=hook_items("pre-hook 1")
    )

    assert real(moved) == ["hooks"]


def test_hooks_say_nothing_about_the_sql_nor_the_sql_about_hooks() -> None:
    assert real(categorized("hooks", "body", before=hooked("x"), now=hooked("y"), **HOOKS)) == ["hooks"]
    found = categorized("hooks", "body", before=hooked("x"), now=replace(hooked("x"), forms={"sql": OTHER}), **HOOKS)
    assert (real(found), cosmetic(found)) == (["body"], ["hooks"])


PROJECT_HOOKS = {
    "items_before": {"project_hooks": {"operation.shop.start-0": "#1"}},
    "items": {"project_hooks": {"operation.shop.start-0": "#2"}},
}


@pytest.mark.parametrize("is_hashed", [False, True], ids=["text", "hash"])
@pytest.mark.parametrize(
    ("before", "now", "kinds"),
    [
        (("create table x ()",), ("CREATE TABLE x ()",), []),
        (("create table x ()",), ("create table y ()",), ["project_hooks"]),
        (("create table x ()",), (), ["project_hooks"]),
        (("create table x ()",), None, ["project_hooks"]),
        (None, ("create table x ()",), ["project_hooks"]),
        (None, None, ["project_hooks"]),
    ],
)
def test_hooks_of_the_project_are_compared_as_they_are_rendered(
    before: tuple[str, ...] | None, now: tuple[str, ...] | None, kinds: list[str], is_hashed: bool
) -> None:
    found = categorized(
        "project_hooks",
        before=sql(project_hooks=before),
        now=sql(project_hooks=now),
        is_hashed=is_hashed,
        **PROJECT_HOOKS,
    )

    assert real(found) == kinds


def test_a_hook_of_the_project_that_moves_from_its_start_to_its_end_is_real() -> None:
    same = sql(project_hooks=("create table x ()",))
    moved = {
        "items_before": {"project_hooks": {"operation.shop.shop-on-run-start-0": "#1"}},
        "items": {"project_hooks": {"operation.shop.shop-on-run-end-0": "#1"}},
    }

    assert real(categorized("project_hooks", before=same, now=same, **moved)) == ["project_hooks"]


START, END = "operation.shop.shop-on-run-start-0", "operation.shop.shop-on-run-end-0"


def hooked_project(start: str | None, end: str | None) -> tuple[dict[str, str], CompiledNode]:
    """Return the items of a project's hooks and their texts, in the order of their ids."""
    hooks = {name: text for name, text in ((END, end), (START, start)) if text is not None}
    return {name: f"#{text}" for name, text in hooks.items()}, sql(project_hooks=tuple(hooks.values()))


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ((None, None), ("select 1", None), (START,)),
        ((None, None), (None, "insert into an.orders values (1)"), (END,)),
        (("select 1", None), (None, None), ()),
        (("create table x ()", "analyze"), ("create table x ()", "vacuum"), (END,)),
        (("select 1", "select 2"), ("select 2", "select 1"), (START, END)),
        ((None, None), ("insert into an.log values (1)", None), (START,)),
        ((None, None), ("insert into an.orders values (1)", None), None),
        ((None, None), ("insert into orders values (1)", None), None),
        ((None, None), ("insert into an.below values (1)", None), None),
        ((None, None), ("insert into an.else values (1)", None), None),
        ((None, None), (None, "create table x ()"), (END,)),
        (("create table x ()", None), (None, None), None),
        ((None, "insert into {own} values (1)"), (None, None), None),
        ((None, "insert into an.other values (1)"), (None, None), ()),
        ((None, "grant select on an.orders to reader"), (None, None), None),
    ],
)
def test_a_hook_of_the_project_builds_nothing_unless_nodes_of_the_run_may_read_what_it_writes(
    before: tuple[str | None, str | None], now: tuple[str | None, str | None], new: tuple[str, ...] | None
) -> None:
    assert A.relation is not None
    own = f"{A.relation.schema}.{A.relation.identifier}"
    before = (before[0], before[1].format(own=own) if before[1] else None)
    (items_before, sql_before), (items, sql_now) = hooked_project(*before), hooked_project(*now)

    found = categorized(
        "project_hooks",
        before=sql_before,
        now=sql_now,
        items_before={"project_hooks": items_before} if items_before else {},
        items={"project_hooks": items} if items else {},
        read=frozenset({("an", "orders"), ("", "orders")}),
    )

    assert real(found) == ([] if new is not None else ["project_hooks"])
    assert found.new_hooks == (new or ())


@pytest.mark.parametrize(
    ("hook", "fields", "new"),
    [
        (END, {}, None),
        (END, {"untouched_by_hooks": True}, (END,)),
        (END, {"node": replace(A, relation=None)}, (END,)),
        (START, {"untouched_by_hooks": True}, None),
        (START, {"node": replace(A, relation=None)}, None),
    ],
)
def test_a_hook_that_is_rendered_only_when_it_runs_builds_what_it_may_have_acted_on_or_may_act_on(
    hook: str, fields: dict[str, Any], new: tuple[str, ...] | None
) -> None:
    items = {"items_before": {"project_hooks": {hook: "#1"}}, "items": {"project_hooks": {hook: "#2"}}}
    unknown = sql(project_hooks=(None,))

    found = categorized("project_hooks", before=unknown, now=unknown, **items, **fields)

    assert (real(found), found.new_hooks) == ([] if new else ["project_hooks"], new or ())


@pytest.mark.parametrize(("hook", "kinds"), [("insert into an.log values (1)", ["project_hooks"]), ("select 1", [])])
def test_what_may_read_any_relation_is_built_where_a_hook_writes(hook: str, kinds: list[str]) -> None:
    (items, now) = hooked_project(hook, None)

    found = categorized("project_hooks", before=sql(), now=now, items={"project_hooks": items}, read=None)

    assert real(found) == kinds


def test_hooks_of_the_project_whose_texts_are_not_kept_are_compared_by_their_hashes() -> None:
    (items_before, before), (items, now) = hooked_project("select 1", None), hooked_project("select 1", "select 2")
    known = {"items_before": {"project_hooks": items_before}, "items": {"project_hooks": items}, "is_hashed": True}

    assert categorized("project_hooks", before=before, now=now, **known).new_hooks == (END,)
    assert real(
        categorized(
            "project_hooks",
            before=now,
            now=before,
            **(
                known
                | {
                    "items_before": {"project_hooks": items},
                    "items": {"project_hooks": items_before},
                }
            ),
        )
    ) == ["project_hooks"]


@pytest.mark.parametrize("part", ["references", "engine"])
def test_a_relation_or_a_macro_of_dbt_may_show_in_a_hook_only(part: str) -> None:
    assert real(categorized(part, before=hooked("insert into x"), now=hooked("insert into x"))) == []
    assert real(categorized(part, before=hooked("insert into x"), now=hooked("insert into y"))) == [part]
    assert real(categorized(part, before=sql(), now=replace(sql(), hooks=None))) == [part]


MACRO = "1" * 64 + ":" + "2" * 64
LAID_OUT_MACRO = "3" * 64 + ":" + "2" * 64
OTHER_MACRO = "3" * 64 + ":" + "4" * 64


@pytest.mark.parametrize("part", ["macros", "materialization", "hooks", "project_hooks"])
def test_comments_and_layout_of_a_macro_are_cosmetic_without_any_sql(part: str) -> None:
    found = categorized(
        part, items_before={part: {"macro.shop.a": MACRO}}, items={part: {"macro.shop.a": LAID_OUT_MACRO}}
    )

    assert (real(found), cosmetic(found)) == ([], [part])
    assert detail(found.cosmetic[0]) == "macro a (macros/a.sql) changed, but only comments or layout differ"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"macro.shop.a": MACRO}, {"macro.shop.a": OTHER_MACRO}),
        ({"macro.shop.a": MACRO}, {}),
        ({}, {"macro.shop.a": MACRO}),
        ({"macro.shop.a": MACRO}, {"macro.shop.a": LAID_OUT_MACRO, "macro.shop.b": MACRO}),
        ({"macro.shop.a": MACRO, "dispatch": "#1"}, {"macro.shop.a": LAID_OUT_MACRO, "dispatch": "#2"}),
        ({"macro.shop.a": MACRO}, {"macro.shop.a": MACRO}),
        ({"macro.shop.a": "by hand"}, {"macro.shop.a": "by another hand"}),
        ({"macro.shop.a": "1:"}, {"macro.shop.a": "2:"}),
        ({}, {}),
    ],
)
def test_more_than_layout_of_macros_is_real(before: dict[str, str], after: dict[str, str]) -> None:
    assert real(categorized("macros", items_before={"macros": before}, items={"macros": after})) == ["macros"]


@pytest.mark.parametrize(
    ("before", "after"),
    [('["a:x"]', '["b:x"]'), ('{"a": 1}', '{"b": 1}'), ('"a:x"', '"b:x"'), ("#1:x", "#2:x")],
)
@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("config", "partition_by"),
        ("config", "macro.shop.a"),
        ("references", "macro.shop.a"),
        ("variables", "var x"),
        ("hooks", "pre-hook 1"),
    ],
)
def test_a_colon_in_a_value_does_not_make_it_a_macro(part: str, name: str, before: str, after: str) -> None:
    found = categorized(part, items_before={part: {name: before}}, items={part: {name: after}})

    assert real(found) == [part]


def test_what_is_settled_by_layout_is_told_beside_what_is_real() -> None:
    found = categorized(
        "macros",
        "relation",
        items_before={"macros": {"macro.shop.a": MACRO}, "relation": {"relation": "#1"}},
        items={"macros": {"macro.shop.a": LAID_OUT_MACRO}, "relation": {"relation": "#2"}},
    )

    assert (real(found), cosmetic(found)) == (["relation"], ["macros"])


def test_another_way_of_hashing_is_said_in_one_reason_and_decides_alone() -> None:
    found = categorized("scheme", "body", "config", before=sql(), now=sql())

    assert real(found) == ["engine"]
    assert detail(found.reasons[0]) == "its last build was recorded by another version of dbt-state-plugin"
    assert (found.cosmetic, found.is_physical, found.inlined_is_same) == ((), False, False)


@pytest.mark.parametrize("is_hashed", [False, True], ids=["text", "hash"])
def test_an_ephemeral_model_inside_is_the_same_where_the_sql_is(is_hashed: bool) -> None:
    inlined = ("model.shop.e1", "model.shop.e2")

    same = categorized(inlined=inlined, before=sql(), now=sql(LAID_OUT), is_hashed=is_hashed)
    other = categorized(inlined=inlined, before=sql(), now=sql(OTHER), is_hashed=is_hashed)

    assert (same.reasons, same.inlined_is_same, cosmetic(same)) == ((), True, ["upstream"])
    assert detail(same.cosmetic[0]) == (
        "model.shop.e1, model.shop.e2 changed, but only comments, white space or letter case differ in the SQL"
    )
    assert (other.reasons, other.inlined_is_same, other.cosmetic) == ((), False, ())


def test_nothing_inside_differs_where_nothing_is_said_to() -> None:
    assert not categorized("body", before=sql(), now=sql()).inlined_is_same


SEED = node("seed.shop.countries")


def seed(rows_before: str, rows: str) -> dict[str, Any]:
    return {
        "node": SEED,
        "items_before": {"body": {"content": "#1", "rows": rows_before}},
        "items": {"body": {"content": "#2", "rows": rows}},
    }


def test_a_seed_with_the_same_rows_is_the_same() -> None:
    found = categorized("body", **seed("#r", "#r"))

    assert (real(found), cosmetic(found)) == ([], ["body"])
    assert detail(found.cosmetic[0]) == "its file changed, but it holds the same rows"


@pytest.mark.parametrize(("before", "now"), [("#r", "#s"), ("", ""), ("#r", ""), ("", "#r")])
def test_a_seed_whose_rows_differ_or_are_not_known_is_real(before: str, now: str) -> None:
    found = categorized("body", **seed(before, now))

    assert (real(found), [detail(reason) for reason in found.reasons]) == (["body"], ["its rows changed"])


def test_a_seed_without_recorded_items_is_real() -> None:
    assert real(categorized("body", **(seed("#r", "#r") | {"items_before": {}}))) == ["body"]


def test_rows_say_nothing_of_a_model() -> None:
    assert real(categorized("body", **(seed("#r", "#r") | {"node": A}))) == ["body"]


def test_the_config_of_a_seed_with_the_same_rows_still_counts() -> None:
    assert real(categorized("body", "relation", **seed("#r", "#r"))) == ["relation"]


def config(*names: str, **fields: Any) -> dict[str, Any]:
    """Return the items of a node where some keys of the config differ; the recorded SQL is repeatable."""
    values: dict[str, Any] = {
        "items_before": {"config": dict.fromkeys(names, "1")},
        "items": {"config": dict.fromkeys(names, "2")},
        "before": sql(),
    }
    return values | fields


@pytest.mark.parametrize("names", [["grants"], ["indexes"], ["persist_docs"], ["unlogged"], ["grants", "indexes"]])
def test_how_a_relation_is_kept_is_a_physical_difference(names: list[str]) -> None:
    found = categorized("config", **config(*names))

    assert (real(found), found.is_physical) == (["config"], True)


@pytest.mark.parametrize("names", [["unique_key"], ["grants", "unique_key"], ["grant"], []])
def test_every_other_key_of_the_config_may_change_rows(names: list[str]) -> None:
    assert not categorized("config", **config(*names)).is_physical


def test_a_key_that_only_one_side_has_is_a_difference_of_that_key() -> None:
    fields = config(items_before={"config": {"materialized": '"table"'}})

    assert categorized(
        "config", **(fields | {"items": {"config": {"materialized": '"table"', "grants": "1"}}})
    ).is_physical
    assert not categorized("config", **(fields | {"items": {"config": {"grants": "1"}}})).is_physical


def test_without_recorded_items_no_difference_is_physical() -> None:
    items = {"config": {"materialized": '"table"', "grants": "1"}}

    assert not categorized("config", items_before={}, items=items, before=sql()).is_physical


def test_docs_are_a_physical_difference() -> None:
    assert categorized("docs", before=sql()).is_physical
    assert categorized("docs", "config", **config("persist_docs")).is_physical


@pytest.mark.parametrize("part", [part for part in PARTS if part not in ("config", "docs")])
def test_a_physical_difference_beside_any_other_is_not_physical(part: str) -> None:
    found = categorized("config", part, **config("grants"))

    assert (real(found), found.is_physical) == (["config", part], False)


def test_a_physical_difference_beside_a_cosmetic_one_is_physical() -> None:
    found = categorized("body", "config", **config("grants", now=sql(LAID_OUT)))

    assert (real(found), cosmetic(found), found.is_physical) == (["config"], ["body"], True)


@pytest.mark.parametrize(("text", "is_physical"), [(LAID_OUT, True), (OTHER, False)])
def test_a_physical_difference_with_another_ephemeral_model_inside_is_physical_if_the_sql_is_the_same(
    text: str, is_physical: bool
) -> None:
    found = categorized("config", **config("grants", inlined=("model.shop.e",), now=sql(text)))

    assert found.is_physical is is_physical


def test_what_is_only_cosmetic_is_not_physical() -> None:
    assert not categorized("body", before=sql(), now=sql()).is_physical


@pytest.mark.parametrize(
    ("materialized", "is_physical"),
    [
        ("table", True),
        ("view", True),
        ("materialized_view", True),
        ("seed", True),
        ("incremental", False),
        ("snapshot", False),
        ("my_table", False),
        ("", False),
    ],
)
def test_only_what_is_built_from_nothing_gives_the_same_rows_again(materialized: str, is_physical: bool) -> None:
    kept = replace(A, materialized=materialized)

    assert categorized("config", **config("grants", node=kept)).is_physical is is_physical


@pytest.mark.parametrize("materialized", ["table", "view", "seed"])
def test_what_is_volatile_may_give_other_rows(materialized: str) -> None:
    kept = replace(A, materialized=materialized)

    assert not categorized("config", **config("grants", node=kept), volatile=("run_started_at",)).is_physical


@pytest.mark.parametrize(
    "before",
    [
        sql("select now()"),
        sql("select random /* () */ ()"),
        sql("select my_function -- (\n(a) from t"),
        sql("select a from t limit 1"),
        sql("select 'a"),
        CompiledNode(),
        {"forms": {"sql": None}},
        {"forms": None},
        None,
    ],
)
def test_a_table_whose_sql_may_give_other_rows_or_is_not_known_is_not_physical(before: Any) -> None:
    assert not categorized("config", **config("grants", before=before)).is_physical
    assert categorized("config", **config("grants", before=before, node=replace(A, materialized="view"))).is_physical
    assert categorized("config", **config("grants", before=before, node=SEED)).is_physical


def test_where_no_sql_is_kept_no_table_is_known_to_give_the_same_rows() -> None:
    for number in range(20):  # some hashes read like names
        assert not categorized("config", **config("grants", before=sql(f"select {number}"), is_hashed=True)).is_physical


def test_a_macro_that_builds_the_table_may_write_what_the_sql_does_not_show() -> None:
    fields = config("grants")
    fields["items"]["materialization"] = {"macro.shop.create_table_as": MACRO}

    assert not categorized("config", **fields).is_physical
    assert not categorized("config", **(fields | {"node": SEED})).is_physical
    assert categorized("config", **(fields | {"node": replace(A, materialized="view")})).is_physical


@pytest.mark.parametrize(
    ("before", "is_physical"),
    [
        (hooked("analyze"), True),
        (hooked("analyze", "update t set a = 1"), True),
        (hooked("analyze", "update t set a = now()"), False),
        (hooked("select my_function()"), False),
        (sql(), False),
        (replace(sql(), hooks=None), False),
    ],
)
@pytest.mark.parametrize("kept", [A, SEED])
def test_a_hook_may_write_other_rows(before: CompiledNode, is_physical: bool, kept: Any) -> None:
    fields = config("grants", before=before, node=kept)
    fields["items"]["hooks"] = {"post-hook 1": "#1"}

    assert categorized("config", **fields).is_physical is is_physical


def test_keys_of_the_config_that_a_new_version_of_dbt_brings_say_nothing() -> None:
    fields = {
        "items_before": {"config": {"materialized": '"table"'}, "engine": {"dbt": "#1"}},
        "items": {"config": {"materialized": '"table"', "new_key": "false"}, "engine": {"dbt": "#2"}},
        "before": sql(),
        "now": sql(),
    }

    assert real(categorized("config", "engine", **fields)) == []
    assert real(categorized("config", "engine", **fields, configured=frozenset({"new_key"}))) == ["config"]
    assert real(categorized("config", **fields)) == ["config"]
    assert real(categorized("config", "engine", **(fields | {"items_before": {"engine": {"dbt": "#1"}}}))) == ["config"]
    assert real(categorized("config", "engine", **(fields | {"items": {"config": {"materialized": "2"}}}))) == [
        "config"
    ]


@pytest.mark.parametrize(
    ("parts", "fields", "wanted"),
    [
        *((["body"], {"node": node(f"{kind}.shop.x")}, True) for kind in ("model", "snapshot", "test")),
        *((["body"], {"node": node(f"{kind}.shop.x")}, False) for kind in ("seed", "unit_test", "function")),
        *(([part], {}, True) for part in [*THROUGH_SQL, "hooks", "project_hooks"]),
        *(([part], {}, False) for part in [*OUTSIDE_OF_SQL, "scheme", "docs", "clustering"]),
        *((["body", part], {}, False) for part in [*OUTSIDE_OF_SQL, "scheme", "clustering"]),
        (["body", "docs"], {}, True),
        (["body", "config"], config("grants"), True),
        (["body", "config"], config("unique_key"), False),
        (["config"], config("grants"), False),
        ([], {"inlined": ("model.shop.e",)}, True),
        (["docs"], {"inlined": ("model.shop.e",)}, True),
        (["relation"], {"inlined": ("model.shop.e",)}, False),
        ([], {}, False),
        (
            ["macros"],
            {
                "items_before": {"macros": {"macro.shop.a": MACRO}},
                "items": {"macros": {"macro.shop.a": LAID_OUT_MACRO}},
            },
            False,
        ),
    ],
)
def test_a_node_is_compiled_only_where_the_sql_can_decide(
    parts: list[str], fields: dict[str, Any], wanted: bool
) -> None:
    assert wants_compiled(inputs(*parts, **fields)) is wanted


@given(st.lists(st.sampled_from([*PARTS, "clustering"]), unique=True), st.sampled_from([SQL, LAID_OUT, OTHER]))
def test_every_part_that_differs_is_either_real_or_cosmetic(parts: list[str], text: str) -> None:
    found = categorized(*parts, before=sql(), now=sql(text))

    told = [part if part in PARTS else "config" for part in parts]
    assert sorted(real(found) + cosmetic(found)) == sorted(told)


def test_what_is_recorded_of_the_sql_can_be_read_by_people() -> None:
    compiled = hooked("grant a", project_hooks=("analyze",))

    assert compiled_document(compiled, POSTGRES) == {
        "language": "sql",
        "of_command": True,
        "forms": {"sql": SQL},
        "hooks": ["post-hook inside the transaction\ngrant a"],
        "project_hooks": ["analyze"],
    }
    assert compiled_document(CompiledNode(hooks=None, project_hooks=None, problem=PROBLEM), POSTGRES) == {
        "language": "sql",
        "of_command": True,
    }


def test_no_sql_is_in_the_hashes_of_it() -> None:
    document = compiled_document(hooked("grant a", project_hooks=("analyze",)), POSTGRES, DIGEST)

    assert document["hashed"] is True
    assert not [word for word in ("select", "grant", "analyze") if word in str(document)]
    assert document["forms"]["sql"] == hashed_statement(SQL, DIGEST, POSTGRES)


VIEW = node("model.shop.v", materialized="view")
DDL = "create view v as (select a from t)"


def ddl(before: str, now: str, *, is_hashed: bool = False, **fields: Any) -> ChangeInputs:
    """Return what is known where macros of the project that create a view differ."""
    values: dict[str, Any] = {"node": VIEW, "in_view_ddl": True} | fields
    return inputs("materialization", before=sql(ddl=before), now=sql(ddl=now), is_hashed=is_hashed, **values)


@pytest.mark.parametrize("is_hashed", [False, True], ids=["text", "hash"])
def test_what_shows_only_in_the_ddl_of_a_view_is_told_by_the_ddl(is_hashed: bool) -> None:
    same = categorize(ddl(DDL, DDL.upper(), is_hashed=is_hashed), DIGEST)
    other = categorize(ddl(DDL, DDL.replace("create", "create or replace"), is_hashed=is_hashed), DIGEST)

    assert (real(same), cosmetic(same)) == ([], ["materialization"])
    assert (real(other), cosmetic(other)) == (["materialization"], [])


@pytest.mark.parametrize(
    "found",
    [
        ddl(DDL, DDL, in_view_ddl=False),
        ddl("", DDL),
        ddl(DDL, ""),
        ddl("", ""),
        replace(ddl(DDL, DDL), compiled=None),
        replace(ddl(DDL, DDL), recorded=RecordedDefinition(items=items_for(["materialization"], "#1"))),
    ],
)
def test_without_the_ddl_of_both_sides_the_macros_that_create_a_view_count(found: ChangeInputs) -> None:
    assert real(categorize(found, DIGEST)) == ["materialization"]


def test_the_ddl_of_a_view_says_nothing_of_other_parts() -> None:
    found = replace(ddl(DDL, DDL), difference=Difference(parts=("materialization", "config", "body")))

    assert real(categorize(replace(found, compiled=sql(OTHER, ddl=DDL)), DIGEST)) == ["config", "body"]


def test_the_ddl_of_a_view_is_wanted_where_it_decides() -> None:
    assert wants_compiled(ddl(DDL, DDL))
    assert not wants_compiled(ddl(DDL, DDL, in_view_ddl=False))
    assert not wants_compiled(ddl("", DDL))
    assert wants_ddl(ddl(DDL, DDL))
    assert wants_ddl(ddl(DDL, DDL, items={}))
    assert wants_ddl(inputs("body", node=VIEW, items={"materialization": {"macro.shop.a": "1"}}))
    assert not wants_ddl(inputs("body", node=VIEW))
    assert not wants_ddl(inputs("body", items={"materialization": {"macro.shop.a": "1"}}))


PROBLEM = NotComparable(SqlProblem.ASKS_DATABASE, "run_query")
WORDS = "it asks the database while it compiles (run_query)"


@pytest.mark.parametrize(
    ("part", "problem", "words"),
    [
        ("body", PROBLEM, f"its code changed; {WORDS}, so its SQL cannot be compared"),
        ("macros", PROBLEM, f"x of macros changed; {WORDS}, so its SQL cannot be compared"),
        ("references", PROBLEM, f"x of references changed; {WORDS}, so its SQL cannot be compared"),
        ("config", PROBLEM, "x of config changed"),
        ("body", NotComparable(SqlProblem.NOTHING_TO_COMPILE), "its code changed"),
        ("body", None, "its code changed"),
    ],
)
def test_why_the_sql_could_not_decide_stands_beside_what_differs(
    part: str, problem: NotComparable | None, words: str
) -> None:
    found = categorized(part, before=sql(), now=CompiledNode(problem=problem))

    assert [detail(reason) for reason in found.reasons] == [words]


def test_why_the_sql_could_not_decide_is_said_once() -> None:
    found = categorized("config", "body", "references", before=sql(), now=CompiledNode(problem=PROBLEM))

    assert [WORDS in detail(reason) for reason in found.reasons] == [False, True, False]


@pytest.mark.parametrize(
    ("part", "is_logic"),
    [(part, True) for part in [*THROUGH_SQL, "contract", "materialization"]]
    + [(part, False) for part in ["hooks", "project_hooks", "docs", "relation", "flags"]],
)
def test_what_may_make_rows_differ_is_logic(part: str, is_logic: bool) -> None:
    assert categorized(part, before=sql(), now=sql(OTHER)).is_logic is is_logic


@pytest.mark.parametrize(
    ("part", "name", "is_logic"),
    [
        *(("config", name, True) for name in ("unique_key", "incremental_strategy", "on_schema_change", "strategy")),
        *(("config", name, False) for name in ("indexes", "grants", "full_refresh", "lookback")),
        ("session", "search_path", True),
        ("session", "role", False),
    ],
)
def test_a_key_of_the_config_is_logic_unless_it_is_known_to_be_none(part: str, name: str, is_logic: bool) -> None:
    found = categorized(part, items_before={part: {name: "#1"}}, items={part: {name: "#2"}})

    assert found.is_logic is is_logic


def test_where_no_items_were_recorded_a_change_of_the_config_is_logic() -> None:
    assert categorized("config", items_before={}, items={}).is_logic


def test_what_is_only_layout_is_no_logic() -> None:
    assert not categorized("body", before=sql(), now=sql(LAID_OUT)).is_logic


def test_another_version_of_this_tool_is_no_logic() -> None:
    assert not categorized("scheme", "body").is_logic


PERSISTED = {"config": {"persist_docs": '{"relation": true}'}, "docs": {"description": "#1"}}


@pytest.mark.parametrize(
    ("is_described", "before", "now", "expected"),
    [
        (False, {"body": {}}, PERSISTED, []),
        (True, {"body": {}}, PERSISTED, ["config", "docs"]),
        (False, {"docs": {"description": "#2"}}, PERSISTED, ["config", "docs"]),
        (False, {}, PERSISTED, ["config", "docs"]),
        (False, {"body": {}}, PERSISTED | {"config": {"persist_docs": "{}", "unlogged": "true"}}, ["config"]),
    ],
    ids=["nothing to write", "a description", "one that is gone", "no items were recorded", "more than that"],
)
def test_persisted_descriptions_count_where_there_is_one(
    is_described: bool, before: Items, now: Items, expected: list[str]
) -> None:
    found = categorized("config", "docs", items_before=before, items=now, is_described=is_described)

    assert real(found) == expected
    if not expected:
        assert detail(found.cosmetic[0]).endswith("but it has no description")


@pytest.mark.parametrize(
    ("document", "statement"),
    [
        ({"language": "sql", "forms": {"sql": "select 1"}}, "select 1"),
        ({"language": "sql", "forms": {"sql": "select 1", "incremental": "select 2"}}, ""),
        ({"language": "sql", "forms": {"sql": "#1"}, "hashed": True}, ""),
        ({"language": "python", "forms": {"sql": "def model"}}, ""),
        ({"language": "sql"}, ""),
        ({}, ""),
    ],
)
def test_the_statement_that_was_recorded(document: dict[str, Any], statement: str) -> None:
    assert recorded_statement(document) == statement
