"""Calls whose answer may differ on every run."""

from __future__ import annotations

import pytest

from dbt_state_plugin.warehouse.answers import Call, Function
from dbt_state_plugin.warehouse.postgres.volatile_calls import UNKNOWN_NAME, calls_in, volatile_names

CATALOGUE = (
    Function(schema="pg_catalog", name="now", volatility="s", most=0),
    Function(schema="pg_catalog", name="random", volatility="v", most=0),
    Function(schema="pg_catalog", name="random", volatility="v", least=2, most=2),
    Function(schema="pg_catalog", name="age", volatility="s", least=1, most=1),
    Function(schema="pg_catalog", name="age", volatility="i", least=2, most=2),
    Function(schema="pg_catalog", name="to_char", volatility="s", least=2, most=2),
    Function(schema="pg_catalog", name="concat", volatility="s", least=1),
    Function(schema="pg_catalog", name="version", volatility="s", most=0),
    Function(schema="pg_catalog", name="json_build_array", volatility="s", most=0),
    Function(schema="pg_catalog", name="pg_stat_get_live_tuples", volatility="s", least=1, most=1),
    Function(schema="pg_catalog", name="table_to_xml", volatility="s", least=4, most=4),
    Function(schema="pg_catalog", name="obj_description", volatility="s", least=1, most=2),
    Function(schema="pg_catalog", name="to_regclass", volatility="s", least=1, most=1),
    Function(schema="pg_catalog", name="has_table_privilege", volatility="s", least=2, most=3),
    Function(schema="pg_catalog", name="pg_get_viewdef", volatility="s", least=1, most=2),
    Function(schema="pg_catalog", name="pg_get_keywords", volatility="s", most=0),
    Function(schema="pg_catalog", name="enum_range", volatility="s", least=1, most=2),
    Function(schema="pg_catalog", name="pg_typeof", volatility="s", least=1, most=1),
    Function(schema="pg_catalog", name="lower", volatility="i", least=1, most=1),
    Function(schema="public", name="loaded", volatility="s", most=1, least=0),
    Function(schema="public", name="Mine", volatility="v", least=1, most=1),
    Function(schema="public", name="pure", volatility="i", least=1, most=1),
    Function(schema="other", name="lower", volatility="v", least=1, most=1),
)


def volatile(statement: str) -> list[str]:
    return list(volatile_names(calls_in(statement), CATALOGUE))


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("select NOW ( )", ["now()"]),
        ("select random(), random(1, 2)", ["random()"]),
        ('select "random"()', ["random()"]),
        ("select pg_catalog.random()", ["random()"]),
        ("select CURRENT_DATE - 1, localtime(0)", ["current_date", "localtime"]),
        ("select age(a) from t", ["age()"]),
        ("select loaded(1), loaded()", ["loaded()"]),
        ('select public."Mine"(a) from t', ["Mine()"]),
        ("select pg_stat_get_live_tuples(1)", ["pg_stat_get_live_tuples()"]),
        ("select table_to_xml('t', true, true, '')", ["table_to_xml()"]),
        ("select obj_description('t'::regclass), to_regclass('t')", ["obj_description()", "to_regclass()"]),
        ("select has_table_privilege('t', 'select')", ["has_table_privilege()"]),
        ("select pg_get_viewdef(1), enum_range(null::size)", ["enum_range()", "pg_get_viewdef()"]),
        ("select other.lower(a) from t", ["lower()"]),
        ("select lower(a) from t", ["lower()"]),  # the search_path would tell
        ("select 'today'::date", ["'today'"]),
        ("select a > 'Tomorrow 10:00 pm' from t", ["'Tomorrow 10:00 pm'"]),
        ("select timestamp E'now'", ["e'now'"]),
        ('select u&"\\006eow"()', [UNKNOWN_NAME]),
        ("select 'a\\' || now( ) || current_date || 'now' -- broken", ["current_date", "now", "now()"]),
    ],
)
def test_what_reads_the_clock_or_chance_is_named(statement: str, found: list[str]) -> None:
    assert volatile(statement) == found


@pytest.mark.parametrize(
    "statement",
    [
        "select 'now()', $$random()$$ /* now() */ -- random()",
        'select now, t.random, "now" from t',
        "select a as current_date, t.current_time from t",
        "select age(a, (b)), age(a[1], coalesce(b, c)) from t",
        "select to_char(a, 'x'), concat(a, b, c), pg_catalog.lower(a) from t",
        "select version(), current_user, json_build_array(), json_build_array(a, b)",
        "select word from pg_get_keywords() where pg_typeof(word)::text = 'text'",
        "select pure(a), unknown(a), numeric(10, 2), a in (1, 2) from t",
        "select public.lower(a) from t",
        "select 'today is fine', 'know', '10:00'",
    ],
)
def test_what_does_not_is_left_alone(statement: str) -> None:
    assert volatile(statement) == []


def test_a_function_may_be_called_with_a_number_of_arguments_that_no_overload_takes() -> None:
    assert volatile("select random(1, 2, 3)") == ["random()"]


def test_what_is_never_closed_may_have_any_number_of_arguments() -> None:
    assert calls_in("select age(a, b").functions == {Call(name="age")}
    assert volatile("select age(a, b") == ["age()"]
