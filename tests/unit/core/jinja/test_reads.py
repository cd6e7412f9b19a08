"""What a Jinja text can read, and macros that it reaches."""

from __future__ import annotations

import pytest
from support.values import BUILTIN, VIEW, VIEWS, builtin, macro

from dbt_state_plugin.core.jinja.reads import MacroIndex, jinja_reads, union, variable_values
from dbt_state_plugin.core.values.definition import MacroDefinition

A, B, C, OTHER = macro("a", "{{ b() }}"), macro("b", "{{ c() }}"), macro("c", "1"), macro("other", "2")


def reached(text: str, *macros: MacroDefinition) -> set[str]:
    """Return the names of the macros that rendering a text can reach."""
    return {found.name for found in MacroIndex([*BUILTIN, *macros]).reachable(text)}


def run_with(materialized: str, *macros: MacroDefinition, text: str = "") -> set[str]:
    """Return the names of the macros that building a node can reach, outside of its SQL."""
    return {found.name for found in MacroIndex([*BUILTIN, *macros]).run_with(materialized, text)}


def test_a_macro_three_levels_down_is_reached() -> None:
    assert reached("select {{ a() }}", A, B, C, OTHER) == {"a", "b", "c"}


def test_macros_that_call_each_other_are_reached_together() -> None:
    assert reached("{{ a() }}", macro("a", "{{ b() }}"), macro("b", "{{ a() }}"), OTHER) == {"a", "b"}


def test_one_node_s_macros_do_not_leak_into_the_next() -> None:
    index = MacroIndex([A, B, C, OTHER])

    reached = [index.reachable(text) for text in ("{{ b() }}", "{{ other() }}", "{{ a() }}")]

    assert [[found.name for found in macros] for macros in reached] == [["b", "c"], ["other"], ["a", "b", "c"]]


def test_a_macro_that_merely_exists_is_not_reached() -> None:
    assert reached("select 1", A, B, C, OTHER) == set()


@pytest.mark.parametrize(
    "text",
    [
        "{{ apply(other) }}",
        "{{ context['other']() }}",
        '{{ context["other"]() }}',
        "{{ context.get('other')() }}",
        "{{ context.other() }}",
        "{{ shop.other() }}",
        "{{ shop['other']() }}",
        "{{ adapter.dispatch('other', 'shop')() }}",
        "{{ adapter.dispatch(macro_name='other', macro_namespace='shop')() }}",
        "{% set name = 'other' %}{{ run(name) }}",
        "{% call other() %}{% endcall %}",
        "{{-other()}}",
        "{{\nother()\n}}",
    ],
)
def test_a_macro_is_reached_by_its_name_wherever_it_stands_and_no_other_is(text: str) -> None:
    assert reached(text, OTHER, A, B, C) == {"other"}


@pytest.mark.parametrize(
    "text",
    [
        "{{ context[name]() }}",
        "{{ context['ot' ~ 'her']() }}",
        "{{ context.get(name)() }}",
        "{{ context.pop(name)() }}",
        "{{ context.items() }}",
        "{{ show(context) }}",
        "{{ builtins[name]('x') }}",
        "{{ adapter.dispatch(name)() }}",
        "{{ adapter.dispatch('a' ~ name)() }}",
        "{{ adapter['dispatch'](name)() }}",
        "{{ shop[name]() }}",
        "{{ shop['ot' ~ 'her']() }}",
        "{{ shop.get(name)() }}",
        "{{ context['shop'][name]() }}",
        "{% set macros = shop %}{{ macros[name]() }}",
        "{{ find(shop, name) }}",
        "{{ (shop | attr(name))() }}",
        "{{ render(text) }}",
        "{{ context.render(text) }}",
    ],
)
def test_a_computed_name_reaches_every_macro(text: str) -> None:
    assert reached(text, OTHER, A) == {"other", "a"}


@pytest.mark.parametrize(
    "text",
    ["{{ ref('x').render() }}", "{{ ref('shop', 'x') }}", "select * from shop.other_table", "{{ builtins.ref('x') }}"],
)
def test_names_that_are_not_computed_reach_nothing(text: str) -> None:
    assert reached(text, OTHER, A) == set()


