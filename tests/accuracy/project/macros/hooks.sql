{% macro comment_hook(relation, text) -%}
    comment on table {{ relation }} is '{{ text }}'
{%- endmacro %}

{% macro create_functions() %}
    create schema if not exists {{ target.schema }};
    create or replace function {{ target.schema }}.doubled(n integer) returns integer language sql immutable
    as $body$ select {{ doubling('n') }} $body$
{% endmacro %}

{% macro doubling(argument) -%}
    {{ argument }} * 2
{%- endmacro %}
