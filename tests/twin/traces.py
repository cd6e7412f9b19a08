"""Short histories that misled a design before, or might.

Each is run in two warehouses (see pair.py) and names only what matters. Counterexamples that other tests hold already,
with their exact plans, are

| counterexample | held by |
|---|---|
| edited, failed after its commit, reverted | test_run: a_reverted_model_is_rebuilt_where_a_failed_build... |
| edited, killed between commit and record, reverted | test_interruption: a_reverted_model_is_rebuilt_after... |
| killed before the intents: nothing is due | test_interruption: a_run_that_was_killed_before_its_intents... |
| lock lost while dbt builds | test_interruption: a_run_that_lost_its_lock_records_nothing_more... |
| narrowing forgets | test_run: a_narrowed_run_keeps_the_views_on_its_tables... |
| dropped, replaced or built by hand | test_run: relations_that_were_dropped_replaced_or_built_by_hand... |
| a materialized view keeps its old query | test_materializations |
| a second environment writes the same relation | test_concurrency: a_relation_of_another_target... |
| a file changes while dbt runs, mtimes that lie | test_unchanged_project |

All but the last three are here again where a planted bug (planted_bugs.py) needs them to be found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from support.project import PROJECT_FILE

from twin.pair import Pair
from twin.steps import Kill

TABLE = "{{ config(materialized='table') }}\n"
INCREMENTAL = "{{ config(materialized='incremental', unique_key='id') }}\n"
MATERIALIZED_VIEW = "{{ config(materialized='materialized_view') }}\n"
SOURCES = """\
sources:
  - name: raw
    schema: raw
    tables: [{name: orders}, {name: parts}, {name: seen}]
"""
LOADED = """
create schema raw;
create table raw.orders (id int, amount numeric, status text, changed_at timestamp);
insert into raw.orders select n, n * 10, 'open', timestamp '2026-01-01' + n * interval '1 day'
from generate_series(1, 3) as n;
create table raw.parts (id int, weight int) partition by range (id);
create table raw.parts_low partition of raw.parts for values from (0) to (100);
create table raw.parts_high partition of raw.parts for values from (100) to (200);
insert into raw.parts select n, n from generate_series(1, 3) as n;
create table raw.seen_by (id int);
create schema apart;
create type apart.step as enum ('1 day', '1 week');
create table apart.flags (flag text);
insert into apart.flags values ('beta');
create view raw.seen as select id, status from raw.orders;
create function raw.highest() returns numeric stable language sql as 'select max(amount) from raw.orders';
"""
ORDERS = "{{ source('raw', 'orders') }}"
_ALTER = "execute format('alter database %I"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A history in a small project of its own."""

    name: str
    files: Mapping[str, str]
    steps: Callable[[Pair], None]


TRACES: list[Trace] = []


def trace(
    more: Mapping[str, str] | None = None, **models: str
) -> Callable[[Callable[[Pair], None]], Callable[[Pair], None]]:
    """Register a history of a project with these models (name: SQL) and `more` files (path: text)."""

    def register(steps: Callable[[Pair], None]) -> Callable[[Pair], None]:
        files = {"models/sources.yml": SOURCES, **{f"models/{name}.sql": text for name, text in models.items()}}
        TRACES.append(Trace(name=steps.__name__, files={**files, **(more or {})}, steps=steps))
        return steps

    return register


# What comes from outside: rows and columns.


@trace(
    direct=TABLE + f"select id, amount from {ORDERS}",
    view=f"select * from {ORDERS}",
    behind=TABLE + "select id, status from {{ ref('view') }}",
    merged=INCREMENTAL + f"select id, amount from {ORDERS}",
)
def rows_of_a_source_are_inserted_updated_deleted_and_truncated(pair: Pair) -> None:
    for statement in (
        "insert into raw.orders values (4, 40, 'open', '2026-01-04')",
        "update raw.orders set status = 'paid', amount = amount + 1 where id = 2",
        "delete from raw.orders where id = 1",
        "truncate raw.orders",
    ):
        pair.execute(statement)
        pair.run()


@trace(
    view=f"select id, status from {ORDERS}",
    upper="select id, upper(status) as status from {{ ref('view') }}",
    behind=TABLE + "select id, status from {{ ref('upper') }}",
)
def rows_change_below_a_view_on_a_view(pair: Pair) -> None:
    pair.execute("update raw.orders set status = 'paid' where id = 2")
    pair.run()


@trace(
    parts=TABLE + "select id, weight from {{ source('raw', 'parts') }}",
    seen=TABLE + "select id, status from {{ source('raw', 'seen') }}",
)
def rows_change_below_a_partitioned_table_and_a_view_used_as_sources(pair: Pair) -> None:
    pair.execute("insert into raw.parts values (150, 1)")
    pair.execute("update raw.orders set status = 'paid' where id = 2")
    pair.run()
    pair.execute("create or replace view raw.seen as select id, status || '!' as status from raw.orders")
    pair.run()


@trace(view=f"select * from {ORDERS}", everything=TABLE + "select * from {{ ref('view') }}")
def a_source_gets_a_column_and_another_type(pair: Pair) -> None:
    pair.execute("alter table raw.orders add column note text")
    pair.run()
    pair.execute("drop view analytics.view; alter table raw.orders alter column note type varchar(9)")
    pair.run()


@trace(direct=TABLE + f"select id, amount from {ORDERS}")
def as_many_rows_are_counted_again_after_the_counters_were_reset(pair: Pair) -> None:
    pair.execute("delete from raw.orders where id = 3; delete from raw.orders where id = 2")
    pair.execute("select pg_stat_reset()")
    pair.execute("insert into raw.orders select n, n, 'late', '2026-02-01' from generate_series(2, 4) as n")
    pair.run()


@trace(direct=TABLE + f"select id, amount from {ORDERS}")
def a_source_is_replaced_by_one_with_equal_columns(pair: Pair) -> None:
    pair.execute(
        "create table raw.next (like raw.orders); insert into raw.next select 7, n, 'new', '2026-02-01' "
        "from generate_series(1, 3) as n; drop view raw.seen; drop table raw.orders; "
        "alter table raw.next rename to orders"
    )
    pair.run()


@trace(
    direct="{{ config(materialized='table', post_hook=\"insert into raw.orders select 9, 90, 'late', '2026-02-01' "
    'where not exists (select from raw.orders where id = 9)") }}\n'
    f"select id, amount from {ORDERS}"
)
def rows_arrive_while_a_model_is_built(pair: Pair) -> None:
    pair.execute("delete from raw.orders where id = 9")
    pair.run()
    pair.run()


@trace(
    appended="{{ config(materialized='incremental') }}\n"
    f"select id, amount from {ORDERS}\n"
    "{% if is_incremental() %}where id > (select max(id) from {{ this }}){% endif %}",
    merged=INCREMENTAL + "select * from {{ ref('appended') }}",
    counted=TABLE + "select count(*) as n from {{ ref('appended') }}",
    view="select max(id) as id from {{ ref('appended') }}",
)
def an_incremental_model_gets_rows_and_its_children_follow(pair: Pair) -> None:
    pair.execute("insert into raw.orders values (4, 40, 'open', '2026-01-04')")
    pair.run()
    pair.execute("delete from raw.orders where id = 4")
    pair.run()


# What comes from the code.


