"""Changes of what SQL names without a source or ref."""

from __future__ import annotations

from typing import Any

from accuracy.mutation import Mutation, replace

MODELS = "models/undeclared"


def _undeclared(name: str, *edits: Any, **fields: Any) -> Mutation:
    return Mutation(name=name, group="undeclared", project="reads_project", edits=edits, **fields)


MUTATIONS = (
    _undeclared("a named table gains a row", sources="insert into side.notes values (7, 'new')"),
    _undeclared("a row of a named table is updated", sources="update side.marks set mark = mark + 1 where id = 2"),
    _undeclared("a row of a named table that all filter out is deleted", sources="delete from side.notes where id = 5"),
    _undeclared("a named table is truncated", sources="truncate side.marks"),
    _undeclared(
        "a named table gains a column that a star reads", sources="alter table side.marks add column origin text"
    ),
    _undeclared(
        "a named table is replaced by another",
        sources="drop table side.notes cascade; alter table side.notes_copy rename to notes",
    ),
    _undeclared("rows of a table with a quoted name change", sources='insert into side."Mixed Case" values (4)'),
    _undeclared(
        "rows of a table that is found by the search path change", sources="update public.settings set k = 'other'"
    ),
    _undeclared("rows below a view of others change", sources="insert into side.deep values (10, true)"),
    _undeclared(
        "a view of others gets another definition",
        sources="create or replace view side.evens as select id from side.deep where not is_even",
    ),
    _undeclared(
        "a materialized view of others is refreshed",
        sources="insert into side.deep values (11, false); refresh materialized view side.summary",
    ),
    _undeclared("a partition of a named table gains a row", sources="insert into side.parts_south values (9, 'south')"),
    _undeclared(
        "a named table gains a partition",
        sources=(
            "create table side.parts_west partition of side.parts for values in ('west'); "
            "insert into side.parts values (10, 'west')"
        ),
    ),
    _undeclared(
        "rows that a snapshot and an ephemeral model name change", sources="delete from side.people where id = 5"
    ),
    _undeclared(
        "rows that a subquery and an incremental branch name change", sources="update side.limits set least = 6"
    ),
    _undeclared("rows that a generic test names change", sources="insert into side.blocked values (5)"),
    _undeclared("rows that a singular test names change", sources="insert into side.marks values (20, 60)"),
    _undeclared(
        "a named table becomes a view",
        sources=(
            "alter table side.limits rename to limits_before; "
            "create view side.limits as select least + 1 as least from side.limits_before"
        ),
    ),
    _undeclared(
        "a function of others that SQL calls changes",
        sources=(
            "create or replace function side.rated(n integer) returns integer language sql immutable as 'select n * 5'"
        ),
    ),
    _undeclared("a model names another table", replace(f"{MODELS}/named.sql", "side.notes", "side.notes_copy")),
    _undeclared(
        "a model hides a named table behind a CTE of its name",
        replace(f"{MODELS}/named_by_path.sql", "select k", "with settings as (select 'cte' as k)\nselect k"),
    ),
    _undeclared(
        "a table that nobody names changes", sources="insert into side.notes_copy values (9, 'x')", is_no_op=True
    ),
    _undeclared(
        "a table of a CTE's name changes elsewhere", sources="insert into front.settings values ('x')", is_no_op=True
    ),
    _undeclared("a named table gets an index", sources="create index on side.notes (id)", is_no_op=True),
    _undeclared(
        "a named table is analyzed and gets a comment",
        sources="analyze side.marks; comment on table side.marks is 'marked'",
        is_no_op=True,
    ),
)
