{% set lookup = ref('payment_methods') %}
{% set methods = run_query('select method from ' ~ lookup ~ ' order by method') if execute else none %}
select
    order_id
    {%- if execute %}
    {%- for row in methods.rows %},
    sum(case when method = '{{ row[0] }}' then amount else 0 end) as {{ row[0] }}_amount
    {%- endfor %}
    {%- endif %}
from {{ ref('stg_payments') }}
group by order_id
