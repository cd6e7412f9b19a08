"""Words of reasons, one for every code."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import dbt_state_plugin
from dbt_state_plugin.core.values.project import SqlProblem
from dbt_state_plugin.core.values.reasons import Category, Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.core.values.things import Thing
from dbt_state_plugin.report import reason_words
from dbt_state_plugin.report.reason_words import detail, extra_words, reason_document

VALUES = {
    "part": "config",
    "items": [{"name": "unlogged", "change": "new", "part": "config"}],
    "nodes": ["model.shop.eph"],
    "where": "shop/prod",
    "is_same_code": True,
    "why": "foreign",
    "hours": 26.04,
    "max_age": 24.0,
    "relation": '"db"."main"."a"',
    "environment": "shop/prod",
    "before": "table",
    "now": "view",
    "added": ["a"],
    "dropped": [],
    "retyped": [],
    "execution": "6a1b2c3d-0000-0000-0000-000000000000",
    "status": "abandoned",
    "name": "run_started_at",
    "calls": ["now()"],
    "query": "select 1",
    "writer": "model.shop.a",
    "at": "2026-11-29T10:00:00+00:00",
    "thing": "index",
    "change": "gone",
}


@pytest.mark.parametrize("code", ReasonCode)
def test_every_code_has_words(code: ReasonCode) -> None:
    words = detail(Reason(kind=ReasonKind.CONFIG, code=code, values=VALUES))

    assert words
    assert words == words.strip()


@pytest.mark.parametrize(("database", "shown"), [("shop", '"shop"."main"."orders"'), ("", '"main"."orders"')])
def test_a_relation_is_shown_without_a_database_where_the_warehouse_has_none(database: str, shown: str) -> None:
    relation = RelationName(database=database, schema="main", identifier="orders")
    gone = Reason(kind=ReasonKind.MISSING, code=ReasonCode.RELATION_MISSING, values={"relation": str(relation)})

    assert detail(gone) == f"{shown} does not exist"
    assert reason_document(gone)["values"] == {"relation": str(relation)}  # a key of the state


def test_all_words_have_a_code_that_the_product_uses() -> None:
    package = Path(inspect.getfile(dbt_state_plugin)).parent
    used = set()
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name not in ("reasons.py", "reason_words.py") and "ReasonCode" in text:
            used |= {
                node.attr
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "ReasonCode"
            }

    assert set(reason_words._WORDS) == set(ReasonCode)
    assert used == {code.name for code in ReasonCode}


def test_a_document_gives_the_sentence_and_what_it_was_made_of() -> None:
    reason = Reason(kind=ReasonKind.AGE, code=ReasonCode.TOO_OLD, values={"hours": 26.04, "max_age": 24.0})

    assert reason_document(reason) == {
        "kind": "age",
        "detail": "its last build is 26 h old, max_age is 24",
        "code": "too-old",
        "values": {"hours": 26.04, "max_age": 24.0},
    }
    assert reason_document(Reason(kind=ReasonKind.UPSTREAM, code=ReasonCode.IS_BUILT, node="model.shop.a")) == {
        "kind": "upstream",
        "detail": "is built",
        "node": "model.shop.a",
        "code": "is-built",
        "values": {},
    }


def test_what_a_kind_means_stands_in_one_table() -> None:
    def kinds(name: str, value: object) -> set[str]:
        return {kind.value for kind in ReasonKind if getattr(kind, name) is value}

    assert kinds("is_code", False) == {"data", "volatile", "age"}
    assert kinds("comes_from_above", True) == {"upstream", "data"}
    assert kinds("redefines", False) == {"upstream", "data", "age", "volatile"}
    assert kinds("shows_in_sql", True) == {"macros", "variables", "references", "engine", "upstream"}
    assert kinds("has_rows", False) == {"new", "missing"}
    assert kinds("category", Category.DOWNSTREAM) == {"upstream"}
    assert kinds("category", Category.DATA) == {"data"}
    assert kinds("category", Category.VOLATILE) == {"volatile", "age"}
    assert kinds("category", Category.REPAIRED) == {"missing", "drifted", "interrupted", "failed"}


def test_values_of_today_that_differ_from_those_of_a_manifest_are_named_by_what_they_may_be() -> None:
    said = detail(Reason(kind=ReasonKind.BODY, code=ReasonCode.OTHER_VALUES))

    assert said == "the SQL that the manifest holds differs from today's: a var, env var or target value changed"


def test_a_changed_ephemeral_model_is_said_with_what_changed_in_it() -> None:
    items = [
        {"name": "var min_amount", "change": "changed", "part": "variables"},
        {"name": "macro.lib.net", "package": "lib", "path": "macros/net.sql", "change": "changed", "part": "macros"},
    ]
    values = {"ephemeral": True, "items": items}
    reason = Reason(kind=ReasonKind.UPSTREAM, code=ReasonCode.PARENT_CHANGED, node="model.shop.eph", values=values)

    assert reason_words.reason_words(reason) == (
        "upstream: eph changed (variables: var min_amount; macros: macro lib.net (macros/net.sql))"
    )


def node_of_graph(node: str, change: str, *properties: str) -> dict[str, object]:
    return {"node": node, "change": change, "properties": list(properties)}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "dbt's graph, with the properties of all nodes, changed"),
        (
            {
                "nodes": [
                    node_of_graph("model.shop.b", "new"),
                    node_of_graph("exposure.shop.e", "gone"),
                    node_of_graph("seed.shop.a", "changed", "config.meta", "description"),
                ]
            },
            "dbt's graph (b is new, exposure e is gone, a (config.meta, description)) changed",
        ),
        (
            {"nodes": [node_of_graph("model.shop.b", "new")], "node_count": 3},
            "dbt's graph (b is new and 2 more) changed",
        ),
        ({"nodes": "a (tags) and 2 more"}, "dbt's graph (a (tags) and 2 more) changed"),
    ],
)
def test_what_differs_in_the_graph_is_named(told: dict[str, object], words: str) -> None:
    values = {"part": "variables", "items": [{"name": "graph", "change": "changed", **told}]}

    assert detail(Reason(kind=ReasonKind.VARIABLES, code=ReasonCode.ITEMS_CHANGED, values=values)) == words


@pytest.mark.parametrize(("why", "said"), [("large", "compiled on every run"), ("writes", "built on every run")])
def test_what_cannot_be_asked_again_is_said_with_what_happens_then(why: str, said: str) -> None:
    values = {"why": why, "query": "select 1"}

    assert detail(Reason(kind=ReasonKind.DATA, code=ReasonCode.QUESTION_NOT_REPEATED, values=values)).endswith(
        f"(select 1): {said}"
    )


@pytest.mark.parametrize(
    ("thing", "name", "change", "words"),
    [
        ("index", "i", "gone", "its index i was dropped since we built it; dbt restores it only with --full-refresh"),
        (
            "index",
            "i",
            "added",
            "its index i was added by hand since we built it; dbt restores it only with --full-refresh",
        ),
        ("privilege", "SELECT to x", "gone", "its privilege SELECT to x was revoked since we built it"),
        ("privilege", "SELECT to x", "changed", "its privilege SELECT to x was changed since we built it"),
        ("comment", "", "gone", "its comment was removed since we built it"),
        ("comment", "id", "changed", "its comment of column id was changed since we built it"),
        ("privileges of the owner", "", "changed", "its privileges of the owner were changed since we built it"),
    ],
)
def test_what_became_of_a_thing_is_said(thing: str, name: str, change: str, words: str) -> None:
    values = {"thing": thing, "name": name, "change": change, "in_place": True}

    assert detail(Reason(kind=ReasonKind.DRIFTED, code=ReasonCode.SHAPE_CHANGED, values=values)) == words


@pytest.mark.parametrize(
    ("kind", "name", "in_place", "words"),
    [
        ("index", "i", False, "extra: index i was added by hand; a rebuild would drop it"),
        (
            "option",
            "fillfactor",
            True,
            "extra: storage option fillfactor was set by hand; --full-refresh would drop it",
        ),
        (
            "privilege",
            "SELECT to x\n",
            False,
            "extra: privilege SELECT to x\\n was granted by hand; a rebuild would drop it",
        ),
    ],
)
def test_what_was_added_by_hand_is_said(kind: str, name: str, in_place: bool, words: str) -> None:
    assert extra_words(Thing(kind=kind, name=name), in_place=in_place) == words


@pytest.mark.parametrize("problem", SqlProblem)
def test_why_sql_cannot_be_compared_is_said_and_stands_in_the_document(problem: SqlProblem) -> None:
    uncompared = {"problem": problem.value, "name": "run_query"}
    reason = Reason(
        kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values={"part": "body", "uncompared": uncompared}
    )

    words = reason_document(reason)["values"]["problem"]

    assert words
    assert detail(reason) == f"its code changed; {words}, so its SQL cannot be compared"


def test_a_recorded_reason_may_say_in_words_why_sql_cannot_be_compared() -> None:
    values = {"part": "body", "problem": "dbt cannot compile it"}
    reason = Reason(kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values=values)

    assert detail(reason) == "its code changed; dbt cannot compile it, so its SQL cannot be compared"
    assert reason_document(reason)["values"] == values
