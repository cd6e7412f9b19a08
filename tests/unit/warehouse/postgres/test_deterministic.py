"""Queries that surely give the same rows again."""

from __future__ import annotations

import pytest

from dbt_state_plugin.warehouse.postgres.deterministic import is_deterministic


@pytest.mark.parametrize(
    "statement",
    [
        "select 1 as id",
        'select a, b from "db"."main"."t" where c is null order by a',
        "with x as (select a from t), y as materialized (select * from x) select count(*), max(b) from y group by (a)",
        "select coalesce(a, 0)::numeric(10, 2), upper(trim(c)) from t where d in (1, 2) and exists (select 1 from u)",
        "select case when (a > 1) then (2) else (3) end as n from t join u using (id) where not (a = 1 or (b = 2))",
        "SELECT COUNT (*) FROM t",
        "select a -- limit 1, array_agg(a)\nfrom t /* order by now() /* limit 1 */ */",
        "select '--', '/*', 'string_agg' || '(' from t",
        "select md5('a') as nowhere, created_at as today_at from t",
        "",
    ],
)
def test_queries_over_stored_rows_are_repeatable(statement: str) -> None:
    assert is_deterministic(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "select now()",
        "select NOW () as at",
        "select current_date",
        "select Current_Timestamp as at",
        "select localtime",
        "select 'now'::timestamp",
        "select date 'TODAY'",
        "select timestamp 'yesterday', date 'tomorrow'",
        "select random()",
        "select gen_random_uuid()",
        "select nextval('s')",
        "select clock_timestamp()",
        "select current_setting('x')",
        "select user, session_user, current_role, system_user",
        "select current_schema, current_catalog",
        "select a from t limit 10",
        "select a from t offset 1",
        "select a from t fetch first row only",
        "select distinct on (a) a, b from t",
        "select row_number() over (order by a) from t",
        "select sum(a) over w from t window w as (order by a)",
        "select sum(a) from t",
        "select avg(a) from t",
        "select a from t tablesample system (10)",
        "select ctid, xmin from t",
        "select array_agg(a) from t",
        "select string_agg(a, ',') from t",
        "select a from t for update",
        "select my_function(a) from t",
        "select audit.lower(a) from t",
        "select audit . lower (a) from t",
        'select "lower"(a) from t',
        'select audit."lower" (a) from t',
        "select my$lower(a) from t",
        "select größe(a) from t",
        "select x.y.z(a) from t",
        "select * from generate_rows (1)",
        "select string_agg /* all */ (a, ',') from t",
        "select '/*', string_agg/* all */(a, ','), '*/' from t",
        "select '--', string_agg/* all */(a, ',') from t",
        "select string_agg -- all\n(a, ',') from t",
        "select string_agg /*+ hint */ (a, ',') from t",
        "select t.array_agg from t",
        'select t."jsonb_agg" from t',
        'select t.U&"array\\005fagg" from t',
        "select 'it ends nowhere from t",
    ],
)
def test_the_clock_the_session_chance_order_and_unknown_functions_are_not(statement: str) -> None:
    assert not is_deterministic(statement)


@pytest.mark.parametrize("name", ["lower", "count", "in", "numeric"])
def test_a_name_is_known_whatever_its_case_and_the_space_behind_it(name: str) -> None:
    assert is_deterministic(f"select {name.upper()} (a), {name}\n(b), {name.capitalize()}(c)")
