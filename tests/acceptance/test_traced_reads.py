"""Decisions by what rendering read, and never by words."""

from __future__ import annotations

import json
import re

import pytest
from support.database import Database
from support.project import PROJECT_FILE, Project, ProjectWriter

from dbt_state_plugin.dbt_runner import read_recorder

TABLES = PROJECT_FILE + "models: {+materialized: table}\n"
# A package whose macros have names that are words of plain SQL, and one that reads the clock and is never called.
PACKAGE = {
    "packages.yml": "packages: [{local: pkg}]\n",
    "pkg/dbt_project.yml": "name: dates\nversion: '1.0'\n",
    "pkg/macros/dates.sql": (
        "{% macro date(year, month, day) %}{{ return(modules.datetime.date(year, month, day)) }}{% endmacro %}\n"
        "{% macro context() %}{{ invocation_id }}{% endmacro %}\n"
        "{% macro today() %}{{ return(modules.datetime.date.today()) }}{% endmacro %}\n"
    ),
}
SOURCES = "sources: [{name: raw, schema: raw, tables: [{name: o}, {name: feature_flags}]}]\n"


def test_words_of_plain_sql_and_local_names_are_no_reads(dbt_project: ProjectWriter) -> None:
    project = dbt_project(
        {
            **PACKAGE,
            "dbt_project.yml": TABLES,
            "models/word_date.sql": "select '2020-01-01'::date as d, 1 as today -- the date is not needed\n",
            "models/reader.sql": "select d from {{ ref('word_date') }}",
            "models/local_flags.sql": "{% set flags = ['a', 'b'] %}select 1 as id{% for f in flags %}, 2 as {{ f }}"
            "{% endfor %}",
            "models/alias_context.sql": "select c.context from (select 'x' as context) as c",
            "models/fixed.sql": "select '{{ dates.date(2020, 1, 1) }}'::date as at",
            "models/branch.sql": "{% if var('on', false) %}{{ dates.context() }}{% endif %} select 1 as id",
            "macros/stamp.sql": "{% macro stamp(on) %}{{ run_started_at if on else 1 }}{% endmacro %}",
            "models/not_taken.sql": "{% if var('on', false) %}{{ invocation_id }}{% endif %} select {{ stamp(0) }}",
            "models/taken.sql": "select '{{ stamp(1) }}' as id",
            "models/clock.sql": "select '{{ dates.today() }}' as at",
            "models/id.sql": "select '{{ invocation_id }}' as id",
            "models/chance.sql": "select {{ [1, 1] | random }} as n",
        }
    )
    project.dbt("deps", check=0)
    project.plugin("run", check=0)

    assert project.planned() == {
        "chance": ["its code reads the random filter"],
        "clock": ["its code reads modules.datetime"],
        "id": ["its code reads invocation_id"],
        "taken": ["its code reads run_started_at"],
    }


def test_a_flag_that_is_read_counts_with_its_value(dbt_project: ProjectWriter) -> None:
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/which.sql": "{% if flags.WHICH == 'compile' %}{{ log('compiling') }}{% endif %} select 1 as id",
            "models/command.sql": "select '{{ flags.WHICH }}' as command",
        }
    )
    project.plugin("run", check=0)

    assert project.planned() == {}
    assert project.planned("build") == {"command": ["flags.WHICH: run -> build"]}


def test_a_macro_that_did_not_run_and_a_value_that_was_not_read_are_no_difference(dbt_project: ProjectWriter) -> None:
    project = dbt_project(
        {
            "dbt_project.yml": TABLES + "vars: {mode: plain, unused: 1, used: 1}\n",
            "macros/modes.sql": (
                "{% macro plain_mode() %}{{ var('used') }}{% endmacro %}\n"
                "{% macro other_mode() %}{{ var('unused') }}{% endmacro %}\n"
            ),
            "models/m.sql": "select {% if var('mode') == 'plain' %}{{ plain_mode() }}{% else %}{{ other_mode() }}"
            "{% endif %} as n",
        }
    )
    project.plugin("run", check=0)
    macros = project.read("macros/modes.sql")

    project.write("macros/modes.sql", macros.replace("var('unused')", "var('unused') + 1"))
    assert project.planned() == {}
    project.write("dbt_project.yml", TABLES + "vars: {mode: plain, unused: 2, used: 1}\n")
    assert project.planned() == {}
    project.write("dbt_project.yml", TABLES + "vars: {mode: plain, unused: 2, used: 3}\n")
    assert project.planned()["m"][0] == "var used changed"
    project.write("dbt_project.yml", TABLES + "vars: {mode: other, unused: 2, used: 1}\n")
    assert project.planned()["m"][0] == "var mode changed"