@trace(
    base=TABLE + "select 1 as id, 1 as version",
    child=TABLE + "select * from {{ ref('base') }}",
    grandchild=TABLE + "select version from {{ ref('child') }}",
)
def an_edit_reaches_what_is_below_it(pair: Pair) -> None:
    pair.write("models/base.sql", TABLE + "select 1 as id, 2 as version")
    pair.run()
    pair.write("models/base.sql", TABLE + "select 1 as id, 1 as version")
    pair.run()


@trace(
    {
        "macros/share.sql": "{% macro share() %}{{ part() }}{% endmacro %}",
        "macros/part.sql": "{% macro part() %}0.5{% endmacro %}",
    },
    base=TABLE + "select {{ share() }} as share, '{{ var('day', 'monday') }}' as day",
)
def a_macro_in_a_macro_a_var_and_an_env_var_change(pair: Pair) -> None:
    pair.write("macros/part.sql", "{% macro part() %}0.25{% endmacro %}")
    pair.run()
    pair.run("run", "--vars", "{day: tuesday}")
    pair.write("models/base.sql", TABLE + "select '{{ env_var('TWIN_LABEL', 'none') }}' as label")
    pair.run(env={"TWIN_LABEL": "first"})
    pair.run(env={"TWIN_LABEL": "second"})


@trace(
    inside="{{ config(materialized='ephemeral') }}\nselect 1 as id",
    reader=TABLE + "select * from {{ ref('inside') }}",
)
def an_ephemeral_model_is_edited(pair: Pair) -> None:
    pair.write("models/inside.sql", "{{ config(materialized='ephemeral') }}\nselect 2 as id")
    pair.run()


@trace(base=TABLE + "select 1 as id", view="select id from {{ ref('base') }}")
def a_table_is_rebuilt_with_equal_rows_and_takes_its_view_down(pair: Pair) -> None:
    pair.write("models/base.sql", "{{ config(materialized='table', indexes=[{'columns': ['id']}]) }}\nselect 1 as id")
    pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    total=MATERIALIZED_VIEW + "select sum(amount) as total from {{ ref('base') }}",
)
def a_materialized_view_gets_another_query(pair: Pair) -> None:
    pair.write("models/total.sql", MATERIALIZED_VIEW + "select max(amount) as total from {{ ref('base') }}")
    pair.run()
    pair.execute("update raw.orders set amount = 99 where id = 3")
    pair.run()


@trace(
    merged=INCREMENTAL + f"select id, amount from {ORDERS}\n"
    "{% if is_incremental() %}where id >= (select max(id) from {{ this }}){% endif %}",
    counted=TABLE + "select sum(amount) as total from {{ ref('merged') }}",
)
def the_logic_of_an_incremental_model_changes(pair: Pair) -> None:
    pair.write(
        "models/merged.sql",
        INCREMENTAL + f"select id, amount * 2 as amount from {ORDERS}\n"
        "{% if is_incremental() %}where id >= (select max(id) from {{ this }}){% endif %}",
    )
    pair.run()
    pair.run("run", "--full-refresh")


@trace(
    {
        "snapshots/snap_orders.sql": "{% snapshot snap_orders %}{{ config(unique_key='id', strategy='timestamp', "
        "updated_at='changed_at', target_schema='analytics') }}\nselect * from {{ ref('view') }}{% endsnapshot %}"
    },
    view=f"select id, status, changed_at from {ORDERS}",
    latest=TABLE + "select id, status from {{ ref('snap_orders') }} where dbt_valid_to is null",
)
def a_snapshot_below_a_view_is_taken_when_rows_change(pair: Pair) -> None:
    pair.execute("update raw.orders set status = 'paid', changed_at = '2026-03-01' where id = 2")
    pair.run("snapshot")
    pair.run("run")
    later = "changed_at + interval '1 day' as changed_at"
    pair.write("models/view.sql", f"select id, upper(status) as status, {later} from {ORDERS}")
    pair.run("build")


@trace(
    {"seeds/seed_names.csv": "id,name\n1,one\n2,two\n"},
    counted=TABLE + "select count(*) as n, max(name) as name from {{ ref('seed_names') }}",
)
def a_seed_changes(pair: Pair) -> None:
    pair.write("seeds/seed_names.csv", "id,name\n1,one\n2,zwei\n3,three\n")
    pair.run("run")
    pair.run("seed")
    pair.run("run")


# What comes from failures, kills and narrowed runs.


@trace(base=TABLE + "select 'A' as version", child=TABLE + "select version from {{ ref('base') }}")
def killed_between_the_commit_and_the_record_and_reverted(pair: Pair) -> None:
    pair.write("models/base.sql", TABLE + "select 'B' as version")
    assert pair.run_killed(Kill(at="before the mark"))
    pair.write("models/base.sql", TABLE + "select 'A' as version")
    pair.run()


@trace(base=INCREMENTAL + "select 1 as id, 'A' as version", child=TABLE + "select version from {{ ref('base') }}")
def an_incremental_model_is_killed_after_its_commit_and_reverted(pair: Pair) -> None:
    pair.write("models/base.sql", INCREMENTAL + "select 1 as id, 'B' as version")
    assert pair.run_killed(Kill(at="before the mark"))
    pair.write("models/base.sql", INCREMENTAL + "select 1 as id, 'A' as version")
    pair.run()


@trace(base=TABLE + "select 'A' as version", child=TABLE + "select version from {{ ref('base') }}")
def killed_after_the_record_of_a_parent_and_reverted(pair: Pair) -> None:
    pair.write("models/base.sql", TABLE + "select 'B' as version")
    assert pair.run_killed(Kill(at="after the mark"))
    pair.write("models/base.sql", TABLE + "select 'A' as version")
    assert pair.run_killed(Kill(at="after the mark"))
    pair.run()


@trace(flip=TABLE + "select 'A' as version", steady=TABLE + "select 1 as id")
def edited_failed_after_its_commit_and_reverted(pair: Pair) -> None:
    fails = "{{ config(materialized='table', post_hook={'sql': 'select 1 / 0', 'transaction': false}) }}\n"
    pair.write("models/flip.sql", fails + "select 'B' as version")
    assert not pair.run()
    pair.write("models/flip.sql", TABLE + "select 'A' as version")
    assert pair.run()


@trace(base=TABLE + "select 'A' as version", child=TABLE + "select version from {{ ref('base') }}")
def a_build_that_failed_succeeds_later_though_nothing_of_it_changed(pair: Pair) -> None:
    pair.write("models/base.sql", TABLE + "select 'B' as version")
    pair.execute(
        "create function public.refuse() returns event_trigger language plpgsql as $$ begin raise 'not now'; end $$"
    )
    pair.execute(
        "create event trigger refused on ddl_command_start when tag in ('CREATE TABLE AS') "
        "execute function public.refuse()"
    )
    assert not pair.run()
    pair.execute("drop event trigger refused")
    assert pair.run()


@trace(
    base=TABLE + f"select id, 100 / (amount - 13) as share from {ORDERS}",
    child=TABLE + "select count(*) as n from {{ ref('base') }}",
)
def a_model_divides_by_zero_until_the_row_is_gone(pair: Pair) -> None:
    pair.execute("insert into raw.orders values (13, 13, 'bad', '2026-01-13')")
    assert not pair.run()
    pair.execute("delete from raw.orders where id = 13")
    assert pair.run()


