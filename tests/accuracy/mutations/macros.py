"""Edits of macros that change what is built."""

from __future__ import annotations

from accuracy.mutation import Edit, Mutation, append, replace, write

MONEY, PASSED, INTROSPECTION = "macros/money.sql", "macros/passed.sql", "macros/introspection.sql"
NAMES, STAMPED = "macros/names.sql", "macros/materializations/stamped_table.sql"
VIEW = "macros/overrides/create_view_as.sql"


def _macro(name: str, *edits: Edit) -> Mutation:
    return Mutation(name=name, group="macro", edits=edits)


MUTATIONS = (
    _macro("a macro changes", replace("macros/text.sql", "'lower('", "'upper('")),
    _macro("a macro two calls away changes", replace("macros/text.sql", "    trim(", "    ltrim(")),
    _macro("a macro three calls away changes", replace(MONEY, "'0.81'", "'0.8'")),
    _macro("the chosen dispatched macro changes", replace(MONEY, "}}, 2)", "}}, 3)")),
    _macro(
        "another adapter's dispatched macro is added for this one",
        append(
            "macros/text.sql",
            "\n{% macro postgres__rounded(expression, digits) -%}\n    ceil({{ expression }})\n{%- endmacro %}\n",
        ),
    ),
    _macro(
        "a dispatched macro is overridden in the project",
        append(
            "macros/text.sql",
            "\n{% macro default__hash_key(columns) -%}\n    md5({{ columns | join(' || ') }})\n{%- endmacro %}\n",
        ),
    ),
    _macro("the chosen dispatched macro goes away", replace(MONEY, "postgres__convert", "redshift__convert")),
    _macro(
        "the dispatch order changes",
        replace("dbt_project.yml", "search_order: [shop, toolbox]", "search_order: [toolbox, shop]"),
    ),
    _macro("a macro passed as an argument changes", replace(PASSED, ", 0) + 1", ", 0) + 2")),
    _macro("a macro looked up in the context changes", replace(PASSED, "{{ column }} * 2", "{{ column }} * 20")),
    _macro("a macro that queries a lookup table changes", replace(INTROSPECTION, " order by 1'", " order by 1 desc'")),
    _macro("a macro that asks for columns changes", replace(INTROSPECTION, "join(', ')", "reverse | join(', ')")),
    _macro("a macro of the incremental branch changes", replace("macros/incremental.sql", ">= (", "> (")),
    _macro("a macro of a hook changes", replace("macros/hooks.sql", "is '{{ text }}'", "is 'Note: {{ text }}'")),
    _macro("a custom materialization changes", replace(STAMPED, "as stamp from", "as stamped from")),
    _macro("a macro of a custom materialization changes", replace(STAMPED, "    '{{ config", "    'a {{ config")),
    _macro(
        "a custom materialization for Python changes",
        replace("macros/materializations/python_text.sql", "::text as code", "::varchar as code"),
    ),
    _macro(
        "a DDL override changes for all views",
        replace(VIEW, "    create view {{ relation }}\n", "    create or replace view {{ relation }}\n"),
    ),
    _macro("a DDL override changes for the views that ask for it", replace(VIEW, "%}true{%", "%}on{%")),
    _macro(
        "a DDL override is added",
        write(
            "macros/overrides/seed.sql",
            (
                "{% macro postgres__get_create_index_sql(relation, index_dict) -%}\n"
                "  {%- set index = adapter.parse_index(index_dict) -%}\n"
                "  create index on {{ relation }} ({{ index.columns | join(', ') }})\n{%- endmacro %}\n"
            ),
        ),
    ),
    _macro("a DDL override goes away", replace(VIEW, "postgres__create_view_as", "no_longer_postgres__create_view_as")),
    _macro(
        "the built-in ref is overridden",
        write(
            "macros/overrides/ref.sql",
            (
                "{% macro ref() %}\n  {%- set found = builtins.ref(*varargs, version=kwargs.get('version', "
                "kwargs.get('v'))) -%}\n  {{ return(found.include(database=false)) }}\n{% endmacro %}\n"
            ),
        ),
    ),
    _macro(
        "generate_schema_name changes",
        replace(
            NAMES,
            "{{ target.schema }}_{{ custom_schema_name | trim }}",
            "{{ custom_schema_name | trim }}_{{ target.schema }}",
        ),
    ),
    _macro(
        "generate_alias_name changes for versions",
        replace(NAMES, "{{ node.name }}_v{{ node.version }}", "{{ node.name }}__{{ node.version }}"),
    ),
    _macro(
        "a macro of a hook leaves the database out",
        replace(
            "macros/hooks.sql",
            "comment on table {{ relation }}",
            "comment on table {{ relation.include(database=false) }}",
        ),
    ),
    _macro(
        "a macro's default argument changes", replace("dbt_packages/toolbox/macros/money.sql", "digits=2", "digits=1")
    ),
    _macro(
        "a macro that takes a macro changes",
        replace(
            PASSED, "    {{ function(argument) }}", "    {% set factor = 3 %}{{ function(argument) }} * {{ factor }}"
        ),
    ),
)
