"""Observations of a build: session, hooks' writes and reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.values import node, project, record, relation, request

from dbt_state_plugin.core.decision.rule import make_plan
from dbt_state_plugin.core.lineage import build_order, lineages, trace_of
from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation, TracedReads
from dbt_state_plugin.core.values.relations import Catalog, RelationName
from dbt_state_plugin.report.reason_words import reason_words

SHOP = project(
    node("model.shop.written"),
    node("model.shop.writer", ["model.shop.written"]),
    node("model.shop.reader", ["model.shop.written"]),
)


def planned(
    of: Project = SHOP,
    *,
    session: dict[str, str] | None = None,
    built_by: dict[str, Any] | None = None,
    other_reads: dict[RelationName, tuple[Reason, ...]] | None = None,
    selected: Any = None,
    **traces: dict[str, Any],
) -> dict[str, list[str]]:
    """Return the words of the reasons where all was built, with more in the traces of some builds."""
    lineage = lineages(of, build_order(of))
    records: dict[RelationName, RecordedRelation] = {}
    for item in of.nodes.values():
        if item.relation is not None:
            records[item.relation] = record(item)
    versions = {key: str(each.data_id) for key, each in records.items()}
    for item in of.nodes.values():
        if item.relation is not None:
            trace = trace_of(of, lineage[item.unique_id], versions)
            records[item.relation] = replace(records[item.relation], trace=replace(trace, **traces.get(item.name, {})))
    for item in of.nodes.values() if built_by else ():
        if item.relation is not None:
            records[item.relation] = replace(records[item.relation], **built_by)
    identities = {key: each.identity for key, each in records.items() if each.identity is not None}
    plan: Plan = make_plan(
        of,
        Recorded(relations=records, other_reads=other_reads or {}),
        Catalog(identities=identities, session=session or {}),
        request("run", selected=selected),
    )
    return {entry.node.name: [reason_words(each) for each in entry.reasons] for entry in plan.to_build}


def test_nothing_is_due_where_nothing_differs() -> None:
    assert planned() == {}


def test_another_setting_of_the_session_is_named_with_both_values() -> None:
    built = {"TimeZone": "UTC", "role": "none"}

    assert planned(session=built, reader={"session": built}) == {}
    assert planned(session={**built, "TimeZone": "Asia/Tokyo"}, reader={"session": built}) == {
        "reader": ["session: TimeZone: UTC -> Asia/Tokyo"]
    }
    assert planned(session={"TimeZone": "UTC"}, reader={"session": built}) == {"reader": ["session: role: none ->"]}


def test_a_session_that_is_not_known_on_one_side_says_nothing() -> None:
    assert planned(session={"TimeZone": "UTC"}) == {}
    assert planned(reader={"session": {"TimeZone": "UTC"}}) == {}


ELSEWHERE = {"environment": "shop/prod (db.prod)"}
SESSION = {"TimeZone": "UTC", "user": "dbt"}
SEEN = {"session": SESSION, "reads": TracedReads(), "named": ()}
SHARED = project(node("model.shop.reader"))


def test_what_another_environment_built_stays_where_this_one_would_build_the_very_same() -> None:
    assert planned(SHARED, session=SESSION, built_by=ELSEWHERE, reader=SEEN) == {}


@pytest.mark.parametrize(
    "seen",
    [
        {"reads": None},
        {"named": None},
        {"named": (("raw", "h"),)},
        {"session": {"TimeZone": "UTC"}},
        {"session": {**SESSION, "user": "another"}},
    ],
)
def test_what_another_environment_built_is_built_again_where_anything_is_not_known_to_be_the_same(
    seen: dict[str, Any],
) -> None:
    found = planned(SHARED, session=SESSION, built_by=ELSEWHERE, reader={**SEEN, **seen})

    assert found == {"reader": ["drifted: last built by shop/prod (db.prod)"]}


@pytest.mark.parametrize(
    "record",
    [{"unique_id": "model.other.reader"}, {"fingerprint": {"body": "another"}}],
    ids=["node", "definition"],
)
def test_another_node_and_another_definition_are_never_the_same(record: dict[str, Any]) -> None:
    found = planned(SHARED, session=SESSION, built_by={**ELSEWHERE, **record}, reader=SEEN)

    assert "drifted: last built by shop/prod (db.prod)" in found["reader"]


def test_another_read_is_never_the_same_and_an_unknown_session_neither() -> None:
    relation = SHARED.nodes["model.shop.reader"].relation
    assert relation is not None
    other = Reason(kind=ReasonKind.DATA, code=ReasonCode.QUESTION_ANSWER_CHANGED, values={"query": "select 1"})

    read = planned(SHARED, session=SESSION, built_by=ELSEWHERE, other_reads={relation: (other,)}, reader=SEEN)
    unknown = planned(SHARED, session={}, built_by=ELSEWHERE, reader={**SEEN, "session": {}})

    assert "drifted: last built by shop/prod (db.prod)" in read["reader"]
    assert unknown == {"reader": ["drifted: last built by shop/prod (db.prod)"]}


def test_who_builds_is_no_setting_that_makes_anything_due() -> None:
    assert planned(session={"role": "none", "user": "b"}, reader={"session": {"role": "none"}}) == {}
    assert planned(session={"role": "none", "user": "b"}, reader={"session": {"role": "none", "user": "a"}}) == {}


def test_a_parent_that_hooks_write_into_is_built_with_the_node_whose_hooks_they_are() -> None:
    changed = {relation("writer"): (CHANGED,)}

    due = planned(other_reads=changed)
    with_hook = planned(other_reads=changed, writer={"writes": (("main", "written"),)})

    assert list(due) == ["writer"]
    assert with_hook["written"] == ["upstream: writer is built, whose hook writes into it"]
    assert sorted(with_hook) == ["reader", "writer", "written"]


def test_a_table_that_on_run_hooks_write_into_is_built_where_they_run_again() -> None:
    changed = {relation("writer"): (CHANGED,)}
    on_run = {"written_by": "on-run"}

    assert planned(written=on_run) == {}
    due = planned(other_reads=changed, written=on_run)
    assert due["written"] == ["drifted: was written since by an on-run hook"]
    assert sorted(due) == ["reader", "writer", "written"]

    log = project(node("model.shop.written", materialized="incremental"), node("model.shop.writer"))
    assert list(planned(log, other_reads=changed, written=on_run)) == ["writer"]


CHANGED = Reason(kind=ReasonKind.DATA, code=ReasonCode.QUESTION_ANSWER_CHANGED, values={"query": "select 1"})


def test_what_a_hook_wrote_is_said_to_those_who_read_it() -> None:
    written = {"written_by": "model.shop.writer"}

    assert planned(written=written) == {}
    assert planned(written=written, reader={"parents": {str(SHOP.nodes["model.shop.written"].relation): "older"}}) == {
        "reader": ["upstream: written was written since by a hook of writer"]
    }


@pytest.mark.parametrize(
    ("words", "seen", "expected"),
    [
        (("flags.WHICH",), None, ["volatile: its code reads flags.WHICH"]),
        (("flags.WHICH",), TracedReads(), None),
        ((), TracedReads(volatile=("invocation_id",)), ["volatile: its code reads invocation_id"]),
    ],
    ids=["not traced", "read nothing", "read an id"],
)
def test_what_was_seen_wins_over_what_words_say(
    words: tuple[str, ...], seen: TracedReads | None, expected: list[str] | None
) -> None:
    of = project(node("model.shop.a", volatile=words))

    assert planned(of, a={"reads": seen}).get("a") == expected
