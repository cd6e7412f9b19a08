{% test not_blocked(model, column_name) %}
{{ config(meta={'reads': ['side.blocked']}) }}
select {{ column_name }} from {{ model }} where {{ column_name }} in (select id from side.blocked)
{% endtest %}
