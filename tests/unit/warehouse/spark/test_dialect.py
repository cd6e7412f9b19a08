"""Texts that are one statement or relation for Spark."""

from __future__ import annotations

import pytest

from dbt_state_plugin.warehouse.adapters import dialect_of
from dbt_state_plugin.warehouse.spark.dialect import SPARK


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select 1 as id", "select  1\n as id -- it's new"),
        ("select 'it\\'s  so' , \"a\\\" b\"", "select 'it\\'s  so'  , \"a\\\" b\" /* a 'note */"),
        ("select r'a  b' , `c``  d`", "select r'a  b'\r\n, `c``  d`"),
        ("select /*+ broadcast(t) */ a from t", "select  /*+ broadcast(t) */ a -- x\n from t"),
        ("select a[0], x -> x + 1, b / c * -d", "select  a[0], x -> x + 1, b / c * -d"),
    ],
)
def test_white_space_and_comments_are_no_difference(before: str, after: str) -> None:
    assert SPARK.same_statement(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select 1 as x", "select 1 as X"),
        ("select 'a b'", "select 'a  b'"),
        ('select "a b"', 'select "a  b"'),
        ("select `a b`", "select `a  b`"),
        ("select /*+ broadcast(t) */ 1", "select /*+ merge(t) */ 1"),
        ("select /*+ broadcast(t) */ 1", "select 1"),
        ("select 'a'\n'b'", "select 'a' 'b'"),
        ("select 1 -- \\\n, 2", "select 1"),
        ("select /* a /* b */ 1 */ 2", "select 2"),
        (r"select r'a\' , 'b  c'", r"select r'a\' , 'b c'"),
        ("select 1 $x", "select  1 $x"),
        ("select 'a", "select  'a"),
        ("select \u00a01", "select 1"),
        ("select \u00e4  b", "select \u00e4 b"),
        ("select `a __jinja_tag_0__  b`", "select `a __jinja_tag_0__ b`"),
    ],
)
def test_whatever_spark_may_read_otherwise_is_a_difference(before: str, after: str) -> None:
    assert not SPARK.same_statement(before, after)


def test_a_spelling_and_its_version_belong_together() -> None:
    spelled = SPARK.spelling(" select A, 'b  c' -- d\n from `e  f` /* g */ /*+ h */")

    assert (SPARK.version, spelled) == (3001, "select A, 'b  c' from `e  f` /*+ h */")


def test_names_are_folded_as_the_metastore_folds_them() -> None:
    assert SPARK.stored_name("Orders\u00c4", "`Orders\u00c4`") == "orders\u00c4"
    assert dialect_of("spark") is SPARK
