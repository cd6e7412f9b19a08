{% macro dated__get_relation_last_modified(information_schema, relations) -%}
  {%- if relations | length > 1 and var('refuses_batches', false) -%}
    {{ exceptions.raise_compiler_error('one after the other, please') }}
  {%- endif -%}
  {%- call statement('last_modified', fetch_result=True) -%}
    select
      altered.schema_name as schema,
      altered.identifier,
      altered.last_altered as last_modified,
      coalesce((select max(moment) from clock.now), now()) as snapshotted_at
    from clock.altered as altered
    where
      {% for relation in relations -%}
        (upper(altered.schema_name) = upper('{{ relation.schema }}')
        and upper(altered.identifier) = upper('{{ relation.identifier }}')){% if not loop.last %} or {% endif %}
      {%- endfor %}
  {%- endcall -%}
  {{ return(load_result('last_modified')) }}
{%- endmacro %}
