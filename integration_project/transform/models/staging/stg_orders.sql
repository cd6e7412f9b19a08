select
    id as order_id,
    customer_id,
    status,
    ordered_at,
    {{ calendar.month_of('ordered_at') }} as order_month
from {{ source('raw', 'orders') }}
