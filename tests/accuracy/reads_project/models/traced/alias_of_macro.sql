{% set chosen = formula_two %}
select {{ chosen('2') }} as result
