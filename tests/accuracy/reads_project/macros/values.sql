{% macro fancy(column) -%}
    upper({{ column }}::text)
{%- endmacro %}

{% macro plain(column) -%}
    {{ column }}::text
{%- endmacro %}

{% macro applied(function, argument) -%}
    {{ function(argument) }}
{%- endmacro %}

{% macro inner_step(argument) -%}
    {{ argument }} + 1
{%- endmacro %}

{% macro passed(argument) -%}
    ({{ inner_step(argument) }})
{%- endmacro %}

{% macro not_passed(argument) -%}
    ({{ argument }} - 1)
{%- endmacro %}

{% macro formula_one(column) -%}
    {{ column }} + 10
{%- endmacro %}

{% macro formula_two(column) -%}
    {{ column }} + 20
{%- endmacro %}

{% macro wrapped() -%}
    ( {{ caller() }} )
{%- endmacro %}

{% macro region() %}{{ return(env_var('READS_REGION', 'eu')) }}{% endmacro %}

{% macro default__sized(column) -%}
    length({{ column }})
{%- endmacro %}

{% macro postgres__sized(column) -%}
    char_length({{ column }})
{%- endmacro %}

{% macro sized(column) %}{{ return(adapter.dispatch('sized')(column)) }}{% endmacro %}

{% macro stamped(column) -%}
    {%- if var('is_audited', false) -%}
    '{{ invocation_id }} {{ run_started_at }} {{ thread_id }} {{ modules.datetime.datetime.now() }}'
    {%- else -%}
    {{ column }}
    {%- endif -%}
{%- endmacro %}
