{% set chosen = 'formula_' ~ var('formula', 'one') %}
select {{ context[chosen]('1') }} as result
