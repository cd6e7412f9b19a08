{% macro create_half() %}
    create schema if not exists side;
    create or replace function side.half(n integer) returns integer language sql immutable
    as $body$ select n / 2 $body$
{% endmacro %}

{% macro scaled(column) %}
    {{- return(adapter.dispatch('scaled', 'kit')(column)) -}}
{% endmacro %}

{% macro default__scaled(column) -%}
    {{ column }} * {{ var('factor', 3) }} + {{ kit.offset_of() }}
{%- endmacro %}

{% macro bigquery__scaled(column) -%}
    {{ column }} * 0
{%- endmacro %}

{% macro offset_of() %}{{ return(var('offset', 2)) }}{% endmacro %}

{% macro star(relation) -%}
    {%- if flags.WHICH == 'docs' -%}{{ log('nothing to ask') }}{%- endif -%}
    {%- if not execute -%}{{ return('*') }}{%- endif -%}
    {{- return(adapter.get_columns_in_relation(relation) | map(attribute='quoted') | join(', ')) -}}
{%- endmacro %}

{% macro union_of(relations) -%}
    {%- for relation in relations %}
    select {{ kit.star(relation) }}, '{{ relation.identifier }}' as source_relation from {{ relation }}
    {%- if not loop.last %}
    union all
    {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro date(year, month, day) %}{{ return(modules.datetime.date(year, month, day)) }}{% endmacro %}

{% macro stamp() %}{{ return(run_started_at.isoformat()) }}{% endmacro %}

{% macro labelled(column) -%}
    'kit ' || {{ column }}
{%- endmacro %}