@pytest.mark.parametrize("name", ["postgres__other", "default__other"])
def test_what_implements_a_dispatched_macro_is_reached_by_the_macro_s_name(name: str) -> None:
    assert reached("{{ other() }}", macro("other", "{{ adapter.dispatch('other')() }}"), macro(name), A) == {
        "other",
        name,
    }


def test_a_macro_of_the_same_name_in_every_package_is_reached() -> None:
    index = MacroIndex([OTHER, macro("other", package="lib")])

    assert len(index.reachable("{{ other() }}")) == 2


@pytest.mark.parametrize("name", ["create_table_as", "postgres__create_table_as", "default__create_table_as"])
def test_an_override_of_one_of_dbt_s_macros_is_reached_by_the_nodes_that_are_built_with_it(name: str) -> None:
    macros = (macro(name, "{{ a() }}"), A, B, C, OTHER)

    assert run_with("table", *macros) == {name, "a", "b", "c"}
    assert run_with("view", *macros) == set()


@pytest.mark.parametrize("name", ["create_table_as", "postgres__create_table_as"])
def test_an_override_that_acts_outside_of_the_sql_is_not_reached_by_rendering(name: str) -> None:
    assert reached("select 1", macro(name)) == set()
    assert reached("{{ get_create_table_as_sql() }}", macro(name)) == {name}


def test_what_materializations_share_is_reached_by_all_that_call_it() -> None:
    assert run_with("table", macro("run_hooks")) == run_with("view", macro("run_hooks")) == {"run_hooks"}


def test_an_override_is_reached_through_the_override_of_what_calls_it() -> None:
    macros = (macro("run_hooks", "{{ create_indexes() }}"), macro("create_indexes"))

    assert run_with("view", *macros) == {"run_hooks", "create_indexes"}


@pytest.mark.parametrize("materialized", ["table", "view", "unknown", ""])
@pytest.mark.parametrize(
    "name", ["drop_relation", "postgres__rename_relation", "list_schemas", "default__validate_sql"]
)
def test_what_adapters_call_by_name_is_reached_by_every_node_that_is_built(name: str, materialized: str) -> None:
    assert run_with(materialized, macro(name, "{{ a() }}"), A, B, C) == {name, "a", "b", "c"}
    assert reached("select 1", macro(name)) == set()


@pytest.mark.parametrize("name", ["index", "column", "note", "sql", "table", "other_note"])
def test_a_macro_named_like_a_chance_word_of_dbt_s_own_macros_is_not_reached(name: str) -> None:
    assert run_with("table", macro(name)) == run_with("view", macro(name)) == set()


def test_a_comment_in_dbt_s_own_macros_reaches_nothing() -> None:
    commented = builtin("materialization_history_default", "{# not drop_it() nor\ncreate_table_as() #}")

    assert run_with("history", commented, macro("drop_it"), macro("create_table_as")) == set()


def test_a_function_of_the_context_that_dbt_s_own_macros_call_is_reached_by_who_calls_them() -> None:
    assert reached("{{ run_query('x') }}", macro("load_result")) == {"load_result"}
    assert run_with("table", macro("render")) == {"render"}
    assert run_with("table", macro("load_result")) == set()


def test_dbt_s_own_computed_names_do_not_reach_every_macro() -> None:
    assert run_with("table", A, B, C, OTHER) == set()


def test_a_computed_name_in_an_override_reaches_every_macro() -> None:
    assert run_with("table", macro("create_table_as", "{{ context[name]() }}"), C, OTHER) == {
        "create_table_as",
        "c",
        "other",
    }


@pytest.mark.parametrize(
    "name",
    ["snapshot_history_strategy", "default__snapshot_history_strategy", "get_incremental_history_sql"],
)
def test_a_macro_of_a_strategy_is_reached_by_the_nodes_whose_config_names_it(name: str) -> None:
    text = "snapshot_history_strategy\nget_incremental_history_sql"

    assert run_with("snapshot", macro(name, "{{ a() }}"), A, B, C, text=text) == {name, "a", "b", "c"}
    assert run_with("snapshot", macro(name)) == set()


