{% set which = 'not' ~ 'es' %}
select max(id) as id from side.{{ which }}
