{# The first day of the month that a timestamp falls into. #}
{% macro month_of(moment) %}date_trunc('month', {{ moment }})::date{% endmacro %}
