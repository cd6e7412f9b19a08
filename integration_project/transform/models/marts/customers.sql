select
    customers.customer_id,
    customers.customer_name,
    customers.email,
    customers.country_code,
    min(orders.ordered_at) as first_order_at,
    max(orders.ordered_at) as last_order_at,
    count(orders.order_id) as order_count,
    coalesce(sum(orders.amount), 0) as lifetime_amount
from {{ ref('stg_customers') }} as customers
left join {{ ref('orders') }} as orders on orders.customer_id = customers.customer_id
group by customers.customer_id, customers.customer_name, customers.email, customers.country_code
