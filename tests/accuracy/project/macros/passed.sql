{% macro applied(function, argument) -%}
    {{ function(argument) }}
{%- endmacro %}

{% macro score_of(column) -%}
    coalesce({{ column }}, 0) + 1
{%- endmacro %}

{% macro formula_linear(column) -%}
    {{ column }} * 2
{%- endmacro %}

{% macro formula_square(column) -%}
    {{ column }} * {{ column }}
{%- endmacro %}

{% macro orphan(column) -%}
    {{ column }} + 41
{%- endmacro %}