def test_a_strategy_of_dbt_s_own_leads_to_the_overrides_that_it_calls() -> None:
    strategy = builtin("get_incremental_append_sql", "{{ get_insert_into_sql() }}")
    insert = builtin("get_insert_into_sql", "insert")

    found = run_with("table", strategy, insert, macro("get_insert_into_sql"), text="get_incremental_append_sql")

    assert found == {"get_insert_into_sql"}


def test_without_macros_of_the_project_nothing_is_reached() -> None:
    assert reached("{{ context[name]() }}") == run_with("table") == set()


def test_an_override_of_ref_is_reached_by_who_calls_ref() -> None:
    assert reached("select * from {{ ref('x') }}", macro("ref", "{{ builtins.ref('x') }}"), OTHER) == {"ref"}


@pytest.mark.parametrize(
    "name", ["generate_schema_name", "default__generate_schema_name", "generate_alias_name", "generate_database_name"]
)
def test_a_macro_that_makes_names_counts_only_through_the_names(name: str) -> None:
    assert reached("select 1", macro(name)) == set()
    assert run_with("table", macro(name)) == run_with("view", macro(name)) == set()


@pytest.mark.parametrize("suffix", ["default", "postgres"])
def test_a_materialization_is_reached_by_the_nodes_that_use_it(suffix: str) -> None:
    custom = macro(f"materialization_history_{suffix}", "{{ a() }}")

    assert run_with("history", custom, A, B, C) == {custom.name, "a", "b", "c"}
    assert run_with("table", custom, A, B, C) == set()
    assert reached("select 1", custom, A, B, C) == set()


def test_an_override_of_dbt_s_own_materialization_is_reached_by_the_nodes_that_use_it() -> None:
    custom = macro("materialization_table_default")

    assert run_with("table", custom) == {custom.name}
    assert run_with("view", custom) == set()


def test_a_materialization_of_a_package_leads_to_the_overrides_that_it_calls() -> None:
    custom = macro("materialization_history_default", "{{ create_table_as() }}", package="lib")

    assert run_with("history", custom, macro("create_table_as")) == {custom.name, "create_table_as"}


def test_a_generic_test_is_reached_by_its_short_name_too() -> None:
    assert reached("{{ is_even }}", macro("test_is_even")) == {"test_is_even"}


def test_a_macro_that_dbt_declares_is_reached() -> None:
    index = MacroIndex([OTHER, *BUILTIN])

    found = index.reachable("", declared=["macro.shop.other", "macro.dbt.run_query"])

    assert found == (OTHER,)


def test_a_macro_whose_name_is_no_word_is_reached_by_every_node() -> None:
    assert reached("select 1", macro("a·b")) == run_with("view", macro("a·b")) == {"a·b"}


def test_a_macro_in_another_script_is_reached() -> None:
    assert reached("{{ größe() }}", macro("größe"), OTHER) == {"größe"}


def test_dbt_s_own_macros_are_never_part_of_the_answer() -> None:
    assert reached("{{ run_query('x') }} {{ context[name]() }}", OTHER) == {"other"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("select 1", set()),
        ("{{ var('x') }}", {"x"}),
        ('{{ var("x", 1) }}', {"x"}),
        ("{{ var( 'x' , var('y')) }}", {"x", "y"}),
        ("{{ var.has_var('x') }}", {"x"}),
        ("{{ builtins.var('x') }}", {"x"}),
        ("{{ var('a b.c') }}", {"a b.c"}),
    ],
)
def test_literal_names_of_vars_are_known(text: str, names: set[str]) -> None:
    assert jinja_reads(text).variables == names


