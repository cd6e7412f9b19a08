{% macro clean_text(column) %}
    {{- trimmed('lower(' ~ column ~ ')') -}}
{% endmacro %}

{% macro trimmed(expression) -%}
    trim({{ expression }})
{%- endmacro %}

{% macro default__padded(column) -%}
    lpad({{ column }}, 12)
{%- endmacro %}
