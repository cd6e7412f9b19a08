{% materialization stamped_table, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        drop table if exists {{ this }} cascade;
        create table {{ this }} as
        select *, {{ stamp_expression() }} as stamp from (
            {{ sql }}
        ) as model_sql
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {% do apply_grants(target_relation, config.get('grants'), should_revoke=false) %}
    {% do adapter.commit() %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro stamp_expression() -%}
    '{{ config.get("stamp", "none") }}'
{%- endmacro %}