def test_what_only_the_incremental_form_reads_counts_from_the_first_build(dbt_project: ProjectWriter) -> None:
    incremental = "{{ config(materialized='incremental') }}select 1 as n{% if is_incremental() %} "
    asking = (
        "{{ config(materialized='incremental') }} -- depends_on: {{ ref('names') }}\n"
        "{% if execute %}{% set found = run_query('select name from ' ~ ref('names')).rows %}{% endif %} select 1 as n"
    )
    project = dbt_project(
        {
            "macros/recent.sql": "{% macro recent() %}1 > (select max(n) from {{ this }}){% endmacro %}",
            "models/m.sql": incremental + "where {{ recent() }}{% endif %}",
            "models/since.sql": incremental + "where '{{ run_started_at }}' = ''{% endif %}",
            "models/plain.sql": incremental + "where 1 > 2{% endif %}",
            # Before the first build these cannot be compiled: what they ask about is not there yet.
            "models/names.sql": "select 'b' as name",
            "models/asking.sql": asking + "{% if is_incremental() %} where {{ recent() }}{% endif %}",
            "models/asking_since.sql": asking
            + "{% if is_incremental() %} where '{{ run_started_at }}' = ''{% endif %}",
        }
    )
    project.plugin("run", check=0)

    clock = ["its code reads run_started_at"]
    assert project.planned() == {"since": clock, "asking_since": clock}
    project.write("macros/recent.sql", "{% macro recent() %}1 >= (select max(n) from {{ this }}){% endmacro %}")
    assert project.planned().keys() == {"m", "since", "asking", "asking_since"}


def test_what_only_the_incremental_form_asks_is_asked_again_from_the_first_build(
    dbt_project: ProjectWriter, database: Database
) -> None:
    database.load("create schema raw; create table raw.f (n int); insert into raw.f values (1)")
    top = "{% set top = run_query('select max(n) from raw.f').columns[0][0] if execute else 0 %}"
    asking = "{{ config(materialized='incremental') }} select 1 as n{% if is_incremental() %}"
    project = dbt_project({"models/m.sql": f"{asking}{top} where 1 < {{{{ top }}}}{{% endif %}}"})
    project.plugin("run", check=0)

    database.load("insert into raw.f values (2)")

    assert project.planned().keys() == {"m"}


def test_what_a_hook_reads_while_dbt_executes_counts(dbt_project: ProjectWriter, database: Database) -> None:
    project = dbt_project(
        {
            "dbt_project.yml": TABLES + "vars: {note: one}\n",
            "macros/notes.sql": "{% macro note() %}comment on table {{ this }} is '{{ var('note') }}'{% endmacro %}",
            "models/noted.sql": "{{ config(post_hook='{{ note() }}') }} select 1 as id",
        }
    )
    project.plugin("run", check=0)
    assert project.planned() == {}

    project.write("dbt_project.yml", TABLES + "vars: {note: two}\n")
    assert list(project.planned()) == ["noted"]
    project.plugin("run", check=0)

    assert database.query("select obj_description('analytics.noted'::regclass)") == [("two",)]
    assert project.planned() == {}


