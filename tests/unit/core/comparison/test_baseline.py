"""Changes of code against an environment, execution or manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.values import (
    HERE,
    THEN,
    Warehouse,
    definition,
    edited,
    macro,
    node,
    project,
    project_definition,
    record,
    relation,
)

from dbt_state_plugin.core.comparison.baseline import (
    changes,
    comparable,
    describing,
    reasons_by_digests,
    reasons_by_records,
    records_by_node,
    removed_nodes,
)
from dbt_state_plugin.core.comparison.todays_values import is_among_forms, shows_values, values_read
from dbt_state_plugin.core.fingerprint.fingerprint import fingerprint_project
from dbt_state_plugin.core.fingerprint.hashing import definition_digest
from dbt_state_plugin.core.fingerprint.relocation import (
    as_in_a_file,
    is_too_large,
    relocated,
    relocation_between,
    translated,
)
from dbt_state_plugin.core.values.definition import ProjectDefinition
from dbt_state_plugin.core.values.plan import ChangeCategory, Plan
from dbt_state_plugin.core.values.project import CompiledNode, Node, Project
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import RecordedRelation, Trace
from dbt_state_plugin.report.reason_words import detail
from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES

SEED = node("seed.shop.raw")
A = node("model.shop.a", ["seed.shop.raw"])
B = node("model.shop.b", ["model.shop.a"])
C = node("model.shop.c", ["model.shop.b"])
CHAIN = project(SEED, A, B, C)
KEY = b"k" * 32


def recorded(of: Project) -> dict[str, RecordedRelation]:
    """Return the records of a project whose every node was built."""
    warehouse = Warehouse()
    warehouse.build(of, None)
    records = {each.unique_id: each for each in warehouse.records.values()}
    rest = {
        unique_id: record(item)
        for unique_id, item in of.nodes.items()
        if unique_id not in records and item.resource_type != "source" and not item.is_ephemeral
    }
    return records | rest


def compared(
    of: Project,
    records: Mapping[str, RecordedRelation],
    categories: Mapping[str, ChangeCategory] | None = None,
    *,
    command: str = "build",
    selected: frozenset[str] | None = None,
) -> Plan:
    found = categories or {}
    own = reasons_by_records(of, comparable(of, records), found, "prod")
    return changes(of, own, found, environment=HERE, command=command, selected=selected)


def kinds(plan: Plan) -> dict[str, list[str]]:
    """Return the kinds of the reasons of each node that would change."""
    return {entry.node.name: [reason.kind.value for reason in entry.reasons] for entry in plan.entries if entry.reasons}


def changed(kind: ReasonKind = ReasonKind.BODY, **fields: Any) -> ChangeCategory:
    return ChangeCategory(
        reasons=(Reason(kind=kind, code=ReasonCode.PART_CHANGED, values={"part": kind.value}),), **fields
    )


def test_a_project_that_was_built_as_it_is_changes_nothing() -> None:
    assert kinds(compared(CHAIN, recorded(CHAIN))) == {}


def test_everything_below_a_changed_node_is_downstream() -> None:
    plan = compared(CHAIN, recorded(CHAIN), {"model.shop.a": changed()})

    assert kinds(plan) == {"a": ["body"], "b": ["upstream"], "c": ["upstream"]}


def test_a_new_node_says_so_to_those_below_it() -> None:
    records = recorded(CHAIN)
    del records["model.shop.a"]

    plan = compared(CHAIN, records)

    assert kinds(plan) == {"a": ["new"], "b": ["upstream"], "c": ["upstream"]}
    assert plan.entries[2].reasons[0].code is ReasonCode.PARENT_IS_NEW


def test_a_cosmetic_difference_is_kept_and_changes_nothing() -> None:
    comment = Reason(kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values={"part": "body", "equal": "layout"})

    plan = compared(CHAIN, recorded(CHAIN), {"model.shop.a": ChangeCategory(cosmetic=(comment,))})

    assert kinds(plan) == {}
    entry = plan.entry("model.shop.a")
    assert entry is not None
    assert entry.cosmetic == (comment,)


def test_a_changed_grant_changes_nothing_below() -> None:
    plan = compared(CHAIN, recorded(CHAIN), {"model.shop.a": changed(ReasonKind.CONFIG, is_physical=True)})

    assert kinds(plan) == {"a": ["config"]}


def test_a_changed_seed_reaches_models_though_the_command_builds_no_seeds() -> None:
    plan = compared(CHAIN, recorded(CHAIN), {"seed.shop.raw": changed()}, command="run")

    assert kinds(plan) == {"a": ["upstream"], "b": ["upstream"], "c": ["upstream"]}


def test_what_stands_outside_of_the_selection_still_says_why_others_change() -> None:
    plan = compared(
        CHAIN, recorded(CHAIN), {"model.shop.a": changed()}, command="run", selected=frozenset({"model.shop.b"})
    )

    assert [entry.node.name for entry in plan.to_build] == ["b"]
    assert [entry.node.name for entry in plan.waiting] == ["a", "c"]


@pytest.mark.parametrize("part", ["session", "flags", "engine"])
def test_who_runs_dbt_is_no_difference(part: str) -> None:
    here = replace(A, fingerprint={**A.fingerprint, part: "mine"})
    there = record(replace(A, fingerprint={**A.fingerprint, part: "theirs"}))

    now = comparable(project(here), {A.unique_id: there})

    assert now.relations[relation("a")].fingerprint == here.fingerprint


def test_a_part_that_only_was_recorded_stays_a_difference() -> None:
    there = record(replace(A, fingerprint={**A.fingerprint, "hooks": "old"}))

    now = comparable(project(A), {A.unique_id: there})

    assert now.relations[relation("a")].fingerprint == there.fingerprint


def test_a_node_is_matched_by_its_name_and_not_by_its_relation() -> None:
    there = record(A, relation=relation("a", schema="elsewhere"))

    now = comparable(project(A), {A.unique_id: there})

    assert list(now.relations) == [relation("a")]


def test_the_record_of_the_present_relation_counts_though_an_older_one_was_left_behind() -> None:
    present = record(A)
    orphan = record(A, relation=relation("a_old"), built_at=THEN + timedelta(days=1))

    assert records_by_node([orphan, present], CHAIN) == {A.unique_id: present}
    assert records_by_node([present, orphan], CHAIN) == {A.unique_id: present}


def test_the_newest_record_counts_where_none_is_of_the_present_relation() -> None:
    older = record(A, relation=relation("a_1"))
    newer = record(A, relation=relation("a_2"), built_at=THEN + timedelta(days=1))

    assert records_by_node([newer, older], CHAIN) == {A.unique_id: newer}


INSIDE = node("model.shop.inside", materialized="ephemeral", relation=None)
OUTSIDE = node("model.shop.outside", ["model.shop.inside"])
NESTED = project(INSIDE, OUTSIDE)


def test_a_changed_ephemeral_model_changes_what_holds_it() -> None:
    plan = compared(edited(NESTED, INSIDE.unique_id), recorded(NESTED))

    assert kinds(plan) == {"outside": ["upstream"]}


def test_a_changed_ephemeral_model_that_compiles_to_the_same_changes_nothing() -> None:
    plan = compared(
        edited(NESTED, INSIDE.unique_id), recorded(NESTED), {OUTSIDE.unique_id: ChangeCategory(inlined_is_same=True)}
    )

    assert kinds(plan) == {}


def test_a_unit_test_of_a_changed_model_is_downstream() -> None:
    categorized = node("unit_test.shop.a.adds", ["model.shop.a"])
    of = project(SEED, A, categorized)

    plan = compared(of, recorded(of), {A.unique_id: changed()})

    assert kinds(plan) == {"a": ["body"], "a.adds": ["upstream"]}


def test_a_unit_test_of_a_cosmetically_changed_model_is_not() -> None:
    categorized = node("unit_test.shop.a.adds", ["model.shop.a"])
    of = project(SEED, A, categorized)

    assert kinds(compared(edited(of, A.unique_id), recorded(of))) == {}


def digests(of: Project) -> dict[str, str]:
    return {unique_id: definition_digest(item) for unique_id, item in of.nodes.items()}


def since(of: Project, then: Project, codes: Mapping[str, bool] | None = None) -> Plan:
    own = reasons_by_digests(of, digests(then), codes or {}, "execution 1234abcd")
    return changes(of, own, {}, environment=HERE, command="build", selected=None)


def test_a_definition_that_an_execution_did_not_cover_so_differs() -> None:
    plan = since(edited(CHAIN, B.unique_id), CHAIN)

    assert kinds(plan) == {"b": ["definition"], "c": ["upstream"]}
    assert detail(plan.to_build[0].reasons[0]) == "its definition differs from the one in execution 1234abcd"


@pytest.mark.parametrize(("is_other", "kind"), [(True, "body"), (False, "definition")])
def test_code_that_the_execution_recorded_tells_whether_the_code_differs(is_other: bool, kind: str) -> None:
    plan = since(edited(CHAIN, C.unique_id), CHAIN, {C.unique_id: is_other})

    assert kinds(plan) == {"c": [kind]}


def test_a_node_that_the_execution_did_not_cover_is_new() -> None:
    assert kinds(since(CHAIN, project(SEED, A, B))) == {"c": ["new"]}


def test_an_ephemeral_model_that_differs_from_the_execution_s_changes_what_holds_it() -> None:
    assert kinds(since(edited(NESTED, INSIDE.unique_id), NESTED)) == {"outside": ["upstream"]}


def test_a_record_of_the_very_definition_says_what_an_execution_covered() -> None:
    records = recorded(NESTED)

    assert describing(NESTED, records, digests(NESTED)) == {OUTSIDE.unique_id: records[OUTSIDE.unique_id]}


def test_a_record_that_was_built_later_says_nothing_of_an_execution() -> None:
    later = edited(NESTED, OUTSIDE.unique_id)

    assert describing(later, recorded(later), digests(NESTED)) == {}


def test_a_record_with_another_ephemeral_model_inside_says_nothing_of_an_execution() -> None:
    records = {OUTSIDE.unique_id: record(OUTSIDE, trace=Trace(inlined={INSIDE.unique_id: "another"}))}

    assert describing(NESTED, records, digests(NESTED)) == {}


def test_removed_nodes_are_those_of_the_baseline_that_are_gone() -> None:
    known = {"model.shop.a": "", "model.shop.z": '"db"."main"."z"', "test.shop.t.1": "", "source.shop.raw.t": ""}

    assert [each.unique_id for each in removed_nodes(CHAIN, known, "run")] == ["model.shop.z"]
    assert [each.unique_id for each in removed_nodes(CHAIN, known, "build")] == ["model.shop.z", "test.shop.t.1"]


# Places: the same project, parsed for a target `prod` (schema prod) and for one named `dev` (schema dev).

STAGED = "model.shop.staged"
MART = "model.shop.mart"
RAW = "source.shop.raw.t"


def parsed_for(
    schema: str, *, mart: Mapping[str, Any] | None = None, raw: str = "", code: str = ""
) -> ProjectDefinition:
    """Return a source, a model on it, and another model in a schema of its own."""

    def name(identifier: str, part: str = "") -> str:
        return f'"db"."{schema}{part}"."{identifier}"'

    raw_schema = raw or f"{schema}_raw"
    mart_config: dict[str, Any] = {"schema": "marts", **(mart or {})}
    alias = str(mart_config.get("alias") or "mart")
    suffix = f"_{mart_config['schema']}"
    return project_definition(
        definition(
            "",
            unique_id=RAW,
            name=relation("t", raw_schema),
            relation_name=f'"db"."{raw_schema}"."t"',
            schema=raw_schema,
            database="db",
            unrendered_schema=raw or "{{ target.schema }}_raw",
            unrendered_database=None,
        ),
        definition(
            "select 1",
            unique_id=STAGED,
            name=relation("staged", schema),
            relation_name=name("staged"),
            schema=schema,
            database="db",
            references=((RAW, f'"db"."{raw_schema}"."t"'),),
        ),
        definition(
            code or "select 2",
            unique_id=MART,
            config=mart_config,
            name=relation(alias, schema + suffix),
            relation_name=name(alias, suffix),
            schema=schema + suffix,
            database="db",
            references=((STAGED, name("staged")),),
        ),
        schema=schema,
    )


def differing(before: ProjectDefinition, now: ProjectDefinition) -> dict[str, list[str]]:
    """Return the parts of each node that differ when the earlier definition is put into today's places."""
    relocation = relocation_between(before, now)
    old = fingerprint_project(relocated(before, now, relocation), key=KEY).nodes
    new = fingerprint_project(as_in_a_file(now), key=KEY).nodes

    def parts(one: Node, other: Node) -> list[str]:
        return [part for part in one.fingerprint if one.fingerprint[part] != other.fingerprint.get(part)]

    return {node: found for node in new if (found := parts(new[node], old[node]))}


