{% macro recent(column, relation, days) -%}
    {{ column }} >= (select max({{ column }}) - interval '{{ days }} days' from {{ relation }})
{%- endmacro %}