@pytest.fixture
def flagged(dbt_project: ProjectWriter, database: Database) -> Project:
    """A model that asks a table while it compiles, named by a source under `if execute`, beside a ref."""
    database.query(
        "create schema raw; create table raw.feature_flags(flag text, is_on boolean); "
        "insert into raw.feature_flags values ('beta', true), ('legacy', false); "
        "create table raw.flags_b as select 'other' as flag, true as is_on"
    )
    return dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/s.yml": SOURCES,
            "macros/f.sql": (
                "{% macro enabled() %}{% if execute %}{% set q = 'select flag from ' ~ source('raw', 'feature_flags')"
                " ~ ' where is_on order by 1' %}{{ return(run_query(q).columns[0].values()) }}{% endif %}"
                "{{ return([]) }}{% endmacro %}"
            ),
            "models/base.sql": "select 1 as customer_id",
            "models/m.sql": "{% set found = enabled() %} select customer_id {% for f in found %}, true as flag_{{ f }}"
            "{% endfor %} from {{ ref('base') }}",
        }
    )


def columns(database: Database, table: str) -> list[str]:
    rows = database.query(
        "select attname::text from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum",
        (f"analytics.{table}",),
    )
    return [row[0] for row in rows]


def test_another_answer_to_what_was_asked_while_compiling_is_built(flagged: Project, database: Database) -> None:
    flagged.plugin("run", check=0)
    assert flagged.planned() == {}
    assert columns(database, "m") == ["customer_id", "flag_beta"]

    database.load("update raw.feature_flags set is_on = true")
    (reason,) = flagged.planned()["m"]
    flagged.plugin("run", check=0)

    assert reason.startswith("what it asks while it compiles has another answer (select flag from")
    assert columns(database, "m") == ["customer_id", "flag_beta", "flag_legacy"]
    assert flagged.planned() == {}


def test_rows_that_leave_the_answer_or_the_sql_as_it_was_build_nothing(flagged: Project, database: Database) -> None:
    flagged.write(
        "macros/f.sql",
        flagged.read("macros/f.sql")
        .replace("'select flag from ' ~", "'select flag, is_on from ' ~")
        .replace(" where is_on order by 1", " where flag = \\'beta\\'"),
    )
    flagged.plugin("run", check=0)

    database.load("insert into raw.feature_flags values ('third', false)")
    assert flagged.planned() == {}
    database.load("update raw.feature_flags set is_on = false")

    assert flagged.planned() == {}  # another answer, and the same SQL
    flagged.plugin("run", check=0)
    assert flagged.planned() == {}


def test_a_source_that_is_not_declared_counts_by_the_name_of_its_relation(flagged: Project, database: Database) -> None:
    flagged.plugin("run", check=0)

    flagged.write(
        "models/s.yml", SOURCES.replace("{name: feature_flags}", "{name: feature_flags, identifier: flags_b}")
    )
    assert list(flagged.planned()) == ["m"]
    flagged.plugin("run", check=0)

    assert columns(database, "m") == ["customer_id", "flag_other"]


def test_a_query_beside_a_ref_is_asked_again(dbt_project: ProjectWriter, database: Database) -> None:
    database.query("create schema raw; create table raw.o as select 1 as id; create table raw.ev_1(a int)")
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/s.yml": SOURCES,
            "macros/m.sql": (
                "{% macro all_like(p) %}{% set q %}select table_name from information_schema.tables where table_schema"
                "='raw' and table_name like '{{ p }}%'{% endset %}{% if execute %}{{ return(run_query(q).rows) }}"
                "{% else %}{{ return([]) }}{% endif %}{% endmacro %}"
            ),
            "models/base.sql": "select id from {{ source('raw', 'o') }}",
            "models/prefix.sql": "{% set t = all_like('ev_') %} select b.id, {{ t | length }} as n "
            "from {{ ref('base') }} b",
            "models/cols.sql": "{% set found = adapter.get_columns_in_relation(ref('base')) %}"
            "select {{ found | map(attribute='name') | join }} from {{ ref('base') }}",
        }
    )
    project.plugin("run", check=0)
    assert project.planned() == {}

    database.query("create table raw.ev_2(a int)")
    assert list(project.planned()) == ["prefix"]
    project.plugin("run", check=0)

    assert database.query("select n from analytics.prefix") == [(2,)]
    project.write("models/cols.sql", "/* a comment */ " + project.read("models/cols.sql"))
    assert project.planned() == {}  # compared with what it asks now


