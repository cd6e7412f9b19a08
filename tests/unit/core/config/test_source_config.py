"""Configuration of a source's data version, and wrong values."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from support.values import KEY, definition, macro, node, project, project_definition

from dbt_state_plugin.core.config.source_config import (
    CONTENT_MAX_ROWS,
    LOADER_COLUMNS,
    DataRule,
    check_settings,
    compares_content,
    data_rule,
    is_loaded_by_known_loader,
    kept_columns,
    loader_columns,
    max_age_hours,
    plugin_settings,
    project_rule,
    shape_columns,
)
from dbt_state_plugin.core.fingerprint.fingerprint import fingerprint_project
from dbt_state_plugin.core.lineage import build_order, lineages, readers_of_loader_columns
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.errors import ConfigurationError


def source(**settings: Any) -> Any:
    return node("source.shop.raw", settings=settings)


def meta(**settings: Any) -> dict[str, Any]:
    return {"dbt_state_plugin": settings, "owner": "ann"}


def test_the_nearest_setting_wins_and_the_others_stay() -> None:
    settings = plugin_settings(
        {
            "source_meta": meta(data_version="touched", content_max_rows=1, loader_columns=["a"]),
            "config": {"meta": meta(data_version="always", content_max_rows=2), "loaded_at_field": "at"},
            "meta": meta(data_version="content"),
        }
    )

    assert settings == {
        **{"data_version": "content", "content_max_rows": 2, "loader_columns": ["a"], "loaded_at_field": "at"}
    }


def test_settings_are_what_json_can_hold() -> None:
    said = meta(since=date(2026, 1, 2), more={1: [date(2026, 1, 3), None]})

    assert plugin_settings({"meta": said}) == {"since": "2026-01-02", "more": {"1": ["2026-01-03", None]}}
    assert plugin_settings({"meta": {"owner": "ann"}, "config": None}) == {}


def test_settings_that_are_no_mapping_are_an_error_that_names_the_node() -> None:
    with pytest.raises(ConfigurationError, match=r"meta\.dbt_state_plugin of source\.shop\.raw is not a mapping"):
        plugin_settings({"unique_id": "source.shop.raw", "meta": {"dbt_state_plugin": "content"}})


def test_a_source_that_says_nothing_takes_what_the_project_says() -> None:
    assert data_rule(source()) == DataRule(kind="", loader_columns=LOADER_COLUMNS, content_max_rows=CONTENT_MAX_ROWS)
    assert data_rule(source(), "always").kind == "always"
    assert data_rule(source(data_version="never"), "always").kind == "never"


def test_beside_the_time_of_the_last_change_no_other_setting_counts() -> None:
    found = data_rule(source(data_version="last_modified", loaded_at_field="at", loader_columns=["a"]))

    assert found == data_rule(source(data_version="last_modified")) == DataRule(kind="last_modified")


def test_the_users_query_goes_before_that_of_dbt_and_that_before_its_field() -> None:
    both = {"loaded_at_field": "at", "loaded_at_query": "select 1"}

    own = data_rule(source(data_version="query", data_version_query=" select 2; ", **both))
    of_dbt = data_rule(source(data_version="query", **both))
    field = data_rule(source(data_version="query", loaded_at_field="at"))

    assert [(rule.query, rule.loaded_at) for rule in (own, of_dbt, field)] == [
        ("select 2", ""),
        ("select 1", ""),
        ("", "at"),
    ]
    assert data_rule(source(loaded_at_field="at")).can_ask
    assert not data_rule(source()).can_ask


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"data_version": "contents"}, "data_version is 'contents'"),
        ({"data_version": ["content"]}, "data_version is ['content']"),
        ({"data_version": "query"}, "data_version is query, but there is no query"),
        ({"data_version_query": 5}, "data_version_query is not text"),
        ({"data_version_query": " "}, "data_version_query is not text"),
        ({"loader_columns": "_sdc_*"}, "loader_columns is not a list of names"),
        ({"loader_columns": [1]}, "loader_columns is not a list of names"),
        ({"content_max_rows": "many"}, "content_max_rows is 'many'"),
        ({"content_max_rows": True}, "content_max_rows is True"),
        ({"content_max_rows": -1}, "content_max_rows is -1"),
    ],
)
def test_a_wrong_value_is_an_error_in_one_line_that_names_the_source(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_settings(project(node("source.shop.before"), source(**settings)))

    path = source().path
    assert raised.value.what == f"meta.dbt_state_plugin of source.shop.raw ({path}) cannot be used: {problem}."


@pytest.mark.parametrize(
    ("of", "settings", "problem", "hint"),
    [
        ("model.shop.a", {"on_logic_chnage": "run"}, "no setting 'on_logic_chnage'", "Did you mean on_logic_change? "),
        ("model.shop.a", {"on-logic-change": "run"}, "no setting 'on-logic-change'", "Did you mean on_logic_change? "),
        ("model.shop.a", {"Volatile": "daily"}, "no setting 'Volatile'", "Did you mean volatile? "),
        ("model.shop.a", {"colour": "red"}, "no setting 'colour'", "What is built has the settings on_logic_change, "),
        (
            "model.shop.a",
            {"volatile": "dayly"},
            "volatile is 'dayly'",
            "Did you mean daily? Use one of always, daily, ",
        ),
        ("seed.shop.a", {"on_logic_change": "full-refresh"}, "is 'full-refresh'", "Did you mean full_refresh? Use one"),
        ("test.shop.a", {"data_version": "contents"}, "is 'contents'", "Did you mean content? Use one of touched, "),
        ("model.shop.a", {"content_max_rows": 5}, "content_max_rows is a setting of sources", "What is built has the"),
        ("source.shop.a", {"max_age": 5}, "max_age is a setting of what is built", "A source has the settings data_"),
        (
            "source.shop.a",
            {"data_verison": "never"},
            "no setting 'data_verison'",
            "Did you mean data_version? A source",
        ),
    ],
)
def test_what_is_misspelled_is_an_error_that_names_the_nearest_right_word(
    of: str, settings: dict[str, Any], problem: str, hint: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_settings(project(node(of, settings=settings)))

    assert f"of {of} (" in raised.value.what
    assert problem in raised.value.what
    assert raised.value.do.startswith(hint)


def test_what_dbt_says_of_a_source_beside_its_meta_is_no_setting_of_ours() -> None:
    check_settings(project(source(loaded_at_field="at"), node("model.shop.a", settings={"loaded_at_query": "1"})))


@pytest.mark.parametrize("value", ["24", True, -1, float("nan"), float("inf")])
def test_a_wrong_age_is_an_error_that_names_the_model(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"of model\.shop\.a \(.*\) cannot be used: max_age is"):
        check_settings(project(node("model.shop.a", settings={"max_age": value})))


def test_a_model_may_compare_its_rows_and_nothing_else_fits_it() -> None:
    assert compares_content(node("model.shop.a", settings={"data_version": "content"}))
    assert not compares_content(node("model.shop.a", settings={"data_version": "touched"}))
    assert not compares_content(node("model.shop.a"))
    with pytest.raises(ConfigurationError, match="Use one of touched, content"):
        compares_content(node("model.shop.a", settings={"data_version": "never"}))


def test_a_model_may_name_columns_too() -> None:
    assert loader_columns(node("model.shop.a", settings={"loader_columns": ["loaded_at"]})) == ("loaded_at",)


def test_an_age_is_in_hours() -> None:
    ages = [max_age_hours(node("model.shop.a", settings=said)) for said in ({}, {"max_age": 0.5}, {"max_age": 24})]

    assert ages == [None, 0.5, 24.0]


def test_the_projects_own_kind_is_checked() -> None:
    assert project_rule("") == ""
    assert project_rule("content") == "content"
    with pytest.raises(ConfigurationError, match="DBT_STATE_PLUGIN_DATA_VERSION is 'query'"):
        project_rule("query")


def test_columns_of_the_loader_are_left_out_by_name_and_pattern() -> None:
    columns = ("id", "_sdc_batched_at", "_SDC_SEQUENCE", "_sdc_deleted_at", "_airbyte_raw_id", "a.b")

    assert kept_columns(DataRule(), columns) == ("id", "_sdc_deleted_at", "a.b")
    assert kept_columns(DataRule(loader_columns=("_airbyte_*", "a?b")), columns) == (
        *("id", "_sdc_batched_at", "_SDC_SEQUENCE", "_sdc_deleted_at", "a.b"),
    )
    assert kept_columns(DataRule(loader_columns=()), columns) == columns


def test_a_column_that_comes_or_goes_counts_for_loaders_that_were_not_known_from_the_start() -> None:
    columns = ("id", "_sdc_batched_at", "_airbyte_meta")

    assert shape_columns(DataRule(), columns) == ("id", "_airbyte_meta")
    assert shape_columns(DataRule(loader_columns=("_airbyte_*",)), columns) == ("id", "_sdc_batched_at")


@pytest.mark.parametrize("column", ["_sdc_received_at", "_dlt_load_id", "_dlt_id", "_airbyte_meta", "_fivetran_synced"])
def test_a_loader_is_known_by_its_columns(column: str) -> None:
    assert is_loaded_by_known_loader(["id", column])


@pytest.mark.parametrize(
    "column", ["_sdc_own_invention", "_dlt_parent_id", "_airbyte_data", "_fivetran_deleted", "my_dlt_id"]
)
def test_other_columns_tell_of_no_loader(column: str) -> None:
    assert not is_loaded_by_known_loader(["id", column])
    assert kept_columns(DataRule(), [column]) == (column,)


def names(code: str, **fields: Any) -> bool:
    """Return whether a node with this code names a column of a loader."""
    config = fields.pop("config", {})
    item = definition(code, unique_id="model.shop.a", config=config)
    loaded = definition(
        "", unique_id="source.shop.raw", meta=meta(loader_columns=["_airbyte_*"]), resource_type="source"
    )
    of = fingerprint_project(project_definition(item, loaded, **fields), key=KEY)
    return of.nodes["model.shop.a"].names_loader_columns


def test_a_node_names_a_column_of_the_loader_in_its_code_its_macros_its_vars_or_its_config() -> None:
    assert names("select max(_sdc_batched_at) from x")
    assert names("select _AIRBYTE_EMITTED_AT from x")
    assert names("select _dlt_id, _fivetran_synced from x")
    assert names("{{ newest() }} {{ newest() }}", macros=[macro("newest", "max(x._sdc_sequence)")])
    assert names("{{ var('x') }}", variables={"x": [["shop", "_sdc_received_at"]]})
    assert names("select 1", config={"unique_key": ["id", "_sdc_sequence"]})
    assert not names("select my_sdc_sequence, _sdc_sequences, _sdc_deleted_at from x")
    assert not names("{{ other() }}", macros=[macro("other", "1"), macro("newest", "_sdc_sequence")])


def test_a_macro_that_several_nodes_reach_is_looked_at_once() -> None:
    nodes = [definition("{{ newest() }}", unique_id=f"model.shop.{name}") for name in "ab"]

    of = fingerprint_project(project_definition(*nodes, macros=[macro("newest", "max(_sdc_sequence)")]), key=KEY)

    assert all(item.names_loader_columns for item in of.nodes.values())


def test_a_snapshot_of_all_columns_reads_those_of_the_loader_too() -> None:
    item = definition("", unique_id="snapshot.shop.a", resource_type="snapshot", config={"check_cols": "all"})

    of = fingerprint_project(project_definition(item), key=KEY)

    assert of.nodes["snapshot.shop.a"].names_loader_columns


def readers(*nodes: Any) -> set[str]:
    of: Project = project(node("source.shop.raw"), *nodes)
    return {found.split(".")[-1] for found in readers_of_loader_columns(of, lineages(of, build_order(of)))}


def test_whoever_hands_columns_on_to_a_reader_of_the_loaders_columns_is_one_too() -> None:
    found = readers(
        node("model.shop.stg", ["source.shop.raw", "macro.gone"]),
        node("model.shop.other", ["source.shop.raw"]),
        node("model.shop.newest", ["model.shop.stg"], names_loader_columns=True),
        node("model.shop.below", ["model.shop.newest"]),
    )

    assert found == {"raw", "stg", "newest"}


@pytest.mark.parametrize("materialized", ["view", "ephemeral"])
def test_what_is_read_through_a_view_or_an_ephemeral_model_is_read_with_its_columns(materialized: str) -> None:
    found = readers(
        node("model.shop.v", ["source.shop.raw"], names_loader_columns=True, materialized=materialized),
        node("model.shop.t", ["model.shop.v"]),
        node("model.shop.below", ["model.shop.t"]),
    )

    assert found == {"raw", "v", "t"}


def test_settings_that_can_be_used_are_no_error() -> None:
    check_settings(
        project(
            node("model.shop.a", settings={"max_age": 1, "data_version": "content"}),
            node("model.shop.b"),
            source(data_version="never"),
        ),
        "always",
    )


def test_wrong_names_of_loader_columns_are_not_looked_for() -> None:
    item = definition("select x", unique_id="model.shop.a")
    loaded = definition("", unique_id="source.shop.raw", meta=meta(loader_columns="x"), resource_type="source")

    assert not fingerprint_project(project_definition(item, loaded), key=KEY).nodes["model.shop.a"].names_loader_columns
