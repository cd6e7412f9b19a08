"""Changes of an installed package that change what is built."""

from __future__ import annotations

from typing import Any

from accuracy.mutation import Edit, Mutation, append, replace, write

TOOLBOX, KIT = "dbt_packages/toolbox", "dbt_packages/kit"
SCALED = "{% macro {name}(column) -%}\n    {{ column }} * 9\n{%- endmacro %}\n"


def _package(name: str, *edits: Edit) -> Mutation:
    return Mutation(name=name, group="package", edits=edits)


def _kit(name: str, *edits: Edit, **fields: Any) -> Mutation:
    return Mutation(name=name, group="package", project="reads_project", edits=edits, **fields)


MUTATIONS = (
    _package("a macro of a package changes", replace(f"{TOOLBOX}/macros/keys.sql", "'-'", "'_'")),
    _package(
        "a dispatched macro two calls deep in a package changes",
        replace(f"{TOOLBOX}/macros/money.sql", "    round(", "    1 * round("),
    ),
    _package(
        "a model of a package changes",
        replace(f"{TOOLBOX}/models/toolbox_years.sql", "y % 4 = 0", "y % 4 = 0 and y % 100 <> 0"),
    ),
    _package("a seed of a package changes", append(f"{TOOLBOX}/seeds/toolbox_weekdays.csv", "4,thursday\n")),
    _package(
        "a package's own config changes",
        replace(f"{TOOLBOX}/dbt_project.yml", "    +tags: [toolbox]", "    +persist_docs: {relation: true}"),
    ),
    _package(
        "the project's config of a package's folder changes",
        replace(
            "dbt_project.yml",
            "    +schema: toolbox\n    +materialized: view\n",
            "    +schema: tools\n    +materialized: view\n",
        ),
    ),
    _package(
        "a package overrides a macro of another materialization",
        write(
            f"{TOOLBOX}/macros/stamp.sql",
            (
                "{% macro default__rounded(expression, digits) -%}\n    trunc({{ expression }}, {{ digits }})\n"
                "{%- endmacro %}\n"
            ),
        ),
        replace(f"{TOOLBOX}/macros/money.sql", "{% macro default__rounded", "{% macro snowflake__rounded"),
    ),
    _package(
        "a new model of a package",
        write(f"{TOOLBOX}/models/toolbox_days.sql", "select d as day_number from generate_series(1, 7) as d\n"),
    ),
    _package(
        "a model of a package becomes a table by the project's config",
        replace(
            "dbt_project.yml",
            "    +schema: toolbox\n    +materialized: view\n",
            "    +schema: toolbox\n    +materialized: table\n",
        ),
    ),
    _kit(
        "a var of a package's scope changes that its models read",
        replace("dbt_project.yml", "factor: 10", "factor: 11"),
    ),
    _kit(
        "a var of a package's scope is set for all",
        replace("dbt_project.yml", "  own: 1\n", "  own: 1\n  factor: 4\n"),
    ),
    _kit(
        "a package's default for a var changes below the project's",
        replace(f"{KIT}/dbt_project.yml", "factor: 5", "factor: 6"),
        is_no_op=True,
    ),
    _kit(
        "a package's macro is overridden in the project",
        write("macros/scaled.sql", SCALED.replace("{name}", "default__scaled")),
    ),
    _kit(
        "a package's macro is overridden for this adapter",
        write("macros/scaled.sql", SCALED.replace("{name}", "postgres__scaled")),
    ),
    _kit(
        "a package's macro is overridden for another adapter",
        write("macros/scaled.sql", SCALED.replace("{name}", "bigquery__scaled")),
        is_no_op=True,
    ),
    _kit(
        "an override in the project is no longer searched",
        write("macros/scaled.sql", SCALED.replace("{name}", "default__scaled")),
        replace("dbt_project.yml", "search_order: [reads, kit]", "search_order: [kit]"),
        is_no_op=True,
    ),
    _kit(
        "a macro of a package with a name in the project changes nothing there",
        write("macros/labelled.sql", "{% macro labelled(column) -%}\n    'own'\n{%- endmacro %}\n"),
        is_no_op=True,
    ),
    _kit(
        "a model of a package that a model reads is edited", replace(f"{KIT}/models/kit_optional.sql", "n + 1", "n + 2")
    ),
    _kit(
        "a model of a package is disabled with its reader",
        replace(f"{KIT}/models/kit_optional.sql", "'kit_optional', true", "'kit_optional', false"),
        replace(
            "models/traced/kit_reader.sql", "select sum(next_n) as n from {{ ref('kit_optional') }}", "select 0 as n"
        ),
    ),
    _kit(
        "a package's on-run-start hook changes a function",
        replace(f"{KIT}/macros/kit.sql", "select n / 2", "select n / 3"),
    ),
    _kit(
        "a package gets an on-run-end hook",
        append(f"{KIT}/dbt_project.yml", "on-run-end:\n  - \"insert into audit.runs values ('kit')\"\n"),
    ),
    _kit("rows of a table that a package's model names change", sources="insert into side.places values ('Place 9')"),
    _kit("a word of a package's seed changes", replace(f"{KIT}/seeds/kit_words.csv", "beta", "gamma")),
)