@trace(
    base=TABLE + "select 1 as id, 'A' as version",
    view="select version from {{ ref('base') }}",
    child=TABLE + "select version from {{ ref('view') }}",
    other=TABLE + "select version from {{ ref('base') }}",
)
def a_narrowed_run_leaves_the_rest_for_later(pair: Pair) -> None:
    pair.write("models/base.sql", TABLE + "select 1 as id, 'B' as version")
    pair.run_narrowed("base")
    pair.run()


@trace(
    base=TABLE + "select 'A' as version",
    child=TABLE + "select version from {{ ref('base') }}",
    other=TABLE + "select 'A' as version",
)
def a_narrowed_run_fails_to_notice_a_revert(pair: Pair) -> None:
    pair.write("models/base.sql", TABLE + "select 'B' as version")
    pair.write("models/other.sql", TABLE + "select 'B' as version")
    pair.run_narrowed("base child")
    pair.write("models/base.sql", TABLE + "select 'A' as version")
    pair.run_narrowed("base")
    pair.run()


# What comes from somebody's hand.


@trace(
    base=TABLE + "select 1 as id, 'A' as version",
    view="select version from {{ ref('base') }}",
    child=TABLE + "select version from {{ ref('view') }}",
)
def relations_are_dropped_by_hand(pair: Pair) -> None:
    pair.execute("drop table analytics.base cascade")
    pair.run()
    pair.execute("drop view analytics.view")
    pair.run()


@trace(
    base=TABLE + "select 1 as id, 'A' as version",
    view="select version from {{ ref('base') }}",
)
def relations_are_emptied_and_replaced_by_hand(pair: Pair) -> None:
    pair.execute("truncate analytics.base")
    pair.run()
    pair.execute("create or replace view analytics.view as select 'by hand'::text as version")
    pair.run()
    pair.execute("drop table analytics.base cascade; create table analytics.base as select 2 as id, 'C' as version")
    pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    merged=INCREMENTAL + "select id, amount from {{ ref('base') }}",
    view="select max(amount) as amount from {{ ref('base') }}",
)
def dbt_runs_behind_our_back(pair: Pair) -> None:
    pair.execute("insert into raw.orders values (4, 40, 'open', '2026-01-04')")
    pair.write("models/view.sql", "select min(amount) as amount from {{ ref('base') }}")
    pair.run_by_hand()
    pair.execute("update raw.orders set amount = 50 where id = 4")
    pair.write("models/view.sql", "select max(amount) as amount from {{ ref('base') }}")
    pair.run()


@trace(base=TABLE + "select '{{ target.name }}' as name", child=TABLE + "select name from {{ ref('base') }}")
def another_target_writes_the_same_relations(pair: Pair) -> None:
    pair.run("run", "--target", "other")
    pair.run()


@trace(
    base=TABLE + "select 1 as id, 'A' as version",
    child=TABLE + "select count(*) as n from {{ ref('base') }}",
)
def rows_of_a_table_are_changed_by_hand(pair: Pair) -> None:
    pair.execute("insert into analytics.base values (5, 'by hand')")
    pair.run()


@trace(
    {"seeds/seed_names.csv": "id,name\n1,one\n2,two\n"},
    merged=INCREMENTAL + f"select id, amount from {ORDERS}",
    counted=TABLE + "select count(*) as n from {{ ref('seed_names') }}",
)
def rows_of_an_incremental_model_and_a_seed_are_changed_by_hand(pair: Pair) -> None:
    pair.execute("update analytics.merged set amount = 0; delete from analytics.seed_names where id = 1")
    pair.run()
    pair.run("seed")
    pair.run()


@trace(
    {
        "snapshots/snap_orders.sql": "{% snapshot snap_orders %}{{ config(unique_key='id', strategy='timestamp', "
        f"updated_at='changed_at', target_schema='analytics') }}}}\nselect * from {ORDERS}{{% endsnapshot %}}"
    },
    table=TABLE + "select count(*) as n from {{ ref('snap_orders') }}",
    view="select max(amount) as amount from {{ ref('snap_orders') }}",
    above=TABLE + "select amount from {{ ref('view') }}",
)
def a_snapshot_is_taken_by_plain_dbt(pair: Pair) -> None:
    pair.execute("update raw.orders set amount = 1000, changed_at = '2026-02-01' where id = 1")
    pair.run_by_hand("snapshot")
    pair.run()


@trace(base=TABLE + "select 1 as id, 'A' as version", child=TABLE + "select * from {{ ref('base') }}")
def a_column_is_added_to_a_table_by_hand(pair: Pair) -> None:
    pair.execute("alter table analytics.base add column extra int")
    pair.run()


@trace(highest=TABLE + "select raw.highest() as highest")
def a_function_reads_rows_that_change(pair: Pair) -> None:
    pair.execute("update raw.orders set amount = 1000 where id = 1")
    pair.run()


@trace(
    told=TABLE
    + "select obj_description('raw.orders'::regclass, 'pg_class') as text, to_regclass('raw.later') as later",
    shown="select obj_description('raw.orders'::regclass, 'pg_class') as text",
    behind=TABLE + "select text from {{ ref('shown') }}",
)
def functions_of_the_server_tell_what_a_catalog_says(pair: Pair) -> None:
    pair.execute("comment on table raw.orders is 'all of them'; create table raw.later (id int)")
    pair.run()
    pair.execute("comment on table raw.orders is 'some of them'; drop table raw.later")
    pair.run()


_ADDED = "create or replace function raw.add(int, int) returns int immutable language sql as 'select $1 + $2 * {}'"


@trace(total=TABLE + f"select sum(id) as n from {ORDERS}")
def a_function_that_an_aggregate_is_made_of_changes(pair: Pair) -> None:
    pair.execute(_ADDED.format(1))
    pair.execute("create aggregate raw.total(int) (sfunc = raw.add, stype = int, initcond = 0)")
    pair.write("models/total.sql", TABLE + f"select raw.total(id) as n from {ORDERS}")
    pair.run()
    pair.execute(_ADDED.format(2))
    pair.run()


# What was observed: questions, relations that SQL names, the session, hooks.


@trace(
    base=TABLE + "select 1 as id",
    wide=TABLE
    + "{% set found = statuses() %}select id{% for each in found %}, '{{ each }}' as c{{ loop.index }}{% endfor %}"
    + " from {{ ref('base') }}",
    more={
        "macros/statuses.sql": "{% macro statuses() %}{% if execute %}{% set q = 'select distinct status from '"
        " ~ source('raw', 'orders') ~ ' order by 1' %}{{ return(run_query(q).columns[0].values()) }}{% endif %}"
        "{{ return([]) }}{% endmacro %}"
    },
)
def a_question_while_compiling_gets_another_answer(pair: Pair) -> None:
    pair.run()
    pair.execute("update raw.orders set status = 'paid' where id = 2")
    pair.run()
    pair.execute("insert into raw.orders values (4, 40, 'open', '2026-01-04')")
    pair.run()


@trace(
    wide=TABLE
    + "{% set found = run_query('select flag from apart.flags order by 1').columns[0].values() if execute else [] %}"
    "select 1 as id{% for each in found %}, '{{ each }}' as c{{ loop.index }}{% endfor %}",
)
def a_question_gets_another_answer_after_a_run_without_changes(pair: Pair) -> None:
    for _ in range(2):  # the first keeps its empty plan, of which the second makes use
        pair.run()
    pair.execute("insert into apart.flags values ('legacy')")
    pair.run()


