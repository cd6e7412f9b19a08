"""Traced reads: what is recorded, and what they settle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.values import KEY, node, project

from dbt_state_plugin.core.changes.categorize import (
    ChangeInputs,
    categorize,
    compiled_document,
    wants_compiled,
    with_sql_of_the_command,
)
from dbt_state_plugin.core.changes.differences import Difference
from dbt_state_plugin.core.changes.traced import NOT_KEPT, READS, merged, names_read, traced_reads, untouched_parts
from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.core.values.project import CompiledNode, Project
from dbt_state_plugin.core.values.reads import Question, RenderedReads, answer_text, joined, relations_text
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import RecordedDefinition, TracedReads
from dbt_state_plugin.report.reason_words import detail
from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES

DIGEST = keyed_digest(KEY)
ASKED = Question(sql="select 1", answer="(['a'], [(1,)])")
SQL = "select 1 as id"
LOOKED_UP = Question(relation=("db", "main", "a"), answer="[]")
A = node("model.shop.a")


def shop(**fields: Any) -> Project:
    return project(replace(A, **fields), node("source.shop.raw.orders"), node("source.other.raw.payments"))


def recorded(reads: RenderedReads | None, *, stores_sql: bool = True, **fields: Any) -> TracedReads | None:
    found = shop(**fields)
    return traced_reads(reads, found.nodes["model.shop.a"], found, DIGEST, stores_sql=stores_sql)


def test_answers_are_recorded_as_hashes_and_sql_only_where_it_may_be() -> None:
    reads = RenderedReads(questions=(ASKED, LOOKED_UP), volatile=("invocation_id",), flags={"WHICH": "run"})

    kept = recorded(reads)
    hashed = recorded(reads, stores_sql=False)

    assert kept == TracedReads(
        volatile=("invocation_id",),
        flags={"WHICH": "run"},
        questions=(
            replace(ASKED, answer=DIGEST(ASKED.answer)),
            replace(LOOKED_UP, answer=DIGEST("[]")),
        ),
    )
    assert hashed is not None
    assert hashed.questions[0] == Question(sql=DIGEST("select 1"), answer=DIGEST(ASKED.answer), problem=NOT_KEPT)
    assert hashed.questions[1] == replace(LOOKED_UP, answer=DIGEST("[]"))


def test_a_question_without_an_answer_is_recorded_with_its_problem() -> None:
    large = Question(sql="select 1", problem="large")

    assert recorded(RenderedReads(questions=(large,))) == TracedReads(questions=(large,))


@pytest.mark.parametrize("reads", [None, RenderedReads(is_opaque=True)], ids=["untraced", "opaque"])
def test_what_cannot_be_followed_is_not_recorded(reads: RenderedReads | None) -> None:
    assert recorded(reads) is None


def test_only_sources_that_the_node_does_not_declare_are_recorded() -> None:
    reads = RenderedReads(sources={"raw.orders": '"db"."main"."orders"', "raw.payments": "x", "raw.gone": "y"})
    found = recorded(reads, parents=("source.shop.raw.orders",))

    assert found is not None
    assert list(found.sources) == ["source.other.raw.payments"]


def test_several_texts_read_together_what_each_of_them_reads() -> None:
    one = RenderedReads(names=frozenset({"var a"}), volatile=("thread_id",), questions=(ASKED,))
    other = RenderedReads(
        names=frozenset({"var b"}), flags={"WHICH": "run"}, sources={"raw.a": "x"}, questions=(ASKED,), is_opaque=True
    )

    assert joined((one, other)) == RenderedReads(
        names=frozenset({"var a", "var b"}),
        volatile=("thread_id",),
        flags={"WHICH": "run"},
        sources={"raw.a": "x"},
        questions=(ASKED,),
        is_opaque=True,
    )


def test_what_was_only_compiled_keeps_what_its_execution_read() -> None:
    built = TracedReads(volatile=("invocation_id",), flags={"WHICH": "run"}, questions=(ASKED,))
    compiled = TracedReads(flags={"WHICH": "build"}, questions=(LOOKED_UP,))

    assert merged(built, compiled) == TracedReads(
        volatile=("invocation_id",), flags={"WHICH": "build"}, questions=(LOOKED_UP,)
    )
    assert merged(None, compiled) is None
    assert merged(built, None) is None


def test_answers_tell_names_values_types_and_order_apart() -> None:
    answers = [
        answer_text(["a"], [(1,), (2,)]),
        answer_text(["a"], [(2,), (1,)]),
        answer_text(["b"], [(1,), (2,)]),
        answer_text(["a"], [("1",), (2,)]),
        answer_text(["a"], []),
        answer_text(["a"], [(memoryview(b"1"),)]),
        answer_text(["a"], [(memoryview(b"2"),)]),
    ]

    assert len(set(answers)) == len(answers)
    assert answer_text(["a"], [(memoryview(b"1"),)]) == answers[5]
    assert relations_text([("b", "view"), ("a", "table")]) == relations_text([("a", "table"), ("b", "view")])


READ = {"var a": "1", "macro.pkg.used": "2"}


@pytest.mark.parametrize(
    ("part", "name", "before", "now", "is_settled"),
    [
        ("macros", "macro.pkg.unused", "#1", "#2", True),
        ("materialization", "macro.pkg.unused", "#1", "#2", True),
        ("variables", "var b", "#1", "#2", True),
        ("variables", "var b", None, "#2", True),
        ("variables", "env_var B", "#1", None, True),
        ("variables", "target.threads", "#1", "#2", True),
        ("variables", "the node's own properties", "#1", "#2", True),
        ("variables", "graph", "#1", "#2", True),
        ("hooks", "macro.pkg.unused", "#1", "#2", True),
        ("materialization", "macro.pkg.bigquery__create_table_as", None, "#2", True),
        ("macros", "macro.pkg.snowflake__star", "#1", None, True),
        ("materialization", "macro.pkg.postgres__create_table_as", None, "#2", False),
        ("materialization", "macro.pkg.default__create_table_as", "#1", None, False),
        ("macros", "macro.pkg.new", None, "#2", False),
        ("macros", "macro.pkg.gone", "#1", None, False),
        ("macros", "dispatch", "#1", "#2", False),
        ("hooks", "pre-hook 1", "#1", "#2", False),
        ("body", "code", "#1", "#2", False),
        ("references", "model.shop.b", "a", "b", False),
    ],
)
def test_a_difference_in_what_was_not_read_is_settled(
    part: str, name: str, before: str | None, now: str | None, is_settled: bool
) -> None:
    items_before = {part: {name: before} if before else {}, READS: READ}
    items_now = {part: {name: now} if now else {}}

    settled = untouched_parts([part], items_before, items_now, READ, adapters=["postgres"])  # type: ignore[arg-type]

    assert settled == ((part,) if is_settled else ())


def test_nothing_is_settled_where_something_that_was_read_differs() -> None:
    before = {"macros": {"macro.pkg.unused": "#1"}, READS: READ}
    now = {"macros": {"macro.pkg.unused": "#2"}}

    assert untouched_parts(["macros"], before, now, {**READ, "var a": "other"}, adapters=["postgres"]) == ()
    assert untouched_parts(["macros", "config"], before, now, READ, adapters=["postgres"]) == ()
    # Edited by hand: no item says what differs.
    assert untouched_parts(["macros"], {READS: READ}, {}, READ, adapters=["postgres"]) == ()


@pytest.mark.parametrize(
    ("adapters", "is_settled"),
    [
        (["postgres"], True),
        (["duckdb"], False),
        (["redshift", "postgres"], True),
        (["x", "duckdb"], False),
        ([], False),
    ],
)
def test_a_new_macro_for_the_adapter_in_use_may_be_found(adapters: list[str], is_settled: bool) -> None:
    now = {"macros": {"macro.pkg.duckdb__star": "#2"}}

    settled = untouched_parts(["macros"], {READS: READ}, now, READ, adapters=adapters)

    assert settled == (("macros",) if is_settled else ())


def inputs(*parts: str, **fields: Any) -> ChangeInputs:
    values: dict[str, Any] = {
        "node": A,
        "difference": Difference(parts=parts),
        "recorded": RecordedDefinition(items={"macros": {"macro.pkg.unused": "#1"}, READS: {}}),
        "items": {"macros": {"macro.pkg.unused": "#2"}},
        "macro_paths": {},
        "dialect": POSTGRES,
        "values_read": {},
    }
    return ChangeInputs(**(values | fields))


def test_a_macro_that_did_not_run_makes_nothing_due_and_nothing_compiled() -> None:
    found = inputs("macros")

    category = categorize(found, DIGEST)

    assert not wants_compiled(found)
    assert category.reasons == ()
    assert [detail(reason) for reason in category.cosmetic] == [
        "macro pkg.unused changed, but its build has not read it"
    ]


def test_an_untraced_build_and_one_with_another_ephemeral_model_in_it_are_compiled() -> None:
    assert wants_compiled(inputs("macros", values_read=None))
    assert wants_compiled(inputs("macros", difference=Difference(parts=("macros",), inlined=("model.shop.e",))))


def test_an_ephemeral_model_that_changed_is_named_with_what_it_reads_that_is_another() -> None:
    read = {"var min": "1", "var own": "1", "macro.pkg.m": "1", "macro.shop.n": "1", "model.name": "1"}
    changed = Difference(parts=(), inlined=("model.shop.e",))

    found = inputs(
        difference=changed,
        recorded=RecordedDefinition(items={READS: read}),
        values_read=dict.fromkeys(read, "2"),
        items={"variables": {"var own": "#2"}},
        macro_paths={"macro.pkg.m": "macros/m.sql"},
    )

    assert categorize(found, DIGEST).inlined_items == (
        {"name": "macro.pkg.m", "path": "macros/m.sql", "package": "pkg", "change": "changed", "part": "macros"},
        {"name": "macro.shop.n", "change": "changed", "part": "macros"},
        {"name": "var min", "change": "changed", "part": "variables"},
    )
    assert categorize(replace(found, values_read=None), DIGEST).inlined_items == ()
    two = Difference(parts=(), inlined=("model.shop.e", "model.shop.f"))
    assert categorize(replace(found, difference=two), DIGEST).inlined_items == ()


def test_another_answer_is_compared_by_the_sql_and_named_where_that_differs() -> None:
    reason = Reason(kind=ReasonKind.DATA, code=ReasonCode.QUESTION_ANSWER_CHANGED, values={"query": "select 1"})
    found = inputs(READS, other_reads=(reason,), recorded=RecordedDefinition(), items={})

    assert wants_compiled(found)
    assert categorize(found, DIGEST).reasons == (reason,)


def test_the_reason_names_what_was_read_and_leaves_out_what_was_not() -> None:
    items = [{"name": "var a", "change": "changed"}, {"name": "var b", "change": "changed"}]
    new = {"name": "macro.pkg.new", "change": "new"}

    assert names_read([*items, new], {READS: {"var a": "1"}}) == [items[0], new]
    assert names_read(items, {READS: {}}) == items  # better a name too many than none
    assert names_read(items, {}) == items
    name = {"name": "model.name", "change": "changed"}
    assert names_read([name, items[1]], {READS: {"model.*": "1"}}) == [name]


def test_a_reason_for_another_answer_that_leaves_the_sql_as_it_was_says_so() -> None:
    reason = Reason(kind=ReasonKind.DATA, code=ReasonCode.QUESTION_ANSWER_CHANGED, values={"query": "select 1"})
    same = CompiledNode(forms={"sql": "select a"})
    before = RecordedDefinition(compiled=compiled_document(same, POSTGRES))

    category = categorize(inputs(READS, other_reads=(reason,), recorded=before, items={}, compiled=same), DIGEST)

    assert category.reasons == ()
    assert [detail(each) for each in category.cosmetic] == [
        "what it asks while it compiles has another answer (select 1), but only comments, white space or letter case "
        "differ in the SQL"
    ]


@pytest.mark.parametrize(
    ("document", "reads", "is_kept"),
    [
        ({"forms": {"sql": SQL}, "hooks": [], "project_hooks": []}, TracedReads(flags={"WHICH": "run"}), True),
        ({"forms": {"sql": SQL, "incremental": SQL}, "hooks": [], "project_hooks": []}, TracedReads(), True),
        ({"forms": {"sql": SQL, "incremental": SQL}, "hooks": [], "project_hooks": []}, None, True),
        ({"forms": {"sql": SQL}, "hooks": ["grant"], "project_hooks": []}, TracedReads(flags={"WHICH": "run"}), False),
        ({"forms": {"sql": SQL}, "hooks": [], "project_hooks": ["grant"]}, TracedReads(flags={"WHICH": "run"}), False),
        (
            {"forms": {"sql": SQL, "incremental": SQL}, "hooks": [], "project_hooks": []},
            TracedReads(questions=(Question(sql="select 1"),)),
            False,
        ),
        ({"forms": {"sql": SQL}, "hooks": ["grant"], "of_command": True}, TracedReads(flags={"WHICH": "run"}), True),
    ],
)
def test_sql_that_an_earlier_version_compiled_without_the_flags_of_the_command_is_not_compared(
    document: dict[str, Any], reads: TracedReads | None, is_kept: bool
) -> None:
    definition = RecordedDefinition(items={"body": {"code": "#1"}}, compiled=document)
    assert with_sql_of_the_command(definition, reads).compiled == (document if is_kept else {})
