{% set name = 'currency' ~ '' %}
select '{{ var(name) }}' as value, {{ target.connect_timeout }} as timeout