def test_another_target_s_names_are_no_difference() -> None:
    assert differing(parsed_for("prod"), parsed_for("dev")) == {}


def test_the_code_differs_whatever_the_names() -> None:
    assert differing(parsed_for("prod"), parsed_for("dev", code="select 3")) == {MART: ["body"]}


@pytest.mark.parametrize("moved", [{"alias": "marts"}, {"schema": "other"}])
def test_a_model_that_was_moved_by_the_project_differs(moved: Mapping[str, str]) -> None:
    assert differing(parsed_for("prod"), parsed_for("dev", mart=moved)) == {MART: ["relation"]}
    assert differing(parsed_for("dev"), parsed_for("dev", mart=moved)) == {MART: ["relation"]}


def test_a_source_that_now_names_another_schema_differs_in_what_reads_it() -> None:
    assert differing(parsed_for("prod", raw="lake"), parsed_for("dev", raw="sea")) == {STAGED: ["references"]}


def test_a_source_in_a_schema_of_its_own_is_where_it_was() -> None:
    assert differing(parsed_for("prod", raw="lake"), parsed_for("dev", raw="lake")) == {}


def test_nodes_that_a_changed_naming_macro_puts_elsewhere_than_the_others_differ() -> None:
    before, now = parsed_for("prod"), parsed_for("dev")
    now = replace(now, macros=(*now.macros, macro("generate_schema_name", "{{ target.schema }}")))
    staged = next(each for each in now.nodes if each.unique_id == STAGED)
    more = [
        definition(
            f"select {i}", unique_id=f"model.shop.m{i}", name=relation(f"m{i}", "prod"), schema="prod", database="db"
        )
        for i in range(2)
    ]
    there = replace(before, nodes=(*before.nodes, *more))
    kept = [
        replace(each, relation=relation(each.unique_id[-2:], "dev"), attributes={**each.attributes, "schema": "dev"})
        for each in more
    ]
    away = replace(
        staged,
        relation=relation("staged", "away"),
        attributes={**staged.attributes, "schema": "away", "relation_name": "x"},
    )
    here = replace(now, nodes=(away, *kept, *(each for each in now.nodes if each.unique_id != STAGED)))

    assert "relation" in differing(there, here)[STAGED]
    assert "model.shop.m0" not in differing(there, here)


