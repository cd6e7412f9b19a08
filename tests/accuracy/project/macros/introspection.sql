{% macro pairs_of(relation, key, value) %}
    {%- set pairs = [] -%}
    {%- if execute -%}
        {%- for row in run_query('select ' ~ key ~ ', ' ~ value ~ ' from ' ~ relation ~ ' order by 1').rows -%}
            {%- do pairs.append((row[0], row[1])) -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(pairs) -}}
{% endmacro %}

{% macro star(relation, except=[]) %}
    {%- if not execute -%}{{ return('*') }}{%- endif -%}
    {%- set names = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) if column.name not in except -%}
        {%- do names.append(adapter.quote(column.name)) -%}
    {%- endfor -%}
    {{- return(names | join(', ')) -}}
{% endmacro %}