def test_a_query_that_writes_is_built_on_every_run(dbt_project: ProjectWriter, database: Database) -> None:
    database.query("create table public.seen(at timestamptz)")
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/writing.sql": "{% set q = 'insert into public.seen values (now()) returning 1' %}"
            "{% if execute %}{% do run_query(q) %}{% endif %} select 1 as id",
        }
    )
    project.plugin("run", check=0)
    rows = database.query("select count(*) from public.seen")

    assert project.planned() == {
        "writing": [
            "what it asks while it compiles writes (insert into public.seen values (now()) returning 1): "
            "built on every run"
        ]
    }
    assert database.query("select count(*) from public.seen") == rows


def test_columns_of_a_query_that_the_adapter_reads_by_itself_are_read_on_every_run(
    dbt_project: ProjectWriter, database: Database
) -> None:
    database.query("create table public.wide(id int)")
    query = "{% set q = adapter.get_column_schema_from_query('select * from public.wide') if execute else [] %}"
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/wide.sql": f"{query} select '{{{{ q | map(attribute='name') | join }}}}' as n",
        }
    )
    project.plugin("run", check=0)
    database.query("alter table public.wide add more int")

    assert list(project.planned()) == ["wide"]


def test_an_answer_too_long_to_be_compared_is_compiled_on_every_run(dbt_project: ProjectWriter) -> None:
    asked = "{% set q = run_query('select generate_series(1, ' ~ var('rows', 1500) ~ ')') if execute else [] %}"
    project = dbt_project(
        {"dbt_project.yml": TABLES, "models/long.sql": f"{asked} select {{{{ q | length if execute }}}} as n"}
    )
    project.plugin("run", check=0)

    assert project.planned() == {}
    listed = project.plugin("plan", "--all", check=0).stdout
    assert "has too long an answer to be compared (select generate_series(1, 1500)): compiled on every run" in listed


def test_where_no_sql_may_be_stored_what_was_asked_is_compiled_again(flagged: Project, database: Database) -> None:
    flagged.environment["DBT_STATE_PLUGIN_STORE_SQL"] = "hash"  # type: ignore[index]  # a dictionary
    flagged.plugin("run", check=0)

    assert flagged.planned() == {}
    kept = "select 1 from {state}.relation where trace::text like '%%where is_on%%'"
    assert database.state(kept) == []
    database.load("update raw.feature_flags set is_on = true")
    assert list(flagged.planned()) == ["m"]


def test_a_state_without_traces_decides_by_words_and_is_not_rebuilt(
    dbt_project: ProjectWriter, database: Database
) -> None:
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/m.sql": "select 1 as id",
            "models/which.sql": "{% if flags.WHICH == 'x' %}{% endif %} select 1 as id",
        }
    )
    project.plugin("run", check=0)
    database.state(
        "update {state}.relation set trace = jsonb_delete(trace, 'reads'), items = jsonb_delete(items, 'reads')"
    )

    assert project.planned() == {"which": ["its code reads flags.WHICH"]}
    project.plugin("run", check=0)
    assert project.planned() == {}


def test_every_name_that_dbt_gives_to_a_template_is_known(dbt_project: ProjectWriter) -> None:
    """A release of dbt that has another one fails here, instead of a read that nobody sees."""
    said = "{{ log('NAMES ' ~ context | list, info=true) }}{{ log('MODULES ' ~ modules | list, info=true) }}"
    listed = "{% if execute %}" + said + "{% endif %}"
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/m.sql": f"{listed} select 1 as id",
            "models/s.yml": "models: [{name: m, columns: [{name: id, data_tests: [listing]}]}]",
            "macros/l.sql": "{% test listing(model, column_name) %}" + listed + " select 1 where false{% endtest %}",
        }
    )

    seen = project.dbt("--no-use-colors", "build", check=0).stdout
    manifest = json.loads(project.read("target/manifest.json"))
    macros = {macro["name"] for macro in manifest["macros"].values()}
    packages = {macro["package_name"] for macro in manifest["macros"].values()}
    names = {name for line in seen.splitlines() if "NAMES" in line for name in re.findall(r"'(\w+)'", line)}
    modules = {name for line in seen.splitlines() if "MODULES" in line for name in re.findall(r"'(\w+)'", line)}

    assert {"flags", "model", "invocation_id"} <= names
    assert names - macros - packages - read_recorder.KNOWN == set()
    assert modules == read_recorder.MODULES


