{% set flags = ['a', 'b'] %}
select 1 as id {% for f in flags %}, '{{ f }}' as c{{ loop.index }}{% endfor %}