@trace(
    hard=TABLE + "select id from raw.orders",
    seen="select id from raw.seen",
    behind=TABLE + "select id from {{ ref('seen') }}",
)
def a_table_that_only_sql_names_gets_rows(pair: Pair) -> None:
    pair.execute("insert into raw.orders values (4, 40, 'open', '2026-01-04')")
    pair.run()


@trace(named=TABLE + "select flag from apart.flags", other=TABLE + "select 1 as n")
def a_new_hook_at_the_start_writes_what_only_sql_names(pair: Pair) -> None:
    pair.write("dbt_project.yml", PROJECT_FILE + "on-run-start: [\"insert into apart.flags values ('legacy')\"]\n")
    pair.run()


@trace(dated=TABLE + "select '2026-01-01 20:00+00'::timestamptz::date::text as day")
def the_time_zone_of_the_database_changes(pair: Pair) -> None:
    pair.execute(f"do $$ begin {_ALTER} set timezone = ''Asia/Tokyo''', current_database()); end $$")
    pair.run()
    pair.execute(f"do $$ begin {_ALTER} reset timezone', current_database()); end $$")
    pair.run()


@trace(
    written=TABLE + "select 0 as n",
    writer="{{ config(materialized='table', post_hook=\"insert into {{ ref('written') }} select 1\") }}"
    f"select count(*) as c from {ORDERS}",
)
def a_hook_inserts_into_another_model(pair: Pair) -> None:
    pair.execute("insert into raw.orders values (4, 40, 'open', '2026-01-04')")
    pair.run()
    pair.run()


@trace(indexed="{{ config(materialized='table', indexes=[{'columns': ['id']}]) }}" + f"select id from {ORDERS}")
def an_index_is_dropped_by_hand(pair: Pair) -> None:
    pair.execute(
        "do $$ declare name text; begin for name in select indexname from pg_indexes where schemaname = 'analytics' "
        "loop execute format('drop index analytics.%I', name); end loop; end $$"
    )
    pair.run()


# What plain dbt builds from a selection, recorded afterwards.


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    merged=INCREMENTAL + "select id, amount from {{ ref('base') }}",
    view="select max(amount) as amount from {{ ref('base') }}",
    total=MATERIALIZED_VIEW + "select sum(amount) as total from {{ ref('base') }}",
    above=TABLE + "select amount, '{{ var('day', 'monday') }}' as day from {{ ref('view') }}",
)
def plain_dbt_builds_what_was_selected_and_it_is_recorded(pair: Pair) -> None:
    pair.execute("insert into raw.orders values (4, 40, 'open', '2026-01-04')")
    pair.run_by_dbt()
    pair.record()
    pair.run()
    pair.write("models/view.sql", "select min(amount) as amount from {{ ref('base') }}")
    pair.write("models/total.sql", MATERIALIZED_VIEW + "select max(amount) as total from {{ ref('base') }}")
    pair.run_by_dbt("run", "--vars", "{day: tuesday}")
    pair.record()
    pair.run()
    pair.execute("update raw.orders set amount = 99 where id = 3")
    pair.run_by_dbt("run", meanwhile="insert into raw.orders values (5, 500, 'open', '2026-01-05')")
    pair.record()
    pair.run()


@trace(base=TABLE + f"select id, amount from {ORDERS}", child=TABLE + "select count(*) as n from {{ ref('base') }}")
def rows_arrive_between_dbt_and_the_record(pair: Pair) -> None:
    pair.execute("insert into raw.orders values (4, 40, 'open', '2026-01-04')")
    pair.run_by_dbt()
    pair.execute("insert into raw.orders values (5, 50, 'open', '2026-01-05')")
    pair.record()
    pair.run()


@trace(base=TABLE + "select 1 as id, 'A' as version", child=TABLE + "select version from {{ ref('base') }}")
def files_are_edited_between_dbt_and_the_record(pair: Pair) -> None:
    pair.write("models/base.sql", TABLE + "select 1 as id, 'B' as version")
    pair.run_by_dbt()
    pair.write("models/base.sql", TABLE + "select 1 as id, 'C' as version")
    pair.record()
    pair.run()


@trace(base=TABLE + "select 1 as id, 'A' as version", child=TABLE + "select version from {{ ref('base') }}")
def dbt_writes_another_manifest_before_the_record(pair: Pair) -> None:
    pair.write("models/base.sql", TABLE + "select 1 as id, 'B' as version")
    pair.run_by_dbt()
    pair.write("models/base.sql", TABLE + "select 1 as id, 'C' as version")
    pair.parse_by_hand()
    pair.record(refused=True)
    pair.run()


@trace(
    base=TABLE + f"select id, amount, '{{{{ env_var('TWIN_LABEL', 'none') }}}}' as label from {ORDERS}",
    hooked="{{ config(materialized='table', post_hook=\"update {{ this }} set label = '{{ env_var('TWIN_LABEL', "
    "'none') }}'\") }}select 'x' as label",
)
def dbt_runs_with_other_values_than_the_record(pair: Pair) -> None:
    pair.write("models/more.sql", TABLE + "select 1 as id")
    pair.run_by_dbt(env={"TWIN_LABEL": "first"})
    pair.record()
    pair.run()
    pair.run_by_dbt(env={"TWIN_LABEL": "first"})
    pair.record(env={"TWIN_LABEL": "first"})
    pair.run(env={"TWIN_LABEL": "first"})


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    merged=INCREMENTAL + "select id, amount from {{ ref('base') }}",
    child=TABLE + "select count(*) as n from {{ ref('merged') }}",
)
def the_record_is_killed_and_made_again(pair: Pair) -> None:
    pair.execute("insert into raw.orders values (4, 40, 'open', '2026-01-04')")
    pair.run_by_dbt()
    assert pair.record(kill=Kill(at="after the mark", number=2)).code is None
    pair.record()
    pair.run()
    pair.execute("insert into raw.orders values (5, 50, 'open', '2026-01-05')")
    pair.run_by_dbt()
    assert pair.record(kill=Kill(at="before the mark", number=2)).code is None
    pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    child=TABLE + "select count(*) as n from {{ ref('base') }}",
)
def results_are_recorded_that_a_run_has_overtaken(pair: Pair) -> None:
    pair.write("models/child.sql", TABLE + "select sum(amount) as n from {{ ref('base') }}")
    pair.run_by_dbt()
    pair.write("models/child.sql", TABLE + "select max(amount) as n from {{ ref('base') }}")
    pair.run()
    pair.record()
    pair.run()


# What comes out equal in a run, and what does not.


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    view="select id, amount from {{ ref('base') }}",
    total=TABLE + "select sum(amount) as total from {{ ref('view') }}",
    twice=TABLE + "select total * 2 as twice from {{ ref('total') }}",
)
def a_table_comes_out_equal_and_then_different(pair: Pair) -> None:
    pair.cutoff = "always"
    for amount in ("amount + 0", "amount * 2", "amount * 2 + 0", "amount"):
        pair.write("models/base.sql", TABLE + f"select id, {amount} as amount from {ORDERS}")
        pair.run()