@pytest.mark.parametrize(
    "text",
    [
        "{{ var(name) }}",
        "{{ var('a' ~ name) }}",
        "{{ var('a' 'b') }}",
        "{{ var('it\\'s') }}",
        "{{ var('x') }} {{ var(name) }}",
        "{{ show(var) }}",
        "{{ var.get_rendered_var('x') }}",
        "{{ builtins['var']('x') }}",
        "{{ context[name]('x') }}",
        "{{ render(text) }}",
        "{{ adapter.config.vars }}",
        "{{ [1] | map('var') }}",
    ],
)
def test_a_computed_name_of_a_var_may_be_any(text: str) -> None:
    assert jinja_reads(text).variables is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{ env_var('X') }}", {"X"}),
        ("{{ env_var('X', 'default') }}", {"X"}),
        ("{{ env_var(name) }}", None),
        ("{{ f(env_var) }}", None),
        ("{{ var('x') }}", set()),
    ],
)
def test_env_vars_are_known_by_their_literal_names(text: str, names: set[str] | None) -> None:
    assert jinja_reads(text).env_vars == names


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("{{ target.schema }}", {"schema"}),
        ("{{ target['schema'] }} {{ target.name }}", {"schema", "name"}),
        ("{{ env.schema }}", {"schema"}),
        ("{{ context.target.schema }}", {"schema"}),
        ("{{ target }}", None),
        ("{{ env }}", None),
        ("{{ target.get('schema') }}", None),
        ("{{ target.copy()['schema'] }}", None),
        ("{{ target.pop('schema') }}", None),
        ("{{ target.setdefault('schema') }}", None),
        ("{{ target.__getitem__('schema') }}", None),
        ("{{ target['sch' ~ 'ema'] }}", None),
        ("{{ target[name] }}", None),
        ("{{ context['target'].schema }}", None),
        ("{{ target | tojson }}", None),
        ("{{ adapter.config.credentials.schema }}", None),
        ("select 1", set()),
    ],
)
def test_target_fields_are_known_by_their_literal_names(text: str, fields: set[str] | None) -> None:
    assert jinja_reads(text).target_fields == fields


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{{ run_started_at }}", "run_started_at"),
        ("{{ context['run_started_at'] }}", "run_started_at"),
        ("{{ invocation_id }}", "invocation_id"),
        ("{{ invocation_args_dict }}", "invocation_args_dict"),
        ("{{ thread_id }}", "thread_id"),
        ("{{ otel_trace_id() }}", "otel_trace_id"),
        ("{{ otel_span_id() }}", "otel_span_id"),
        ("{{ selected_resources }}", "selected_resources"),
        ("{{ modules.datetime.datetime.now() }}", "modules.datetime"),
        ("{{ modules['datetime'] }}", "modules.datetime"),
        ("{% set m = modules %}", "modules.datetime"),
        ("{{ [1, 2] | random }}", "the random filter"),
        ("{{ flags.WHICH }}", "flags.WHICH"),
        ("{{ flags['WHICH'] }}", "flags.WHICH"),
        ("{{ show(flags) }}", "flags.WHICH"),
    ],
)
def test_what_differs_on_every_run_is_named(text: str, what: str) -> None:
    assert jinja_reads(text).volatile == (what,)


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("{{ run_query('select 1') }}", True),
        ("{% call statement('x') %}select 1{% endcall %}", True),
        ("{{ adapter.get_columns_in_relation(ref('x')) }}", True),
        ("{{ load_relation(this) }}", True),
        ("{{ adapter.list_relations_without_caching(schema) }}", True),
        ("select 1 as statement", False),
        ("{{ ref('run_queries') }}", False),
    ],
)
def test_what_asks_the_database_is_known(text: str, queries: bool) -> None:
    assert jinja_reads(text).queries is queries


@pytest.mark.parametrize("text", ["{{ modules.re.match('a', 'b') }}", "select random()", "{{ flags.FULL_REFRESH }}"])
def test_what_is_the_same_on_every_run_is_not_volatile(text: str) -> None:
    assert jinja_reads(text).volatile == ()


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("{{ config(tags='x') }}", False),
        ("{{ config.get('tags') }}", True),
        ("{{ f(config) }}", True),
        ("{{ model.tags }}", True),
        ("{{ model['tags'] }}", True),
        ("{{ models }}", False),
    ],
)
def test_reading_the_config_is_told_from_setting_it(text: str, reads: bool) -> None:
    assert jinja_reads(text).reads_config is reads