def test_names_of_relations_are_translated_whole() -> None:
    names = {'"db"."prod"."a"': '"db"."dev"."a"', "db.prod.b": "db.dev.b"}
    sql = 'select * from "db"."prod"."a", db.prod.b, db.prod.b_old, x.db.prod.b, "db"."prod"."a b", "db"."prod"."a".c'

    assert translated(sql, names) == (
        'select * from "db"."dev"."a", db.dev.b, db.prod.b_old, x.db.prod.b, "db"."prod"."a b", "db"."dev"."a".c'
    )


def test_two_names_that_change_places_are_translated_once() -> None:
    names = {'"db"."s"."a"': '"db"."s"."b"', '"db"."s"."b"': '"db"."s"."a"'}

    assert translated('"db"."s"."a" "db"."s"."b"', names) == '"db"."s"."b" "db"."s"."a"'


def test_a_seed_is_compared_by_dbt_s_own_checksum() -> None:
    def seed(checksum: str, file: str) -> ProjectDefinition:
        return project_definition(
            definition(
                "",
                unique_id="seed.shop.raw",
                checksum={"name": "sha256", "checksum": checksum},
                content_digest=file,
                database="db",
                schema="main",
            )
        )

    assert differing(seed("one", ""), seed("one", "file")) == {}
    assert differing(seed("one", ""), seed("two", "file")) == {"seed.shop.raw": ["body"]}


