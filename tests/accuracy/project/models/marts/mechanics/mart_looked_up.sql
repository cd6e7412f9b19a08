{% set chosen = 'formula_' ~ 'linear' %}
select customer_id, {{ context[chosen]('orders') }} as result
from {{ ref('int_customer_orders') }}
