{# The warehouse cannot run Python: the table holds the compiled code, so that any change of it shows. #}
{% materialization python_text, default, supported_languages=['python'] %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main', language='sql') -%}
        drop table if exists {{ this }} cascade;
        create table {{ this }} as select $python${{ compiled_code }}$python$::text as code
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
