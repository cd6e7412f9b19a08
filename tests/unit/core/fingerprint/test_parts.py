"""Items of each part of a definition, and their storage."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from support.values import BUILTIN, KEY, VIEWS, builtin, definition, macro, project_definition

from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.core.values.definition import NodeDefinition

INDEX_LOOP = "{% for each in config.get('indexes', []) %}{{ get_create_index_sql(each) }}{% endfor %}"
INDEX_MACROS = ("create_indexes", "get_create_index_sql")
TABLE = [each for each in BUILTIN if each.name != "create_indexes"]
HASH = re.compile(r"#[0-9a-f]{64}")
TWO_HASHES = re.compile(r"[0-9a-f]{64}:[0-9a-f]{64}")


def items(node: NodeDefinition, *others: NodeDefinition, **fields: Any) -> dict[str, dict[str, str]]:
    return Fingerprinter(project_definition(node, *others, **fields), key=KEY).items(node.unique_id)


def given(value: object) -> dict[str, Any]:
    """Return the variables of a project to which `--vars` gives a value."""
    return {"x": [["command line", value], ["shop", "default"]]}


def test_every_item_of_every_part_is_named() -> None:
    node = definition(
        "{{ a() }}{{ var('x') }}{{ env_var('E') }}{{ target.schema }}{{ dbt_version }}{{ graph }}{{ model }}",
        config={
            "indexes": [{"columns": ["id"]}],
            "contract": {"enforced": True},
            "persist_docs": {"relation": True, "columns": True},
            "pre-hook": [{"sql": "{{ a() }}"}],
            "post_hook": [{"sql": "analyze"}],
        },
        references=(("source.shop.raw", '"db"."raw"."x"'),),
        test_metadata={"name": "t"},
    )
    source = definition("", unique_id="source.shop.raw", config={"event_time": "at"})

    found = items(
        node,
        source,
        macros=[macro("a"), macro("create_table_as")],
        variables={"x": [["shop", 1]], "y": [["shop", 2]]},
        environment={"E": "1", "F": "2"},
        target={"schema": "main", "name": "dev"},
        project_hooks={"operation.shop.start": "analyze"},
    )

    properties = {name for name in found["variables"] if name.startswith("model.")}  # each, so that it can be named
    assert {"model.config", "model.raw_code"} < properties
    found["variables"] = {name: value for name, value in found["variables"].items() if name not in properties}
    assert {part: sorted(names) for part, names in found.items()} == {
        "body": ["code", "test_metadata"],
        "config": ["event_time of source.shop.raw", "indexes", "materialized", "persist_docs"],
        "macros": ["macro.shop.a"],
        "variables": ["dbt_version", "env_var E", "graph", "target.schema", "the node's own properties", "var x"],
        "materialization": ["macro.shop.create_table_as"],
        "contract": ["columns", "constraints", "contract", "foreign keys"],
        "hooks": ["macro.shop.a", "post-hook 2", "pre-hook 1"],
        "project_hooks": ["operation.shop.start"],
        "docs": ["columns", "description"],
        "relation": ["relation"],
        "references": ["source.shop.raw"],
        "session": ["role", "search_path"],
        "flags": ["flags"],
        "engine": ["adapter", "dbt"],
    }


def test_a_part_without_items_is_left_out() -> None:
    assert items(definition()).keys() == {"body", "config", "relation", "session", "flags", "engine"}


def test_values_of_the_configuration_and_names_of_relations_are_kept_as_they_are() -> None:
    node = definition(config={"grants": {"select": ["größe"]}}, references=(("model.shop.a", '"db"."main"."a"'),))

    found = items(node)

    assert found["config"] == {"materialized": '"table"', "grants": '{"select": ["größe"]}'}
    assert found["references"] == {"model.shop.a": '"\\"db\\".\\"main\\".\\"a\\""'}


def test_all_other_items_are_kept_as_keyed_hashes() -> None:
    node = definition(
        "{{ a() }}{{ var('x') }}{{ env_var('E') }}",
        config={"post-hook": [{"sql": "analyze"}], "contract": {"enforced": True}, "persist_docs": {"relation": True}},
    )

    found = items(node, macros=[macro("a")], variables=given("v"), environment={"E": "secret"}, target={"role": "me"})

    for part in found.keys() - {"config", "references"}:
        for name, value in found[part].items():
            assert (TWO_HASHES if name.startswith("macro.") or (part, name) == ("body", "code") else HASH).fullmatch(
                value
            ), name
    assert found["body"]["code"].split(":")[0] == keyed_digest(KEY)(node.attributes["raw_code"])


def test_a_macro_has_a_hash_that_its_layout_and_comments_do_not_change() -> None:
    one, other = (
        items(definition("{{ a() }}"), macros=[macro("a", code)])["macros"]["macro.shop.a"].split(":")
        for code in ("{{ 1 }}", "{# one #}{{1}}")
    )

    assert one[0] != other[0]
    assert one[1] == other[1]


SECRET = 'sup3r"sécret\nline'


@pytest.mark.parametrize("key", ["x", "grants"])
@pytest.mark.parametrize(
    "value",
    [SECRET, f"before {SECRET} after", [SECRET], {"a": {"b": [SECRET]}}, {SECRET: 1}],
    ids=["whole", "part", "in a list", "deep", "name"],
)
def test_the_value_of_an_env_var_never_stands_in_an_item(key: str, value: object) -> None:
    node = definition(config={key: value}, references=(("model.shop.a", SECRET),))

    found = items(node, environment={"ANY": SECRET, "EMPTY": "", "SHORT": "t"})

    assert HASH.fullmatch(found["config"][key])
    assert HASH.fullmatch(found["references"]["model.shop.a"])
    assert SECRET not in json.dumps(found, ensure_ascii=False)
    assert found["config"]["materialized"] == '"table"'


@pytest.mark.parametrize("name", ["DBT_ENV_SECRET_X", "PLAIN"])
def test_the_value_of_a_secret_never_stands_in_an_item_either(name: str) -> None:
    found = items(definition(config={"x": "token-123"}), environment={name: "token-123"})

    assert HASH.fullmatch(found["config"]["x"])


@pytest.mark.parametrize(
    ("value", "config"),
    [
        (SECRET, SECRET),
        ([1, SECRET], SECRET),
        ({"deep": {"er": SECRET}}, SECRET),
        (483920, 483920),
        (483920, "id 483920"),
        (48.25, 48.25),
        ({"pin": 483920}, 483920),
    ],
)
def test_a_value_of_vars_on_the_command_line_never_stands_in_an_item(value: object, config: object) -> None:
    assert HASH.fullmatch(items(definition(config={"x": config}), variables=given(value))["config"]["x"])


@pytest.mark.parametrize("value", [True, None, "ab", 12])
def test_what_is_too_short_to_be_a_secret_hides_nothing(value: object) -> None:
    assert items(definition(config={"x": "ab 12 true True null None"}), variables=given(value))["config"]["x"] == (
        '"ab 12 true True null None"'
    )


@pytest.mark.parametrize("defined", [[["shop", "value"]], [["lib", "lib", "value"]], []])
def test_vars_of_the_project_are_no_secret(defined: list[Any]) -> None:
    assert items(definition(config={"x": "value"}), variables={"x": defined})["config"]["x"] == '"value"'


def test_a_seed_has_its_rows_beside_its_content() -> None:
    seed = definition("", unique_id="seed.shop.countries", content_digest="aa")
    of = project_definition(seed)

    with_rows = Fingerprinter(of, key=KEY, seed_rows=lambda unique_id: f"rows of {unique_id}").items(seed.unique_id)
    without = Fingerprinter(of, key=KEY).items(seed.unique_id)

    assert with_rows["body"].keys() == {"content", "rows"}
    assert HASH.fullmatch(with_rows["body"]["rows"])
    assert without["body"]["rows"] == ""


def test_the_rows_of_a_seed_are_read_only_where_its_items_are_asked_for() -> None:
    asked: list[str] = []
    seed, other = (definition("", unique_id=f"seed.shop.{name}") for name in "ab")

    fingerprinter = Fingerprinter(
        project_definition(seed, other), key=KEY, seed_rows=lambda name: asked.append(name) or ""
    )
    assert asked == []
    fingerprinter.items(seed.unique_id)

    assert asked == [seed.unique_id]


@pytest.mark.parametrize(
    ("attributes", "is_described"),
    [
        ({}, False),
        ({"description": "orders"}, True),
        ({"columns": {"id": {"name": "id", "description": ""}}}, False),
        ({"columns": {"id": {"name": "id", "description": "the key"}}}, True),
    ],
)
def test_a_node_is_described_by_itself_or_by_a_column(attributes: dict[str, Any], is_described: bool) -> None:
    node = definition("select 1", **attributes)

    assert Fingerprinter(project_definition(node), key=KEY).is_described(node.unique_id) is is_described


def test_the_paths_of_macros_are_known() -> None:
    fingerprinter = Fingerprinter(project_definition(macros=[macro("a", path="macros/deep/a.sql")]), key=KEY)

    assert fingerprinter.macro_paths["macro.shop.a"] == "macros/deep/a.sql"


def test_what_differs_in_an_item_differs_in_the_fingerprint_and_the_other_way_round() -> None:
    codes = ("select 1", "select 2", "{{ var('x') }}", "{{ a() }}")
    found = [Fingerprinter(project_definition(definition(code), macros=[macro("a")]), key=KEY) for code in codes]

    for one in found:
        for other in found:
            before, after = one.items("model.shop.orders"), other.items("model.shop.orders")
            hashes, others = (each.project.nodes["model.shop.orders"].fingerprint for each in (one, other))
            differing = {part for part in hashes if hashes[part] != others[part]}
            assert differing == {part for part in hashes if before.get(part) != after.get(part)}


@pytest.mark.parametrize(("unrendered", "names"), [({"grants": "{{ x }}"}, {"grants"}), ({}, set()), (None, set())])
def test_the_keys_of_the_config_that_the_project_sets_are_known(unrendered: object, names: set[str]) -> None:
    node = definition(config={"grants": {"select": ["a"]}, "unlogged": False}, unrendered_config=unrendered)

    assert Fingerprinter(project_definition(node), key=KEY).configured(node.unique_id) == names


LIB = {"macro_namespace": "lib", "search_order": ["shop", "lib"]}
DBT = {"macro_namespace": "dbt", "search_order": ["shop", "dbt"]}


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("{{ b() }}", [DBT]),
        ("{{ adapter.dispatch('b', 'lib')() }}", [LIB, DBT]),
        ("{{ adapter.dispatch('b', 'other')() }}", [DBT]),
        ("{{ adapter.dispatch('b', name)() }}", [LIB, DBT]),
    ],
)
def test_of_the_search_order_of_macros_only_the_searched_namespaces_count(code: str, kept: list[Any]) -> None:
    project = {"macros": [macro("a", code), macro("b")], "dispatch": [LIB, DBT]}

    found = items(definition("{{ a() }}"), **project)

    assert found["macros"]["dispatch"] == "#" + keyed_digest(KEY)(kept)


@pytest.mark.parametrize("config", [{"indexes": [{"columns": ["id"]}]}, {"meta": {"indexes": []}}])
def test_an_override_for_indexes_counts_for_nodes_with_indexes(config: dict[str, Any]) -> None:
    macros = [builtin(name, INDEX_LOOP) if name == "create_indexes" else macro(name) for name in INDEX_MACROS]

    with_indexes, without = (items(definition(config=each), macros=[*TABLE, *macros]) for each in (config, {}))

    assert with_indexes["materialization"].keys() == {"macro.shop.get_create_index_sql"}
    assert "materialization" not in without


@pytest.mark.parametrize(
    ("resource", "materialized", "changed", "is_only_there"),
    [
        ("model", "view", ["macro.shop.postgres__create_view_as"], True),
        ("model", "view", ["macro.shop.postgres__create_view_as", "var x"], False),
        ("model", "view", ["macro.shop.run_hooks"], False),
        ("model", "table", ["macro.shop.postgres__create_view_as"], False),
        ("snapshot", "view", ["macro.shop.postgres__create_view_as"], False),
    ],
)
def test_what_creates_a_view_is_told_from_what_else_is_done_for_it(
    resource: str, materialized: str, changed: list[str], is_only_there: bool
) -> None:
    node = definition(unique_id=f"{resource}.shop.a", config={"materialized": materialized})
    project = replace(project_definition(node), macros=(*VIEWS, macro("postgres__create_view_as")))

    assert Fingerprinter(project, key=KEY).in_view_ddl(node.unique_id, changed) == is_only_there


def test_text_that_a_materialization_renders_outside_of_its_blocks_has_no_hash_of_its_own() -> None:
    def hashes(text: str) -> list[str]:
        code = f"{{% materialization table, default %}}{text}{{{{ return(x) }}}}{{% endmaterialization %}}"
        custom = replace(macro("materialization_table_default"), code=code)
        return items(definition(), macros=[custom])["materialization"][custom.unique_id].split(":")

    before, after, other = hashes("-- a"), hashes("-- b"), hashes("{{ f() }}")

    assert before[0] != after[0]
    assert before[1] == after[1] != other[1]


@pytest.mark.parametrize(
    ("config", "fields", "keeps"),
    [
        ({"materialized": "incremental"}, {}, True),
        ({"materialized": "incremental", "on_schema_change": "ignore", "full_refresh": False}, {}, True),
        ({"materialized": "incremental", "on_schema_change": "fail"}, {}, True),
        ({"materialized": "incremental", "on_schema_change": "append_new_columns"}, {}, False),
        ({"materialized": "incremental", "full_refresh": True}, {}, False),
        ({"materialized": "incremental", "post-hook": [{"sql": "alter table x add y int"}]}, {}, False),
        ({"materialized": "incremental"}, {"project_hooks": {"operation.shop.end": "alter table x"}}, False),
        ({"materialized": "incremental"}, {"macros": [macro("get_incremental_default_sql")]}, False),
        ({"materialized": "table"}, {}, False),
        ({"materialized": "snapshot"}, {}, False),
    ],
)
def test_a_table_keeps_its_columns_where_dbts_own_incremental_materialization_may_not_alter_them(
    config: dict[str, Any], fields: dict[str, Any], keeps: bool
) -> None:
    fingerprinter = Fingerprinter(project_definition(definition(config=config), **fields), key=KEY)

    assert fingerprinter.project.nodes["model.shop.orders"].keeps_columns is keeps


def test_a_node_is_written_by_macros_of_the_project_only_where_one_of_them_takes_part() -> None:
    macros = [macro("create_table_as"), macro("generate_schema_name")]
    shop = {
        name: Fingerprinter(project_definition(definition(config={"materialized": "table"}), macros=named), key=KEY)
        for name, named in (("none", []), ("other", macros[1:]), ("ddl", macros))
    }

    assert {name: of.project.nodes["model.shop.orders"].custom_ddl for name, of in shop.items()} == {
        "none": False,
        "other": False,
        "ddl": True,
    }


READ_THERE: dict[str, Any] = {
    "macros": [macro("a")],
    "variables": {"x": [["shop", 1]]},
    "environment": {"E": "1", "DBT_ENV_SECRET_K": "s", "DBT_ENV_CUSTOM_ENV_C": "c"},
    "target": {"schema": "main", "threads": 1},
}
READ_ELSEWHERE: dict[str, Any] = {
    "macros": [replace(macro("a"), code="{{ other }}")],
    "variables": {"x": [["shop", 2]]},
    "environment": {"E": "2", "DBT_ENV_SECRET_K": "t", "DBT_ENV_CUSTOM_ENV_C": "d"},
    "target": {"schema": "other", "threads": 1},
    "dbt_version": "1.12.0",
}


@pytest.mark.parametrize(
    ("name", "is_another"),
    [
        ("macro.shop.a", True),
        ("macro.shop.unknown", False),
        ("var x", True),
        ("var unknown", False),
        ("env_var E", True),
        ("env_var UNKNOWN", False),
        ("env_var DBT_ENV_SECRET_K", False),  # dbt does not let SQL read it, and no hash of it is stored
        ("target.schema", True),
        ("target.threads", False),
        ("target.*", True),
        ("model.description", True),
        ("model.name", False),
        ("model.*", True),
        ("config.tags", True),
        ("config.materialized", False),
        ("config.*", True),
        ("dbt_version", True),
        ("dbt_metadata_envs", True),
        ("graph", True),
    ],
)
def test_a_value_that_was_read_has_another_hash_where_it_is_another(name: str, is_another: bool) -> None:
    one = definition("select 1", config={"tags": ["a"]}, description="one")
    other = definition("select 1", config={"tags": ["b"]}, description="other")

    hashes = [
        Fingerprinter(project_definition(node, **fields), key=KEY).read_values(node.unique_id, [name])
        for node, fields in ((one, READ_THERE), (other, READ_ELSEWHERE))
    ]

    assert hashes[0].keys() == {name}
    assert (hashes[0] != hashes[1]) is is_another