def test_a_seed_of_which_dbt_keeps_only_the_path_is_too_large() -> None:
    large = definition("", unique_id="seed.shop.raw", checksum={"name": "path", "checksum": "seeds/raw.csv"})
    small = definition("", unique_id="seed.shop.raw", checksum={"name": "sha256", "checksum": "0"})

    assert (is_too_large(large), is_too_large(small)) == (True, False)


def test_what_dbt_notes_when_it_compiles_is_no_difference() -> None:
    code = "{{ model.name }}"  # reads all that is known of its node
    before = project_definition(definition(code, depends_on={"macros": ["macro.shop.m"], "nodes": []}, extra_ctes=[1]))
    now = project_definition(definition(code, depends_on={"macros": [], "nodes": []}, extra_ctes=[]))

    assert differing(before, now) == {}


# Values that a manifest does not hold.


def test_a_node_reads_the_values_of_the_ephemeral_models_inside() -> None:
    items = {INSIDE.unique_id: {"variables": {"var limit": "#1"}}, OUTSIDE.unique_id: {"config": {"var x": "1"}}}

    read = values_read(NESTED, NESTED.nodes, items.__getitem__)

    assert read[OUTSIDE.unique_id] == frozenset({"variables var limit"})


def test_a_node_that_reads_nothing_is_left_out() -> None:
    assert values_read(CHAIN, [A.unique_id], lambda _: {"macros": {"macro.shop.m": "1"}}) == {}