def test_the_graph_the_version_and_metadata_are_found_as_words() -> None:
    reads = jinja_reads("{{ graph.nodes }} {{ dbt_version }} {{ dbt_metadata_envs }}")

    assert (reads.reads_graph, reads.reads_version, reads.reads_env_metadata) == (True, True, True)


def test_texts_read_together_what_each_of_them_reads() -> None:
    texts = ["{{ var('x') }}{{ run_started_at }}", "{{ var('y') }}{{ graph }}{{ target }}", "{{ env_var('E') }}"]

    reads = union(jinja_reads(text) for text in texts)

    assert reads.variables == {"x", "y"}
    assert reads.env_vars == {"E"}
    assert reads.target_fields is None
    assert reads.volatile == ("run_started_at",)
    assert reads.reads_graph
    assert not reads.reads_config
    assert not reads.queries


def test_nothing_reads_nothing() -> None:
    assert union([]).variables == frozenset()


def test_unknown_names_mean_all_vars() -> None:
    defined = {"x": 1, "y": 2}

    assert variable_values(None, defined) == defined
    assert variable_values(frozenset({"x", "z"}), defined) == {"x": 1}


@pytest.mark.parametrize(
    ("text", "namespaces"),
    [
        ("{{ adapter.dispatch('a') }}", set()),
        ("{{ adapter.dispatch('a')() }}{{ adapter.dispatch('b', 'lib')() }}", {"lib"}),
        ("{{ adapter.dispatch( macro_name = 'a' , macro_namespace = 'lib' )() }}", {"lib"}),
        ('{{ adapter.dispatch("a", macro_namespace="my-lib",)() }}', {"my-lib"}),
        ("{{ adapter.dispatch('a', 'lib' ~ x) }}", None),
        ("{{ adapter.dispatch('a', lib) }}", None),
        ("{{ adapter.dispatch('a', 'it\\'s') }}", None),
        ("{{ adapter.dispatch(name, 'lib') }}", None),
        ("{{ adapter.dispatch('a', packages=['lib']) }}", None),
        ("{% set find = adapter.dispatch %}{{ adapter.dispatch('a', 'lib') }}", None),
        ("{{ context[name] }}", None),
        ("select 1", set()),
    ],
)
def test_the_namespaces_of_dispatch_are_known_by_their_literal_names(text: str, namespaces: set[str] | None) -> None:
    assert jinja_reads(text).namespaces == namespaces
    assert union([jinja_reads(text), jinja_reads("{{ adapter.dispatch('z', 'z') }}")]).namespaces == (
        None if namespaces is None else namespaces | {"z"}
    )


LOOP = "{%- for each in config.get('indexes', default=[]) -%}{{ create_index(each) }}{%- endfor -%}"
NAMED_LOOP = "{%- set all = config.get('indexes', []) %}{% for each in all %}{{ create_index(each) }}{% endfor %}"


def with_indexes(code: str, *, is_builtin: bool = True, has_indexes: bool = False) -> set[str]:
    """Return what building a table reaches of the project where the macro for indexes has this code."""
    of_dbt = [each for each in BUILTIN if each.name != "create_indexes"]
    creates = builtin("create_indexes", code) if is_builtin else macro("create_indexes", code)
    index = MacroIndex([*of_dbt, builtin("run_index"), creates, macro("create_index"), macro("drop_index")])
    return {found.name for found in index.run_with("table", has_indexes=has_indexes)}


@pytest.mark.parametrize("code", [LOOP, NAMED_LOOP, f"{LOOP}{NAMED_LOOP}"])
def test_what_dbt_does_for_each_index_is_not_reached_without_indexes(code: str) -> None:
    assert with_indexes(code) == set()
    assert with_indexes(code, has_indexes=True) == {"create_index"}


@pytest.mark.parametrize(
    "code",
    [
        f"{LOOP}{{{{ create_index() }}}}",
        LOOP.replace("{%- endfor", "{% else %}{{ create_index() }}{%- endfor"),
        LOOP.replace("{{ create", "{% for x in y %}{% endfor %}{{ create"),
        LOOP.replace("default=[]", "default=[1]"),
        LOOP.replace("'indexes'", "'grants'"),
        NAMED_LOOP.replace("{% for", "{% set all = [1] %}{% for"),
        NAMED_LOOP.replace("in all", "in others"),
    ],
)
def test_what_may_happen_without_indexes_is_reached_without_them(code: str) -> None:
    assert with_indexes(code) == {"create_index"}


