{% macro postgres__create_view_as(relation, sql) -%}
    {%- set sql_header = config.get('sql_header', none) -%}
    {{ sql_header if sql_header is not none }}
    create view {{ relation }}
    {% if config.get('security_barrier') %}with (security_barrier = {{ barrier_value() }}){% endif %}
    as (
        {{ sql }}
    );
{%- endmacro %}

{% macro barrier_value() %}true{% endmacro %}
