select customer_id, count(*) as orders, sum(total) as total, max(ordered_at) as last_order_at
from {{ ref('int_order_totals') }}
group by customer_id