GUARDED = "{% if execute and flags.WHICH in ('run', 'build') %}, 2 as more{% endif %}"
INCREMENTAL = "{{ config(materialized='incremental') }} select 1 as id "
ASKING = (
    "{{ config(materialized='incremental') }}\n"
    "-- depends_on: {{ ref('names') }}\n"
    "{% if execute and flags.WHICH in ('run', 'build') %}\n"
    "{% set found = run_query('select name from ' ~ ref('names') ~ ' order by 1').columns[0].values() %}{% endif %}\n"
)


def test_what_stands_behind_the_command_is_compared_as_the_command_renders_it(dbt_project: ProjectWriter) -> None:
    project = dbt_project(
        {
            "dbt_project.yml": TABLES,
            "models/guarded.sql": INCREMENTAL + GUARDED,
            "models/names.sql": "select 'b' as name union all select 'a'",
            "models/asking.sql": ASKING + "select 1 as id{% for each in found %}, 1 as {{ each }}{% endfor %}",
            "models/hooked.sql": "{{ config(post_hook=\"{% if flags.WHICH == 'run' %}comment on table {{ this }} is 'x'"
            '{% endif %}") }} select 1 as id',
        }
    )
    project.plugin("run", check=0)
    for name in ("guarded", "asking", "hooked"):
        project.write(f"models/{name}.sql", project.read(f"models/{name}.sql") + " -- a comment")
    assert project.planned() == {}

    project.write("models/guarded.sql", INCREMENTAL)
    project.write("models/asking.sql", ASKING + "select 1 as id")
    project.write("models/hooked.sql", "select 1 as id")
    assert project.planned().keys() == {"guarded", "asking", "hooked"}


def test_what_only_a_run_renders_differs_from_another_state_too(dbt_project: ProjectWriter) -> None:
    project = dbt_project({"dbt_project.yml": TABLES, "models/guarded.sql": INCREMENTAL})
    project.plugin("run", check=0)
    project.dbt("parse", "--target-path", "base", check=0)
    project.write("models/guarded.sql", INCREMENTAL + GUARDED)

    state = json.loads(project.plugin("plan", "--state", "base", "--output", "json", check=0).stdout)
    environment = json.loads(project.plugin("plan", "--against", "dev", "--output", "json", check=0).stdout)
    assert [
        [node["name"] for node in plan["nodes"] if node["decision"] == "build"] for plan in (state, environment)
    ] == [["guarded"], ["guarded"]]


def test_the_reason_says_which_nodes_differ_in_the_graph(dbt_project: ProjectWriter) -> None:
    loop = "{% for n in graph.nodes.values() %}{{ n.name ~ n.description ~ n.config.meta }}{% endfor %}"
    project = dbt_project(
        {
            "models/listed.sql": f"select $${loop}$$ as names",
            "models/a.sql": "select 1 as id",
            "models/b.sql": "select 1 as id",
            "models/p.yml": "models: [{name: a, description: One.}]\n",
        }
    )
    project.plugin("run", check=0)
    assert project.planned("run") == {}

    project.write("models/p.yml", "models: [{name: a, description: Two., config: {meta: {owner: me}}}]\n")
    project.write("models/c.sql", "select 1 as id")
    project.delete("models/b.sql")
    [line] = [each for each in project.plugin("plan").stdout.split("\n  build  ") if "listed" in each]

    told = "listed variables: dbt's graph (c is new, b is gone, a (config.meta, description)) changed"
    assert " ".join(line.split()).startswith(told)
