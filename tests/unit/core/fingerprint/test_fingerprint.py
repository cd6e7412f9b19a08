"""Parts of a fingerprint that differ after each change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timezone
from enum import Enum
from typing import Any

import pytest
from support.values import KEY, definition, macro, project_definition, relation

from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter, fingerprint_project
from dbt_state_plugin.core.fingerprint.hashing import SCHEME, definition_digest, keyed_digest
from dbt_state_plugin.core.fingerprint.parts import code_text
from dbt_state_plugin.core.values.definition import NodeDefinition, ProjectDefinition
from dbt_state_plugin.core.values.fingerprinted import FingerprintedProject
from dbt_state_plugin.core.values.project import Exposure, Node
from dbt_state_plugin.report.reason_words import PARTS

BODY = {"body"}


def fingerprinted(project: ProjectDefinition, unique_id: str = "model.shop.orders", key: bytes = KEY) -> Node:
    return fingerprint_project(project, key=key).nodes[unique_id]


def differing(before: ProjectDefinition, after: ProjectDefinition, unique_id: str = "model.shop.orders") -> set[str]:
    """Return the parts of one node's fingerprint that differ between two projects.

    What is taken over from the earlier project must be what hashing gives.
    """
    earlier, now = Fingerprinter(before, key=KEY), Fingerprinter(after, key=KEY)
    known = FingerprintedProject(project=earlier.project, inputs=earlier.inputs())
    assert Fingerprinter(after, key=KEY, earlier=known).project == now.project
    old, new = earlier.project.nodes[unique_id].fingerprint, now.project.nodes[unique_id].fingerprint
    return {part for part in old.keys() | new.keys() if old.get(part) != new.get(part)}


def between(before: NodeDefinition, after: NodeDefinition, **fields: Any) -> set[str]:
    return differing(
        project_definition(before, **fields), project_definition(after, **fields), unique_id=before.unique_id
    )


def of_config(before: Mapping[str, Any], after: Mapping[str, Any], code: str = "select 1", **fields: Any) -> set[str]:
    return between(definition(code, config=before), definition(code, config=after), **fields)


def of_project(code: str, before: Mapping[str, Any], after: Mapping[str, Any], **node: Any) -> set[str]:
    item = definition(code, **node)
    return differing(project_definition(item, **before), project_definition(item, **after))


def of_macros(code: str, before: list[Any], after: list[Any], **node: Any) -> set[str]:
    return of_project(code, {"macros": before}, {"macros": after}, **node)


def test_the_same_project_has_the_same_fingerprints() -> None:
    assert between(definition(), definition()) == set()


def test_every_change_of_the_code_is_a_change_of_the_body() -> None:
    assert between(definition("select 1"), definition("select 2")) == BODY


def test_another_key_of_the_installation_changes_every_hash() -> None:
    project = project_definition(definition())

    one, other = fingerprinted(project).fingerprint, fingerprinted(project, key=b"x" * 32).fingerprint

    assert set(one.values()) & set(other.values()) == {SCHEME}


def test_a_source_has_no_fingerprint() -> None:
    source = definition("", unique_id="source.shop.raw")

    assert fingerprinted(project_definition(source), source.unique_id).fingerprint == {}


def test_a_node_keeps_what_identifies_it() -> None:
    node = fingerprinted(project_definition(definition("select {{ run_started_at }}", version=2)))

    assert (node.name, node.package, node.fqn, node.version) == ("orders", "shop", ("shop", "orders"), "2")
    assert (node.relation, node.materialized, node.volatile) == (relation("orders"), "table", ("run_started_at",))


def test_a_macro_changes_the_nodes_that_reach_it_three_levels_down() -> None:
    chain = [macro("a", "{{ b() }}"), macro("b", "{{ c() }}")]

    assert of_macros("{{ a() }}", [*chain, macro("c", "1")], [*chain, macro("c", "2")]) == {"macros"}
    assert of_macros("{{ 1 }}", [*chain, macro("c", "1")], [*chain, macro("c", "2")]) == set()


def test_a_new_macro_that_shadows_one_of_a_package_is_a_change() -> None:
    lib = macro("a", "1", package="lib")

    assert of_macros("{{ a() }}", [lib], [lib, macro("a", "1")]) == {"macros"}


def test_another_order_of_dispatch_is_a_change_where_it_decides_which_macro_is_called() -> None:
    macros = [macro("a", "{{ adapter.dispatch('b', 'lib')() }}"), macro("b")]
    before = {"macros": macros, "dispatch": [{"macro_namespace": "lib", "search_order": ["shop", "lib"]}]}
    after = {"macros": macros, "dispatch": [{"macro_namespace": "lib", "search_order": ["lib", "shop"]}]}

    assert of_project("{{ a() }}", before, after) == {"macros"}
    assert of_project("{{ b() }}", before, after) == set()
    assert of_project("select 1", before, after) == set()


def test_a_macro_in_a_hook_is_reached_though_a_line_break_stands_before_it() -> None:
    hook = {"post-hook": [{"sql": "{{\ngrant_all()\n}}", "transaction": True}]}

    assert of_macros("select 1", [macro("grant_all", "1")], [macro("grant_all", "2")], config=hook) == {"hooks"}


def test_a_var_in_a_hook_is_read_though_a_tab_stands_before_it() -> None:
    hook = {"pre_hook": [{"sql": '{{\tvar("x") }}'}]}

    assert of_project("select 1", {"variables": {"x": 1}}, {"variables": {"x": 2}}, config=hook) == {"hooks"}


@pytest.mark.parametrize("code", ["{{ model.tags }}", "{{ config.get('tags') }}", "{{ context[name] }}"])
def test_what_a_hook_reads_of_its_node_is_part_of_the_hooks(code: str) -> None:
    config = {"post-hook": [{"sql": code}]}

    assert between(definition(config=config, tags=["a"]), definition(config=config, tags=["b"])) == {"hooks"}


def test_a_hook_that_loops_over_the_graph_depends_on_all_nodes() -> None:
    hooked = definition(config={"post-hook": [{"sql": "{{ graph.nodes }}"}]})
    others = [definition(unique_id="model.shop.b", tags=tags) for tags in (["x"], ["y"])]

    before, after = (project_definition(hooked, other) for other in others)
    assert differing(before, after) == {"hooks"}


def test_a_macro_in_the_arguments_of_a_generic_test_is_reached() -> None:
    arguments = {"name": "is_even", "kwargs": {"limit": "{{\ngröße()\n}}"}}

    changed = of_macros("{{ test_is_even() }}", [macro("größe", "1")], [macro("größe", "2")], test_metadata=arguments)

    assert changed == {"macros"}


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"strategy": "history"}, "snapshot_history_strategy"),
        ({"strategy": "lib.history"}, "snapshot_history_strategy"),
        ({"incremental_strategy": "insert_only"}, "get_incremental_insert_only_sql"),
        ({"incremental_strategy": "delete+more"}, "get_incremental_delete_more_sql"),
        ({"materialized": "history"}, "materialization_history_default"),
    ],
)
def test_a_macro_that_the_config_names_is_reached(config: dict[str, str], name: str) -> None:
    assert of_macros("select 1", [macro(name, "1")], [macro(name, "2")], config=config) == {"materialization"}


def test_an_incremental_model_without_a_strategy_uses_the_default_one() -> None:
    name, config = "get_incremental_default_sql", {"materialized": "incremental"}

    assert of_macros("select 1", [macro(name, "1")], [macro(name, "2")], config=config) == {"materialization"}
    assert of_macros("select 1", [macro(name, "1")], [macro(name, "2")]) == set()


def test_a_custom_materialization_changes_only_its_users() -> None:
    before, after = [macro("materialization_history_default", "1")], [macro("materialization_history_default", "2")]

    assert of_macros("select 1", before, after, config={"materialized": "table"}) == set()


def test_an_override_of_the_materialization_of_unit_tests_changes_unit_tests() -> None:
    unit_test = definition("", unique_id="unit_test.shop.orders.adds_up", config={"materialized": None})
    before, after = [macro("materialization_unit_default", "1")], [macro("materialization_unit_default", "2")]

    changed = differing(
        project_definition(unit_test, macros=before), project_definition(unit_test, macros=after), unit_test.unique_id
    )

    assert changed == {"materialization"}


def test_an_override_of_a_builtin_changes_the_nodes_that_are_built_with_it() -> None:
    before, after = [macro("postgres__create_table_as", "1")], [macro("postgres__create_table_as", "2")]

    assert of_macros("select 1", before, after) == {"materialization"}
    assert of_macros("select 1", before, after, config={"materialized": "view"}) == set()


def test_what_adapters_call_by_name_changes_every_node() -> None:
    before, after = [macro("postgres__drop_relation", "1")], [macro("postgres__drop_relation", "2")]

    assert of_macros("select 1", before, after, config={"materialized": "view"}) == {"materialization"}


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("{{ var('x') }}", {"variables": {"x": 1}}, {"variables": {"x": 2}}),
        ("{{ env_var('E') }}", {"environment": {"E": "1"}}, {"environment": {"E": "2"}}),
        ("{{ target.name }}", {"target": {"name": "dev"}}, {"target": {"name": "prod"}}),
        ("{{ dbt_version }}", {"dbt_version": "1.11.16"}, {"dbt_version": "1.11.17"}),
        ("{{ graph }}", {"graph_extras": {"exposure.shop.x": 1}}, {"graph_extras": {"exposure.shop.x": 2}}),
    ],
)
def test_what_an_override_reads_counts_with_it(code: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    macros = {"macros": [macro("create_table_as", code)]}

    assert of_project("select 1", before | macros, after | macros) == {"materialization"}
    assert of_project("select 1", before | macros, after | macros, config={"materialized": "view"}) == set()


def test_what_an_override_reads_of_a_node_counts_for_that_node() -> None:
    macros = [macro("create_table_as", "{{ config.get('tags') }}")]

    assert of_config({"tags": ["a"]}, {"tags": ["b"]}, macros=macros) == {"materialization"}


def test_jinja_in_the_value_of_a_var_that_an_override_reads_is_followed() -> None:
    def project(env: str, code: str) -> dict[str, Any]:
        return {
            "variables": {"x": "{{ a() }}{{ env_var('E') }}"},
            "environment": {"E": env},
            "macros": [macro("create_table_as", "{{ var('x') }}"), macro("a", code)],
        }

    assert of_project("select 1", project("1", "1"), project("2", "1")) == {"materialization"}
    assert of_project("select 1", project("1", "1"), project("1", "2")) == {"materialization"}


def test_an_override_that_reads_the_clock_makes_its_nodes_volatile() -> None:
    macros = [macro("create_table_as", "{{ run_started_at }}")]

    assert fingerprinted(project_definition(definition(), macros=macros)).volatile == ("run_started_at",)


def test_a_hook_that_reads_the_clock_makes_its_node_volatile() -> None:
    hooked = definition(config={"post-hook": [{"sql": "{{ run_started_at }}"}]})

    assert fingerprinted(project_definition(hooked)).volatile == ("run_started_at",)


def test_a_node_without_parents_that_asks_the_database_may_read_anything() -> None:
    asking = definition("{{ run_query('select 1') }}")
    with_parent = definition("{{ run_query('select 1') }}", references=(("model.shop.a", "a"),))

    (words,) = fingerprinted(project_definition(asking)).volatile

    assert words.startswith("the database while it compiles")
    assert fingerprinted(project_definition(with_parent)).volatile == ()


@pytest.mark.parametrize("name", ["test_is_even", "py_script_postfix", "get_fixture_sql"])
def test_what_dbt_renders_besides_the_code_is_reached(name: str) -> None:
    nodes = {
        "test_is_even": definition("{{ test_is_even(**kwargs) }}", unique_id="test.shop.orders"),
        "py_script_postfix": definition("def model(dbt, session): pass", language="python"),
        "get_fixture_sql": definition("", unique_id="unit_test.shop.orders.adds_up"),
    }
    node = nodes[name]

    before, after = (project_definition(node, macros=[macro(name, code)]) for code in ("1", "2"))

    assert differing(before, after, node.unique_id) == {"macros"}


def test_generate_schema_name_changes_only_the_nodes_whose_names_it_changes() -> None:
    before, after = macro("generate_schema_name", "1"), macro("generate_schema_name", "2")
    moved = definition(relation_name='"db"."other"."orders"', name=relation("orders", "other"))

    assert of_macros("select 1", [before], [after]) == set()
    assert differing(project_definition(definition(), macros=[before]), project_definition(moved, macros=[after])) == {
        "relation"
    }


@pytest.mark.parametrize(
    "code",
    [
        "{{ var('x') }}",
        "{{ var('x', 3) }}",
        "{% if var.has_var('x') %}{% endif %}",
        "{{ var(name) }}",
        "{{ f(var) }}",
        "{{ context[name]('x') }}",
        "{{ a() }}",
    ],
)
def test_a_var_that_is_read_counts_by_its_value(code: str) -> None:
    macros = [macro("a", "{{ b('var') }}"), macro("b", "{{ context[name]('x') }}")]

    def project(value: object) -> dict[str, Any]:
        return {"variables": {"x": value, "y": 1}, "macros": macros}

    assert of_project(code, project(1), project(2)) == {"variables"}
    assert of_project(code, project(1), project(1)) == set()


def test_a_var_that_appears_or_goes_is_a_change() -> None:
    assert of_project("{{ var('x', 1) }}", {"variables": {}}, {"variables": {"x": 1}}) == {"variables"}


def test_a_var_that_is_not_read_counts_for_nothing() -> None:
    assert of_project("{{ var('y') }}", {"variables": {"x": 1}}, {"variables": {"x": 2}}) == set()


def test_a_new_order_of_the_vars_is_no_change() -> None:
    one, other = {"x": 1, "y": 2}, {"y": 2, "x": 1}

    assert of_project("{{ var(name) }}", {"variables": one}, {"variables": other}) == set()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: "a"}, {"1": "a"}),
        ([1, 2], [2, 1]),
        ("1", 1),
        (1, True),
        (None, ""),
        ({"a": {"b": 1}}, {"a": {"b": 2}}),
    ],
)
def test_what_jinja_can_tell_apart_in_a_value_is_a_difference(before: object, after: object) -> None:
    assert of_project("{{ var('x') }}", {"variables": {"x": before}}, {"variables": {"x": after}}) == {"variables"}


def test_values_of_every_kind_of_yaml_can_be_hashed() -> None:
    odd = {1: "a", "b": date(2026, 1, 2), None: {date(2026, 1, 2): [True, 1.5]}, "t": datetime.now(timezone.utc)}

    assert of_project("{{ var('x') }}", {"variables": {"x": odd}}, {"variables": {"x": odd}}) == set()


def test_what_a_partial_parse_keeps_as_text_is_no_difference() -> None:
    kind = Enum("kind", {"full": "append"})
    full = {"x": kind.full, "begin": date(2026, 1, 2), "at": datetime(2026, 1, 2, 3)}
    partial = {"x": "append", "begin": "2026-01-02", "at": "2026-01-02T03:00:00"}

    assert of_config(full, partial) == set()


def test_jinja_in_the_value_of_a_var_is_followed() -> None:
    def project(env: str, code: str) -> dict[str, Any]:
        return {
            "variables": {"x": "{{ var('y') }}", "y": "{{ env_var('E') }}{% do a() %}", "z": "{{ env_var('OTHER') }}"},
            "environment": {"E": env},
            "macros": [macro("a", code)],
        }

    assert of_project("{{ var('x') }}", project("1", "1"), project("2", "1")) == {"variables"}
    assert of_project("{{ var('x') }}", project("1", "1"), project("1", "2")) == {"macros"}
    assert of_project("{{ var('z', 1) }}", project("1", "1"), project("2", "2")) == set()


def test_a_var_whose_value_is_volatile_makes_its_readers_volatile() -> None:
    project = project_definition(definition("{{ var('x') }}"), variables={"x": "{{ run_started_at }}"})

    assert fingerprinted(project).volatile == ("run_started_at",)


@pytest.mark.parametrize("code", ["{{ env_var('E') }}", "{{ env_var(name) }}", "{{ f(env_var) }}"])
def test_an_env_var_that_is_read_counts_by_its_value(code: str) -> None:
    assert of_project(code, {"environment": {"E": "1"}}, {"environment": {"E": "2"}}) == {"variables"}


def test_an_env_var_that_is_not_read_counts_for_nothing() -> None:
    assert of_project("{{ env_var('E') }}", {"environment": {"F": "1"}}, {"environment": {"F": "2"}}) == set()


@pytest.mark.parametrize("name", ["DBT_ENV_SECRET_X", "DBT_ENV_SECRET", "DBT_ENGINE_ENV_SECRET_X"])
def test_secrets_are_never_hashed(name: str) -> None:
    for code in (f"{{{{ env_var('{name}') }}}}", "{{ env_var(name) }}"):
        assert of_project(code, {"environment": {name: "1"}}, {"environment": {name: "2"}}) == set()


def test_dbt_metadata_envs_reads_the_env_vars_of_its_prefix() -> None:
    before, after = {"DBT_ENV_CUSTOM_ENV_X": "1", "F": "1"}, {"DBT_ENV_CUSTOM_ENV_X": "2", "F": "1"}
    code = "{{ dbt_metadata_envs }}"

    assert of_project(code, {"environment": before}, {"environment": after}) == {"variables"}
    assert of_project(code, {"environment": before}, {"environment": {**before, "F": "2"}}) == set()


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("{{ target.schema }}", True),
        ("{{ target['schema'] }}", True),
        ("{{ env.schema }}", True),
        ("{{ target.get('schema') }}", True),
        ("{{ target.copy() }}", True),
        ("{{ target }}", True),
        ("{{ target.name }}", False),
        ("select 1", False),
    ],
)
def test_a_field_of_the_target_counts_where_it_is_read(code: str, counts: bool) -> None:
    before, after = {"target": {"schema": "a", "name": "dev"}}, {"target": {"schema": "b", "name": "dev"}}

    assert of_project(code, before, after) == ({"variables"} if counts else set())


@pytest.mark.parametrize("field", ["search_path", "role"])
def test_what_the_profile_sets_for_every_statement_counts_for_every_node(field: str) -> None:
    assert of_project("select 1", {"target": {}}, {"target": {field: "x"}}) == {"session"}
    assert of_project("select 1", {"target": {}}, {"target": {field: None}}) == set()


def test_the_graph_counts_where_it_is_read() -> None:
    before = [definition("{{ graph.nodes }}"), definition("select 1", unique_id="model.shop.b", tags=["x"])]
    after = [before[0], definition("select 1", unique_id="model.shop.b", tags=["y"])]

    assert differing(project_definition(*before), project_definition(*after)) == {"variables"}
    assert differing(project_definition(*before), project_definition(*after), "model.shop.b") == set()


def test_what_the_graph_holds_besides_nodes_counts_where_it_is_read() -> None:
    before, after = {"exposure.shop.x": {"owner": "a"}}, {"exposure.shop.x": {"owner": "b"}}

    assert of_project("{{ graph }}", {"graph_extras": before}, {"graph_extras": after}) == {"variables"}


def test_the_exposures_of_the_project_are_known() -> None:
    extras = {
        "exposure.shop.board": {
            "name": "board",
            "type": "dashboard",
            "url": "https://bi",
            "owner": {"name": None, "email": "ann@example.com"},
            "depends_on": {"nodes": ["model.shop.a"]},
        },
        "exposure.shop.bare": {},
        "exposure.shop.odd": 1,
        "metric.shop.m": {"name": "m"},
    }

    found = fingerprint_project(project_definition(graph_extras=extras), key=KEY).exposures

    assert found == (
        Exposure(
            unique_id="exposure.shop.board",
            name="board",
            kind="dashboard",
            owner="ann@example.com",
            url="https://bi",
            parents=("model.shop.a",),
        ),
        Exposure(unique_id="exposure.shop.bare", name="", kind="exposure"),
    )


def test_the_order_in_which_nodes_were_parsed_is_no_change_of_the_graph() -> None:
    one, other = definition("{{ graph }}"), definition("{{ graph }}", unique_id="model.shop.b")

    assert differing(project_definition(one, other), project_definition(other, one)) == set()


@pytest.mark.parametrize("name", ["tags", "meta", "docs", "group", "access", "freshness"])
@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("select 1", False),
        ("{{ config(NAME='x') }}", False),
        ("{{ config.get('other') }} -- NAME is no word of the code", False),
        ("{{ config.get('NAME') }}", True),
        ("{{ model.config.NAME }}", True),
        ("{{ config.get(name) }}", True),
        ("{{ model }}", True),
    ],
)
def test_config_that_cannot_change_the_relation_counts_only_where_it_is_read(
    name: str, code: str, counts: bool
) -> None:
    code = code.replace("NAME", name) if counts or "other" not in code else code
    assert of_config({name: ["x"]}, {name: ["y"]}, code) == ({"variables"} if counts else set())


def test_config_is_read_by_a_macro_that_is_reached_too() -> None:
    reading = [macro("a", "{{ config.get('meta') }}")]

    assert of_config({"meta": {"x": 1}}, {"meta": {"x": 2}}, "{{ a() }}", macros=reading) == {"variables"}


@pytest.mark.parametrize("empty", [None, {}, []])
def test_an_empty_key_of_the_config_says_what_its_absence_says(empty: object) -> None:
    assert of_config({"indexes": empty}, {}) == set()


@pytest.mark.parametrize("falsy", [False, 0, ""])
def test_a_key_of_the_config_that_is_not_empty_counts_whatever_its_value(falsy: object) -> None:
    assert of_config({"full_refresh": falsy}, {}) == {"config"}


def test_a_default_of_the_adapter_that_is_written_out_is_no_change() -> None:
    assert of_config({"unlogged": False}, {}) == set()
    assert of_config({"unlogged": True}, {}) == {"config"}


def test_a_default_of_the_adapter_counts_where_the_code_reads_it() -> None:
    assert of_config({"unlogged": False}, {}, "{{ config.get('unlogged', 'no') }}") == {"variables"}


def test_a_value_of_the_config_that_is_no_other_in_python_may_be_another_in_jinja() -> None:
    assert of_config({"x": 1}, {"x": True}) == {"config"}


@pytest.mark.parametrize("name", ["indexes", "grants", "unique_key", "column_types", "unknown_to_us", "event_time"])
def test_every_other_config_counts(name: str) -> None:
    assert of_config({name: ["x"]}, {name: ["y"]}) == {"config"}


def test_the_order_of_the_config_is_no_change() -> None:
    assert of_config({"a": 1, "b": 2}, {"b": 2, "a": 1}) == set()


def test_attributes_that_say_nothing_about_the_relation_count_nowhere() -> None:
    code = "{{ model }}"

    assert between(definition(code, created_at=1.5), definition(code, created_at=2.5)) == set()
    assert between(definition(code, tags=["a"]), definition(code, tags=["b"])) == {"variables"}


def test_an_attribute_of_the_node_counts_where_its_name_stands_in_the_code() -> None:
    assert between(definition("{{ model.tags }}", tags=["a"]), definition("{{ model.tags }}", tags=["b"])) == {
        "variables"
    }
    assert between(definition("{{ model.name }}", tags=["a"]), definition("{{ model.name }}", tags=["b"])) == set()


@pytest.mark.parametrize("name", ["pre-hook", "post-hook", "pre_hook", "post_hook"])
def test_hooks_are_a_part_of_their_own(name: str) -> None:
    def hook(sql: str, transaction: bool = True) -> dict[str, Any]:
        return {name: [{"sql": sql, "transaction": transaction, "index": None}]}

    assert of_config(hook("grant 1"), hook("grant 2")) == {"hooks"}
    assert of_config(hook("grant 1"), hook("grant 1", transaction=False)) == {"hooks"}


def test_a_hook_before_is_not_a_hook_after() -> None:
    assert of_config({"pre-hook": [{"sql": "x"}]}, {"post-hook": [{"sql": "x"}]}) == {"hooks"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"project_hooks": {"operation.shop.start": "1"}}, {"project_hooks": {"operation.shop.start": "2"}}),
        ({"project_hooks": {"operation.shop.start": "1"}}, {"project_hooks": {"operation.shop.end": "1"}}),
        ({"macros": [macro("a", "1")]}, {"macros": [macro("a", "2")]}),
        ({"variables": {"x": 1}}, {"variables": {"x": 2}}),
        ({"environment": {"E": "1"}}, {"environment": {"E": "2"}}),
        ({"target": {"schema": "1"}}, {"target": {"schema": "2"}}),
    ],
)
def test_the_project_s_hooks_count_for_every_node_with_all_that_they_read(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    code = "{{ a() }}{{ var('x', 0) }}{{ env_var('E', '') }}{{ target.schema }}"
    hooks = {"project_hooks": {"operation.shop.start": code}}

    assert of_project("select 1", hooks | before, hooks | after) == {"project_hooks"}


def test_hooks_of_the_project_that_compute_the_names_of_env_vars_do_not_rebuild_everything_each_time() -> None:
    hooks = {"project_hooks": {"operation.shop.start": "{% for n in names %}{{ env_var(n, '') }}{% endfor %}"}}

    assert of_project("select 1", {**hooks, "environment": {}}, {**hooks, "environment": {"RUN_ID": "7"}}) == set()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"columns": {"a": {"name": "a"}}}, {"columns": {"a": {"name": "a", "data_type": "int"}}}),
        ({"columns": {"a": {"name": "a"}}}, {"columns": {"a": {"name": "a", "constraints": [{"type": "not_null"}]}}}),
        ({"columns": {"a": {"name": "a"}}}, {"columns": {"a": {"name": "a", "quote": True}}}),
        (
            {"columns": {"a": {"name": "a"}, "b": {"name": "b"}}},
            {"columns": {"b": {"name": "b"}, "a": {"name": "a"}}},
        ),
        ({"constraints": []}, {"constraints": [{"type": "primary_key"}]}),
    ],
)
def test_columns_and_constraints_are_the_contract_where_it_is_enforced(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    for config, parts in (({"contract": {"enforced": True}}, {"contract"}), ({"contract": {"enforced": False}}, set())):
        assert between(definition(config=config, **before), definition(config=config, **after)) == parts
    assert between(definition(**before), definition(**after)) == set()


def test_the_relation_that_a_foreign_key_names_is_part_of_the_contract() -> None:
    foreign_key = {"type": "foreign_key", "to": "ref('a')"}
    config = {"contract": {"enforced": True}}

    def keyed(name: str, *constraints: dict[str, str]) -> NodeDefinition:
        return definition(config=config, references=(("model.shop.a", name),), constraints=list(constraints))

    assert between(keyed("a", foreign_key), keyed("b", foreign_key)) == {"contract", "references"}
    assert between(keyed("a"), keyed("b")) == {"references"}


def test_columns_without_a_contract_count_where_code_reads_them() -> None:
    before, after = ({"columns": {"a": {"name": "a", "data_type": kind}}} for kind in ("int", "text"))
    code = "{{ model.columns }}"

    assert between(definition(code, **before), definition(code, **after)) == {"variables"}


def test_an_enforced_contract_is_a_change_of_the_contract() -> None:
    assert of_config({"contract": {"enforced": False}}, {"contract": {"enforced": True}}) == {"contract"}


@pytest.mark.parametrize(
    ("persist_docs", "of_relation", "of_columns"),
    [
        ({"relation": True, "columns": True}, {"docs"}, {"docs"}),
        ({"relation": True}, {"docs"}, set()),
        ({"columns": True}, set(), {"docs"}),
        ({"relation": False, "columns": False}, set(), set()),
        (None, set(), set()),
    ],
)
def test_descriptions_count_where_persist_docs_writes_them(
    persist_docs: dict[str, bool] | None, of_relation: set[str], of_columns: set[str]
) -> None:
    def described(relation: str, column: str) -> NodeDefinition:
        columns = {"x": {"name": "x", "description": column}}
        return definition(config={"persist_docs": persist_docs}, description=relation, columns=columns)

    assert between(described("a", "a"), described("b", "a")) == of_relation
    assert between(described("a", "a"), described("a", "b")) == of_columns


def test_the_names_of_parents_are_references() -> None:
    before = definition(references=(("source.shop.raw", '"db"."raw"."x"'),))
    after = definition(references=(("source.shop.raw", '"db"."raw_2"."x"'),))

    assert between(before, after) == {"references"}


def test_the_order_of_references_is_no_change() -> None:
    one = definition(references=(("model.shop.a", "a"), ("model.shop.b", "b")))
    other = definition(references=(("model.shop.b", "b"), ("model.shop.a", "a")))

    assert between(one, other) == set()


def test_the_event_time_of_a_source_counts_for_its_readers() -> None:
    reader = definition(references=(("source.shop.raw", "x"),))

    def source(event_time: str) -> NodeDefinition:
        return definition("", unique_id="source.shop.raw", config={"event_time": event_time})

    before, after = project_definition(reader, source("a")), project_definition(reader, source("b"))

    assert differing(before, after) == {"config"}


def test_the_name_of_the_relation_is_a_part_of_its_own() -> None:
    assert between(definition(), definition(relation_name='"db"."main"."Orders"')) == {"relation"}


def test_a_seed_counts_by_its_content() -> None:
    def seed(content: str) -> NodeDefinition:
        return definition("", unique_id="seed.shop.countries", content_digest=content)

    assert between(seed("aa"), seed("bb")) == BODY


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            {"given": [{"input": "ref('a')", "rows": [{"x": 1}]}]},
            {"given": [{"input": "ref('a')", "rows": [{"x": 2}]}]},
        ),
        ({"expect": {"rows": [{"x": 1}]}}, {"expect": {"rows": [{"x": 2}]}}),
        ({"overrides": {"vars": {"x": 1}}}, {"overrides": {"vars": {"x": 2}}}),
        ({"fixtures": [["f", "x\n1"]]}, {"fixtures": [["f", "x\n2"]]}),
        ({"model": "orders"}, {"model": "orders_v2"}),
    ],
)
def test_a_unit_test_counts_by_its_rows_fixtures_and_overrides(before: dict[str, Any], after: dict[str, Any]) -> None:
    def unit_test(fields: dict[str, Any]) -> NodeDefinition:
        return definition("", unique_id="unit_test.shop.orders.adds_up", **fields)

    assert between(unit_test(before), unit_test(after)) == BODY


@pytest.mark.parametrize("name", ["test_metadata", "column_name", "arguments", "returns", "language"])
def test_what_completes_the_code_of_tests_and_functions_is_part_of_the_body(name: str) -> None:
    assert between(definition(**{name: "a"}), definition(**{name: "b"})) == BODY


def test_flags_that_change_what_is_built_count_for_every_node() -> None:
    assert of_project("select 1", {"flags": ()}, {"flags": ("--empty",)}) == {"flags"}


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("1.11.16", "1.11.17", set()),
        ("1.11.16", "1.12.0", {"engine"}),
        ("1.11.16", "2.11.16", {"engine"}),
    ],
)
@pytest.mark.parametrize("field", ["dbt_version", "adapter_version"])
def test_a_minor_version_of_dbt_or_its_adapter_counts_and_a_patch_does_not(
    field: str, before: str, after: str, parts: set[str]
) -> None:
    assert of_project("select 1", {field: before}, {field: after}) == parts


def test_every_version_counts_where_the_version_is_read() -> None:
    patch = of_project("{{ dbt_version }}", {"dbt_version": "1.11.16"}, {"dbt_version": "1.11.17"})

    assert patch == {"variables"}


def test_builtin_macros_count_only_through_the_version() -> None:
    def builtin(code: str) -> list[Any]:
        return [macro("get_rows", code, package="dbt", is_builtin=True)]

    assert of_macros("{{ get_rows() }}", builtin("1"), builtin("2")) == set()


def test_the_text_of_a_node_holds_its_code_and_arguments_as_they_stand() -> None:
    node = definition("select 1", test_metadata={"kwargs": {"limit": 'max "x"\nof y'}})

    assert code_text(node).splitlines() == ["select 1", "kwargs", "limit", 'max "x"', "of y"]


def test_every_part_has_a_hash_and_names_the_way_of_hashing() -> None:
    fingerprint = fingerprinted(project_definition(definition())).fingerprint

    assert fingerprint.keys() == {"scheme", *PARTS}
    assert fingerprint["scheme"] == SCHEME


def test_a_node_without_config_and_with_a_lone_surrogate_can_be_hashed() -> None:
    bare = replace(definition("\udcff"), attributes={"raw_code": "\udcff"})

    assert fingerprinted(project_definition(bare)).materialized == ""


def test_a_list_that_looks_like_a_text_is_not_that_text() -> None:
    digest = keyed_digest(KEY)

    assert digest(["a"]) != digest("a")
    assert digest({"a": 1}) != digest([["a", 1]])


def test_the_digest_of_a_definition_does_not_depend_on_the_order_of_its_parts() -> None:
    node = fingerprinted(project_definition(definition()))
    reversed_parts = dict(reversed(list(node.fingerprint.items())))

    assert definition_digest(node) == definition_digest(replace(node, fingerprint=reversed_parts))
    assert definition_digest(node) != definition_digest(replace(node, fingerprint={}))
