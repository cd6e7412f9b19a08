"""Change detection against observed truth, on a few mutations.

The size comes from DBT_STATE_PLUGIN_ACCURACY: `small` (default) takes one mutation, `full` all, on DuckDB too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import pytest

from accuracy.detectors import OURS
from accuracy.duckdb_port import NOT_APPLICABLE
from accuracy.mutation import GROUPS, PROJECTS
from accuracy.mutations import MUTATIONS
from accuracy.run import chosen, run_mutations
from accuracy.score import by_rule, completed, findings, planned_recall, score, verdict
from accuracy.statements import normalised
from accuracy.truth import Build, build_of, observed_truth, other_texts
from accuracy.workspace import written_workspace
from dbt_state_plugin.testing.postgres_server import Server

SIZE = os.environ.get("DBT_STATE_PLUGIN_ACCURACY", "small")
SMALL = ("a macro passed as an argument changes",)


def test_changes_are_detected_exactly(postgres_server: Server) -> None:
    mutations = [mutation for mutation in MUTATIONS if SIZE == "full" or mutation.name in SMALL]
    jobs = min(2, os.cpu_count() or 1) if SIZE == "full" else 1

    records = list(run_mutations(postgres_server, mutations, jobs=jobs, asks_others=False))

    report = "\n".join(findings(records))
    done = completed(records)
    groups = {group: score([each for each in done if each["group"] == group], OURS) for group in GROUPS}
    planned, needed = planned_recall(done)
    assert len(done) == len(mutations), report
    assert SIZE != "full" or all(each.mutations for each in groups.values()), "a group has no mutation"
    assert {group: each.misses for group, each in groups.items()} == dict.fromkeys(GROUPS, 0), report
    assert planned == needed, report
    assert score(done, OURS).precision >= 0.97, report
    assert groups["no-op"].silent == groups["no-op"].mutations, report
    assert sum(groups[group].false_alarms for group in ("undeclared", "traced", "package")) <= 1, report
    assert [each["mutation"] for each in done if each["converges"]] == [], report


def test_names_of_mutations_are_unique_and_every_small_one_exists() -> None:
    names = [mutation.name for mutation in MUTATIONS]

    assert len(names) == len(set(names))
    assert set(SMALL) <= set(names)


class NoCopies:
    """What a workspace asks of copies, without any."""

    def output(self) -> dict[str, Any]:
        return {"type": "postgres", "schema": "analytics"}

    def ported(self, project: Path) -> None:
        """Leave it as it is."""

    def profile(self, changed: Any) -> Any:
        return changed


def test_every_edit_of_the_project_that_reads_applies(tmp_path: Path) -> None:
    for mutation in MUTATIONS:
        if mutation.project != PROJECTS[0]:
            written_workspace(tmp_path, cast("Any", NoCopies()), mutation, mutation.project)  # an idle edit raises


def test_what_cannot_exist_on_duckdb_is_named_and_the_rest_is_chosen() -> None:
    here = {mutation.name for mutation in MUTATIONS if mutation.project == PROJECTS[0]}
    chosen_there = {mutation.name for mutation in chosen((), (), "duckdb")}

    assert len(here) == 272
    assert chosen_there | NOT_APPLICABLE.keys() == here
    assert chosen_there.isdisjoint(NOT_APPLICABLE)


@pytest.mark.full("DBT_STATE_PLUGIN_ACCURACY")
def test_changes_are_detected_exactly_on_duckdb() -> None:
    mutations = chosen((), (), "duckdb")

    records = list(run_mutations(None, mutations, asks_others=False))

    report = "\n".join(findings(records))
    done = completed(records)
    assert len(done) == len(mutations), report
    assert score(done, OURS).misses == 0, report
    assert [each["mutation"] for each in done if each["converges"]] == [], report


def test_the_judge_of_statements_overlooks_comments_white_space_and_letter_case() -> None:
    one = '/* {"app": "dbt"} */ SELECT a.ID, \'x -- y\' -- key\nFROM /* nested /* twice */ */ "T__dbt_tmp123456" AS a;'
    other = "select a.id,\n\t'x -- y' from \"T__dbt_tmp98\" as a"

    assert normalised([one, "BEGIN", ""], "shop") == normalised([other], "shop")


def test_the_judge_of_statements_sees_literals_identifiers_and_operators() -> None:
    statements = [
        "select 'a' from t",
        "select 'A' from t",
        "select 'a ' from t",
        'select "a" from t',
        'select "A" from t',
        "select a from t",
        "select a from u",
        "select a + b from t",
        "select a - b from t",
        "select 'a--b' from t",
        "select 'a' --b' from t",
        "select $$A$$ from t",
        "select $$a$$ from t",
        "select e'a\\'--' from t",
    ]

    assert len({tuple(normalised([statement], "shop")) for statement in statements}) == len(statements)


def test_the_judge_tells_a_change_from_what_lies_below_it() -> None:
    base = _build({"parent": "select 1", "child": "select from parent"}, rows={"parent": 1, "child": 1})
    mutated = _build({"parent": "select 2", "child": "select from parent"}, rows={"parent": 2, "child": 2})

    truth = observed_truth(base, mutated, frozenset())

    assert truth.changed == {"parent"}
    assert truth.needs_build == {"parent", "child"}


def test_the_judge_sees_rows_that_differ_although_no_parent_does() -> None:
    base = _build({"parent": "select 1", "child": "select f()"}, rows={"parent": 1, "child": 1})
    mutated = _build({"parent": "select 1", "child": "select f()"}, rows={"parent": 1, "child": 2})

    assert observed_truth(base, mutated, frozenset()).changed == {"child"}


def test_the_judge_sees_new_and_deleted_nodes() -> None:
    base = _build({"parent": "select 1", "old": "select 1"}, rows={"parent": 1, "old": 1})
    mutated = _build({"parent": "select 1", "new": "select 1"}, rows={"parent": 1, "new": 1})

    truth = observed_truth(base, mutated, frozenset())

    assert (truth.changed, truth.removed) == ({"new"}, {"old"})


def test_the_judge_cannot_tell_what_a_model_asks_the_database_after_its_code_changed() -> None:
    node = "model.shop.int_status_labels"
    base, mutated, laid_out = (_build({node: "select 1"}, rows={node: 1}) for _ in range(3))
    base.nodes[node]["inputs"], mutated.nodes[node]["inputs"] = ["ask(a)"], ["ask(b)"]
    laid_out.nodes[node]["inputs"] = ["ask(a)"]

    assert observed_truth(base, mutated, frozenset()).either_way == {node}
    assert observed_truth(base, laid_out, frozenset()).either_way == frozenset()


def test_the_judge_lets_the_server_say_whether_another_text_is_another_query() -> None:
    base = _build({"same": "select 1", "other": "select 1"}, rows={"same": 1, "other": 1})
    mutated = _build({"same": "select 1 as one", "other": "select 2"}, rows={"same": 1, "other": 2})
    truth = observed_truth(base, mutated, frozenset())

    texts = other_texts(truth, base, mutated)

    assert texts == {"same": ("select 1", "select 1 as one")}  # what came out different is no question
    assert truth.known_by_effect(frozenset(texts)).changed == {"other"}
    assert truth.known_by_effect(frozenset(texts)).either_way == {"same"}


def test_what_a_rule_asks_for_is_no_false_alarm_and_is_listed() -> None:
    truth = {"changed": [], "either_way": [], "removed": []}
    record = {
        "mutation": "another target",
        "group": "environment",
        "truth": truth,
        "answers": {OURS: {"changed": ["a", "b"], "removed": []}},
        "planned": ["a", "b"],
        "reasons": {"a": ["drifted: last built by shop/dev (db.main)"], "b": ["body: its code changed"]},
    }

    assert verdict(record, OURS).false_alarms == {"a", "b"}
    assert verdict({**record, "by_rule": "a rule"}, OURS).false_alarms == {"b"}
    assert by_rule([record, {**record, "by_rule": "a rule"}]) == [
        "- BY RULE environment: another target: 1 nodes (a rule)"
    ]


def test_a_reader_of_what_only_its_sql_names_may_stay_equal_when_that_changes() -> None:
    named = "undeclared.side.notes"
    base, mutated = (
        _build({"filtered": "select 1", "other": "select 1"}, rows={"filtered": 1, "other": 1}) for _ in "ab"
    )
    for build, rows in ((base, 1), (mutated, 2)):
        build.nodes[named] = {"type": "source", "materialized": "source", "relation": "side.notes", "parents": []}
        build.nodes["filtered"]["parents"].append(named)
        build.relations["side.notes"] = {**build.relations["filtered"], "name": "side.notes", "rows": rows}

    truth = observed_truth(base, mutated, frozenset())

    assert (truth.changed, truth.either_way) == (frozenset(), {"filtered"})


def test_a_test_counts_by_its_result() -> None:
    base, mutated = (build_of({**_ANSWER, "tests": {"test.t": said}}, {}, "shop") for said in ("pass 0", "warn 2"))

    assert observed_truth(base, mutated, frozenset()).changed == {"test.t"}
    assert observed_truth(base, base, frozenset()).changed == frozenset()


_ANSWER: dict[str, Any] = {
    "nodes": {"test.t": {"type": "test", "materialized": "test", "relation": "audit.t", "parents": []}},
    "statements": {"test.t": {"first": ["select 1"], "second": []}},
    "compiled": {"test.t": "select 1"},
}


def _build(statements: dict[str, str], rows: dict[str, int]) -> Build:
    fields: dict[str, Any] = dict.fromkeys(
        "kind persistence owner grants columns indexes constraints comments options definition".split()
    )
    return Build(
        nodes={
            node: {
                "type": "model",
                "materialized": "table",
                "relation": node,
                "parents": ["parent"] if node == "child" else [],
            }
            for node in statements
        },
        statements={node: {"first": [code], "second": []} for node, code in statements.items()},
        compiled=statements,
        relations={node: {**fields, "name": node, "rows": rows[node]} for node in statements},
    )
