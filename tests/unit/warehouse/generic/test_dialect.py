"""Texts that are one statement in an unknown dialect."""

from __future__ import annotations

import pytest

from dbt_state_plugin.warehouse.adapters import dialect_of
from dbt_state_plugin.warehouse.generic.dialect import GENERIC


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select 1 as id", "select  1\n as id"),
        ("select 1 as id", "-- it's new\nselect 1 as id"),
        ("select 1 as id", "select 1 /* so \n it is */ as id"),
        ("select 'a  b' as x", "select\t'a  b'\r\nas x --"),
        ('select "a  b" , `c  d`', 'select "a  b"\n, `c  d`'),
        ("select 'it''s' as x", "select 'it''s' as x -- don't"),
    ],
)
def test_white_space_and_comments_are_no_difference(before: str, after: str) -> None:
    assert GENERIC.same_statement(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select 1 as id", "select 1 as ID"),
        ("select 1 as id", "SELECT 1 as id"),
        ("select 'a b'", "select 'a  b'"),
        ('select "a b"', 'select "a  b"'),
        ("select `a b`", "select `a  b`"),
        ("select [a b] from t", "select [a  b] from t"),
        ("select ab", "select a b"),
        ("select a/**/b", "select ab"),
        ("select 5--3", "select 5--4"),
        ("select 5--3\n as x", "select 5 as x"),
        ("select /*+ fast */ 1", "select /*+ slow */ 1"),
        ("select /*! 1 */ 1", "select 1"),
        ("select /* a /* b */ 1 /* */ 2", "select 2"),
        (r"select 'it\'s  -- not', 'x'", r"select 'it\'s ', 'x'"),
        ("select r'a'  , 'b'", "select r'a' , 'b'"),
        ("select q'[it's  so]'", "select q'[it's so]'"),
        ("select '''a  b'''", "select '''a b'''"),
        ("select $$a  b$$", "select $$a b$$"),
        ("select 1 # it's\n, 'a  b' # it's", "select 1 # it's\n, 'a b' # it's"),
        ("select 1 // it 's\n, 'a  b' // it 's", "select 1 // it 's\n, 'a b' // it 's"),
        ("select [it's], 'a  b', [it's]", "select [it's], 'a b', [it's]"),
        ("select 'a'\n'b'", "select 'a' 'b'"),
        ("select 'a", "select  'a"),
        ("select 1\r -- x\r, 2", "select 1 , 2"),
        ("select 1\0, 2", "select  1\0, 2"),
        ("select `a __jinja_tag_0__  b`", "select `a __jinja_tag_0__ b`"),
    ],
)
def test_whatever_a_server_may_read_otherwise_is_a_difference(before: str, after: str) -> None:
    assert not GENERIC.same_statement(before, after)


def test_a_spelling_and_its_version_belong_together() -> None:
    spelled = GENERIC.spelling(" select A, 'b  c' -- d\n from [e  f] /* g */ ")

    assert (GENERIC.version, spelled) == (1001, "select A, 'b  c' from [e  f]")


def test_nothing_is_known_of_names_and_functions() -> None:
    assert GENERIC.stored_name("Orders", "Orders") == "Orders"
    assert GENERIC.written_by("select 1") is None
    assert GENERIC.touched_by("select 1") is None
    assert not GENERIC.is_deterministic("select 1")


def test_every_type_has_a_dialect_with_numbers_of_its_own() -> None:
    versions = [dialect_of(kind).version for kind in ("postgres", "duckdb", "snowflake")]

    assert len(set(versions)) == 3
