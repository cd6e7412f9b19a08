{% macro values_of(sql) -%}
    {%- if execute -%}{{ return(run_query(sql).columns[0].values() | list) }}{%- endif -%}
    {{- return([]) -}}
{%- endmacro %}

{% macro switched_on() -%}
    {%- if execute -%}
        {{- return(values_of("select status from " ~ source('lookup', 'statuses') ~ " order by 1")) -}}
    {%- endif -%}
    {{- return([]) -}}
{%- endmacro %}

{% macro tables_like(prefix) -%}
    {{- return(values_of("select table_name from information_schema.tables where table_schema = 'side' and table_name like '"
        ~ prefix ~ "%' order by 1")) -}}
{%- endmacro %}

{% macro optional(name) -%}
    {{- return(adapter.get_relation(database=target.database, schema='side', identifier=name)) -}}
{%- endmacro %}