@pytest.mark.parametrize(
    ("name", "of_another_target", "is_shown"),
    [
        ("variables var limit", True, True),
        ("variables target.name", False, True),
        ("variables target.name", True, False),
        ("hooks var limit", False, False),
    ],
)
def test_compiled_sql_shows_the_values_of_its_own_target(name: str, of_another_target: bool, is_shown: bool) -> None:
    assert shows_values([name], is_of_another_target=of_another_target) is is_shown


def test_sql_of_then_may_be_any_of_the_forms_of_today() -> None:
    forms = {"sql": "select 1", "incremental": "select 1 where true"}

    assert is_among_forms("SELECT 1 -- then\nwhere TRUE", CompiledNode(forms=forms), POSTGRES)
    assert not is_among_forms("select 2", CompiledNode(forms=forms), POSTGRES)
    assert not is_among_forms("x = 1  # then", CompiledNode(language="python", forms={"sql": "x = 1"}), POSTGRES)


def test_a_record_of_a_node_that_is_gone_or_is_built_no_more_is_not_compared() -> None:
    records = recorded(CHAIN)
    kept = project(SEED, replace(A, materialized="ephemeral"), B)

    assert {each.unique_id for each in comparable(kept, records).relations.values()} == {
        SEED.unique_id,
        B.unique_id,
    }


def test_a_place_without_a_name_of_its_relation_names_nothing() -> None:
    def nameless(of: ProjectDefinition) -> ProjectDefinition:
        return replace(
            of, nodes=tuple(replace(each, attributes={**each.attributes, "relation_name": None}) for each in of.nodes)
        )

    assert relocation_between(nameless(parsed_for("prod")), nameless(parsed_for("dev"))).names == {}


def test_sql_is_kept_where_no_name_changes() -> None:
    assert translated("select 1", {}) == "select 1"
