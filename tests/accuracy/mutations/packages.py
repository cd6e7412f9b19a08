"""Changes of an installed package that change what is built."""

from __future__ import annotations

from accuracy.mutation import Edit, Mutation, append, replace, write

TOOLBOX = "dbt_packages/toolbox"


def _package(name: str, *edits: Edit) -> Mutation:
    return Mutation(name=name, group="package", edits=edits)


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
)
