select
    orders.order_id,
    orders.customer_id,
    orders.status,
    orders.ordered_at,
    orders.order_month,
    coalesce(order_payments.amount, 0) as amount,
    coalesce(order_payments.fee, 0) as fee,
    coalesce(order_payments.amount, 0) >= {{ money(var('large_order_cents')) }} as is_large
from {{ ref('stg_orders') }} as orders
left join {{ ref('int_order_payments') }} as order_payments on order_payments.order_id = orders.order_id
