"""Calls of Spark that are deterministic."""

from __future__ import annotations

import pytest

from dbt_state_plugin.warehouse.spark.functions import PURE, VOLATILE, calls_in, volatile_names


@pytest.mark.parametrize(
    ("statement", "volatile"),
    [
        ("select coalesce(a, 0), sum(b) over (partition by c), cast(d as decimal(10, 2)) from t where e in (1, 2)", ()),
        ("select /*+ repartition(3) */ a from values (1) as t(a) -- rand()", ()),
        ("select 'total (all)', `Max`(a), system.builtin.abs(b), filter(c, x -> x > 1) from t", ()),
        ("select a from (select 1) unknown_table(a) lateral view explode(b) c as d", ()),
        ("select RAND(), uuid(), now() from t", ("now()", "rand()", "uuid()")),
        ("select current_date, current_timestamp(), t.current_date", ("current_date", "current_timestamp()")),
        ("select unix_timestamp(), unix_timestamp(a)", ("unix_timestamp()",)),
        ("select mine(a), db.abs(b)", ("db.abs()", "mine()")),
        ("select date'today', date \"2020-01-01\"", ("'today'",)),
        ("select * from t tablesample (10 percent)", ("tablesample",)),
        ("select transform(a) using 'cat' as b from t", ("using 'cat'",)),
        ("select input_file_name(), _metadata.file_path", ("input_file_name()",)),
        # Where a string ends is not sure: whatever may be code counts.
        ("select r'a\\', rand(), 'b'", ("rand()",)),
        ("select 'a, rand()", ("rand()",)),
    ],
)
def test_whatever_is_not_known_counts(statement: str, volatile: tuple[str, ...]) -> None:
    assert volatile_names(calls_in(statement)) == volatile


def test_no_function_is_in_both_lists() -> None:
    assert PURE.isdisjoint(VOLATILE)
