"""Texts that are one statement or relation for DuckDB."""

from __future__ import annotations

import pytest

from dbt_state_plugin.warehouse.duckdb.dialect import DUCKDB


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select 1 as id", "select  1\n as id -- it's new"),
        ("select {'a': [1, 2]}", "select\n{'a': [1, 2]} /* a list's */"),
        ("select 7 // 2, $1, #1", "select 7  // 2, $1, #1"),
        ("select e'it\\'s  so' , 'x'", "select e'it\\'s  so'  , 'x'"),
        ("select 'c:\\' , 'x'", "select 'c:\\'  , 'x'"),
        ("select $q$it's$q$ , 'x'", "select $q$it's$q$  , 'x'"),
    ],
)
def test_white_space_and_comments_are_no_difference(before: str, after: str) -> None:
    assert DUCKDB.same_statement(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select sum(a) from t", "select SUM(a) from t"),
        ("select a from t where a is null", "SELECT a FROM t WHERE a IS NULL"),
        ("select 1 /* a /* b */ , 2 */", "select 1"),
    ],
)
def test_what_is_one_tree_for_the_parser_is_no_difference(before: str, after: str) -> None:
    assert DUCKDB.same_statement(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select 1 as x", "select 1 as X"),
        ("select 'a b'", "select 'a  b'"),
        ("select $$a b$$", "select $$a  b$$"),
        ("select $q$a $$ b$q$", "select $q$a $$  b$q$"),
        ("select e'it\\' -- s'", "select e'it\\' '"),
        ("select 'a'\n'b'", "select 'a' 'b'"),
        ("select a$$ b $$", "select a$$  b $$"),
        ("select sum(a) as s from t", "select sum(a) as S from t"),
        ("select a from t", "select A from t"),
        ("select 1.0", "select 1.00"),
        ("select sum(a) from t", "select sum(distinct a) from t"),
        ("with w as (select 1) select * from w", "with w as materialized (select 1) select * from w"),
        ("select 1", "select 1\0, 2"),
        ("select 'a'", "select 'a\0b'"),
        ("insert into t values (1)", "INSERT into t values (1)"),
        ("select `a  b`", "select `a b`"),
        ('select "a', 'select  "a'),
    ],
)
def test_whatever_may_be_another_statement_is_a_difference(before: str, after: str) -> None:
    assert not DUCKDB.same_statement(before, after)


def test_a_spelling_and_its_version_belong_together() -> None:
    assert (DUCKDB.version, DUCKDB.spelling("select  A--b")) == (2001, "select A")


def test_names_are_found_in_any_case_quoted_or_not() -> None:
    assert DUCKDB.stored_name("Orders", '"Orders"') == DUCKDB.stored_name("ORDERS", "ORDERS") == "orders"
    assert DUCKDB.stored_name("Ärzte", "Ärzte") == "Ärzte"
