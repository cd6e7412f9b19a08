"""Calls that are deterministic without a catalogue of functions."""

from __future__ import annotations

import pytest

from dbt_state_plugin.warehouse.generic.functions import calls_in, volatile_names


@pytest.mark.parametrize(
    ("statement", "volatile"),
    [
        ("select coalesce(a, 0), sum(b) over (partition by c), cast(d as decimal(10, 2)) from t where e in (1, 2)", ()),
        ("select count(*), row_number() over (order by a) from t", ()),
        ("with x as (select 1) select * from x join (select 2) y using (id)", ()),
        ("select CURRENT_DATE, t.current_time from t", ("current_date",)),
        ("select now(), uuid_string(), a from t", ("now()", "uuid_string()")),
        ("select unknown_function(a) from t", ("unknown_function()",)),
        ('select "schema"."Quoted"(a) from t', ("quoted()",)),
        ("select date(), date(a) from t", ("date()",)),
        ("select date('now'), 'knows now' from t", ("now",)),
        ("select `rand` (1)", ("rand()",)),
        ("select a from t tablesample (10 percent)", ("tablesample()",)),
        ("select a from t TABLESAMPLE bernoulli (10)", ("bernoulli()",)),
        ("select s.nextval, seq.NEXTVAL from dual", ("nextval",)),
        ("select next  value for s, current timestamp from t", ("current timestamp", "next value for")),
        ("select current_row, nextvalue from t", ()),
        ("select utc_timestamp, CURRENT_UTCDATE from t", ("current_utcdate", "utc_timestamp")),
        ("select current_user, t.current_user from t", ("current_user",)),
        ("select dbms_random.value from dual", ("dbms_random",)),
        ("select * from t USING  SAMPLE 10%", ("using sample",)),
        ("select * from t tablesample 10%", ("tablesample",)),
        ("select * from t sample .25", ("sample",)),
        ("select sample, t.sample from t", ()),
    ],
)
def test_whatever_is_not_known_counts(statement: str, volatile: tuple[str, ...]) -> None:
    assert volatile_names(calls_in(statement)) == volatile
