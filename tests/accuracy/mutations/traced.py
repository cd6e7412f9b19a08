"""Changes of what rendering reads, and of what it could read."""

from __future__ import annotations

from typing import Any

from accuracy.mutation import Mutation, append, replace, write

PROJECT, YML = "dbt_project.yml", "models/traced/traced.yml"
VALUES, ASKING, NOTED = "macros/values.sql", "macros/asking.sql", "macros/noted.sql"


def _traced(name: str, *edits: Any, **fields: Any) -> Mutation:
    return Mutation(name=name, group="traced", project="reads_project", edits=edits, **fields)


def _silent(name: str, *edits: Any, **fields: Any) -> Mutation:
    return _traced(name, *edits, is_no_op=True, **fields)


MUTATIONS = (
    _silent("a macro in a branch not taken changes", replace(VALUES, "upper(", "lower(")),
    _traced("a macro in the branch taken changes", replace(VALUES, "{{ column }}::text\n", "{{ column }} || '!'\n")),
    _traced("a branch is taken now", variables="{is_fancy: true}"),
    _traced("a var that one of two nodes reads changes", replace(PROJECT, "other: 2", "other: 3")),
    _traced("a var with a default is set", variables="{chosen: special}"),
    _silent("a var is set to its default", variables="{chosen: usual}"),
    _traced("a var that is merely asked for appears", variables="{extra_column: 0}"),
    _traced("a var that a materialization reads changes", replace(PROJECT, "note_text: noted", "note_text: written")),
    _silent(
        "a macro in a materialization's branch not taken changes",
        replace(NOTED, "{{ var('note_text') }} {{", "{{ var('note_text') }}-{{"),
    ),
    _traced("a var that a hook reads changes", variables="{hook_text: caught}"),
    _silent("an env var in a hook's branch not taken changes", environment={"READS_AUTHOR": "somebody"}),
    _traced("the number of threads changes that a model reads", profile={"threads": 5}),
    _silent("a field of the target in a branch not taken changes", profile={"connect_timeout": 12}),
    _traced("an env var that a macro reads changes", environment={"READS_REGION": "us"}),
    _silent("an env var is set to its default", environment={"READS_REGION": "eu"}),
    _traced("an env var for dbt's metadata changes", environment={"DBT_ENV_CUSTOM_ENV_TEAM": "red"}),
    _traced(
        "flags.WHICH is compared with another command",
        replace("models/traced/which.sql", "'{{ flags.WHICH }}'", "'{{ 'b' if flags.WHICH == 'build' else 'r' }}'"),
    ),
    _traced(
        "a local variable with the name of dbt's flags changes",
        replace("models/traced/local_flags.sql", "['a', 'b']", "['a', 'c']"),
    ),
    _traced("a macro that a local name stands for changes", replace(VALUES, "+ 20", "+ 21")),
    _traced("a macro that is looked up by a computed name changes", replace(VALUES, "+ 10", "+ 11")),
    _traced("another macro is looked up by a computed name", variables="{formula: two}"),
    _traced("the dispatched macro that is found changes", replace(VALUES, "char_length({{", "octet_length({{")),
    _silent("the dispatched macro that is not found changes", replace(VALUES, " length({{", " bit_length({{")),
    _traced("a macro that a macro argument calls changes", replace(VALUES, "{{ argument }} + 1", "{{ argument }} + 2")),
    _silent("a macro argument that is not chosen changes", replace(VALUES, "{{ argument }} - 1", "{{ argument }} - 2")),
    _traced(
        "a macro that is called with a block changes", replace(VALUES, "( {{ caller() }} )", "2 * ( {{ caller() }} )")
    ),
    _traced(
        "an exposure that a model finds in the graph is added",
        append(YML, "  - name: report\n    type: notebook\n    owner: {name: Shop, email: shop@example.com}\n"),
    ),
    _silent("a description changes in the graph that a model reads", append(YML, "    description: For the board.\n")),
    _traced("meta that a model reads changes", replace(YML, "{owner: shop}", "{owner: hub}")),
    _silent("meta that no model reads changes", replace(YML, "{owner: shop}", "{owner: shop, tier: 1}")),
    _traced("meta that config.get reads changes", replace(YML, "{unit: eur}", "{unit: usd}")),
    _traced(
        "a config that config.get reads with a default is set", replace(YML, "{meta: {unit: eur}}", "{threshold: 4}")
    ),
    _traced(
        "columns in yml that a model counts change",
        replace(YML, "      - name: columns\n", "      - name: columns\n      - name: identifier\n"),
    ),
    _traced(
        "rows of a source that is asked under execute change",
        sources="update lookup.statuses set status = 'sent' where status = 'shipped'",
    ),
    _traced(
        "a source that is asked under execute has another identifier",
        replace(
            "models/undeclared/undeclared.yml",
            "      - name: statuses\n",
            "      - name: statuses\n        identifier: other_statuses\n",
        ),
    ),
    _traced(
        "a column of an asked source changes that is not asked for",
        sources="update lookup.statuses set label = 'finished' where status = 'shipped'",
    ),
    _traced("the answer about an undeclared table changes", sources="update side.flags set is_on = true"),
    _silent(
        "an asked undeclared table changes, and the answer does not",
        sources="insert into side.flags values ('zeta', false)",
    ),
    _traced(
        "the answer to a statement block changes", sources="delete from side.asked; insert into side.asked values ('b')"
    ),
    _traced("a table appears that is found by its prefix", sources="create table side.ev_2 (id integer)"),
    _silent("a table appears that no prefix finds", sources="create table side.also_ev_2 (id integer)"),
    _traced(
        "a source whose columns are asked for gains one",
        sources="alter table lookup.rates add column origin text default 'bank'",
    ),
    _traced("a relation that is looked for begins to exist", sources="create table side.sometimes as select 1 as id"),
    _traced(
        "a source that a model loads becomes a view",
        sources=(
            "alter table lookup.rates rename to rates_before; "
            "create view lookup.rates as select * from lookup.rates_before"
        ),
    ),
    _traced("rows of a parent that is asked change", sources="insert into raw.customers (id, name) values (50, 'New')"),
    _silent(
        "a macro that reads the clock in a branch not taken changes",
        replace(VALUES, "'{{ invocation_id }} ", "'id {{ invocation_id }} "),
    ),
    _silent(
        "a macro with a name that SQL uses as a word changes",
        replace(
            "dbt_packages/kit/macros/kit.sql",
            "modules.datetime.date(year, month, day)",
            "modules.datetime.date(day=day, month=month, year=year)",
        ),
    ),
    _traced(
        "a date without a clock changes",
        replace("models/traced/fixed_date.sql", "date(2020, 1, 1) }}'::", "date(2020, 1, 2) }}'::"),
    ),
    _traced("a var that a test reads changes", variables="{test_limit: 30}"),
    _traced(
        "a macro is added that takes the place of a package's",
        write("macros/taken.sql", "{% macro default__scaled(column) -%}\n    {{ column }} * 7\n{%- endmacro %}\n"),
    ),
)