def test_a_loop_over_the_indexes_in_a_macro_of_the_project_is_followed() -> None:
    assert with_indexes(LOOP, is_builtin=False) == {"create_indexes", "create_index"}


OVERRIDE = macro("postgres__create_view_as", "{{ barrier() }}")
BARRIER = macro("barrier", "1")


def only_in_ddl(*names: str, macros: tuple[MacroDefinition, ...] = (OVERRIDE, BARRIER), **fields: str) -> bool:
    index = MacroIndex([*VIEWS, *macros])
    return index.shows_only_in_view_ddl([f"macro.shop.{name}" for name in names], **fields)


@pytest.mark.parametrize(
    "names",
    [
        ["postgres__create_view_as"],
        ["barrier"],
        ["barrier", "postgres__create_view_as", "no_longer_postgres__create_view_as"],
        ["default__get_create_view_as_sql"],
        ["get_create_view_as_sql"],
        ["is_gone"],
    ],
)
def test_what_only_makes_the_statement_of_a_view_shows_only_there(names: list[str]) -> None:
    assert only_in_ddl(*names)


@pytest.mark.parametrize(
    "name",
    [
        "run_hooks",
        "statement",
        "default__run_hooks",
        "make_intermediate_relation",
        "postgres__make_intermediate_relation",
        "materialization_view_default",
        "materialization_view_postgres",
        "drop_relation",
        "pre",
        "intermediate_relation",
        "a·b",
    ],
)
def test_what_is_named_on_the_way_to_a_view_may_show_elsewhere(name: str) -> None:
    assert not only_in_ddl(name)
    assert not only_in_ddl("barrier", name)


@pytest.mark.parametrize(
    "macros",
    [
        (macro("default__run_hooks", "{{ barrier() }}"),),
        (macro("default__run_hooks", "{{ other() }}"), macro("other", "barrier")),
        (macro("default__run_hooks", "{{ context[name]() }}"),),
        (macro("default__run_hooks", "{{ shop[name]() }}"),),
        (macro("default__run_hooks", "{{ create_view_as(other, sql) }}"),),
        (macro("default__run_hooks", "{{ shop.postgres__create_view_as(other, sql) }}"),),
        (macro("materialization_view_default", VIEW),),
        (macro("materialization_view_postgres", VIEW),),
        (macro("a·b", "{{ barrier() }}"),),
    ],
)
def test_another_way_to_a_macro_or_to_the_statement_is_seen(macros: tuple[MacroDefinition, ...]) -> None:
    assert not only_in_ddl("barrier", macros=(OVERRIDE, BARRIER, *macros))


def test_a_strategy_that_names_a_macro_leads_to_it() -> None:
    assert not only_in_ddl("barrier", text="barrier")
    assert only_in_ddl("barrier", text="other")


@pytest.mark.parametrize(
    "code",
    [
        VIEW.replace("intermediate_relation, sql", "target_relation, sql"),
        VIEW.replace("intermediate_relation, sql", "intermediate_relation, sql ~ ''"),
        VIEW.replace("type='view'", "type='table'"),
        VIEW.replace("(target_relation)", "(this)"),
        VIEW.replace("{{ run", "{% set sql = 'select 1' %}{{ run"),
        VIEW.replace("{{ run", "{% set intermediate_relation = this %}{{ run"),
        VIEW.replace("'main'", "'other'"),
        VIEW + VIEW,
        "",
    ],
)
def test_another_materialization_of_views_is_not_known(code: str) -> None:
    index = MacroIndex([builtin("materialization_view_default", code), *VIEWS[1:], OVERRIDE, BARRIER])

    assert not index.shows_only_in_view_ddl(["macro.shop.barrier"])
    assert not MacroIndex([OVERRIDE, BARRIER]).shows_only_in_view_ddl(["macro.shop.barrier"])
