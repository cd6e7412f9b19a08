{% materialization noted, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        drop table if exists {{ this }} cascade;
        create table {{ this }} as
        select *, '{{ var("note_text") }}' as note
        {%- if var('notes_twice', false) %}, '{{ twice() }}' as twice {%- endif %} from (
            {{ sql }}
        ) as model_sql
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro twice() -%}
    {{ var('note_text') }} {{ var('note_text') }}
{%- endmacro %}
