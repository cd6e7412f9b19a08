{% macro hash_key(columns) %}
    {{- return(adapter.dispatch('hash_key', 'toolbox')(columns)) -}}
{% endmacro %}

{% macro default__hash_key(columns) -%}
    md5({{ columns | join(" || '-' || ") }})
{%- endmacro %}

{% macro never_called() %} select 'unused' {% endmacro %}
