{# orders since the start of the shop #}
select
    id as order_id,
    customer_id,
    status,
    {{ toolbox.cents_to_money('amount_cents') }} as amount,
    ordered_at,
    payment_method
from {{ source('raw', 'orders') }}
where ordered_at >= '{{ var("start_date") }}'
