select
    months.month,
    count(orders.order_id) as order_count,
    coalesce(sum(orders.amount), 0) as revenue,
    coalesce(sum(orders.fee), 0) as fees
from {{ ref('calendar', 'calendar_months') }} as months
left join {{ ref('orders') }} as orders on orders.order_month = months.month and orders.status <> 'returned'
group by months.month
