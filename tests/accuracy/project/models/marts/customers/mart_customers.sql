select d.customer_id, d.customer_name, o.orders, o.total
from {{ ref('dim_customers') }} as d
left join {{ ref('int_customer_orders') }} as o on o.customer_id = d.customer_id
