{% macro cents_to_money(column, digits=2) %}
    {{- toolbox.rounded(column ~ ' / 100.0', digits) -}}
{% endmacro %}

{% macro rounded(expression, digits) %}
    {{- return(adapter.dispatch('rounded', 'toolbox')(expression, digits)) -}}
{% endmacro %}

{% macro default__rounded(expression, digits) -%}
    round({{ expression }}, {{ digits }})
{%- endmacro %}

{% macro bigquery__rounded(expression, digits) -%}
    trunc({{ expression }}, {{ digits }})
{%- endmacro %}

{% macro padded(column) %}
    {{- return(adapter.dispatch('padded', 'toolbox')(column)) -}}
{% endmacro %}

{% macro default__padded(column) -%}
    rpad({{ column }}, 12)
{%- endmacro %}