@trace(
    base=TABLE + f"select id, status as a, 'x' || id as b, null::text as c from {ORDERS}",
    child=TABLE + "select a, b, c from {{ ref('base') }}",
)
def null_becomes_empty_and_two_columns_are_swapped(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", TABLE + f"select id, status as a, 'x' || id as b, ''::text as c from {ORDERS}")
    pair.run()
    pair.write("models/base.sql", TABLE + f"select id, 'x' || id as a, status as b, ''::text as c from {ORDERS}")
    pair.run()


@trace(
    base=TABLE + f"select id, amount, status from {ORDERS}",
    child=TABLE + "select * from {{ ref('base') }}",
)
def only_the_columns_of_a_table_come_out_different(pair: Pair) -> None:
    pair.cutoff = "always"
    for columns in ("id, amount as paid, status", "id, amount as paid, status::varchar as status", "status, id"):
        pair.write("models/base.sql", TABLE + f"select {columns} from {ORDERS}")
        pair.run()


_FIRST = "with s as materialized (select * from {{ ref('base') }})"
_PLACES = "select * from {{ ref('base') }} x cross join {{ ref('base') }} y"


@trace(
    base=TABLE + f"select id, amount, status as note from {ORDERS}",
    staged=TABLE + f"{_FIRST}, renamed as (select id, amount from s) select * from renamed",
    distinct_ones=TABLE + f"{_FIRST}, t as (select distinct note from s) select count(*) as n from t",
    joined=TABLE + f"{_FIRST}, t as (select 1 as id union select length(note) from s) select sum(id) as n from t",
    sorted=TABLE + f"{_FIRST}, t as (select id, note from s order by note desc limit 1) select id from t",
    counted=TABLE + f"{_FIRST}, t as (select note, count(*) as n from s group by note) select max(n) as n from t",
    divided=TABLE + f"{_FIRST}, t as materialized (select id, 1 / length(note) as n from s) select id from t",
    places=TABLE + f"with s (a, b, c, d, e) as ({_PLACES}) select a, b, e from s",
)
def a_column_comes_out_different_that_a_star_names(pair: Pair) -> None:
    pair.cutoff = "always"
    for columns in (
        "case when id = 1 then 'zero' else status end as note",
        "case when id = 2 then 'zero' else 'x' || id end as note",
        "'x' || id as note, 1 as more",
        "'x' || id as note",
        "'' as note",
    ):
        pair.write("models/base.sql", TABLE + f"select id, amount, {columns} from {ORDERS}")
        pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    middle=TABLE + "select id from {{ ref('base') }} where amount > -100",
    shown="select id from {{ ref('middle') }}",
    total=TABLE + "select count(*) as n from {{ ref('shown') }}",
)
def a_view_goes_down_with_a_table_that_might_have_been_left(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", TABLE + f"select id, amount + 1 as amount from {ORDERS}")
    pair.run()


_PAID = (
    "select d.id from {{{{ ref('paid') }}}} d"
    " where exists (select 1 from {{{{ ref('base') }}}} b where {} > 0 and b.id = d.id)"
)


@trace(
    base=TABLE + f"select id, amount, status from {ORDERS}",
    staged=f"select id, amount, status from {ORDERS}",
    direct=TABLE + "select id, amount, status from {{ ref('base') }}",
    inside=TABLE + "with b as (select id, amount, status from {{ ref('base') }}) select * from b",
    through="{{ config(materialized='ephemeral') }}select id, amount, status from {{ ref('base') }}",
    below=TABLE + "select * from {{ ref('through') }}",
    shown=TABLE + "select id, amount, status from {{ ref('staged') }}",
    named=TABLE + _PAID.format("d.paid"),
    paid=TABLE + f"select id, amount * 2 as paid from {ORDERS}",
)
def a_star_takes_the_place_of_columns_while_one_is_added(pair: Pair) -> None:
    pair.write("models/base.sql", TABLE + f"select id, amount, status, -1::numeric as paid from {ORDERS}")
    pair.write("models/staged.sql", f"select id, amount, status, 1 as more from {ORDERS}")
    pair.write("models/direct.sql", TABLE + "select * from {{ ref('base') }}")
    pair.write("models/inside.sql", TABLE + "with b as (select * from {{ ref('base') }}) select * from b")
    pair.write("models/through.sql", "{{ config(materialized='ephemeral') }}select * from {{ ref('base') }}")
    pair.write("models/shown.sql", TABLE + "select * from {{ ref('staged') }}")
    pair.write("models/named.sql", TABLE + _PAID.format("paid"))
    pair.run()


_DAYS_FIRST = "{{ config(materialized='table', pre_hook=\"set local datestyle = 'ISO, DMY'\") }}\n"
_IN_TOKYO = TABLE + "{% call set_sql_header(config) %} set timezone = 'Asia/Tokyo'; {% endcall %}\n"


@trace(
    hooked=_DAYS_FIRST + "select '01/02/2020'::date as day",
    headed=_IN_TOKYO + "select timestamptz '2020-01-01 00:00' as at",
)
def literals_are_spelled_out_that_mean_another_thing_in_the_session_of_the_node(pair: Pair) -> None:
    pair.write("models/hooked.sql", _DAYS_FIRST + "select date '2020-01-02' as day")
    pair.write("models/headed.sql", _IN_TOKYO + "select timestamptz '2020-01-01 00:00+00' as at")
    pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS} order by id",
    view="select id from {{ ref('base') }}",
    first=TABLE + "select id from {{ ref('view') }} limit 1",
    total=TABLE + "select count(*) as n from {{ ref('view') }}",
)
def the_rows_of_a_table_come_out_in_another_order(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", TABLE + f"select id, amount from {ORDERS} order by id desc")
    pair.run()
    pair.run()


@trace(
    base=INCREMENTAL + "select 1 as id, 'A' as version",
    child=TABLE + "select count(*) as n, max(version) as version from {{ ref('base') }}",
)
def a_table_is_left_as_a_failed_build_has_left_it(pair: Pair) -> None:
    pair.cutoff = "always"
    fails = INCREMENTAL.replace(")", ", post_hook={'sql': 'select 1 / 0', 'transaction': false})", 1)
    pair.write("models/base.sql", fails + "select 2 as id, 'B' as version")
    assert not pair.run_narrowed("base")
    pair.write("models/base.sql", INCREMENTAL + "select 1 as id, 'A' as version")
    assert pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    child="{{ config(materialized='table', post_hook=\"comment on table {{ ref('base') }} is 'read'\") }}\n"
    "select count(*) as n from {{ ref('base') }}",
)
def a_hook_below_does_something_to_a_table_that_comes_out_equal(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", TABLE + f"select id, amount + 0 as amount from {ORDERS}")
    pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    view="select id, amount from {{ ref('base') }}",
    total=TABLE + "select sum(amount) as total from {{ ref('view') }}",
)
def killed_while_a_table_comes_out_equal_and_edited_again(pair: Pair) -> None:
    pair.cutoff = "always"
    for number, at in enumerate(("before the mark", "after the mark"), start=1):
        pair.write("models/base.sql", TABLE + f"select id, amount + 0 * {number} as amount from {ORDERS}")
        assert pair.run_killed(Kill(at=at))
        pair.write("models/base.sql", TABLE + f"select id, amount * 2 + 0 * {number} as amount from {ORDERS}")
        assert pair.run_killed(Kill(at=at))
        pair.write("models/base.sql", TABLE + f"select id, amount from {ORDERS}")
        pair.run()


@trace(
    base=TABLE + f"select id, amount, status from {ORDERS}",
    view="select id, amount as paid from {{ ref('base') }}",
    stars="select * from {{ ref('base') }}",
    two=TABLE + "select id, status from {{ ref('base') }}",
    paid=TABLE + "select sum(paid) as paid from {{ ref('view') }}",
    starred=TABLE + "select id from {{ ref('stars') }}",
    everything=TABLE + "select * from {{ ref('base') }}",
    rows=TABLE + "select b.id, to_json(b)::text as text from {{ ref('base') }} b",
    counted=TABLE + "select count(*) as n from {{ ref('base') }}",
    listed=TABLE + "select {% for each in adapter.get_columns_in_relation(ref('base')) %}{{ each.name }}, {% endfor %}"
    "1 as one from {{ ref('base') }}",
)
def columns_come_out_different_that_one_or_the_other_reads(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.run("run", "--full-refresh")
    for columns in (
        "id, amount, status, 1 as more",
        "id, amount, upper(status) as status, 1 as more",
        "id, amount * 2 as amount, upper(status) as status, 2 as more",
        "status, amount * 2 as amount, id, 2 as more",
        "id, amount * 2 as amount, status::varchar as status",
    ):
        pair.write("models/base.sql", TABLE + f"select {columns} from {ORDERS}")
        pair.run()
    pair.write("models/base.sql", TABLE + f"select id, amount, status from {ORDERS} where id < 3")
    pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS} order by id",
    middle=TABLE + "select id, amount from {{ ref('base') }}",
    apart=TABLE + "select max(id) as id from {{ ref('base') }}",
    first=TABLE + "select id from {{ ref('middle') }} limit 1",
)
def rows_come_out_in_another_order_that_is_handed_on(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", TABLE + f"select id, amount from {ORDERS} order by id desc")
    pair.run()


_LOGGING = "{{ config(materialized='table', post_hook='insert into raw.seen_by values (1)') }}\n"


@trace(
    {"models/log.yml": "sources: [{name: log, schema: raw, tables: [{name: seen_by}]}]\n"},
    base=TABLE + f"select id, amount from {ORDERS}",
    middle=TABLE + "select count(*) as n from {{ ref('base') }}",
    read=TABLE + "select n, (select count(*) from {{ source('log', 'seen_by') }}) as times from {{ ref('middle') }}",
)
def a_hook_above_writes_into_a_source_that_is_read_below(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", _LOGGING + f"select id, amount + 0 as amount from {ORDERS}")
    pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    child=TABLE + "select count(*) as n from {{ ref('base') }}",
)
def a_hook_above_writes_into_what_reads_it(pair: Pair) -> None:
    pair.cutoff = "always"
    hooked = "{{ config(materialized='table', post_hook='insert into analytics.child values (99)') }}\n"
    pair.write("models/base.sql", hooked + f"select id, amount + 0 as amount from {ORDERS}")
    pair.run()


@trace(
    {"models/again.yml": "sources: [{name: again, schema: analytics, tables: [{name: base}]}]\n"},
    base=TABLE + f"select id, amount from {ORDERS}",
    middle=TABLE + "select count(*) as n from {{ ref('base') }}",
    child=TABLE + "select n, (select sum(amount) from {{ source('again', 'base') }}) as total from {{ ref('middle') }}",
)
def what_a_run_builds_is_read_below_as_a_source(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.run()
    pair.write("models/base.sql", TABLE + f"select id, amount * 2 as amount from {ORDERS}")
    pair.run()


@trace(
    {"models/outside.yml": "sources: [{name: outside, schema: apart, tables: [{name: shown}]}]\n"},
    base=INCREMENTAL + f"select id, amount from {ORDERS}",
    middle=TABLE + "select count(*) as n from {{ ref('base') }}",
    child=TABLE + "select 1 as n",
    direct=TABLE + "select 1 as n",
)
def what_a_run_builds_is_read_below_through_a_view_that_is_a_source(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.execute("create view apart.shown as select id, amount from analytics.base")
    total = "(select sum(amount) from {{ source('outside', 'shown') }}) as total"
    pair.write("models/child.sql", TABLE + f"select n, {total} from {{{{ ref('middle') }}}}")
    pair.write("models/direct.sql", TABLE + f"select id, {total} from {{{{ ref('base') }}}}")
    pair.run()
    pair.write("models/base.sql", INCREMENTAL + f"select id, amount * 2 as amount from {ORDERS}")
    pair.run()


_LOGGED = """{% materialization logged, adapter='postgres' %}
{%- set target = this.incorporate(type='table') -%}
{% call statement('main') %}
drop table if exists {{ target }} cascade; create table {{ target }} as {{ sql }};
{% if var('logs', false) %}insert into raw.seen_by values (1);{% endif %}
{% endcall %}{% do adapter.commit() %}{{ return({'relations': [target]}) }}{% endmaterialization %}"""
_LOGS = "insert into raw.seen_by values (1)"


_LOG_IS_READ = "select n, (select count(*) from {{ source('log', 'seen_by') }}) as times from {{ ref('middle') }}"


@trace(
    {
        "models/log.yml": "sources: [{name: log, schema: raw, tables: [{name: seen_by}]}]\n",
        "macros/logged.sql": _LOGGED,
    },
    base="{{ config(materialized='logged') }}" + f"select id, amount from {ORDERS}",
    middle=TABLE + "select count(*) as n from {{ ref('base') }}",
    read=TABLE + _LOG_IS_READ,
)
def a_materialization_of_the_project_writes_into_a_source_that_is_read_below(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write(
        "models/base.sql", "{{ config(materialized='logged') }}" + f"select id, amount + 0 as amount from {ORDERS}"
    )
    pair.run("run", "--vars", "{logs: true}")


@trace(
    {"models/log.yml": "sources: [{name: log, schema: raw, tables: [{name: seen_by}]}]\n"},
    base=TABLE + f"select id, amount from {ORDERS}",
    middle=TABLE + "select count(*) as n from {{ ref('base') }}",
    read=TABLE + _LOG_IS_READ,
)
def a_model_above_writes_into_a_source_that_is_read_below_otherwise_than_by_a_hook(pair: Pair) -> None:
    pair.cutoff = "always"
    base = f"select id, amount + 0 as amount from {ORDERS}"
    for written in (
        f"{{% if execute %}}{{% do run_query('{_LOGS}') %}}{{% endif %}}",
        f"{{% call statement('log') %}}{_LOGS}{{% endcall %}}",
        f"{{% call set_sql_header(config) %}}{_LOGS};{{% endcall %}}",
    ):
        pair.write("models/base.sql", TABLE + written + base)
        pair.run()
        pair.write("models/base.sql", TABLE + f"select id, amount from {ORDERS}")
        pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    child=TABLE + "select count(*) as n from {{ ref('base') }}",
)
def a_hook_above_touches_what_reads_it_without_writing_rows(pair: Pair) -> None:
    pair.cutoff = "always"
    for hook in (
        "comment on table analytics.child is 'from above'",
        "comment on column analytics.child.n is 'from above'",
        "create index if not exists from_above on analytics.child (n)",
        "grant select on analytics.child to public",
        "grant select on all tables in schema analytics to public",
    ):
        pair.write("models/base.sql", TABLE + f"select id, amount from {ORDERS}")
        pair.run("run", "--full-refresh")
        hooked = TABLE.replace(")", f', post_hook="{hook}")', 1)
        pair.write("models/base.sql", hooked + f"select id, amount + 0 as amount from {ORDERS}")
        pair.run()


_FOUND = "{{ config(store_failures_as='view', schema=none) }}\nselect * from {{ ref('base') }} where id < 0"


@trace(
    {"tests/none_is_negative.sql": _FOUND},
    base=TABLE + f"select id, amount from {ORDERS}",
)
def a_view_of_what_a_test_finds_goes_down_with_a_table_that_comes_out_equal(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.run("build")
    pair.write("models/base.sql", TABLE + f"select id, amount + 0 as amount from {ORDERS}")
    pair.run("build")
    pair.write("models/base.sql", TABLE + f"select id, amount from {ORDERS}")
    pair.run()
    pair.run("build")
    indexed = "{{ config(materialized='table', indexes=[{'columns': ['id']}]) }}\n"
    pair.write("models/base.sql", indexed + f"select id, amount from {ORDERS}")
    pair.run("build")


@trace(
    base=INCREMENTAL + f"select id, amount from {ORDERS}",
    places=TABLE + "select id, ctid::text as place from {{ ref('base') }}",
)
def equal_rows_lie_in_other_places_that_are_read(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", INCREMENTAL + f"select id, amount + 0 as amount from {ORDERS}")
    pair.run()


_XML = TABLE + """select id, '<?xml version="1.0" encoding="UTF8"?><a/>'::xml as x from """ + ORDERS


@trace(
    base=TABLE + f"select id, amount from {ORDERS} order by id",
    listed=TABLE + "select string_agg /* of all */ (id::text, ',') as ids from {{ ref('base') }}",
    written=INCREMENTAL + f"select id, amount from {ORDERS}",
    places=TABLE + """select id, U&"\\0063tid"::text as place from {{ ref('written') }}""",
    declared=_XML,
    shown=TABLE + "select id, x::text as x from {{ ref('declared') }}",
)
def what_tells_equal_rows_apart_is_hidden(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", TABLE + f"select id, amount from {ORDERS} order by id desc")
    pair.write("models/written.sql", INCREMENTAL + f"select id, amount + 0 as amount from {ORDERS}")
    pair.write("models/declared.sql", _XML.replace(' encoding="UTF8"', ""))
    pair.run()


@trace(
    {
        "macros/ddl.sql": "{% macro postgres__create_table_as(temporary, relation, sql) %}create "
        "{% if temporary %}temporary{% endif %} table {{ relation }} as select q.*{% if model.name == 'numbered' %}, "
        "(select min(b.ctid::text) from analytics.base b) as place{% endif %} from ({{ sql }}) q;{% endmacro %}",
    },
    base=INCREMENTAL + f"select id, amount from {ORDERS}",
    numbered=TABLE + "select count(*) as n from {{ ref('base') }}",
)
def macros_of_the_project_write_more_than_the_sql_says(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", INCREMENTAL + f"select id, amount + 0 as amount from {ORDERS}")
    pair.run()


_KEYED = """models:
  - name: base
    config: {contract: {enforced: true}}
    constraints: [{type: primary_key, columns: [id]}]
    columns: [{name: id, data_type: int}, {name: amount, data_type: numeric}]
"""


@trace(
    {"models/base.yml": _KEYED},
    base=TABLE + f"select id, amount from {ORDERS}",
    grouped=TABLE + "select id, amount from {{ ref('base') }} group by id",
)
def a_primary_key_goes_by_which_a_query_below_is_valid(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.yml", _KEYED.replace("constraints: [{type: primary_key, columns: [id]}]", "docs: {}"))
    assert not pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    whole=TABLE + "select b as whole, 1 as one from {{ ref('base') }} b",
    only=TABLE + "select array_agg(b order by id) as whole from {{ ref('base') }} b",
    view="select id, amount from {{ ref('base') }}",
    behind=TABLE + "select array_agg(v order by id) as whole from {{ ref('view') }} v",
)
def a_column_has_the_type_of_the_rows_of_a_table_that_comes_out_equal(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", TABLE + f"select id, amount + 0 as amount from {ORDERS}")
    pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    total=TABLE + "select count(*) as n from {{ ref('base') }}",
    hooked="{{ config(materialized='table', post_hook=\"comment on table {{ ref('base') }} is 'read'\") }}\n"
    "select count(*) as n from {{ ref('base') }}",
    written=INCREMENTAL + f"select id, amount from {ORDERS}",
    number=TABLE + "select count(*) as n from {{ ref('written') }}",
    places=TABLE + "select id, ctid > '(0,3)'::tid as has_moved from {{ ref('written') }}",
)
def equal_rows_are_narrowed_away_from_what_sees_more_than_rows(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", TABLE + f"select id, amount + 0 as amount from {ORDERS}")
    pair.write("models/written.sql", INCREMENTAL + f"select id, amount + 0 as amount from {ORDERS}")
    pair.run_narrowed("base total written number")
    pair.run()


@trace(
    base=TABLE + "select 1 as k, 'x' as label",
    joined=f"select o.id, o.status, b.label from {ORDERS} as o cross join {{{{ ref('base') }}}} as b",
    behind=TABLE + "select id, status, label from {{ ref('joined') }}",
)
def rows_arrive_behind_a_view_of_a_table_that_comes_out_equal(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.run()
    pair.write("models/base.sql", TABLE + "select 3 - 2 as k, 'x' as label")
    pair.execute("insert into raw.orders values (4, 40, 'open', '2026-01-04')")
    pair.run()
    pair.write("models/base.sql", TABLE + "select 2 - 1 as k, 'x' as label")
    pair.run()


@trace(
    stg="select id, status, amount from " + ORDERS,
    upper="select id, upper(status) as status from {{ ref('stg') }}",
    counted=TABLE + "select status, count(*) as n from {{ ref('upper') }} group by status",
    total=TABLE + "select sum(amount) as total from {{ ref('stg') }}",
    everything=TABLE + "select * from {{ ref('stg') }}",
    first=TABLE + "select id, status from {{ ref('stg') }} limit 1",
)
def a_view_is_edited_and_shows_what_it_showed_or_not(pair: Pair) -> None:
    pair.cutoff = "always"
    for columns, rows in (
        ("id, status, amount + 0 as amount", ""),
        ("id, lower(status) as status, amount, 1 as note", ""),
        ("id, lower(status) as status, amount + 1 as amount, 1 as note", ""),
        ("id, lower(status) as status, 1 + amount as amount, 2 as note", "where id < 5"),
        ("id, initcap(status) as status, amount, 2 as note", ""),
        ("id, initcap(status) as status, amount::float8 as amount, 2 as note", ""),
        ("id, status, amount", ""),
        ("id, status, amount", f"where id > 1 union all select id, status, amount from {ORDERS} where id = 1"),
        ("id, status, amount", "where id <> 2"),
    ):
        pair.write("models/stg.sql", f"select {columns} from {ORDERS} {rows}")
        pair.run()
    pair.write("models/stg.sql", f"select id, status, amount from {ORDERS} where id <> 1 + 1")
    pair.execute("insert into raw.orders values (4, 40, 'open', '2026-01-04')")
    pair.run()
    pair.write(
        "models/stg.sql",
        f"select o.id, o.status, o.amount from {ORDERS} o left join apart.flags f on true where id <> 2",
    )
    pair.run()
    pair.execute("insert into apart.flags values ('alpha')")
    pair.run()


@trace(
    ages="select id, (changed_at - timestamp '2026-01-01')::text as age from " + ORDERS,
    listed=TABLE + "select id, age from {{ ref('ages') }}",
)
def a_view_shows_what_it_showed_but_for_the_settings_of_its_session(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.execute(f"do $$ begin {_ALTER} set intervalstyle = ''sql_standard''', current_database()); end $$")
    pair.run()
    age = "extract(day from changed_at - timestamp '2026-01-01')::int"
    age = f"concat({age}, case {age} when 1 then ' day' else ' days' end)"
    pair.write("models/ages.sql", f"select id, {age} as age from {ORDERS}")
    pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    total=TABLE + "select sum(amount) as total from {{ ref('base') }}",
)
def killed_when_a_table_that_came_out_different_is_recorded(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", TABLE + f"select id, amount * 2 as amount from {ORDERS}")
    assert pair.run_killed(Kill(at="after the mark"))
    pair.run()


@trace(
    base=TABLE + f"select id, amount, status from {ORDERS}",
    view="with one as (select id, amount from {{ ref('base') }}) select id, amount from one",
    table=TABLE + "with one as (select * from {{ ref('base') }}) select one.id from one",
    row=TABLE + "select to_json(one)::text as text from (select id as key from {{ ref('base') }}) as one",
)
def what_things_are_called_inside_changes(pair: Pair) -> None:
    for name in ("two", "three"):
        pair.write(
            "models/view.sql", f"with {name} as (select id, amount from {{{{ ref('base') }}}}) select * from {name}"
        )
        pair.write(
            "models/table.sql", TABLE + f"with {name} as (select * from {{{{ ref('base') }}}}) select id from {name}"
        )
        row = f"select to_json(one)::text as text from (select id as {name} from {{{{ ref('base') }}}}) as one"
        pair.write("models/row.sql", TABLE + row)
        pair.run()
    pair.write("models/base.sql", TABLE + f"select id, amount * 2 as amount, status, 1 as more from {ORDERS}")
    pair.run()


_SNAPSHOT = """{% snapshot taken %}{{ config(unique_key='id', strategy='check', check_cols='all',
    target_schema='analytics') }}
select id, amount from {{ ref('merged') }}{% endsnapshot %}"""


@trace(
    {"snapshots/taken.sql": _SNAPSHOT, "seeds/rates.csv": "id,rate\n1,1.5\n2,2.5\n"},
    base=TABLE + f"select id, amount, status from {ORDERS}",
    other=TABLE + f"select id, status from {ORDERS}",
    merged=INCREMENTAL + "select id, amount, status, amount::float8 / 3 as third from {{ ref('base') }}",
    both=TABLE + "select b.id, b.amount, o.status from {{ ref('base') }} b join {{ ref('other') }} o using (id)",
    priced=TABLE
    + "select b.id, b.amount * r.rate as price from {{ ref('merged') }} b join {{ ref('rates') }} r using (id)",
    floats=TABLE + "select sum(third) as third from {{ ref('merged') }}",
    listed=TABLE + "select array_agg(id) as ids, string_agg(status, ',') as statuses from {{ ref('merged') }}",
    summed=TABLE + "select status, sum(amount) as amount, count(*) as n from {{ ref('merged') }} group by status",
    below=TABLE + "select max(amount) as amount from {{ ref('summed') }}",
    beside=TABLE + f"select (select count(*) from {ORDERS}) as n, s.n as m from {{{{ ref('summed') }}}} s",
)
def many_ways_to_read_what_comes_out_equal_or_different(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.run("build")
    for statement in (
        "update raw.orders set status = status where id = 1",  # sent again: last from now on
        "update raw.orders set status = 'paid', changed_at = '2026-03-01' where id = 2",
        "insert into raw.orders values (7, 70, 'open', '2026-03-02')",
    ):
        pair.execute(statement)
        pair.run("build")
    for path, text in (
        ("models/other.sql", TABLE + f"select id, upper(status) as status from {ORDERS}"),
        ("models/base.sql", TABLE + f"select id, amount + 0 as amount, status from {ORDERS} order by id desc"),
        ("seeds/rates.csv", "id,rate\n2,2.5\n1,1.5\n"),
        ("models/base.sql", TABLE + f"select id, amount + 1 as amount, status, 1 as more from {ORDERS}"),
    ):
        pair.write(path, text)
        pair.run("build")


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    copied=TABLE + "select id from {{ ref('base') }}",
    listed=TABLE + "select count(*)::text as ids from {{ ref('copied') }}",
    apart=TABLE + "select count(*)::text as ids from {{ ref('copied') }}",
)
def what_is_edited_below_reads_the_order_that_is_handed_on(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", TABLE + f"select id, amount from {ORDERS} order by id desc")
    pair.write("models/listed.sql", TABLE + "select string_agg(id::text, ',') as ids from {{ ref('copied') }}")
    pair.run()
    pair.write("models/base.sql", TABLE + f"select id, amount from {ORDERS} order by amount")
    pair.write("models/apart.sql", TABLE + "select string_agg(id::text, ',') as ids from {{ ref('copied') }}")
    pair.write("models/listed.sql", TABLE + "select count(*)::text as ids from {{ ref('copied') }}")
    pair.run_narrowed("base copied listed")
    pair.run()


@trace(
    base=TABLE + f"select id, amount from {ORDERS} order by id",
    point=TABLE + "select b.array_agg::text as ids from {{ ref('base') }} b",
    text=TABLE + "select '/*' as a, array_agg/* all */(id)::text as ids, '*/' as b from {{ ref('base') }}",
    line=TABLE + "select '--' as a, array_agg/* all */(id)::text as ids from {{ ref('base') }}",
)
def what_reads_an_order_does_not_look_like_a_call(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", TABLE + f"select id, amount from {ORDERS} order by id desc")
    pair.run()


@trace(
    base=TABLE + f"select id, '1 day'::apart.step as step from {ORDERS}",
    highest=TABLE + "select max(step)::text as step from {{ ref('base') }}",
)
def labels_of_a_type_sort_otherwise(pair: Pair) -> None:
    pair.cutoff = "always"
    for number in ("1 - 1", "2 - 2"):
        step = f"case when id + {number} = 1 then '1 day' else '1 week' end::apart.step as step"
        pair.write("models/base.sql", TABLE + f"select id, {step} from {ORDERS}")
        pair.run()
    for before, now in (("1 day", "none"), ("1 week", "1 day"), ("none", "1 week")):
        pair.execute(f"alter type apart.step rename value '{before}' to '{now}'")
    step = "case when id = 1 then '1 day' else '1 week' end::apart.step as step"
    pair.write("models/base.sql", TABLE + f"select id, {step} from {ORDERS}")
    pair.run()


_RECORD = "json_populate_record(null::{{ ref('base') }}, '{\"id\": 1}')"


@trace(
    base=TABLE + f"select id, amount from {ORDERS}",
    filled=TABLE + f"select id, {_RECORD}::text as text from {{{{ ref('base') }}}}",
    listed=TABLE + f"select id, to_json(array[{_RECORD}])::text as text from {{{{ ref('base') }}}}",
)
def a_column_is_added_to_a_table_of_which_rows_are_made(pair: Pair) -> None:
    pair.cutoff = "always"
    pair.write("models/base.sql", TABLE + f"select id, amount, 1 as extra from {ORDERS}")
    pair.run()
